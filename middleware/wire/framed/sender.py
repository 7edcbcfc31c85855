"""The sending half of a framed link: one frame under way, sent again until it is acknowledged or given up."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from middleware.wire.events import (
    Event,
    FrameRefused,
    MessageDelivered,
    MessageNotDelivered,
    TimerExpired,
)
from middleware.wire.framed.frames import encode_frame
from middleware.wire.framed.spec import CLAUSE, FrameSpec
from middleware.wire.lis1.outcomes import FrameOutcome

NO_REPLY = "no_reply"
REFUSED = "refused"
CONNECTION_LOST = "connection_lost"


class Sender:
    """I am responsible that each message given is delivered, or said to be not delivered, once."""

    def __init__(
        self, spec: FrameSpec, write: Callable[[bytes], None], counts: Counter[tuple[str, str]]
    ) -> None:
        self.deadline: float | None = None
        self._spec = spec
        self._write = write
        self._counts = counts
        self._queue: deque[tuple[int, bytes]] = deque()
        self._sending: tuple[int, bytes] | None = None
        self._tries = 0
        self._last_id = 0

    @property
    def is_waiting(self) -> bool:
        """A frame is under way."""
        return self._sending is not None

    def queue(self, text: bytes) -> int:
        """A further message; its send id."""
        self._last_id += 1
        self._queue.append((self._last_id, text))
        return self._last_id

    def begin(self, now: float) -> None:
        """Send the next message, when there is one and none is under way."""
        if self._queue and self._sending is None:
            self._sending = self._queue.popleft()
            self._tries = 0
            self._send(now)

    def replied(self, reply: bytes, now: float) -> list[Event]:
        """The peer answered."""
        if self._sending is None:
            return []
        if reply == self._spec.nak:
            self._count(FrameOutcome.NAK)
            if self._tries < self._spec.most_tries:
                self._send(now)
                return [FrameRefused("sent", REFUSED, CLAUSE)]
            return [MessageNotDelivered(self._end(), REFUSED, CLAUSE)]
        self._count(FrameOutcome.OK)
        return [MessageDelivered(self._end(), reply)]

    def timed_out(self, now: float) -> list[Event]:
        """Nobody answered; a peer that never answers has taken it."""
        if self._sending is None:
            return []
        if not self._spec.replies and self._tries <= self._spec.most_tries:
            self._count(FrameOutcome.OK)
            return [MessageDelivered(self._end())]
        self._count(FrameOutcome.TIMEOUT)
        if self._tries < self._spec.most_tries:
            self._send(now)
            return [TimerExpired("frame_reply", CLAUSE)]
        return [MessageNotDelivered(self._end(), NO_REPLY, CLAUSE)]

    def abandon(self) -> list[Event]:
        """The connection is gone."""
        waiting = [*([self._sending] if self._sending is not None else []), *self._queue]
        self._sending, self.deadline = None, None
        self._queue.clear()
        return [MessageNotDelivered(send_id, CONNECTION_LOST, CLAUSE) for send_id, _ in waiting]

    def _send(self, now: float) -> None:
        if self._sending is None:
            return
        try:
            frame = encode_frame(self._sending[1], self._spec)
        except ValueError:  # it can never be sent: told as not delivered at once
            self._tries = self._spec.most_tries + 1
            self.deadline = now
            return
        self._tries += 1
        self._write(frame)
        self.deadline = now + (self._spec.reply_s if self._spec.replies else 0.0)

    def _end(self) -> int:
        send_id = self._sending[0] if self._sending is not None else 0
        self._sending, self.deadline = None, None
        return send_id

    def _count(self, outcome: FrameOutcome) -> None:
        self._counts["sent", outcome.value] += 1
