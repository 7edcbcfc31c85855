"""What the two halves of a link share:

Bytes for the peer, events for the owner, one deadline, the counts.
"""

from __future__ import annotations

from collections import Counter

from middleware.wire.events import Event
from middleware.wire.lis1.outcomes import FrameOutcome


class Exchange:
    """I am responsible for nothing but being the one place that both halves write to.

    `deadline` is the monotonic time at which the present state ends, or None.
    """

    __slots__ = ("counts", "deadline", "events", "out")

    def __init__(self) -> None:
        self.out = b""
        self.events: list[Event] = []
        self.deadline: float | None = None
        self.counts: Counter[tuple[str, str]] = Counter()

    def count_received(self, outcome: FrameOutcome) -> None:
        """One more frame of the peer's had this outcome."""
        self.counts["received", outcome.value] += 1

    def count_sent(self, outcome: FrameOutcome) -> None:
        """One more frame of ours had this outcome."""
        self.counts["sent", outcome.value] += 1

    def count_quirk(self, quirk: str) -> None:
        """A tolerance was used once more."""
        self.counts["quirk", quirk] += 1

    def take_events(self) -> list[Event]:
        """The events since the last call."""
        events = self.events
        self.events = []
        return events
