"""The link for framings that follow no standard: the `Link` interface over a FrameCutter and the table of `tables.py`.

Theory of operation.
- A message is the texts of its frames, joined; most analyzers send one frame for a message.
- A frame in the middle of a message is acknowledged without waiting, the last one after `commit`. No reply of any kind
  leaves before `ack_min_s` after the frame's last byte; a message that is not committed by `ack_max_s` is refused.
- While a commit is awaited or a reply is due, bytes are held and looked at afterwards.
- Where the analyzer expects no replies, nothing is written, and what is not stored is lost to it: the owner is told by
  `FrameRefused`, the bytes stay in the journal's `wire` of the next message. A message that lost a frame is abandoned,
  that is, kept for a person, and never passes for a whole one.
- A frame equal to the one acknowledged last means that our reply did not arrive: in the middle of a message it is
  acknowledged again and not joined again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from middleware.wire.events import (
    AcknowledgementConfirmed,
    Event,
    FrameRefused,
    MessageAbandoned,
    MessageReceived,
    SessionOpened,
    TimerExpired,
)
from middleware.wire.framed.frames import BadFrame, Frame, FrameCutter, FrameEvent, Single
from middleware.wire.framed.parts import TOO_LONG, Parts
from middleware.wire.framed.sender import CONNECTION_LOST, Sender
from middleware.wire.framed.spec import CLAUSE, FrameSpec
from middleware.wire.framed.tables import TRANSITIONS, Action, Input, State
from middleware.wire.lis1.outcomes import FrameOutcome

_HELD_BYTES = 1024 * 1024
_FRAME_LOST, _SILENT = "frame_lost", "receive_timeout"
_OF_FAULT = {
    "checksum_wrong": FrameOutcome.BAD_CHECKSUM,
    "frame_too_long": FrameOutcome.OVERSIZE,
    "restarted": FrameOutcome.BROKEN_OFF,
}


class FramedLink:
    """One end of a framed connection; implements `middleware.wire.link.Link`."""

    def __init__(self, spec: FrameSpec) -> None:
        self._spec = spec
        self._cutter = FrameCutter(spec)
        self._state = State.NEUTRAL
        self._events: deque[FrameEvent] = deque()
        self._held = bytearray()
        self._parts = Parts(spec)
        self._written: list[bytes] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._deadline: float | None = None
        self._inside_deadline: float | None = None
        self._arrived = 0.0
        self._decided = b""
        self._late_reply = b""  # may not leave before `_late_at`
        self._late_at = 0.0
        self._token = 0
        self._last_frame = b""
        self._unconfirmed: tuple[int, bytes] | None = None  # token and last frame of our last ACK
        self._is_accepting = True
        self._is_proved = False
        self._sender = Sender(spec, self._write, self._counts)
        self._is_connected = False

    # -- connection -------------------------------------------------------------------------------

    def connection_made(self, now: float) -> list[Event]:
        """The transport is connected."""
        self._is_connected = True
        self._is_proved = False
        self._cutter.drop()
        self._pump(now)
        return []

    def connection_lost(self, now: float) -> list[Event]:
        """The transport is gone: what is half here is abandoned, what is not delivered stays the owner's."""
        unread = self._give_up_unread(CONNECTION_LOST)
        events = [*self._input(Input.LOST, now), *unread]
        self._late_reply = b""
        self._unconfirmed = None
        self._written.clear()
        events += self._sender.abandon()
        self._is_connected = False
        self._inside_deadline = None
        return events

    def _give_up_unread(self, reason: str) -> list[Event]:
        """What waited for its end or for a commit. Who expects no replies will not send it again: a person gets it."""
        frames = [one.wire for one in self._events if isinstance(one, Frame)]
        rest = b"".join([*frames, self._cutter.drop(), self._held])
        self._held.clear()
        self._events.clear()
        self._parts.keep_wire(rest)
        is_lost = bool(rest.strip()) and not self._spec.replies
        return [MessageAbandoned(rest, rest, reason)] if is_lost else []

    # -- receiving --------------------------------------------------------------------------------

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        """Bytes came; while a reply is owed they are held."""
        if self._owes_reply():
            if len(self._held) + len(data) > _HELD_BYTES:
                self._held.clear()
                self._count(FrameOutcome.OVERFLOWED)
                return [FrameRefused("received", "held_bytes_overrun", CLAUSE)]
            self._held += data
            return []
        return self._read(data, now)

    def commit(self, token: int, now: float) -> list[Event]:
        """The message is on stable storage: acknowledge it, not before the analyzer can hear it."""
        if token != self._token or self._state is not State.AWAITING_COMMIT:
            return []
        if self._spec.replies:
            self._unconfirmed = (token, self._last_frame)
        return self._decide(Input.COMMITTED, self._spec.ack, now)

    def refuse(self, token: int, now: float, reason: str = "not_stored") -> list[Event]:
        """The message could not be stored: the analyzer keeps it."""
        if token != self._token or self._state is not State.AWAITING_COMMIT:
            return []
        self._count(FrameOutcome.OTHER)
        refused = FrameRefused("received", reason, CLAUSE)
        return [refused, *self._decide(Input.REFUSED, self._spec.nak, now)]

    def _decide(self, what: Input, reply: bytes, now: float) -> list[Event]:
        self._decided = reply
        return [*self._input(what, now), *self._go_on(now)]

    def _owes_reply(self) -> bool:
        return bool(self._late_reply) or self._state in (State.AWAITING_COMMIT, State.REPLY_DUE)

    def _read(self, data: bytes, now: float) -> list[Event]:
        self._events += self._cutter.feed(data)
        if self._state is State.COLLECTING and self._cutter.is_inside:
            self._deadline = now + self._spec.silence_s  # a slow line is not silent
        return self._advance(now)

    def _go_on(self, now: float) -> list[Event]:
        """Look at what came while a reply was owed."""
        if self._owes_reply():
            return []
        events = self._advance(now)
        if not self._owes_reply() and self._held:
            data = bytes(self._held)
            self._held.clear()
            events += self._read(data, now)
        return events

    def _advance(self, now: float) -> list[Event]:
        events: list[Event] = []
        while self._events and not self._owes_reply():
            events += self._take(self._events.popleft(), now)
        inside = self._cutter.is_inside and not self._owes_reply()
        self._inside_deadline = now + self._spec.silence_s if inside else None
        self._pump(now)
        return events

    def _take(self, event: FrameEvent, now: float) -> list[Event]:
        if isinstance(event, Frame):
            return self._take_frame(event, now)
        if isinstance(event, Single):
            if event.byte == self._spec.enquiry:
                self._arrived = now
                return [*self._prove(), *self._input(Input.ENQUIRY, now)]
            # A reply that nobody waits for is dropped.
            return [*self._prove(), *self._sender.replied(event.byte, now)]
        self._parts.keep_wire(event.wire)
        if isinstance(event, BadFrame):
            self._count(_OF_FAULT.get(event.reason, FrameOutcome.OTHER))
            self._arrived = now
            self._lose_frame(now)
            refused = FrameRefused("received", event.reason, CLAUSE)
            return [refused, *self._input(Input.BAD_FRAME, now)]
        return []

    def _lose_frame(self, now: float) -> None:
        """A frame is not good. Who expects a reply sends it again; another will not."""
        if not self._spec.replies:
            self._parts.spoil(now)

    def _take_frame(self, frame: Frame, now: float) -> list[Event]:
        self._parts.keep_wire(frame.wire)
        is_blank = not (frame.text.strip() or frame.goes_on or self._parts.goes_on)
        if is_blank and not self._spec.start:
            return []  # an empty line between two reports
        events = [*self._prove(), *self._confirmed_by(frame.wire)]
        self._arrived = now
        if is_blank or self._parts.repeats(frame):
            return [*events, *self._input(Input.ENQUIRY, now)]  # acknowledged, and nothing more
        if not self._is_accepting:
            self._count(FrameOutcome.OTHER)
            self._lose_frame(now)
            self._reply(self._spec.nak, now)
            return [*events, FrameRefused("received", "not_accepting", CLAUSE)]
        complaint = self._parts.complaint(frame)
        if complaint:
            events += self._abandon(complaint)
            self._state, self._deadline = State.NEUTRAL, None
        if complaint == TOO_LONG:
            self._parts.spoil(now)
            self._reply(self._spec.nak, now)
            return events
        self._parts.add(frame, now)
        self._last_frame = frame.wire
        self._count(FrameOutcome.OK)
        what = Input.LAST_FRAME if self._is_last(frame) else Input.PART
        return [*events, *self._input(what, now)]

    def _is_last(self, frame: Frame) -> bool:
        if frame.goes_on:
            return False
        ends = self._spec.ends_message
        if ends:
            return any(frame.text.startswith(one) for one in ends)
        return not self._spec.silence_ends

    def _prove(self) -> list[Event]:
        """The first thing that makes sense proves that an analyzer of this kind is there."""
        if self._is_proved:
            return []
        self._is_proved = True
        return [SessionOpened()]

    def _confirmed_by(self, wire: bytes) -> list[Event]:
        unconfirmed, self._unconfirmed = self._unconfirmed, None
        if unconfirmed is None or unconfirmed[1] == wire:
            return []
        return [AcknowledgementConfirmed(unconfirmed[0])]

    # -- the table --------------------------------------------------------------------------------

    def _input(self, what: Input, now: float) -> list[Event]:
        action, state = TRANSITIONS[self._state, what]
        self._state = state
        return self._act(action, now)

    def _act(self, action: Action, now: float) -> list[Event]:
        if action is Action.COMPLETE:
            return self._complete(now)
        if action is Action.REPLY_LATER:
            return self._reply_later(now)
        if action is Action.END_BY_SILENCE:
            return self._end_by_silence(now)
        if action is Action.ABANDON:
            return self._abandon(CONNECTION_LOST)
        if action is Action.REFUSE_BY_TIME:
            return self._refuse_by_time()
        self._reply(self._reply_for(action), now)
        if self._state is State.COLLECTING:
            self._deadline = now + self._spec.silence_s
        elif self._state is State.NEUTRAL:
            self._deadline = None
        return []

    def _reply_for(self, action: Action) -> bytes:
        """What an action writes at once."""
        if action in (Action.KEEP_PART, Action.REPLY_ACK):
            return self._spec.ack
        if action is Action.REPLY_NAK:
            return self._spec.nak
        return self._decided if action is Action.REPLY_AS_DECIDED else b""

    def _reply_later(self, now: float) -> list[Event]:
        self._deadline = self._arrived + self._spec.ack_min_s
        return self._input(Input.TIME, now) if now >= self._deadline else []

    def _refuse_by_time(self) -> list[Event]:
        self._deadline = None
        self._token += 1  # a commit that comes now is stale
        self._count(FrameOutcome.TIMEOUT)
        self._write(self._spec.nak)
        return [TimerExpired("reply_deadline", CLAUSE)]

    def _complete(self, now: float) -> list[Event]:
        if self._parts.is_spoiled:
            self._state, self._deadline = State.NEUTRAL, None
            self._reply(self._spec.nak, now)
            return self._abandon(_FRAME_LOST)
        text, wire = self._parts.take()
        self._token += 1
        self._state = State.AWAITING_COMMIT
        # Who expects no reply gives up nothing: then only the owner's own patience ends the wait.
        self._deadline = self._arrived + self._spec.ack_max_s if self._spec.replies else None
        return [MessageReceived(self._token, text, wire)]

    def _end_by_silence(self, now: float) -> list[Event]:
        rest = self._cutter.drop()
        self._inside_deadline = None
        is_whole = not (rest.strip() or self._parts.goes_on)
        if self._spec.silence_ends and is_whole:
            return self._complete(now)
        self._deadline = None
        return [TimerExpired("receive", CLAUSE), *self._abandon(_SILENT, rest)]

    def _abandon(self, reason: str, rest: bytes = b"") -> list[Event]:
        text, wire = self._parts.take(rest)
        return [MessageAbandoned(text, wire, reason)] if text else []

    def _count(self, outcome: FrameOutcome) -> None:
        self._counts["received", outcome.value] += 1

    def _write(self, reply: bytes) -> None:
        if reply:
            self._written.append(reply)

    def _reply(self, reply: bytes, now: float) -> None:
        """Write a reply, or keep it until the analyzer listens."""
        due = self._arrived + self._spec.ack_min_s
        if now >= due:
            self._write(reply)
        else:
            self._late_reply, self._late_at = reply, due

    def send_message(self, text: bytes, now: float) -> int:
        """Queue a message as one frame; a reply or a time-out settles it."""
        send_id = self._sender.queue(text)
        self._pump(now)
        return send_id

    def _pump(self, now: float) -> None:
        """Begin the next message when nobody else speaks."""
        is_busy = self._late_reply or self._cutter.is_inside
        if self._is_connected and self._state is State.NEUTRAL and not is_busy:
            self._sender.begin(now)

    # -- what the owner asks ----------------------------------------------------------------------

    def set_accepting(self, accepting: bool) -> None:
        """When False, frames are refused because the store cannot be written."""
        self._is_accepting = accepting

    def bytes_to_send(self) -> bytes:
        """Take what must be written now."""
        if not self._written:
            return b""
        data = b"".join(self._written)
        self._written.clear()
        return data

    def next_deadline(self) -> float | None:
        """The nearest of: silence, latest or earliest reply, the peer's reply."""
        late = self._late_at if self._late_reply else None
        times = (late, self._deadline, self._inside_deadline, self._sender.deadline)
        return min((one for one in times if one is not None), default=None)

    def on_deadline(self, now: float) -> list[Event]:
        """Times that are over."""
        events: list[Event] = []
        if self._late_reply and now >= self._late_at:
            self._write(self._late_reply)
            self._late_reply = b""
            events += self._go_on(now)
        if self._deadline is not None and now >= self._deadline:
            events += self._input(Input.TIME, now)
            events += self._go_on(now)
        if self._inside_deadline is not None and now >= self._inside_deadline:
            self._inside_deadline = None
            self._lose_frame(now)
            self._count(FrameOutcome.TIMEOUT)
            events.append(FrameRefused("received", _SILENT, CLAUSE))
            events += self._give_up_unread(_SILENT)
        if self._sender.deadline is not None and now >= self._sender.deadline:
            events += self._sender.timed_out(now)
            self._pump(now)
        return events

    @property
    def is_neutral(self) -> bool:
        """No message is half here, no reply is owed, nothing is under way."""
        return self._state is State.NEUTRAL and not (
            self._late_reply or self._cutter.is_inside or self._sender.is_waiting
        )

    @property
    def is_awaiting_commit(self) -> bool:
        """A reply is owed: the transport rests."""
        return self._owes_reply()

    @property
    def state_name(self) -> str:
        """For status pages."""
        return "sending" if self._sender.is_waiting else self._state.value

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Running totals by direction and outcome."""
        return self._counts
