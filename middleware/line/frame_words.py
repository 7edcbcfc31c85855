"""The words by which links count, as outcomes of the metric `labwire_frames_total`, whose labels are a closed set.

Links that speak in blocks or documents count in words of their own. What is no frame (skipped bytes, keep-alives,
replies that match nothing) is for people only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from middleware.wire.lis1.outcomes import OF_RECEIVED, OF_SENT, FrameOutcome

_OUTCOMES: Mapping[tuple[str, str], FrameOutcome] = MappingProxyType(
    {
        **{("received", outcome.value): outcome for outcome in OF_RECEIVED},
        **{("sent", outcome.value): outcome for outcome in OF_SENT},
        ("received", "accepted"): FrameOutcome.OK,
        ("received", "refused"): FrameOutcome.OTHER,
        ("received", "unreadable"): FrameOutcome.OTHER,
        ("received", "partial"): FrameOutcome.BROKEN_OFF,
        ("received", "overrun"): FrameOutcome.OVERFLOWED,
        ("sent", "accepted"): FrameOutcome.OK,
        ("sent", "refused"): FrameOutcome.NAK,
    }
)


def frame_outcome(direction: str, word: str) -> str | None:
    """The outcome's label; None for what is no frame."""
    return _OUTCOMES.get((direction, word))
