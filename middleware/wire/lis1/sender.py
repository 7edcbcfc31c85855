"""The sending half: what is done for each action while we are the sender, and the queue of what is
to be sent.

Rules. One message is one session, so its frames are numbered from 1 and are built once. A message
that does not get through is reported and forgotten: its owner has it and decides. NAK to ENQ and
contention are no failure: the message stays queued until the timer has run, up to `max_enquiries`
times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from middleware.wire.events import (
    ContentionSeen,
    FrameRefused,
    MessageDelivered,
    MessageNotDelivered,
    SessionRefused,
    TimerExpired,
)
from middleware.wire.lis1 import constants as c
from middleware.wire.lis1.exchange import Exchange
from middleware.wire.lis1.frame import encode_message
from middleware.wire.lis1.options import Lis1Options, Role
from middleware.wire.lis1.outcomes import FrameOutcome

_ENQ = b"\x05"
_EOT = b"\x04"


@dataclass(slots=True)
class Outgoing:
    """A message in the queue."""

    send_id: int
    frames: list[bytes]
    enquiries: int = 0


class Sender:
    """I am responsible for the messages given to us until each is delivered or reported as not
    delivered.
    """

    def __init__(self, role: Role, options: Lis1Options, exchange: Exchange) -> None:
        self._options = options
        self._x = exchange
        by_role = {
            Role.INSTRUMENT: c.CONTENTION_INSTRUMENT_S,
            Role.COMPUTER: c.CONTENTION_COMPUTER_S,
        }
        self._contention_s = options.contention_s or by_role[role]
        self._grants_stored = "enquiry_not_repeated" in options.quirks
        self._queue: deque[Outgoing] = deque()
        self._last_send_id = 0
        self._index = 0
        self._transmissions = 0
        self._busy_until = 0.0
        self._yields_until = 0.0
        self._turnaround_until = 0.0

    @property
    def has_queued(self) -> bool:
        """A message waits or is being sent."""
        return bool(self._queue)

    @property
    def free_at(self) -> float:
        """The monotonic time from which no hold-off timer runs."""
        return max(self._busy_until, self._yields_until, self._turnaround_until)

    @property
    def is_at_last_frame(self) -> bool:
        """The frame that is out is the message's last."""
        return self._index + 1 >= len(self._queue[0].frames)

    @property
    def has_tries_left(self) -> bool:
        """The frame that is out may be transmitted again (LIS01-A2 6.5.1)."""
        return self._transmissions < self._options.max_transmissions

    def queue(self, text: bytes) -> int:
        """Take a message;

        Its frames are built now, so a text that cannot be sent is refused here.
        """
        frames = encode_message(text, self._options)
        self._last_send_id += 1
        self._queue.append(Outgoing(self._last_send_id, frames))
        return self._last_send_id

    def peer_session_ended(self, now: float) -> None:
        """The other side had its turn:

        Contention and interrupt timers have served their purpose.
        """
        self._yields_until = 0.0
        self._turnaround_until = now + self._options.turnaround_delay_s

    def start_neutral(self, _now: float) -> None:
        """A new connection starts without any timer."""
        self._x.deadline = None
        self._busy_until = self._yields_until = self._turnaround_until = 0.0

    # --- establishment ---

    def send_enquiry(self, now: float) -> None:
        """Ask for the line."""
        self._queue[0].enquiries += 1
        self._x.out += _ENQ
        self._x.deadline = now + self._options.enquiry_reply_s

    def back_off(self, now: float) -> None:
        """NAK to our ENQ."""
        self._x.events.append(SessionRefused("sent", "busy"))
        self._x.deadline = None
        self._busy_until = now + self._options.busy_backoff_s
        self._fail_after_last_enquiry("line_busy", c.CLAUSE_BUSY)

    def yield_line(self, now: float) -> None:
        """ENQ to our ENQ: both go neutral; neither answers."""
        self._x.events.append(ContentionSeen())
        self._x.deadline = now + c.STORED_ENQUIRY_S if self._grants_stored else None
        self._yields_until = now + self._contention_s
        self._fail_after_last_enquiry("contention", c.CLAUSE_CONTENTION)

    def enquiry_unanswered(self, _now: float) -> None:
        """Nobody answers ENQ."""
        self._x.events.append(TimerExpired("enquiry_reply", c.CLAUSE_TIMEOUT))
        self._end_session()
        self._fail("enquiry_unanswered", c.CLAUSE_TIMEOUT)

    def _fail_after_last_enquiry(self, reason: str, clause: str) -> None:
        if self._queue[0].enquiries >= self._options.max_enquiries:
            self._fail(reason, clause)

    # --- transfer ---

    def send_first_frame(self, now: float) -> None:
        """The line is ours."""
        self._index = 0
        self._transmit(now, transmissions=1)

    def send_next_frame(self, now: float) -> None:
        """The frame was accepted (by EOT too, whose request to stop we need not honour)."""
        self._x.count_sent(FrameOutcome.OK)
        self._index += 1
        self._transmit(now, transmissions=1)

    def resend_frame(self, now: float) -> None:
        """The frame was refused: the same frame with the same number again."""
        self._note_refusal()
        self._x.count_sent(FrameOutcome.REPEATED)
        self._transmit(now, transmissions=self._transmissions + 1)

    def give_up_frame(self, _now: float) -> None:
        """The frame was refused as often as it may be sent."""
        self._note_refusal()
        self._end_session()
        self._fail("frame_refused", c.CLAUSE_DEFECTIVE_FRAME)

    def frame_unanswered(self, _now: float) -> None:
        """No answer to the frame."""
        self._x.count_sent(FrameOutcome.TIMEOUT)
        self._x.events.append(TimerExpired("frame_reply", c.CLAUSE_TIMEOUT))
        self._end_session()
        self._fail("frame_unanswered", c.CLAUSE_TIMEOUT)

    def honour_interrupt(self, now: float) -> None:
        """The receiver asks for the line in the middle of a message and gets it."""
        self._x.count_sent(FrameOutcome.OK)
        self._end_session()
        self._yields_until = now + self._options.interrupt_holdoff_s
        self._fail("interrupted", c.CLAUSE_INTERRUPT)

    def _transmit(self, now: float, *, transmissions: int) -> None:
        self._transmissions = transmissions
        self._x.out += self._queue[0].frames[self._index]
        self._x.deadline = now + self._options.frame_reply_s

    def _note_refusal(self) -> None:
        self._x.count_sent(FrameOutcome.NAK)
        self._x.events.append(FrameRefused("sent", "refused_by_peer", c.CLAUSE_ACKNOWLEDGEMENT))

    # --- termination ---

    def finish_message(self, _now: float) -> None:
        """The last frame was accepted."""
        self._x.count_sent(FrameOutcome.OK)
        self._end_session()
        self._x.events.append(MessageDelivered(self._queue.popleft().send_id))

    def finish_interrupted(self, now: float) -> None:
        """The last frame was accepted by EOT: delivered, and the receiver wants the line."""
        self.finish_message(now)
        self._yields_until = now + self._options.interrupt_holdoff_s

    def lose_queued(self, _now: float) -> None:
        """The connection is gone."""
        self._x.deadline = None
        while self._queue:
            self._fail("connection_lost", c.CLAUSE_NONE)

    def _end_session(self) -> None:
        self._x.out += _EOT
        self._x.deadline = None

    def _fail(self, reason: str, clause: str) -> None:
        self._x.events.append(MessageNotDelivered(self._queue.popleft().send_id, reason, clause))
