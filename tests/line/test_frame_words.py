"""Every word by which a link counts becomes a label of the closed set, or none."""

from __future__ import annotations

import pytest

from middleware.line.frame_words import frame_outcome
from middleware.observe.metrics import FRAME_OUTCOMES


@pytest.mark.parametrize(
    ("direction", "word", "outcome"),
    [
        ("received", "accepted", "ok"),
        ("received", "ok", "ok"),
        ("received", "partial", "broken_off"),
        ("received", "overrun", "overflowed"),
        ("received", "refused", "other"),
        ("received", "oversize", "oversize"),
        ("sent", "refused", "nak"),
        ("received", "skipped_bytes", None),
        ("received", "unmatched_reply", None),
        ("received", "nak", None),
        ("noise", "ok", None),
    ],
)
def test_a_links_word_is_one_of_the_metrics_labels_or_none(
    direction: str, word: str, outcome: str | None
) -> None:
    """A dashboard never meets a label that is not in the table."""
    assert frame_outcome(direction, word) == outcome
    assert outcome is None or outcome in FRAME_OUTCOMES[direction]
