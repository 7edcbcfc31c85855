"""Lis1Link: tells inputs apart, looks them up in the table, does the action, goes where the table
says.

Rules. Bytes that cannot matter in a state are skipped by one search; which ones those are is
derived from the table, so the two cannot drift apart. Arrived bytes are read where they lie; only
an unfinished frame, and what arrives while a commit is awaited, is copied and kept. `receive_bytes`
never raises, whatever the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import Event
from middleware.wire.lis1 import constants as c
from middleware.wire.lis1.actions import cells_of
from middleware.wire.lis1.echo import EchoFilter
from middleware.wire.lis1.exchange import Exchange
from middleware.wire.lis1.frame import Fault, Frame, FrameReader
from middleware.wire.lis1.options import Lis1Options, Role
from middleware.wire.lis1.outcomes import FrameOutcome
from middleware.wire.lis1.receiver import Receiver
from middleware.wire.lis1.sender import Sender
from middleware.wire.lis1.tables import HOLDING, TRANSITIONS, Action, Input, State

# Looking a member up in its class costs as much as a call.
_STX, _BROKEN_OFF = c.STX, Fault.BROKEN_OFF
_DISCONNECTED, _NEUTRAL, _RECEIVING = State.DISCONNECTED, State.NEUTRAL, State.RECEIVING
_AWAITING_COMMIT, _FRAME_SENT = State.AWAITING_COMMIT, State.FRAME_SENT

_INPUT_OF_BYTE = {c.ENQ: Input.ENQ, c.ACK: Input.ACK, c.NAK: Input.NAK, c.EOT: Input.EOT}
_PEER_SENDS = frozenset((State.RECEIVING, State.AWAITING_COMMIT))
_STRAY_AFTER_REPLY = frozenset((c.CR, c.LF, c.NUL))  # some stacks end every write with a line end


def _bytes_that_matter(state: State, *, opens_on_stx: bool) -> re.Pattern[bytes]:
    """What to search for in `state`: every byte that the table does not simply ignore there."""
    codes = [
        code
        for code, cause in _INPUT_OF_BYTE.items()
        if TRANSITIONS[state, cause].action is not Action.IGNORE
    ]
    if state is State.RECEIVING or (state is State.NEUTRAL and opens_on_stx):
        codes.append(c.STX)
    return re.compile(b"[" + bytes(codes) + b"]")


_SEARCHED = (State.NEUTRAL, State.RECEIVING, State.ENQUIRY_SENT)
_SEARCHES = {
    opens_on_stx: {
        state: _bytes_that_matter(state, opens_on_stx=opens_on_stx) for state in _SEARCHED
    }
    for opens_on_stx in (False, True)
}


class Lis1Link:
    """One end of a LIS01-A2 link (`middleware.wire.link.Link`); both roles are this class."""

    def __init__(self, role: Role, options: Lis1Options | None = None) -> None:
        self.role = role
        self.options = options or Lis1Options()
        quirks = self.options.quirks
        self._x = Exchange()
        self._reader = FrameReader(self.options)
        self._receiver = Receiver(self.options, self._x)
        self._sender = Sender(role, self.options, self._x)
        self._state = State.DISCONNECTED
        self._is_accepting = True
        self._held = bytearray()
        self._echo = EchoFilter() if "echoes_sent_bytes" in quirks else None
        self._doubles_replies = "reply_doubled" in quirks
        self._last_reply: int | None = None
        self._line_feed_due = 0.0  # counts only while the reader awaits one
        self._asks_for_line = self.options.requests_interrupt
        self._searches = _SEARCHES["session_absent" in quirks]
        self._cells = cells_of(self._receiver, self._sender)

    # --- the interface of every link ---

    def connection_made(self, now: float) -> list[Event]:
        """The transport is connected;

        Start neutral. An old connection that was not reported lost is lost first.
        """
        if self._state is not State.DISCONNECTED:
            self._lose(now)
        self._apply(Input.CONNECTED, now)
        return self._finish(now)

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        """Bytes came from the peer.

        While a commit is awaited they are only held (bounded, the excess is dropped).
        """
        if self._echo is not None:
            data = self._heard(self._echo, data)
        if self._state is _DISCONNECTED or not data:
            return []
        if self._held:
            if len(self._held) + len(data) > self._held_limit:
                self._x.count_received(FrameOutcome.OVERFLOWED)
                return []
            self._held += data
            self._read_held(now)
        else:
            at = self._read(data, now)
            if at < len(data):
                self._held += data[at:]
        if self._state is _NEUTRAL:
            self._start_if_free(now)
        return self._x.take_events() if self._x.events else []

    def commit(self, token: int, now: float) -> list[Event]:
        """The message is on stable storage: acknowledge it. A stale token sends nothing."""
        if self._state is not State.AWAITING_COMMIT:
            self._apply(Input.COMMIT, now)
        elif token == self._receiver.token:
            self._apply(self._kind_of_commit(), now)
        return self._finish(now)

    def refuse(self, token: int, now: float, reason: str = "not_stored") -> list[Event]:
        """The message could not be stored:

        NAK, text and frame number as before the frame. A stale token sends nothing.
        """
        if self._state is not State.AWAITING_COMMIT or token == self._receiver.token:
            self._receiver.refusal = reason
            self._apply(Input.REFUSE, now)
        return self._finish(now)

    def send_message(self, text: bytes, now: float) -> int:
        """Queue a message; ENQ goes out at once when the line is free.

        Raises LocalProtocolError for a text that cannot be sent (empty, or with restricted
        characters).
        """
        send_id = self._sender.queue(text)
        self._apply(Input.MESSAGE_QUEUED, now)
        self._start_if_free(now)
        return send_id

    def set_accepting(self, accepting: bool) -> None:
        """When False, ENQ is answered NAK because messages cannot be stored."""
        self._is_accepting = accepting

    def bytes_to_send(self) -> bytes:
        """Take what must be written to the peer now."""
        if not self._x.out:
            return b""
        data = self._x.take_out()
        if self._echo is not None:
            self._echo.sent(data)
        return data

    def next_deadline(self) -> float | None:
        """When `on_deadline` must be called, or None."""
        if self._reader.awaits_line_feed:
            return self._line_feed_due
        deadline = self._x.deadline
        if self._state is _NEUTRAL and self._sender.has_queued:
            free_at = self._sender.free_at
            return free_at if deadline is None else min(deadline, free_at)
        return deadline

    def on_deadline(self, now: float) -> list[Event]:
        """A deadline passed. Calling early does nothing."""
        deadline = self._x.deadline
        if self._reader.awaits_line_feed:
            # A frame that lacks at most its LF is not given up: this silence is the only timer.
            if now >= self._line_feed_due:
                self._end_frame_without_line_feed(now)
        elif deadline is not None and now >= deadline:
            if self._state is State.RECEIVING:
                self._drop_unfinished_frame()
            self._apply(Input.TIMER, now)
        return self._finish(now)

    def connection_lost(self, now: float) -> list[Event]:
        """The transport is gone:

        An unfinished message is abandoned, queued ones are not delivered.
        """
        self._lose(now)
        return self._x.take_events()

    @property
    def is_neutral(self) -> bool:
        """No session runs and nothing is half received."""
        return self._state is State.NEUTRAL or self._state is State.DISCONNECTED

    @property
    def is_awaiting_commit(self) -> bool:
        """A message waits for `commit` or `refuse`."""
        return self._state is _AWAITING_COMMIT

    @property
    def state(self) -> State:
        """The state of the table."""
        return self._state

    @property
    def state_name(self) -> str:
        """For status pages."""
        return str(self._state.value)

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Running totals: ("received" | "sent", `FrameOutcome`) of frames, ("quirk", name)."""
        return MappingProxyType(self._x.counts)

    # --- the table at work ---

    def _apply(self, cause: Input, now: float) -> None:
        """The one place where the state changes."""
        state = self._state
        cell = self._cells[state].get(cause)
        if cell is None:
            reason = TRANSITIONS[state, cause].reason
            raise LocalProtocolError(f"{cause.value} in state {state.value}: {reason}")
        act, next_state = cell
        act(now)
        self._state = next_state
        if next_state is _NEUTRAL and state in _PEER_SENDS:
            self._sender.peer_session_ended(now)

    def _finish(self, now: float) -> list[Event]:
        """After anything that may have ended a wait:

        Look at what was held, begin what was queued.
        """
        is_readable = self._state is not State.DISCONNECTED and not self._reader.awaits_line_feed
        if self._held and is_readable:
            self._read_held(now)
        self._start_if_free(now)
        return self._x.take_events()

    def _start_if_free(self, now: float) -> None:
        """Receiving has priority: this comes last, when nothing of the peer's is left to read."""
        if self._state is State.NEUTRAL and self._sender.has_queued and now >= self._sender.free_at:
            self._last_reply = None
            self._apply(Input.LINE_FREE, now)

    def _kind_of_commit(self) -> Input:
        if self._receiver.has_message:
            return Input.COMMIT_WITH_MORE
        self._wish_for_line()
        return Input.COMMIT_ENDING_SESSION if self._receiver.ends_session else Input.COMMIT

    def _wish_for_line(self) -> None:
        self._receiver.wants_line = self.options.requests_interrupt and self._sender.has_queued

    # --- reading ---

    def _read_held(self, now: float) -> None:
        at = self._read(self._held, now)
        del self._held[:at]

    def _read(self, buffer: bytes | bytearray, now: float) -> int:
        """Read as far as the state allows; the offset of the first byte that is still needed."""
        at, size = 0, len(buffer)
        reader = self._reader
        while at < size:
            state = self._state
            if state is _RECEIVING and (buffer[at] == _STX or reader.is_passing_over):
                frame = reader.read(buffer, at)
                if frame is None:
                    return self._after_unfinished_frame(at, now)
                at = frame.after
                self._take_frame(frame, now)
            elif state in HOLDING:
                break
            elif state is _FRAME_SENT:
                self._read_reply(buffer[at], now)
                at += 1
            else:
                at = self._read_control(buffer, at, now)
        return at

    def _after_unfinished_frame(self, at: int, now: float) -> int:
        """The frame at `at` is not complete: the offset of the first byte that must be kept."""
        self._line_feed_due = now + c.TRAILER_SILENCE_S
        return at + self._reader.discard

    def _end_frame_without_line_feed(self, now: float) -> None:
        """Silence after the CR of a trailer (quirk): all that is held is that frame."""
        frame = self._reader.read_after_silence(self._held)
        self._held.clear()
        if frame is not None:
            self._take_frame(frame, now)

    def _take_frame(self, frame: Frame, now: float) -> None:
        """Act on a frame as read: it is one input, or broken off and none."""
        if frame.fault is _BROKEN_OFF:
            self._x.count_received(FrameOutcome.BROKEN_OFF)
            self._receiver.keep(frame.raw)
            return
        if self._asks_for_line:
            self._wish_for_line()
        self._apply(self._receiver.judge(frame), now)

    def _read_control(self, buffer: bytes | bytearray, at: int, now: float) -> int:
        """Skip what the state ignores and act on the next control character;

        The offset after it.
        """
        found = self._searches[self._state].search(buffer, at)
        stop = len(buffer) if found is None else found.start()
        if stop > at and self._state is State.RECEIVING:
            self._receiver.keep(buffer[at:stop])
        if found is None:
            return stop
        byte = buffer[stop]
        if byte == c.STX:
            if self._state is State.NEUTRAL:
                self._apply(Input.STX_WITHOUT_SESSION, now)
            return stop
        if self._state is State.ENQUIRY_SENT:
            self._last_reply = byte
        self._apply(self._cause_of(byte), now)
        return stop + 1

    def _read_reply(self, byte: int, now: float) -> None:
        """One byte while a frame of ours waits for its answer."""
        if byte in _STRAY_AFTER_REPLY:
            return
        last, self._last_reply = self._last_reply, None
        if self._doubles_replies and byte == last:
            self._x.count_quirk("reply_doubled")
            return
        self._last_reply = byte
        self._apply(self._cause_of_reply(byte), now)

    def _cause_of(self, byte: int) -> Input:
        if byte == c.ENQ and not self._is_accepting:
            return Input.ENQ_WHILE_CLOSED
        return _INPUT_OF_BYTE.get(byte, Input.OTHER_BYTE)

    def _cause_of_reply(self, byte: int) -> Input:
        is_last = self._sender.is_at_last_frame
        if byte == c.ACK:
            return Input.ACK_OF_LAST_FRAME if is_last else Input.ACK
        if byte == c.EOT:
            if is_last:
                return Input.EOT_FOR_LAST_FRAME
            return Input.EOT_HONOURED if self.options.honours_interrupt else Input.EOT
        return self._cause_of(byte) if self._sender.has_tries_left else Input.LAST_TRY_REFUSED

    def _heard(self, echo: EchoFilter, data: bytes) -> bytes:
        """What the peer itself said."""
        heard = echo.without_echo(data)
        if len(heard) < len(data):
            self._x.count_quirk("echoes_sent_bytes")
        return heard

    @property
    def _held_limit(self) -> int:
        return max(c.MAX_HELD_BYTES, 2 * self.options.max_frame_text)

    # --- the connection ---

    def _lose(self, now: float) -> None:
        if self._state is State.RECEIVING:
            self._drop_unfinished_frame()
        self._apply(Input.CONNECTION_LOST, now)
        self._held.clear()
        if self._echo is not None:
            self._echo.clear()
        self._x.out = b""
        self._x.deadline = None
        self._last_reply = None
        self._reader.reset()

    def _drop_unfinished_frame(self) -> None:
        """The frame in hand will not be finished: its bytes are evidence only."""
        self._receiver.keep(self._held)
        self._held.clear()
        self._reader.reset()
