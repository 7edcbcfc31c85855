"""What the two halves of a link share:

Bytes for the peer, events for the owner, one deadline, the counts.
"""

from __future__ import annotations

from middleware.wire.events import Event


class Exchange:
    """I am responsible for nothing but being the one place that both halves write to.

    `deadline` is the monotonic time at which the present state ends, or None.
    """

    __slots__ = ("counts", "deadline", "events", "out")

    def __init__(self) -> None:
        self.out = bytearray()
        self.events: list[Event] = []
        self.deadline: float | None = None
        self.counts: dict[tuple[str, str], int] = {}

    def count(self, direction: str, outcome: str) -> None:
        """One more of (direction, outcome)."""
        key = (direction, outcome)
        self.counts[key] = self.counts.get(key, 0) + 1

    def take_events(self) -> list[Event]:
        """The events since the last call."""
        events = self.events
        self.events = []
        return events
