"""A link whose protocol has an end of its own gets its connection closed, after its last words."""

from __future__ import annotations

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from middleware.transport.pair import connect_pair
from middleware.transport.shim import Shim
from middleware.wire.events import Event, SessionClosed
from tests.kit.scripted_link import ScriptedLink


class Farewell(ScriptedLink):
    """Finished once it has been told so."""

    is_finished = False

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        self.is_finished = data == b"bye"
        self._out += b"bye too"
        return [SessionClosed()]


class Owner:
    """Remembers why connections ended."""

    def __init__(self) -> None:
        self.closed: list[str] = []

    def connection_opened(self, shim: Shim) -> None:
        """Nothing to do."""

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Nothing to do."""

    def connection_closed(self, shim: Shim, reason: str) -> None:
        self.closed.append(reason)

    def link_failed(self, shim: Shim, error: Exception) -> None:
        raise AssertionError(error)


class Peer(Protocol):
    """Keeps what arrives."""

    data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


def test_the_connection_is_closed_after_the_links_last_words() -> None:
    """POCT1-A: both ends close after END and its acknowledgement."""
    clock, owner, peer = Clock(), Owner(), Peer()
    shim = Shim(Farewell(), clock, owner)
    _, theirs = connect_pair(clock, shim, peer)
    for word in (b"hello", b"bye"):
        theirs.write(word)
        for _ in range(4):
            clock.advance(0)
        assert shim.is_open is (word == b"hello")
    assert peer.data == b"bye toobye too"
    assert owner.closed == ["the conversation has ended"]
