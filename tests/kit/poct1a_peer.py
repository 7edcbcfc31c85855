"""An analyzer's end of a POCT1-A link by hand: sends texts, commits what the link hands over, reads what it writes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from middleware.wire.events import Event, MessageReceived
from middleware.wire.poct1a import Poct1aLink, Poct1aOptions
from tests.kit.poct1a_texts import acknowledgement, hello, status

_MESSAGE = re.compile(rb"<([A-Z]+\.R0[0-9])>.*?</\1>", re.DOTALL)
_ID = re.compile(rb'<HDR\.control_id V="([^"]*)"/>')
_ACK = re.compile(rb'<ACK\.type_cd V="(A[AE])"/><ACK\.ack_control_id V="([^"]*)"/>')


@dataclass
class Peer:
    """`answers` are our ACKs as "AA 17", `said` the other messages of our end by root and control id."""

    link: Poct1aLink
    is_committing: bool = True
    now: float = 0.0
    events: list[Event] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    written: bytes = b""

    def send(self, data: bytes) -> list[Event]:
        return self.take(self.link.receive_bytes(data, self.now))

    def take(self, events: list[Event]) -> list[Event]:
        pending = list(events)
        seen: list[Event] = []
        while pending:
            event = pending.pop(0)
            seen.append(event)
            if isinstance(event, MessageReceived) and self.is_committing:
                self.read()
                pending += self.link.commit(event.token, self.now)
        self.read()
        self.events += seen
        return seen

    def read(self) -> None:
        data = self.link.bytes_to_send()
        self.written += data
        for match in _MESSAGE.finditer(data):
            if match[1] == b"ACK.R01":
                found = _ACK.search(match[0])
                assert found is not None
                self.answers.append(b" ".join(found.groups()).decode())
            else:
                number = _ID.search(match[0])
                assert number is not None
                self.said.append((match[1].decode(), number[1].decode()))

    def wait(self, seconds: float) -> list[Event]:
        self.now += seconds
        return self.take(self.link.on_deadline(self.now))

    def accept_last(self, control_id: int = 900) -> list[Event]:
        """Acknowledge what our end said last."""
        return self.send(acknowledgement(control_id, self.said[-1][1]))

    def names(self) -> list[str]:
        return [name for name, _ in self.said]

    def texts(self) -> list[bytes]:
        return [event.text for event in self.events if isinstance(event, MessageReceived)]


def connected(options: Poct1aOptions | None = None) -> Peer:
    """A link that is connected and has heard nothing."""
    link = Poct1aLink(options or Poct1aOptions())
    peer = Peer(link)
    peer.take(link.connection_made(0.0))
    return peer


def greeted(options: Poct1aOptions | None = None, observations: str = "1") -> Peer:
    """A link that has heard hello and status."""
    peer = connected(options)
    peer.send(hello())
    peer.send(status(observations=observations))
    return peer
