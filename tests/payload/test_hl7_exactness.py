"""Signs that could turn one field into another, and offsets that could turn one hour into another."""

from __future__ import annotations

from middleware.payload.hl7_time import stamp_with_offset
from middleware.wire.hl7.delimiters import escape


def test_a_carriage_return_alone_is_escaped() -> None:
    """It would begin a new segment."""
    assert escape("a\rb") == "a\\X0D\\b"


def test_minutes_of_a_western_offset_count_westward() -> None:
    """Newfoundland: 12:00 UTC is 08:30 at -0330."""
    assert stamp_with_offset(12 * 3600.0, "-0330", "") == "19700101083000-0330"
