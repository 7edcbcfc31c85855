"""What every serial transport keeps to, over real pseudo-terminals: run for the reactor's and for the threads'."""

from __future__ import annotations

import fcntl
import os
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.kept_port import KeptPort
from middleware.transport.serial import SerialTransport
from middleware.transport.serial_settings import SerialSettings
from middleware.transport.serial_threads import ThreadedSerialTransport
from tests.kit.serial_cable import SerialCable
from tests.kit.small_reactor import SmallReactor
from tests.kit.transport_owner import SilentOwner

pytestmark = pytest.mark.slow


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    for thread in threading.enumerate():
        if thread.name.startswith("opens "):  # it tells the reactor, which must still be there
            thread.join(5)
    reactor.close()


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[SerialCable]:
    cable = SerialCable(tmp_path)
    yield cable
    cable.unplug()


class Bench:
    """A transport under test with its owner."""

    def __init__(self, kind: type[KeptPort], small: SmallReactor, cable: SerialCable) -> None:
        self.owner = SilentOwner(small.reactor)
        self.details: list[str] = []
        self._kind = kind
        self._small = small
        self._cable = cable
        self.transport: KeptPort

    def start(self, **chosen: object) -> KeptPort:
        settings = SerialSettings.model_validate(
            {
                "type": "serial",
                "port": str(self._cable.port),
                "retry_first_s": 0.02,
                "retry_longest_s": 0.05,
                **chosen,
            }
        )
        self.transport = self._kind(settings, self._small.reactor, self, lambda: 0.0)
        self.transport.start()
        return self.transport

    def open(self, **chosen: object) -> KeptPort:
        transport = self.start(**chosen)
        self._small.until(lambda: transport.state is TransportState.OPEN)
        return transport

    def stop(self) -> None:
        self._small.finish(self.transport.stop())

    def received(self) -> bytes:
        return b"".join(data for link in self.owner.links for data in link.received)

    def make_shim(self, peer: str) -> object:
        return self.owner.make_shim(peer)

    def transport_changed(self, state: TransportState, detail: str) -> None:
        self.owner.transport_changed(state, detail)
        self.details.append(detail)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str) -> None:
        self.owner.connection_seen(outcome, peer)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(params=[SerialTransport, ThreadedSerialTransport])
def bench(
    request: pytest.FixtureRequest, small: SmallReactor, cable: SerialCable
) -> Iterator[Bench]:
    made = Bench(request.param, small, cable)
    yield made
    made.stop()


def test_bytes_go_both_ways(bench: Bench, small: SmallReactor, cable: SerialCable) -> None:
    """The usual case: the analyzer asks, and gets its answer."""
    cable.plug()
    bench.open()
    bench.owner.links[0].replies.append((b"\x06", []))
    cable.send(b"\x05")
    small.until(lambda: bench.received() == b"\x05")
    assert cable.wait(1) == b"\x06"
    assert bench.owner.states == [TransportState.DIALLING, TransportState.OPEN]
    assert bench.owner.outcomes == [ConnectionOutcome.ACCEPTED]


def test_bytes_that_wait_when_the_port_is_opened_are_kept(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """The analyzer spoke while we were restarting: its ENQ is still there."""
    cable.plug()
    cable.send(b"\x05 and more")
    bench.open()
    small.until(lambda: bench.received() == b"\x05 and more")


def test_every_byte_value_passes_unchanged(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """Nothing is echoed, translated, or taken for flow control."""
    cable.plug()
    bench.open()
    every = bytes(range(256))
    bench.owner.links[0].replies.append((every, []))
    cable.send(every)
    small.until(lambda: len(bench.received()) >= 256)
    assert bench.received() == every
    assert cable.wait(256) == every


def test_the_port_is_ours_alone(bench: Bench, small: SmallReactor, cable: SerialCable) -> None:
    """A second program, or a second line, is told who is in the way and what to do."""
    cable.plug()
    bench.open()
    second = Bench(type(bench.transport), small, cable)
    second.start()
    small.until(lambda: ConnectionOutcome.OPEN_FAILED in second.owner.outcomes)
    assert second.transport.state is TransportState.WAITING
    assert "is in use by another program. End the program" in second.details[-1]
    bench.stop()
    small.until(lambda: second.transport.state is TransportState.OPEN)
    second.stop()


def test_a_port_that_is_not_there_is_waited_for(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """The node starts before the adapter is plugged in; then it works by itself."""
    transport = bench.start()
    small.until(lambda: transport.state is TransportState.WAITING)
    assert "is not there: unplugged, or another name. Plug the adapter in" in bench.details[-1]
    cable.plug()
    small.until(lambda: transport.state is TransportState.OPEN)
    assert bench.owner.states.count(TransportState.WAITING) == 1  # one word while it is away


def test_an_unplugged_port_is_told_and_found_again_under_its_name(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """The cleaning staff pulls the adapter: the line says so, and recovers by itself."""
    cable.plug()
    transport = bench.open()
    small.until(lambda: bench.owner.shims[0].is_open)
    cable.unplug()
    small.until(lambda: transport.state is TransportState.WAITING)
    assert any("is gone" in one and "unplugged?" in one for one in bench.details)
    small.until(lambda: ConnectionOutcome.PORT_LOST in bench.owner.outcomes)
    assert bench.owner.links[0].is_lost
    cable.plug()
    small.until(lambda: transport.state is TransportState.OPEN)
    cable.send(b"\x05")
    small.until(lambda: len(bench.owner.links) == 2 and bench.owner.links[1].received == [b"\x05"])


def test_half_a_frame_dies_with_its_port(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """What came before the plug was pulled never joins what comes after."""
    cable.plug()
    transport = bench.open()
    cable.send(b"\x021H|half a fra")
    small.until(bench.received)
    cable.unplug()
    small.until(lambda: transport.state is TransportState.WAITING)
    cable.plug()
    small.until(lambda: transport.state is TransportState.OPEN)
    cable.send(b"\x05")
    small.until(lambda: bench.owner.links[-1].received)
    assert bench.owner.links[-1].received == [b"\x05"]


def test_an_analyzer_that_loses_power_changes_nothing_at_the_port(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """No byte comes for a while, then it speaks again: same connection, no alarm of the transport."""
    cable.plug()
    bench.open()
    cable.send(b"\x021H|cut sho")
    small.until(bench.received)
    small.turn(20)
    cable.send(b"\x05")
    small.until(lambda: bench.received().endswith(b"\x05"))
    assert len(bench.owner.shims) == 1
    assert bench.owner.closed == []


def test_a_link_that_rests_stops_the_reading(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """While a commit is awaited the bytes stay in the system, and the analyzer is slowed down."""
    cable.plug()
    bench.open()
    link = bench.owner.links[0]
    link.is_awaiting_commit = True
    cable.send(b"first")
    small.until(bench.received)
    small.turn()
    bench.owner.shims[0]._settle()
    sent = len(b"first")
    for _ in range(400):
        sent += cable.send(b"x" * 1000)
        small.turn(1)
    assert sent < 200_000  # the system's buffers and one read, not more
    assert len(bench.received()) < 70_000
    link.is_awaiting_commit = False
    bench.owner.shims[0]._settle()
    small.until(lambda: len(bench.received()) == sent)


def test_100_kb_pass_both_ways_in_order(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """An image, or a backlog after a night: complete and in order, also when the analyzer reads slowly."""
    cable.plug()
    bench.open(baud=115200)
    data = bytes(number % 251 for number in range(100_000))
    bench.owner.links[0].replies.append((data, []))
    come = bytearray()
    sent = cable.send(data[:1])

    def all_passed() -> bool:
        nonlocal sent
        sent += cable.send(data[sent : sent + 4096])
        come.extend(cable.received())
        return len(come) == len(data) and len(bench.received()) == len(data)

    small.until(all_passed)
    assert bytes(come) == data
    assert bench.received() == data


def test_what_was_written_leaves_before_an_orderly_end(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """The last acknowledgement of a node that stops reaches the analyzer."""
    cable.plug()
    transport = bench.open()
    bench.owner.shims[0].send_message(b"y" * 3000)
    bench.stop()
    assert cable.wait(3000) == b"y" * 3000
    assert transport.state is TransportState.STOPPED
    assert bench.owner.links[0].is_lost


def test_stopping_ends_within_two_seconds_where_nobody_takes_the_bytes(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """An analyzer that is off and holds the flow does not keep the node from stopping."""
    cable.plug()
    bench.open()
    bench.owner.shims[0].send_message(b"z" * 500_000)
    began = small.reactor.seconds()
    bench.stop()
    assert small.reactor.seconds() - began < 4.0


def test_stopping_and_starting_again_opens_the_port_again(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """A changed setting restarts the line; the port is free at once, also for others."""
    cable.plug()
    transport = bench.open()
    bench.stop()
    descriptor = os.open(cable.port, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
    transport.start()
    small.until(lambda: transport.state is TransportState.OPEN)
    cable.send(b"\x05")
    small.until(lambda: bench.received() == b"\x05")


def test_stopping_twice_or_before_the_port_is_there_is_harmless(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """A node that ends while an adapter is missing ends at once."""
    transport = bench.start()
    bench.stop()
    bench.stop()
    cable.plug()
    small.turn(10)
    assert transport.state is TransportState.STOPPED


def test_a_fault_of_the_link_opens_the_port_anew(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """A driver's error ends its own connection; the next one begins fresh."""
    cable.plug()
    transport = bench.open()
    bench.owner.links[0].fails = True
    cable.send(b"\x05")
    small.until(lambda: len(bench.owner.links) == 2 and transport.state is TransportState.OPEN)
    assert bench.owner.outcomes == [
        ConnectionOutcome.ACCEPTED,
        ConnectionOutcome.LOST,
        ConnectionOutcome.ACCEPTED,
    ]


def test_the_settings_reach_the_port(bench: Bench, small: SmallReactor, cable: SerialCable) -> None:
    """Speed, data bits, parity, stop bits and flow control are those of the analyzer's manual."""
    cable.plug()
    bench.open(baud=19200, stop_bits=2, flow_control="rts_cts")
    _, _, control, local, speed_in, speed_out = cable.attributes()
    assert (speed_in, speed_out) == (termios.B19200, termios.B19200)
    assert control & termios.CSTOPB
    assert control & termios.CRTSCTS
    assert control & termios.CLOCAL
    assert not local & (termios.ECHO | termios.ICANON | termios.ISIG)


def test_a_speed_outside_the_list_is_set_too(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """Some analyzers speak 250,000 baud."""
    cable.plug()
    bench.open(baud=250_000)
    assert bench.transport.state is TransportState.OPEN


def test_a_file_that_is_no_port_is_told_in_words(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """A wrong name in the settings, not a wrong cable."""
    cable.port.write_text("not a port")
    transport = bench.start()
    small.until(lambda: transport.state is TransportState.WAITING)
    assert "is no serial port" in bench.details[-1]


def test_a_loose_plug_leaves_no_descriptor_behind(
    bench: Bench, small: SmallReactor, cable: SerialCable
) -> None:
    """Twenty times out and in: the node has as many descriptors as before."""
    cable.plug()
    transport = bench.open()
    cable.unplug()
    small.until(lambda: transport.state is TransportState.WAITING)
    before = descriptors()
    for _ in range(20):
        cable.plug()
        small.until(lambda: transport.state is TransportState.OPEN)
        small.until(lambda: bench.owner.shims[-1].is_open)
        cable.unplug()
        small.until(lambda: transport.state is TransportState.WAITING)
        small.until(lambda: not transport._is_held)
    assert descriptors() == before
