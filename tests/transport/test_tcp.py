"""TCP with real sockets on ports that the system chooses: who may connect, and what is found again."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from middleware.transport.tcp import PortTaken, TcpDialler, TcpListener
from tests.kit.small_reactor import SmallReactor
from tests.kit.transport_owner import SilentOwner

pytestmark = pytest.mark.slow


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


def listen(small: SmallReactor, **settings: object) -> tuple[TcpListener, SilentOwner]:
    owner = SilentOwner(small.reactor)
    chosen = TcpListenSettings.model_validate({"type": "tcp_listen", "port": 0, **settings})
    listener = TcpListener(chosen, small.reactor, owner)
    listener.start()
    return listener, owner


def call(listener: TcpListener) -> socket.socket:
    peer = socket.create_connection((listener.address.host, listener.address.port), timeout=5)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
    return peer


def test_bytes_go_both_ways_and_small_writes_leave_at_once(small: SmallReactor) -> None:
    """The usual case: the analyzer connects, sends, and gets its answer."""
    listener, owner = listen(small)
    with call(listener) as peer:
        small.until(lambda: owner.shims)
        owner.links[0].replies.append((b"\x06", []))
        peer.sendall(b"\x05")
        small.until(lambda: owner.links[0].received)
        assert peer.recv(1) == b"\x06"
        assert owner.states == [TransportState.LISTENING, TransportState.OPEN]
        handle = owner.shims[0].transport.getHandle()
        assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 3
        assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 2
        assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
        assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 9000
    small.until(lambda: owner.closed)
    assert owner.states[-1] is TransportState.LISTENING
    assert owner.outcomes == [ConnectionOutcome.ACCEPTED, ConnectionOutcome.LOST]
    small.finish(listener.stop())


def test_a_second_connection_replaces_the_first(small: SmallReactor) -> None:
    """An analyzer that lost power comes back while we still believe in its old connection."""
    listener, owner = listen(small)
    with call(listener) as old:
        small.until(lambda: len(owner.shims) == 1)
        with call(listener) as new:
            small.until(lambda: len(owner.shims) == 2)
            assert owner.closed == [owner.shims[0]]
            small.turn()
            with pytest.raises(ConnectionResetError):
                old.recv(1)
            owner.links[1].replies.append((b"\x06", []))
            new.sendall(b"\x05")
            small.until(lambda: owner.links[1].received)
            assert new.recv(1) == b"\x06"
            assert ConnectionOutcome.REPLACED in owner.outcomes
            assert owner.states == [TransportState.LISTENING] + [TransportState.OPEN] * 2
            small.finish(listener.stop())


def test_a_second_connection_is_refused_where_the_site_says_so(small: SmallReactor) -> None:
    """The first stays; the second is closed without a byte."""
    listener, owner = listen(small, second_connection="refuse")
    with call(listener), call(listener) as second:
        small.until(lambda: ConnectionOutcome.REFUSED_BUSY in owner.outcomes)
        small.turn()
        assert second.recv(1) == b""
        assert len(owner.shims) == 1
        assert owner.closed == []
        small.finish(listener.stop())


def test_an_address_that_is_not_allowed_is_closed_unread(small: SmallReactor) -> None:
    """Only the analyzers of the list may speak."""
    listener, owner = listen(small, peers=["10.1.2.0/24", "192.0.2.7"])
    with call(listener) as stranger:
        small.until(lambda: owner.outcomes)
        small.turn()
        assert stranger.recv(1) == b""
    assert owner.outcomes == [ConnectionOutcome.REFUSED_PEER]
    assert owner.shims == []
    small.finish(listener.stop())


def test_an_allowed_network_may_connect(small: SmallReactor) -> None:
    """A list of networks works as well as single addresses."""
    listener, owner = listen(small, peers=["127.0.0.0/8"])
    with call(listener):
        small.until(lambda: owner.shims)
    small.finish(listener.stop())


def test_a_port_that_is_taken_is_told_in_words(small: SmallReactor) -> None:
    """The technician reads which address, and what to do."""
    listener, _ = listen(small)
    with pytest.raises(PortTaken, match=r"cannot listen on 127\.0\.0\.1") as raised:
        listen(small, port=listener.address.port)
    assert raised.value.what_to_do
    small.finish(listener.stop())


def test_stopping_closes_with_a_clean_end(small: SmallReactor) -> None:
    """The analyzer sees our end of the connection close, not a reset."""
    listener, owner = listen(small)
    with call(listener) as peer:
        small.until(lambda: owner.shims)
        stopping = listener.stop()
        small.until(lambda: owner.closed)
        assert peer.recv(1) == b""
        small.finish(stopping)
    assert listener.state is TransportState.STOPPED


def test_a_listener_starts_again_on_its_port(small: SmallReactor) -> None:
    """A line that was stopped is found where it was."""
    listener, owner = listen(small)
    port = listener.address.port
    small.finish(listener.stop())
    listener.start()
    assert listener.address.port == port
    with call(listener):
        small.until(lambda: owner.shims)
    small.finish(listener.stop())


def dial(small: SmallReactor, port: int) -> tuple[TcpDialler, SilentOwner]:
    owner = SilentOwner(small.reactor)
    settings = TcpConnectSettings(
        type="tcp_connect", host="127.0.0.1", port=port, retry_first_s=0.01, retry_longest_s=0.02
    )
    return TcpDialler(settings, small.reactor, owner, lambda: 0.5), owner


def test_a_dialler_finds_its_peer_whenever_it_comes(small: SmallReactor) -> None:
    """The analyzer is off, comes, goes, and comes again; nobody does anything."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    dialler, owner = dial(small, port)
    dialler.start()
    small.until(lambda: owner.outcomes.count(ConnectionOutcome.DIAL_FAILED) >= 3)
    assert owner.states == [TransportState.DIALLING, TransportState.WAITING]

    with socket.create_server(("127.0.0.1", port)) as server:
        small.until(lambda: len(owner.shims) == 1)
        server.accept()[0].close()
        small.until(lambda: len(owner.shims) == 2)
        assert owner.states[2:] == [
            TransportState.OPEN,
            TransportState.WAITING,
            TransportState.OPEN,
        ]
        small.finish(dialler.stop())
    assert owner.states[-1] is TransportState.STOPPED


def test_a_dialler_can_be_stopped_while_it_waits(small: SmallReactor) -> None:
    """Stopping a line never hangs on a peer that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    dialler, owner = dial(small, port)
    dialler.start()
    small.until(lambda: TransportState.WAITING in owner.states)
    small.finish(dialler.stop())
    assert dialler.state is TransportState.STOPPED
    assert small.reactor.getDelayedCalls() == []
