"""From an analyzer's local clock to an instant, with every doubt marked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.driver.times import read_time

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20310304092210", datetime(2031, 3, 4, 8, 22, 10, tzinfo=UTC)),
        ("20310704092210", datetime(2031, 7, 4, 7, 22, 10, tzinfo=UTC)),
        ("203103040922", datetime(2031, 3, 4, 8, 22, tzinfo=UTC)),
        ("20310304092210-0500", datetime(2031, 3, 4, 14, 22, 10, tzinfo=UTC)),
    ],
)
def test_a_local_time_becomes_an_instant_through_the_zone_of_the_line(
    text: str, at: datetime
) -> None:
    """The LIS sees when the measurement was, wherever the analyzer stands; the local text is kept."""
    read = read_time(text, BERLIN)
    assert (read.text, read.at, read.mark) == (text, at, "")


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("", "absent"),
        ("00000000000000", "absent"),
        ("20310304", "date_only"),
        ("20310332092210", "unreadable"),
        ("2031-03-04", "unreadable"),
        ("٢٠٣١٠٣٠٤٠٩٢٢١٠", "unreadable"),
        ("9" * 60, "unreadable"),
    ],
)
def test_what_names_no_instant_is_marked_and_never_invented(text: str, mark: str) -> None:
    """No midnight, no present time in place of a time that is not there."""
    read = read_time(text, BERLIN)
    assert (read.text, read.at, read.mark) == (text, None, mark)


def test_the_repeated_hour_is_marked_and_the_skipped_hour_gives_no_instant() -> None:
    """Twice a year a local time says less than it seems to."""
    repeated = read_time("20261025023000", BERLIN)
    assert repeated.mark == "ambiguous"
    assert repeated.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert read_time("20260329023000", BERLIN).mark == "unreadable"
    assert read_time("20260329023000", BERLIN).at is None
    assert read_time("20260329023000", "UTC").mark == ""


def test_a_profile_may_say_how_a_time_is_written() -> None:
    """Some makers write dates as people do."""
    read = read_time("04.03.2031 09:22:10", BERLIN, "%d.%m.%Y %H:%M:%S")
    assert read.at == datetime(2031, 3, 4, 8, 22, 10, tzinfo=UTC)
    assert read_time("20310304092210", BERLIN, "%d.%m.%Y").mark == "unreadable"


@pytest.mark.slow
@given(st.text(max_size=50))
def test_any_text_gives_an_instant_or_a_mark_and_never_raises(text: str) -> None:
    """A clock gone wild cannot stop a message."""
    read = read_time(text, BERLIN)
    assert read.text == text
    assert (read.at is None) <= bool(read.mark)
