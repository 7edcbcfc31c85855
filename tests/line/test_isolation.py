"""A fault in one line never touches another: they share a process, and nothing else."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from middleware.driver.api import NO_CONTEXT, LinkContext
from middleware.line.status import LineState
from middleware.model import MessageKind
from middleware.observe.health import WarnableCode
from middleware.wire.lis1.link import Lis1Link
from tests.kit.line_bench import ACK, ENQ, EOT, FRAMES, PlainDriver
from tests.kit.line_on_sockets import LineOnSockets
from tests.kit.small_reactor import SmallReactor

pytestmark = pytest.mark.slow

SESSION = ENQ + b"".join(FRAMES) + EOT


class RaisingDriver(PlainDriver):
    """Its links fail with the first bytes, its glances always."""

    def make_link(
        self, options: Mapping[str, object], _context: LinkContext = NO_CONTEXT
    ) -> Lis1Link:
        link = super().make_link(options)
        link.receive_bytes = self._break  # type: ignore[method-assign]
        return link

    def _break(self, data: bytes, now: float) -> list:
        raise RuntimeError("the driver is broken")


class RaisingGlance(PlainDriver):
    """Cannot tell what a message is."""

    def kind(self, text: bytes) -> MessageKind:
        raise RuntimeError("the driver is broken")


class HangingDriver(PlainDriver):
    """Thinks for 100 ms about each message."""

    def kind(self, text: bytes) -> MessageKind:
        time.sleep(0.1)  # the fault itself: nothing waits for it
        return super().kind(text)


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


class Peer:
    """An analyzer on a socket, which the test turns the reactor for."""

    def __init__(self, small: SmallReactor, line: LineOnSockets) -> None:
        self._small = small
        self.socket = socket.create_connection(("127.0.0.1", line.line.address.port), timeout=5)
        self.socket.setblocking(False)
        self.heard = b""
        self.is_ended = False

    def send(self, data: bytes) -> None:
        """As much as the line takes: one that does not read any more is no reason to wait."""
        try:
            self.socket.sendall(data)
        except (BlockingIOError, ConnectionError):
            return

    def listen(self) -> None:
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        self.heard += data
        self.is_ended = self.is_ended or not data

    def until(self, is_there: Callable[[], bool]) -> None:
        def look() -> bool:
            self.listen()
            return is_there()

        self._small.until(look)

    def run_session(self) -> None:
        """A whole session, answered frame by frame."""
        self.heard = b""
        self.send(SESSION)
        self.until(lambda: self.heard == ACK * 6)


@pytest.mark.parametrize("driver", [RaisingDriver(), RaisingGlance(), HangingDriver()])
def test_a_broken_driver_leaves_the_other_lines_alone(
    small: SmallReactor, driver: PlainDriver
) -> None:
    """One raises, one hangs: the analyzer beside it gets every answer on its one connection."""
    good, bad = LineOnSockets(small), LineOnSockets(small, driver)
    analyzer = Peer(small, good)
    for _ in range(3):
        Peer(small, bad).send(SESSION)
        analyzer.run_session()
    assert len(good.texts()) == 3
    assert good.line.status().connections == {"accepted": 1}
    assert good.line.state is LineState.CONNECTED


def test_a_link_that_raises_ends_its_own_connection_and_is_told(small: SmallReactor) -> None:
    """The person reads which line; the next connection is tried all the same."""
    bad = LineOnSockets(small, RaisingDriver())
    peer = Peer(small, bad)
    peer.send(ENQ)
    peer.until(lambda: peer.is_ended)
    assert bad.line._services.health.is_raised(WarnableCode.LINE_DRIVER_FAULT, "chem-1")
    assert bad.line.state is LineState.LISTENING


HOSTILE = {
    "random": random.Random(7).randbytes(300_000),
    "endless without terminator": ENQ + b"\x021H|" + b"x" * 300_000,
    "nothing but enquiries": ENQ * 100_000,
    "nothing but frames": ENQ + FRAMES[1] * 3_000,
    "a web browser": b"GET / HTTP/1.1\r\nHost: analyzer\r\n\r\n" * 1_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_on_one_line_do_not_disturb_another(small: SmallReactor, name: str) -> None:
    """A scanner on one port; the analyzer on the next one notices nothing."""
    good, attacked = LineOnSockets(small), LineOnSockets(small)
    analyzer, attacker = Peer(small, good), Peer(small, attacked)
    for start in range(0, len(HOSTILE[name]), 50_000):
        attacker.send(HOSTILE[name][start : start + 50_000])
        analyzer.run_session()
    assert len(good.texts()) == len(range(0, len(HOSTILE[name]), 50_000))
    attacker.socket.close()
    small.until(lambda: attacked.line.state is LineState.LISTENING)
    Peer(small, attacked).run_session()


def test_connected_is_what_the_analyzer_proved_and_not_a_scanner(small: SmallReactor) -> None:
    """A web browser on the port leaves the line `open`; ENQ makes it `connected`."""
    line = LineOnSockets(small)
    browser = Peer(small, line)
    browser.send(HOSTILE["a web browser"][:40])
    small.until(lambda: line.line.status().bytes_in == 40)
    assert line.line.state is LineState.OPEN
    browser.send(ENQ)
    browser.until(lambda: browser.heard == ACK)
    assert line.line.state is LineState.CONNECTED
