"""Connections that come and go all day leave nothing behind: no file descriptor, no timer, no object."""

from __future__ import annotations

import gc
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from middleware.line.status import LineState
from middleware.observe.health import WarnableCode
from middleware.transport.shim import Shim
from middleware.wire.lis1.link import Lis1Link
from tests.kit.line_bench import ACK, ENQ, EOT, FRAMES, LineBench
from tests.kit.line_on_sockets import LineOnSockets
from tests.kit.small_reactor import SmallReactor

pytestmark = pytest.mark.slow

WITH_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


def alive(*kinds: type) -> int:
    gc.collect()
    return sum(isinstance(one, kinds) for one in gc.get_objects())


def flap(bench: LineBench, number: int) -> None:
    """Connect, speak half a frame each other time, and be gone."""
    bench.connect()
    if number % 2:
        bench.end.write(ENQ + FRAMES[0][:7])
        bench.clock.advance(0)
    bench.end.abortConnection()
    for _ in range(3):
        bench.clock.advance(0)


def test_ten_thousand_flaps_on_the_null_modem_leave_nothing() -> None:
    """Half of them in mid-frame. Afterwards the line serves its analyzer as on the first day."""
    bench = LineBench()
    bench.writer.is_automatic = True
    bench.line.start()
    flap(bench, 0)
    timers, objects = len(bench.clock.getDelayedCalls()), alive(Shim, Lis1Link)
    for number in range(10_000):
        flap(bench, number)
    assert len(bench.clock.getDelayedCalls()) <= timers
    assert alive(Shim, Lis1Link) <= objects
    status = bench.line.status()
    assert status.connections["accepted"] == 10_001
    assert set(status.connections) == {"accepted", "lost"}
    bench.connect()
    assert bench.send(ENQ, *FRAMES, EOT) == ACK * 6


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def knock(small: SmallReactor, line: LineOnSockets, number: int) -> None:
    peer = socket.create_connection(("127.0.0.1", line.line.address.port), timeout=5)
    if number % 2:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, WITH_RESET)
        peer.sendall(ENQ + FRAMES[0][:7])
    small.reactor.iterate(0)
    peer.close()
    small.reactor.iterate(0)


@pytest.mark.skipif(sys.platform != "linux", reason="counts file descriptors in /proc")
def test_a_thousand_flaps_on_a_socket_leave_nothing_and_are_damped(small: SmallReactor) -> None:
    """A person is told once, and the analyzer that comes after them is served within a second."""
    line = LineOnSockets(small)
    knock(small, line, 0)
    small.turn(20)
    files, timers = open_files(), len(small.reactor.getDelayedCalls())
    objects = alive(Shim, Lis1Link)
    for number in range(1000):
        knock(small, line, number)
    health = line.line._services.health
    assert health.is_raised(WarnableCode.LINE_FLAPPING, "chem-1")
    assert line.line.status().connections["damped"] > 900
    small.until(lambda: len(small.reactor.getDelayedCalls()) <= timers and open_files() <= files)
    assert alive(Shim, Lis1Link) <= objects + 1

    with socket.create_connection(("127.0.0.1", line.line.address.port), timeout=5) as peer:
        peer.sendall(ENQ + b"".join(FRAMES) + EOT)
        peer.setblocking(False)
        heard = bytearray()

        def is_answered() -> bool:
            try:
                heard.extend(peer.recv(100))
            except BlockingIOError:
                return False
            return len(heard) == 6

        small.until(is_answered)
        assert bytes(heard) == ACK * 6
        assert line.line.state is LineState.CONNECTED
    small.until(lambda: line.line.state is LineState.LISTENING)
    small.finish(Deferred.fromCoroutine(line.line.stop()))
    small.turn(20)
    assert open_files() < files + 1
