"""Aids for tests of the LIS01 link: a ready link, an owner that commits at once, two links joined by a wire."""

from __future__ import annotations

from typing import TypeVar

from middleware.wire.events import Event, MessageReceived
from middleware.wire.lis1 import Lis1Link, Lis1Options, Role, encode_frame, encode_message

ENQ, ACK, NAK, EOT, ETB = b"\x05", b"\x06", b"\x15", b"\x04", 0x17
NOW = 1000.0

Kind = TypeVar("Kind", bound=Event)

RESULT = (
    b"H|\\^&|||DEMO-CHEM^01.02|||||LIS||P|LIS2-A2|20260314092530\r"
    b"P|1||4711||Muster^Jo\r"
    b"O|1|SP-1||^^^GLU|R\r"
    b"R|1|^^^GLU|5.4|mmol/L|3.9 to 6.1|N||F\r"
    b"L|1|N\r"
)


def ready_link(role: Role = Role.COMPUTER, options: Lis1Options | None = None) -> Lis1Link:
    """A connected, neutral link."""
    link = Lis1Link(role, options)
    link.connection_made(NOW)
    return link


def tolerant_link(*quirks: str) -> Lis1Link:
    """A connected link with these quirks in force."""
    return ready_link(options=Lis1Options(quirks=frozenset(quirks)))


def session_of(text: bytes, options: Lis1Options | None = None) -> bytes:
    """Everything that a sender writes for one message, if each reply is ACK."""
    return ENQ + b"".join(encode_message(text, options)) + EOT


def frames_of(*texts: bytes) -> bytes:
    """Frames numbered from 1, each ended by ETX."""
    return b"".join(encode_frame(n % 8, text) for n, text in enumerate(texts, start=1))


def feed(link: Lis1Link, data: bytes, now: float = NOW) -> list[Event]:
    """Give `data` to the link and commit every message at once; all events in order."""
    return committed(link, link.receive_bytes(data, now), now)


def committed(link: Lis1Link, events: list[Event], now: float = NOW) -> list[Event]:
    """Commit what the events ask for, and what those commits bring."""
    done: list[Event] = []
    todo = list(events)
    while todo:
        event = todo.pop(0)
        done.append(event)
        if isinstance(event, MessageReceived):
            todo += link.commit(event.token, now)
    return done


def texts_of(events: list[Event]) -> list[bytes]:
    """The texts of the messages among the events."""
    return [event.text for event in events if isinstance(event, MessageReceived)]


def converse(first: Lis1Link, second: Lis1Link, now: float = NOW) -> list[tuple[Lis1Link, Event]]:
    """Let two links exchange bytes until both are silent; what each reported, in order. Messages are committed."""
    seen: list[tuple[Lis1Link, Event]] = []
    for _ in range(10_000):
        spoke = False
        for speaker, listener in ((first, second), (second, first)):
            data = speaker.bytes_to_send()
            if data:
                spoke = True
                seen += [(listener, event) for event in feed(listener, data, now)]
        if not spoke:
            return seen
    raise AssertionError("two links never fell silent")


def opened_link() -> Lis1Link:
    """A link in a session that the peer opened; its ACK is taken."""
    link = ready_link()
    link.receive_bytes(ENQ, NOW)
    assert link.bytes_to_send() == ACK
    return link


def only(events: list[Event], kind: type[Kind]) -> list[Kind]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]
