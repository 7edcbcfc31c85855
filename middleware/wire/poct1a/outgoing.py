"""The sending half: one message at a time waits for its acknowledgement; an ACK counts only by its own identifier.

An acknowledgement of ours waits for nothing and is written at once. A message has a `send_id` when the owner gave it
(`Link.send_message`), and none when the conversation itself sent it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from middleware.wire.errors import LocalProtocolError, RemoteProtocolError
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered
from middleware.wire.poct1a import compose
from middleware.wire.poct1a.constants import CLAUSE_ACKNOWLEDGEMENT
from middleware.wire.poct1a.document import parse_document

CONNECTION_LOST = "connection_lost"
NO_REPLY = "no_reply"

# (control id, moment) -> a message of ours.
Compose = Callable[[str, str], bytes]
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Sending:
    """One message on its way."""

    control_id: str
    data: bytes
    send_id: int = 0  # 0: the conversation's own

    @property
    def is_own(self) -> bool:
        """The conversation sent it, not the owner."""
        return self.send_id == 0

    def outcome(self, *, accepted: bool, reply: bytes = b"") -> list[Event]:
        """What the owner hears of an answer; nothing about what it did not send."""
        if self.is_own:
            return []
        if accepted:
            return [MessageDelivered(self.send_id, reply)]
        return self.failed(REFUSED)

    def failed(self, reason: str) -> list[Event]:
        """What the owner hears when there was no answer, or a refusal."""
        if self.is_own:
            return []
        return [MessageNotDelivered(self.send_id, reason, CLAUSE_ACKNOWLEDGEMENT)]


class Outgoing:
    """Messages to the peer, one under way. `moment` gives the present for their headers."""

    def __init__(self, acknowledgement_s: float, moment: Callable[[], str]) -> None:
        self._acknowledgement_s = acknowledgement_s
        self._moment = moment
        self._written: list[bytes] = []
        self._last_control_id = 0
        self._last_send_id = 0
        self._waiting: deque[Sending] = deque()
        self._under_way: Sending | None = None
        self._deadline = 0.0

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return self._under_way is None and not self._waiting

    @property
    def deadline(self) -> float | None:
        """When the wait for the acknowledgement ends."""
        return None if self._under_way is None else self._deadline

    def acknowledge(self, control_id: str, note: str = "") -> None:
        """Write an ACK: AA, or AE with a note."""
        number = self._number()
        self._written.append(compose.acknowledgement(number, self._moment(), control_id, note))

    def send_own(self, make: Compose) -> None:
        """Queue a message of the conversation."""
        control_id = self._number()
        self._waiting.append(Sending(control_id, make(control_id, self._moment())))

    def send(self, text: bytes) -> int:
        """Queue the owner's document; its send id. LocalProtocolError when it is none or has no control id."""
        try:
            control_id = parse_document(text).control_id
        except RemoteProtocolError as error:
            raise LocalProtocolError(str(error)) from error
        if not control_id:
            raise LocalProtocolError("a message needs HDR.control_id to be sent")
        self._last_send_id += 1
        self._waiting.append(Sending(control_id, text, self._last_send_id))
        return self._last_send_id

    def write_next(self, now: float) -> None:
        """Write the next message unless one is under way; its wait begins."""
        if self._under_way is None and self._waiting:
            self._under_way = self._waiting.popleft()
            self._deadline = now + self._acknowledgement_s
            self._written.append(self._under_way.data)

    def take_written(self) -> bytes:
        """Everything that was written since the last time."""
        if not self._written:
            return b""
        data = b"".join(self._written)
        self._written.clear()
        return data

    def _number(self) -> str:
        self._last_control_id += 1
        return str(self._last_control_id)

    def settle(self, acknowledged: str) -> Sending | None:
        """The message that an ACK belongs to; None when it belongs to none under way."""
        sending = self._under_way
        if sending is None or sending.control_id != acknowledged:
            return None
        self._under_way = None
        return sending

    def answered_by_deed(self) -> None:
        """The peer did what the conversation's own message asks for: its ACK is not awaited any more."""
        if self._under_way is not None and self._under_way.is_own:
            self._under_way = None

    def postpone(self, seconds: float) -> None:
        """Nothing was read for so long: the answer may lie unread."""
        self._deadline += seconds

    def expire(self, now: float) -> Sending | None:
        """The message whose wait has ended, if it has."""
        if self._under_way is None or now < self._deadline:
            return None
        late, self._under_way = self._under_way, None
        return late

    def abandon(self) -> list[Event]:
        """The connection is gone: hand everything back."""
        late = [*([self._under_way] if self._under_way else []), *self._waiting]
        self._under_way = None
        self._waiting.clear()
        self._written.clear()
        return [event for sending in late for event in sending.failed(CONNECTION_LOST)]

    def withdraw_own(self) -> None:
        """A new conversation begins: what the old one wanted to send is void."""
        self._waiting = deque(one for one in self._waiting if not one.is_own)
        if self._under_way is not None and self._under_way.is_own:
            self._under_way = None
