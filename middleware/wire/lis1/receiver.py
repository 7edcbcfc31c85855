"""The receiving half: what is done for each action while the peer is the sender.

Rules. A frame that ends no message is answered at once. A frame that ends one or more messages is
answered after the last of them was committed: until then text and expected frame number can still
go back to before the frame, so a refusal costs nothing but a resend (messages of that frame which
were already committed then come again). A repetition is answered ACK and stored nowhere, but only
if it equals the last accepted frame byte for byte: the same number with other bytes is refused,
never swallowed. A frame out of sequence means that the sender went on without the one before, which
a sender that obeys the standard never does: nothing more of that session is taken, because eight
frames later the number would fit again and the message would have a hole.
"""

from __future__ import annotations

from middleware.wire.events import (
    AcknowledgementConfirmed,
    FrameRefused,
    MessageAbandoned,
    MessageReceived,
    SessionClosed,
    SessionOpened,
    SessionRefused,
    TimerExpired,
)
from middleware.wire.lis1 import constants as c
from middleware.wire.lis1.assembly import Assembly
from middleware.wire.lis1.exchange import Exchange
from middleware.wire.lis1.frame import FAULT_CLAUSES, Fault, Frame
from middleware.wire.lis1.options import Lis1Options
from middleware.wire.lis1.outcomes import FrameOutcome, outcome_of
from middleware.wire.lis1.sequence import FrameSequence
from middleware.wire.lis1.tables import Input

_ACK = b"\x06"
_NAK = b"\x15"
_EOT = b"\x04"
_OK = ("received", FrameOutcome.OK.value)
# Looking a member up in its class costs as much as a call.
_FRAME, _MESSAGE_END, _OVERLONG = Input.FRAME, Input.MESSAGE_END, Input.OVERLONG_MESSAGE
_NO_FRAME = Frame(-1, b"", is_end=False, body=b"", raw=b"", after=0)


class Receiver:
    """I am responsible for an answer to every frame, and for acknowledging nothing unstored."""

    def __init__(self, options: Lis1Options, exchange: Exchange) -> None:
        self._options = options
        self._quirks = options.quirks
        self._x = exchange
        self._assembly = Assembly(options)
        self._wire = bytearray()
        self._max_message = options.max_message_bytes
        self._receive_s = options.receive_s
        self._wire_limit = c.WIRE_FACTOR * options.max_message_bytes
        self._frame = _NO_FRAME
        self._fault = Fault.BROKEN_OFF
        self._sequence = FrameSequence(options.quirks)
        self._refuses_all: Fault | None = None
        self._used: set[str] = set()
        self._last_token = 0
        self._offered: list[int] = []
        self._offered_at = 0.0
        self._unconfirmed: list[int] = []
        self._unconfirmed_at = 0.0
        self.opened_without_enquiry = False
        # Set by the link: the reason it will give for the next refusal; whether to ask for the line
        # (LIS01-A2 6.3.5).
        self.refusal = ""
        self.wants_line = False

    # --- judging a frame: which input it is ---

    def judge(self, frame: Frame) -> Input:
        """Which input this frame is; its text is staged when it is a new one."""
        self._frame = frame
        if frame.quirks:
            self._note(*frame.quirks)
        if frame.fault is not None:
            return self._bad(frame.fault)
        if self._refuses_all is not None:
            return self._bad(self._refuses_all)
        if frame.number != self._sequence.plain_number:
            judged = self._judge_number(frame)
            if judged is not None:
                return judged
        assembly, text = self._assembly, frame.text
        size = len(assembly.text) + len(text)
        if size > self._max_message or len(self._wire) > self._wire_limit:
            self._fault = Fault.MESSAGE_TOO_LONG
            return _OVERLONG
        ends = assembly.stage(text, is_end=frame.is_end)
        if assembly.used:
            self._note(*assembly.used)
        return _MESSAGE_END if ends else _FRAME

    def _judge_number(self, frame: Frame) -> Input | None:
        """A number that is not plainly the next one; None when the frame is new after all."""
        verdict = self._sequence.judge(frame)
        if verdict.is_repeat:
            return Input.REPEATED_FRAME
        if verdict.fault in (Fault.FRAME_NUMBER_WRONG, Fault.FRAME_MISSING):
            self._refuses_all = Fault.FRAME_MISSING
        if verdict.fault is not None:
            return self._bad(verdict.fault)
        if verdict.quirk:
            self._note(verdict.quirk)
        return None

    def _bad(self, fault: Fault) -> Input:
        self._fault = fault
        return Input.BAD_FRAME

    def _note(self, *quirks: str) -> None:
        for quirk in quirks:
            self._x.count_quirk(quirk)
            self._used.add(quirk)

    # --- bytes kept as evidence ---

    def keep(self, data: bytes | bytearray) -> None:
        """Bytes outside good frames are evidence of the message that follows (bounded)."""
        if len(self._wire) + len(data) <= self._wire_limit:
            self._wire += data

    # --- sessions ---

    def grant_session(self, now: float) -> None:
        """ENQ in neutral."""
        self._begin(now, opened_without_enquiry=False)
        self._wire += b"\x05"
        self._x.grant()

    def grant_stored_enquiry(self, now: float) -> None:
        """The peer took our ENQ for its turn and still waits (quirk)."""
        self._note("enquiry_not_repeated")
        self.grant_session(now)

    def restart_session(self, now: float) -> None:
        """ENQ inside a session: the sender began anew, so its frames will come again."""
        self._x.withdraw_grant()
        self._abandon("session_restarted")
        self._close()
        self.grant_session(now)

    def refuse_session(self, _now: float) -> None:
        """ENQ while messages cannot be stored: the analyzer keeps its results."""
        self._x.out += _NAK
        self._x.events.append(SessionRefused("received", "not_accepting"))

    def refuse_restart(self, now: float) -> None:
        """ENQ inside a session while messages cannot be stored."""
        self._abandon("session_restarted")
        self._close()
        self.refuse_session(now)

    def open_without_enquiry(self, now: float) -> None:
        """STX in neutral (quirk).

        The last frame of the session before stays known, so its repetition is recognised.
        """
        self._begin(now, opened_without_enquiry=True)
        self._note("session_absent")

    def end_session(self, now: float) -> None:
        """EOT.

        The sender's own time-out also ends with EOT, so a late one proves nothing about our last
        ACK.
        """
        self._x.withdraw_grant()
        if now - self._unconfirmed_at < self._options.frame_reply_s:
            self._confirm()
        self._unconfirmed.clear()
        self.keep(_EOT)
        is_whole = "terminator_missing" in self._quirks and not self._sequence.is_owed
        if is_whole and not self._assembly.is_blank:
            self._note("terminator_missing")
            self._receive(self._assembly.held(), bytes(self._wire))
            self._offered.clear()
        else:
            self._abandon("terminator_missing")
        self._close()

    def give_up_receiving(self, _now: float) -> None:
        """30 s without a frame, or the short silence that stands for a missing EOT."""
        if "session_end_missing" in self._quirks and self._assembly.is_blank:
            self._note("session_end_missing")
        else:
            self._x.count_received(FrameOutcome.TIMEOUT)
            self._x.events.append(TimerExpired("receive", c.CLAUSE_TIMEOUT))
            self._abandon("receive_timeout")
        self._close()

    def lose_receiving(self, _now: float) -> None:
        """The connection went away inside a session."""
        self._abandon("connection_lost")
        self._close()

    def lose_offered(self, _now: float) -> None:
        """The connection went away while a commit is awaited:

        Its owner has the message, the peer has no answer.
        """
        self._close()

    def _begin(self, now: float, *, opened_without_enquiry: bool) -> None:
        # Nothing is held here: whatever ended the session before has cleared it.
        self._sequence.begin(opened_without_enquiry=opened_without_enquiry)
        self.opened_without_enquiry = opened_without_enquiry
        self._x.deadline = now + self._receive_s
        self._x.events.append(SessionOpened())

    def _close(self) -> None:
        self._clear()
        self._x.deadline = None
        self._x.events.append(SessionClosed())

    def _forget_held(self) -> None:
        self._assembly.clear()
        self._wire.clear()
        self._used.clear()

    def _clear(self) -> None:
        self._forget_held()
        self._offered.clear()
        self._unconfirmed.clear()
        self._refuses_all = None
        self._frame = _NO_FRAME

    # --- frames ---

    def store_frame(self, now: float) -> None:
        """A good new frame that ends no message: ours at once."""
        if self._unconfirmed:
            self._confirm()
        frame = self._frame
        self._wire += frame.raw
        if self._assembly.pieces:
            self._report_pieces(bytes(self._wire))
            self._settle()
        self._accept(now)

    def acknowledge_repeat(self, now: float) -> None:
        """Our ACK was lost: say it again, store nothing."""
        self.keep(self._frame.raw)
        self._x.count_received(FrameOutcome.REPEATED)
        self._x.out += _ACK
        self._x.deadline = now + self._receive_s

    def refuse_frame(self, now: float) -> None:
        """A bad frame."""
        self.keep(self._frame.raw)
        fault = self._fault
        self._refuse(now, outcome_of(fault), fault.value, FAULT_CLAUSES[fault])

    def refuse_overlong(self, now: float) -> None:
        """The message is larger than we are willing to hold:

        Nothing more of this session is taken.
        """
        self.keep(self._frame.raw)
        self._abandon("message_too_long")
        self._forget_held()
        self._refuses_all = fault = Fault.MESSAGE_TOO_LONG
        self._refuse(now, FrameOutcome.OVERSIZE, fault.value, c.CLAUSE_NONE)

    def _accept(self, now: float) -> None:
        """The frame in hand is ours:

        Advance, answer ACK (EOT when we ask for the line), wait for the next.
        """
        self._sequence.accept(self._frame)
        exchange = self._x
        exchange.counts[_OK] += 1
        exchange.out += _EOT if self.wants_line else _ACK
        exchange.deadline = now + self._receive_s

    def _refuse(self, now: float, outcome: FrameOutcome, reason: str, clause: str) -> None:
        self._sequence.refuse(self._frame.raw)
        self._x.count_received(outcome)
        self._x.events.append(FrameRefused("received", reason, clause))
        self._x.out += _NAK
        self._x.deadline = now + self._receive_s

    # --- messages ---

    def offer_message(self, now: float) -> None:
        """One or more messages are complete: report the first and wait for its commit."""
        if self._unconfirmed:
            self._confirm()
        self._offered_at = now
        self._report_pieces(bytes(self._wire) + self._frame.raw)
        self._x.deadline = now + self._options.reply_deadline_s

    def offer_next_message(self, _now: float) -> None:
        """The message before is committed;

        The next one of the same frame. The deadline stays that of the frame.
        """
        self._report_pieces(self._frame.raw)

    def acknowledge_message(self, now: float) -> None:
        """All messages of the frame are committed."""
        # What stands after the last L, when a further H cut it off.
        self._report_pieces(self._frame.raw)
        self._settle()
        self._accept(now)
        self._unconfirmed, self._offered = self._offered, []
        self._unconfirmed_at = self._offered_at
        if "session_end_missing" in self._quirks and self._assembly.is_blank:
            self._x.deadline = now + c.SESSION_END_SILENCE_S

    def acknowledge_and_close(self, now: float) -> None:
        """The message of a session that nobody opened (quirk) is committed."""
        self.acknowledge_message(now)
        self._close()

    def refuse_message(self, now: float) -> None:
        """The owner could not store it: back to before the frame."""
        self._take_back()
        self._refuse(now, FrameOutcome.OTHER, self.refusal, c.CLAUSE_ACKNOWLEDGEMENT)

    def reply_too_late(self, now: float) -> None:
        """The commit took too long:

        Refuse while the sender still listens; a later commit sends nothing.
        """
        self._x.events.append(TimerExpired("reply_deadline", c.CLAUSE_TIMEOUT))
        self._take_back()
        self._refuse(now, FrameOutcome.TIMEOUT, "reply_deadline", c.CLAUSE_TIMEOUT)

    @property
    def ends_session(self) -> bool:
        """The present session ends with its message because no EOT will come (quirk)."""
        is_all = len(self._assembly.text) == self._assembly.end_of_messages
        return self.opened_without_enquiry and is_all

    @property
    def has_message(self) -> bool:
        """A further complete message of the frame waits to be reported."""
        return self._assembly.has_message

    @property
    def token(self) -> int:
        """The token of the message that waits for its commit."""
        return self._last_token

    def _take_back(self) -> None:
        self._assembly.restore()
        self._offered.clear()
        self.keep(self._frame.raw)

    def _settle(self) -> None:
        """The pieces of the frame are dealt with;

        A message begun in it has the frame as its first evidence.
        """
        is_held = self._assembly.settle()
        self._wire.clear()
        self._used.clear()
        if is_held:
            self._wire += self._frame.raw
            self._used.update(self._frame.quirks)

    def _report_pieces(self, wire: bytes) -> None:
        """Report staged pieces up to and including the next complete message."""
        pieces = self._assembly.pieces
        while pieces:
            piece = pieces.popleft()
            text = self._assembly.text_of(piece)
            if piece.is_complete:
                self._receive(text, wire)
                return
            if text.strip(b"\r\n\0 "):
                self._x.events.append(
                    MessageAbandoned(text, wire, "header_repeated", tuple(sorted(self._used)))
                )
            wire = self._frame.raw

    def _receive(self, text: bytes, wire: bytes) -> None:
        self._last_token += 1
        self._offered.append(self._last_token)
        quirks = tuple(sorted(self._used)) if self._used else ()
        self._x.events.append(MessageReceived(self._last_token, text, wire, quirks))

    def _abandon(self, reason: str) -> None:
        """Report that held text ends without its L record; blank text is nothing to show."""
        if not self._assembly.is_blank:
            self._x.events.append(
                MessageAbandoned(
                    self._assembly.held(), bytes(self._wire), reason, tuple(sorted(self._used))
                )
            )

    def _confirm(self) -> None:
        """The sender went on, so it has our acknowledgement."""
        for token in self._unconfirmed:
            self._x.events.append(AcknowledgementConfirmed(token))
        self._unconfirmed.clear()
