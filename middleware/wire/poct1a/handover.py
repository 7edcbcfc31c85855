"""What is handed to the owner: the message with the hello that says whose it is, and what waits for `commit`."""

from __future__ import annotations

from dataclasses import dataclass

from middleware.wire.errors import RemoteProtocolError
from middleware.wire.events import (
    AcknowledgementConfirmed,
    Event,
    MessageAbandoned,
    MessageReceived,
)
from middleware.wire.poct1a.document import MessageType, parse_document


@dataclass(frozen=True, slots=True)
class Awaiting:
    """The message that waits for `commit`. `complaint` is what an unreadable one is answered with."""

    token: int
    control_id: str
    since: float
    complaint: str = ""


class Handover:
    """I keep what belongs to a message: the conversation's hello before it, and stray bytes."""

    def __init__(self) -> None:
        self.hello = b""
        self.noise = b""
        self.awaiting: Awaiting | None = None
        self._unconfirmed: tuple[int, str] | None = None  # token and control id of our last AA
        self._last_token = 0

    def begin(self) -> None:
        """A new connection: nobody has said hello."""
        self.hello = self.noise = b""
        self.forget()

    def forget(self) -> None:
        """The connection is gone: nothing can be answered any more."""
        self.awaiting = self._unconfirmed = None

    def hand_over(
        self, data: bytes, quirks: tuple[str, ...], control_id: str, now: float, complaint: str = ""
    ) -> Event:
        """The event that gives a message to the owner; it waits for the answer from now on."""
        self._last_token += 1
        self.awaiting = Awaiting(self._last_token, control_id, now, complaint)
        return MessageReceived(self._last_token, self._with_hello(data), self._wire(data), quirks)

    def abandoned(self, data: bytes, reason: str) -> Event:
        """The event that gives what remained without an answer to the owner."""
        return MessageAbandoned(self._with_hello(data), self._wire(data), reason)

    def take(self, token: int) -> Awaiting | None:
        """The message that waits, if `token` is its; it waits no more."""
        awaiting = self.awaiting
        if awaiting is None or awaiting.token != token:
            return None
        self.awaiting = None
        return awaiting

    def accepted(self, awaiting: Awaiting) -> None:
        """AA was written; whether it arrived is not known yet."""
        self._unconfirmed = (awaiting.token, awaiting.control_id)

    def confirmed_by(self, control_id: str) -> list[Event]:
        """The next message proves that our acknowledgement arrived; the same one again proves the opposite."""
        unconfirmed, self._unconfirmed = self._unconfirmed, None
        if unconfirmed is None or unconfirmed[1] == control_id:
            return []
        return [AcknowledgementConfirmed(unconfirmed[0])]

    def _with_hello(self, data: bytes) -> bytes:
        return self.hello + b"\n" + data if self.hello else data

    def _wire(self, data: bytes) -> bytes:
        wire, self.noise = self.noise + data, b""
        return wire


def is_worth_keeping(data: bytes) -> bool:
    """Whether a whole document that nobody answered is more than conversation."""
    try:
        found = parse_document(data).type
    except RemoteProtocolError:
        return True
    return found in (MessageType.OBSERVATIONS, MessageType.EVENTS)
