"""Ports of terminal servers over RFC 2217: bytes, settings over the wire, and boxes that do not speak it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.rfc2217 import OptionGuard, Rfc2217Transport
from middleware.transport.serial_settings import Rfc2217Settings
from tests.kit.rfc2217_box import PlainTelnetBox, Rfc2217Box
from tests.kit.small_reactor import SmallReactor
from tests.kit.transport_owner import SilentOwner

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(r"ignore:set(Daemon|Name)\(\):DeprecationWarning"),  # pyserial's
]


class WordsOwner(SilentOwner):
    """Remembers also what is told to people."""

    def __init__(self, reactor: object) -> None:
        super().__init__(reactor)
        self.details: list[str] = []

    def transport_changed(self, state: TransportState, detail: str) -> None:
        super().transport_changed(state, detail)
        self.details.append(detail)


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    for thread in threading.enumerate():
        if thread.name.startswith("opens "):  # it tells the reactor, which must still be there
            thread.join(5)
    reactor.close()


@pytest.fixture
def box() -> Iterator[Rfc2217Box]:
    made = Rfc2217Box()
    yield made
    made.close()


def start(small: SmallReactor, port: int, **chosen: object) -> tuple[Rfc2217Transport, WordsOwner]:
    owner = WordsOwner(small.reactor)
    settings = Rfc2217Settings.model_validate(
        {"type": "rfc2217", "host": "127.0.0.1", "port": port, "connect_timeout_s": 0.5}
        | {"retry_first_s": 0.05, "retry_longest_s": 0.1, **chosen}
    )
    transport = Rfc2217Transport(settings, small.reactor, owner, lambda: 0.0)
    transport.start()
    return transport, owner


def test_bytes_go_both_ways_and_telnets_own_byte_passes(
    small: SmallReactor, box: Rfc2217Box
) -> None:
    """Every byte value arrives as it was sent, also FF, which Telnet doubles."""
    transport, owner = start(small, box.port)
    small.until(lambda: transport.state is TransportState.OPEN)
    every = bytes(range(256))
    owner.links[0].replies.append((every, []))
    os.write(box.analyzer, b"\x05")
    small.until(lambda: owner.links[0].received)
    come = b""
    until = time.monotonic() + 5
    while len(come) < 256 and time.monotonic() < until:
        come += os.read(box.analyzer, 4096)
    assert come == every
    os.write(box.analyzer, every)
    small.until(lambda: sum(map(len, owner.links[0].received)) == 257)
    assert b"".join(owner.links[0].received)[1:] == every
    small.finish(transport.stop())


def test_the_serial_settings_travel_over_the_wire(small: SmallReactor, box: Rfc2217Box) -> None:
    """What the site wrote reaches the box: nobody has to set it there by hand."""
    transport, _ = start(
        small, box.port, baud=19200, stop_bits=2, flow_control="xon_xoff", dtr=False
    )
    small.until(lambda: transport.state is TransportState.OPEN)
    assert box.serial.baudrate == 19200
    assert box.serial.stopbits == 2
    assert box.serial.xonxoff
    assert not box.serial.rtscts
    assert box.serial.rts
    assert not box.serial.dtr
    small.finish(transport.stop())


def test_a_terminal_server_that_restarts_is_found_again(
    small: SmallReactor, box: Rfc2217Box
) -> None:
    """The box loses power for a moment; the line recovers by itself, with a fresh link."""
    transport, owner = start(small, box.port)
    small.until(lambda: transport.state is TransportState.OPEN)
    small.until(lambda: owner.shims[0].is_open)
    box.hang_up()
    small.until(lambda: ConnectionOutcome.PORT_LOST in owner.outcomes)
    assert any("is gone" in one for one in owner.details)
    small.until(lambda: transport.state is TransportState.OPEN)
    os.write(box.analyzer, b"\x05")
    small.until(lambda: len(owner.links) == 2 and owner.links[1].received == [b"\x05"])
    small.finish(transport.stop())


@pytest.mark.parametrize("is_raw", [False, True])
def test_a_box_without_option_44_is_told_in_words(small: SmallReactor, is_raw: bool) -> None:
    """The port of the box is set to Telnet or raw TCP: the technician reads what to change."""
    box = PlainTelnetBox(is_raw)
    transport, owner = start(small, box.port)
    small.until(lambda: transport.state is TransportState.WAITING)
    assert "does not speak RFC 2217: it refused Telnet option 44" in owner.details[-1]
    assert 'use type "tcp_connect" (raw TCP)' in owner.details[-1]
    assert owner.outcomes[0] is ConnectionOutcome.OPEN_FAILED
    small.finish(transport.stop())
    box.close()


def test_a_box_that_is_off_is_told_in_words(small: SmallReactor) -> None:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    transport, owner = start(small, port)
    small.until(lambda: transport.state is TransportState.WAITING)
    assert f"rfc2217://127.0.0.1:{port} does not answer" in owner.details[-1]
    assert "Ask whether the terminal server is on" in owner.details[-1]
    small.finish(transport.stop())


def test_a_stop_while_it_is_dialled_leaves_nothing_open(
    small: SmallReactor, box: Rfc2217Box
) -> None:
    """The node ends in the middle of the negotiation: the late connection is closed unused."""
    transport, owner = start(small, box.port)
    small.finish(transport.stop())
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        small.reactor.iterate(0.05)
    assert owner.shims == []
    assert transport.state is TransportState.STOPPED


def test_a_link_that_rests_bounds_what_is_read_ahead(small: SmallReactor, box: Rfc2217Box) -> None:
    """A terminal server that sends for ever while a commit is awaited is held by TCP."""
    transport, owner = start(small, box.port)
    small.until(lambda: transport.state is TransportState.OPEN)
    small.until(lambda: owner.shims[0].is_open)
    port = owner.shims[0].transport._port
    port._read_buffer.maxsize = 2000
    owner.links[0].is_awaiting_commit = True
    owner.shims[0]._settle()
    os.set_blocking(box.analyzer, False)
    sent = 0
    for _ in range(200):
        with contextlib.suppress(BlockingIOError):
            sent += os.write(box.analyzer, b"x" * 1000)
        small.turn(1)
    assert port._read_buffer.qsize() <= 2000
    owner.links[0].is_awaiting_commit = False
    owner.shims[0]._settle()
    small.until(lambda: sum(map(len, owner.links[0].received)) == sent)
    small.finish(transport.stop())


class _Reads:
    """A socket that gives what was laid ready."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def recv(self, _size: int) -> bytes:
        return self._pieces.pop(0)


def test_an_option_without_an_end_ends_the_connection() -> None:
    """A broken or hostile box must not fill the memory of the node."""
    guard = OptionGuard(_Reads([b"data\xff", b"\xfa\x2c", *[b"x" * 1000] * 9]))  # type: ignore[arg-type]
    with pytest.raises(OSError, match="option without an end"):
        for _ in range(11):
            guard.recv(1024)


def test_options_that_end_and_data_that_looks_like_one_pass() -> None:
    """Doubled FF is data, also before FA; 100 kB of it are no option."""
    pieces = [b"\xff\xfa\x2c\x07\x00\xff\xf0", b"\xff\xff\xfa", *[b"y" * 1000] * 100]
    guard = OptionGuard(_Reads(list(pieces)))  # type: ignore[arg-type]
    assert [guard.recv(1024) for _ in pieces] == pieces
