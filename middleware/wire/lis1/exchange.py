"""What the two halves of a link share:

Bytes for the peer, events for the owner, one deadline, the counts.
"""

from __future__ import annotations

from collections import Counter

from middleware.wire.events import Event
from middleware.wire.lis1.outcomes import FrameOutcome

ACK = b"\x06"


class Exchange:
    """I am responsible for nothing but being the one place that both halves write to.

    `deadline` is the monotonic time at which the present state ends, or None.
    """

    __slots__ = ("_granted", "counts", "deadline", "events", "out")

    def __init__(self) -> None:
        self.out = b""
        # The length of `out` with our answer to ENQ as its last byte; 0: it has left.
        self._granted = 0
        self.events: list[Event] = []
        self.deadline: float | None = None
        self.counts: Counter[tuple[str, str]] = Counter()

    def grant(self) -> None:
        """Answer ENQ."""
        self.out += ACK
        self._granted = len(self.out)

    def withdraw_grant(self) -> None:
        """The peer went on to EOT or a new ENQ before our answer to the last one left.

        It had given up waiting (bytes that lay in a port or a device server while nobody read). Two
        answers would reach it now, and it would take the second for the answer to its first frame, and
        so on: in the end it would believe that a message is stored which is not.
        """
        if self._granted and len(self.out) == self._granted:
            self.out = self.out[:-1]
        self._granted = 0

    def take_out(self) -> bytes:
        """What must be written now; from here on it has left."""
        out, self.out, self._granted = self.out, b"", 0
        return out

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
