"""The POCT1-A link, both ends of it. As COMPUTER it leads the conversation; as INSTRUMENT its owner says what is sent.

Theory of operation.
- Bytes become documents (`framing`), documents become elements (`document`). An ACK is matched to our message under
  way by ACK.ack_control_id and never answered. Every other document is answered by exactly one ACK.
- Observations and events wait for `commit`: only then is AA written. What follows them is held, bounded. A document
  that cannot be read goes the same way, so that it is kept, and is answered AE.
- Observations do not say which analyzer they are from; the hello of the conversation does. So the text that is handed
  over is the hello and the message after it.
- The conversation (`conversation`, `tables`) decides what our end sends, one message at a time.
- `is_finished` asks the owner to close: END was said, or the peer went silent.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from middleware.wire.errors import RemoteProtocolError
from middleware.wire.events import (
    Event,
    FrameRefused,
    SessionClosed,
    SessionOpened,
    SessionRefused,
    TimerExpired,
)
from middleware.wire.poct1a import constants as c
from middleware.wire.poct1a.conversation import Conversation, Move, Reply
from middleware.wire.poct1a.document import Document, MessageType, control_id_in, parse_document
from middleware.wire.poct1a.framing import Cut, DocumentCut, DocumentReader, Oversize
from middleware.wire.poct1a.handover import Awaiting, Handover, is_worth_keeping
from middleware.wire.poct1a.options import Poct1aOptions, Role
from middleware.wire.poct1a.outgoing import CONNECTION_LOST, NO_REPLY, Outgoing, Sending
from middleware.wire.poct1a.tables import Input, State

# A transport that is paused may still deliver what it has read already; more than that is not kept.
_HELD_BEYOND_MESSAGE_BYTES = 1024 * 1024
_RESTING = (State.DISCONNECTED, State.WAIT_HELLO, State.CONTINUOUS, State.CLOSED)
# What an analyzer may do at once instead of acknowledging our request first.
_DEEDS = (MessageType.OBSERVATIONS, MessageType.EVENTS, MessageType.END_OF_TOPIC)
_NOT_STORED = "the message could not be stored; send it again later"

_INPUTS = {
    MessageType.HELLO: Input.HELLO,
    MessageType.STATUS: Input.STATUS,
    MessageType.OBSERVATIONS: Input.RESULTS,
    MessageType.EVENTS: Input.RESULTS,
    MessageType.END_OF_TOPIC: Input.TOPIC_ENDED,
    MessageType.KEEP_ALIVE: Input.KEEP_ALIVE,
    MessageType.ESCAPE: Input.ESCAPED,
    MessageType.END: Input.ENDED,
}


class Poct1aLink:
    """One end of a connection that speaks POCT1-A; implements `middleware.wire.link.Link`."""

    def __init__(self, options: Poct1aOptions | None = None) -> None:
        self._options = options or Poct1aOptions()
        self._reader = DocumentReader(self._options.max_message_bytes)
        self._outgoing = Outgoing(self._options.acknowledgement_s, self._options.moment)
        self._conversation = Conversation(self._options)
        self._counts: Counter[tuple[str, str]] = Counter()
        self._cuts: deque[Cut] = deque()
        self._held = bytearray()
        self._handover = Handover()
        self._heard_at = 0.0
        self._missed = 0  # keep-alives without an answer, one after the other
        self._is_connected = False
        self._is_accepting = True

    # -- connection -------------------------------------------------------------------------------

    def connection_made(self, now: float) -> list[Event]:
        """The transport is connected; nothing is proved before the peer's hello."""
        self._is_connected = True
        self._handover.begin()
        self._missed = 0
        self._heard_at = now
        self._step(Input.CONNECTED)
        self._pump(now)
        return []

    def connection_lost(self, now: float) -> list[Event]:
        """The transport is gone. What was read and not acknowledged is kept; the peer still has it."""
        self._handover.forget()
        self._cuts += self._reader.feed(bytes(self._held))
        self._held.clear()
        lost = [cut.data for cut in self._cuts if isinstance(cut, DocumentCut)]
        self._cuts.clear()
        events = [
            self._handover.abandoned(one, CONNECTION_LOST) for one in lost if is_worth_keeping(one)
        ]
        if partial := self._reader.drop_partial():
            events.append(self._handover.abandoned(partial, CONNECTION_LOST))
        events += self._outgoing.abandon()
        if self._is_connected:
            self._step(Input.LOST)
            events.append(SessionClosed())
        self._is_connected = False
        return events

    # -- receiving --------------------------------------------------------------------------------

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        """Bytes came; while a commit is awaited they are held, at most one message and a read more."""
        if self._handover.awaiting is None:
            return self._read(data, now)
        most = self._options.max_message_bytes + _HELD_BEYOND_MESSAGE_BYTES
        if len(self._held) + len(data) > most:
            self._held.clear()
            self._counts["received", "overrun"] += 1
            return [FrameRefused("received", "held_bytes_overrun", c.CLAUSE_DOCUMENT)]
        self._held += data
        return []

    def _read(self, data: bytes, now: float) -> list[Event]:
        self._heard_at = now
        self._cuts += self._reader.feed(data)
        return self._advance(now)

    def _advance(self, now: float) -> list[Event]:
        """Take documents until one must be committed."""
        events: list[Event] = []
        while self._cuts and self._handover.awaiting is None:
            events += self._take(self._cuts.popleft(), now)
            self._pump(now)
        return events

    def _take(self, cut: Cut, now: float) -> list[Event]:
        if isinstance(cut, DocumentCut):
            return self._take_document(cut.data, now)
        if isinstance(cut, Oversize):
            self._counts["received", "oversize"] += 1
            self._outgoing.acknowledge("", f"the message is longer than {cut.limit} bytes")
            return [FrameRefused("received", "message_too_long", c.CLAUSE_DOCUMENT)]
        self._counts["received", "skipped_bytes"] += cut.count
        self._handover.noise = cut.head
        return [FrameRefused("received", "bytes_outside_messages", c.CLAUSE_DOCUMENT)]

    def _take_document(self, data: bytes, now: float) -> list[Event]:
        try:
            document = parse_document(data)
        except RemoteProtocolError as error:
            self._counts["received", "unreadable"] += 1
            return [
                FrameRefused("received", error.reason, error.clause),
                *self._take_unreadable(data, str(error), now),
            ]
        if document.type is MessageType.ACKNOWLEDGEMENT:
            return self._match(document, data)
        control_id = document.control_id
        complaint = _complaint_about(document, self._options.quirks)
        if complaint:
            self._counts["received", "refused"] += 1
            self._outgoing.acknowledge(control_id, complaint)
            return [FrameRefused("received", "header_not_accepted", c.CLAUSE_DOCUMENT)]
        self._missed = 0
        for quirk in document.quirks:
            self._counts["quirk", quirk] += 1
        events = self._handover.confirmed_by(control_id)
        if self._options.role is Role.INSTRUMENT:
            return events + self._hand_over(data, control_id, tuple(document.quirks), now)
        return events + self._converse(document, data, now)

    def _take_unreadable(self, data: bytes, why: str, now: float) -> list[Event]:
        if self._options.role is Role.COMPUTER:
            self._step(Input.UNREADABLE)
        return self._hand_over(data, control_id_in(data), (), now, complaint=why)

    def _converse(self, document: Document, data: bytes, now: float) -> list[Event]:
        """Our part of the conversation: what this message leads to."""
        if document.type in _DEEDS and self._conversation.state in (
            State.OBSERVATIONS,
            State.EVENTS,
        ):
            self._outgoing.answered_by_deed()
        is_too_long = document.type is MessageType.HELLO and len(data) > c.HELLO_LIMIT_BYTES
        cause = Input.OTHER if is_too_long else _INPUTS.get(document.type, Input.OTHER)
        move = self._walk(cause, document)
        if move.is_welcome:
            self._handover.hello = data
        return self._reply(move, document, data, now)

    def _reply(self, move: Move, document: Document, data: bytes, now: float) -> list[Event]:
        control_id = document.control_id
        if move.reply is Reply.STORE:
            for quirk in move.quirks:
                self._counts["quirk", quirk] += 1
            return self._hand_over(data, control_id, (*document.quirks, *move.quirks), now)
        if move.reply is Reply.REFUSE:
            self._counts["received", "refused"] += 1
            self._outgoing.acknowledge(control_id, move.note)
            return [FrameRefused("received", "unexpected_message", c.CLAUSE_CONVERSATION)]
        if move.reply is Reply.ACCEPT:
            self._counts["received", "accepted"] += 1
            self._outgoing.acknowledge(control_id)
        if move.is_welcome:
            return [SessionOpened()]
        return [SessionClosed()] if self.is_finished else []

    def _hand_over(
        self, data: bytes, control_id: str, quirks: tuple[str, ...], now: float, complaint: str = ""
    ) -> list[Event]:
        """Give a message to the owner, who commits it; refuse it where nothing can be stored."""
        if not self._is_accepting:
            self._counts["received", "refused"] += 1
            self._outgoing.acknowledge(control_id, _NOT_STORED)
            return [SessionRefused("received", "not_accepting")]
        return [self._handover.hand_over(data, quirks, control_id, now, complaint)]

    # -- answering --------------------------------------------------------------------------------

    def commit(self, token: int, now: float) -> list[Event]:
        """The message is on stable storage: accept it (AE for one that cannot be read), and go on."""
        awaiting = self._handover.take(token)
        if awaiting is None:
            return []
        self._outgoing.acknowledge(awaiting.control_id, awaiting.complaint)
        self._counts["received", "refused" if awaiting.complaint else "accepted"] += 1
        if not awaiting.complaint:
            self._handover.accepted(awaiting)
        return self._resume(awaiting, now)

    def refuse(self, token: int, now: float, reason: str = "not_stored") -> list[Event]:
        """The message could not be stored: AE, the analyzer keeps it."""
        awaiting = self._handover.take(token)
        if awaiting is None:
            return []
        self._outgoing.acknowledge(awaiting.control_id, _NOT_STORED)
        self._counts["received", "refused"] += 1
        refused: list[Event] = [FrameRefused("received", reason, c.CLAUSE_ACKNOWLEDGEMENT)]
        return refused + self._resume(awaiting, now)

    def _resume(self, awaiting: Awaiting, now: float) -> list[Event]:
        self._outgoing.postpone(now - awaiting.since)
        self._heard_at = now
        events = self._advance(now)
        if self._held and self._handover.awaiting is None:
            held = bytes(self._held)
            self._held.clear()
            events += self._read(held, now)
        return events

    # -- sending ----------------------------------------------------------------------------------

    def send_message(self, text: bytes, now: float) -> int:
        """Queue a whole document with a control id of its own; LocalProtocolError when it is none."""
        send_id = self._outgoing.send(text)
        self._pump(now)
        return send_id

    def _walk(self, cause: Input, document: Document | None = None) -> Move:
        """Take one input; whoever goes on awaits no answer to what was said before."""
        before = self._conversation.state
        move = self._conversation.step(cause, document)
        if move.send or self._conversation.state is not before:
            self._outgoing.withdraw_own()
        for make in move.send:
            self._outgoing.send_own(make)
        return move

    def _pump(self, now: float) -> None:
        if self._is_connected:
            self._outgoing.write_next(now)

    def _match(self, document: Document, data: bytes) -> list[Event]:
        """An ACK: it counts only for the message under way that it names."""
        sending = self._outgoing.settle(document.find("ACK.ack_control_id"))
        if sending is None:
            self._counts["received", "unmatched_reply"] += 1
            return []
        is_accepted = document.find("ACK.type_cd") == c.ACCEPT
        self._missed = 0
        self._counts["sent", "accepted" if is_accepted else "refused"] += 1
        if not sending.is_own or self._options.role is Role.INSTRUMENT:
            return sending.outcome(accepted=is_accepted, reply=data)
        events: list[Event] = []
        if not is_accepted:
            events.append(FrameRefused("sent", "refused", c.CLAUSE_ACKNOWLEDGEMENT))
        return events + self._step(Input.ACCEPTED if is_accepted else Input.REFUSED)

    def bytes_to_send(self) -> bytes:
        """Take what must be written now."""
        return self._outgoing.take_written()

    def _step(self, cause: Input) -> list[Event]:
        """An input that is no message; nothing is answered."""
        if self._options.role is Role.INSTRUMENT:
            return []
        self._walk(cause)
        is_over = self.is_finished and cause is not Input.UNREADABLE
        return [SessionClosed()] if is_over else []

    # -- time -------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `on_deadline` is due. While a commit is awaited nothing is read, so nothing else can be late."""
        if self._handover.awaiting is not None:
            return self._handover.awaiting.since + self._options.reply_deadline_s
        deadlines = (self._outgoing.deadline, self._receive_deadline(), self._silence_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _receive_deadline(self) -> float | None:
        return self._heard_at + self._options.receive_s if self._reader.is_inside else None

    def _silence_deadline(self) -> float | None:
        is_ours = self._outgoing.is_idle and self._conversation.awaits_something
        return self._heard_at + self._conversation.silence_s if is_ours else None

    def on_deadline(self, now: float) -> list[Event]:
        """A time ran out: refuse, give up an unfinished message, stop waiting for an answer, or probe."""
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return []
        if self._handover.awaiting is not None:
            expired: list[Event] = [TimerExpired("reply_deadline", c.CLAUSE_ACKNOWLEDGEMENT)]
            return expired + self.refuse(self._handover.awaiting.token, now, "reply_deadline")
        events: list[Event] = []
        receive = self._receive_deadline()
        if receive is not None and receive <= now:
            events.append(TimerExpired("receive", c.CLAUSE_DOCUMENT))
            if partial := self._reader.drop_partial():
                events.append(self._handover.abandoned(partial, "receive_timeout"))
        silence = self._silence_deadline()
        late = self._outgoing.expire(now)
        if late is not None:
            events += self._unanswered(late)
        elif silence is not None and silence <= now:
            self._heard_at = now
            if (
                self._conversation.state is not State.CONTINUOUS
            ):  # there it only asks for a sign of life
                events.append(TimerExpired("application", c.CLAUSE_CONVERSATION))
            events += self._step(Input.SILENT)
        self._pump(now)
        return events

    def _unanswered(self, late: Sending) -> list[Event]:
        events: list[Event] = [TimerExpired("acknowledgement", c.CLAUSE_ACKNOWLEDGEMENT)]
        if not late.is_own:
            return events + late.failed(NO_REPLY)
        is_again = self._conversation.state is State.CONTINUOUS and self._missed > 0
        self._missed += 1
        return events + self._step(Input.UNANSWERED_AGAIN if is_again else Input.UNANSWERED)

    # -- what it looks like from outside ----------------------------------------------------------

    def set_accepting(self, accepting: bool) -> None:
        """When False, observations and events are refused at once because the store cannot be written."""
        self._is_accepting = accepting

    @property
    def is_finished(self) -> bool:
        """The conversation is over and everything is answered: the owner may close the connection."""
        return self._conversation.state is State.CLOSED and self._handover.awaiting is None

    @property
    def is_neutral(self) -> bool:
        """Nothing is half received, waiting for a commit, or waiting for an answer."""
        return (
            self._handover.awaiting is None
            and not self._cuts
            and not self._reader.is_inside
            and self._outgoing.is_idle
            and self._conversation.state in _RESTING
        )

    @property
    def is_awaiting_commit(self) -> bool:
        """A message waits for `commit` or `refuse`."""
        return self._handover.awaiting is not None

    @property
    def state_name(self) -> str:
        """For status pages."""
        if self._handover.awaiting is not None:
            return "awaiting commit"
        if self._reader.is_inside:
            return "receiving a message"
        if self._options.role is Role.INSTRUMENT:
            return "connected" if self._is_connected else State.DISCONNECTED.value
        return self._conversation.state.value

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Running totals by (direction, outcome); see the README for the outcomes."""
        return self._counts


def _complaint_about(document: Document, tolerated: frozenset[str]) -> str:
    """Why a message cannot be answered by its identifier; '' when it can."""
    if not 0 < len(document.control_id) <= c.LONGEST_CONTROL_ID:
        return "HDR.control_id is missing or too long"
    if document.quirks - tolerated:
        return "the header is written as attributes"
    return ""
