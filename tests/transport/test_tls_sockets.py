"""Two transports of ours speak TLS with each other over real sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from middleware.transport.base import ConnectionOutcome
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from middleware.transport.tcp import TcpDialler, TcpListener
from tests.kit.small_reactor import SmallReactor
from tests.kit.throwaway_ca import TlsWorld
from tests.kit.transport_owner import SilentOwner

pytestmark = pytest.mark.slow


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


class Pair:
    """A listening line and a dialling one that is pointed at it."""

    def __init__(self, small: SmallReactor, world: TlsWorld) -> None:
        self.small = small
        self.here, self.there = SilentOwner(small.reactor), SilentOwner(small.reactor)
        inward = world.settings(world.node, pins=[world.analyzer.pin])
        listen = TcpListenSettings.model_validate({"type": "tcp_listen", "port": 0, "tls": inward})
        self.listener = TcpListener(listen, small.reactor, self.here)
        self.listener.start()
        dial = {
            "type": "tcp_connect",
            "host": "127.0.0.1",
            "port": self.listener.address.port,
            "retry_first_s": 0.01,
            "retry_longest_s": 0.01,
            "tls": world.settings(world.analyzer, pins=[world.node.pin]),
        }
        self.dialler = TcpDialler(
            TcpConnectSettings.model_validate(dial), small.reactor, self.there, lambda: 0.0
        )
        self.dialler.start()

    def stop(self) -> None:
        self.small.finish(self.dialler.stop())
        self.small.finish(self.listener.stop())


def test_a_large_message_crosses_whole_and_the_socket_keeps_its_options(
    small: SmallReactor, tls_world: TlsWorld
) -> None:
    """A megabyte is more than the kernel takes at once; the peer that lost power is noticed as without TLS."""
    pair = Pair(small, tls_world)
    small.until(lambda: pair.here.shims and pair.there.shims and pair.there.shims[0].is_open)
    message = os.urandom(1_000_000)
    pair.there.shims[0].send_message(message)
    link = pair.here.links[0]
    small.until(lambda: sum(map(len, link.received)) >= len(message))
    assert b"".join(link.received) == message
    handle = pair.here.shims[0].transport.getHandle()
    wanted_ms = pair.listener._settings.user_timeout_s * 1000
    assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == wanted_ms
    assert handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    pair.stop()
    assert small.reactor.getDelayedCalls() == []


def test_connections_that_come_and_go_leave_nothing_behind(
    small: SmallReactor, tls_world: TlsWorld
) -> None:
    """File descriptors and timers return to where they were."""
    pair = Pair(small, tls_world)
    small.until(lambda: pair.here.shims)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names, not paths
    for number in range(2, 10):
        pair.here.shims[-1].abort("a test")
        small.until(lambda wanted=number: len(pair.here.shims) == wanted)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert pair.here.outcomes.count(ConnectionOutcome.ACCEPTED) == 9
    pair.stop()
    assert small.reactor.getDelayedCalls() == []
