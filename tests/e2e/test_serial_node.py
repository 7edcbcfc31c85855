"""A whole node on serial ports: a result from the cable reaches the LIS, and a pulled plug is no loss."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess
from tests.kit.plain_analyzer import ACK, ENQ, EOT, frames, result_records
from tests.kit.plain_lis import PlainLis
from tests.kit.rfc2217_box import Rfc2217Box
from tests.kit.serial_cable import SerialCable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PATIENCE_S = 20.0


@pytest.fixture
def lis() -> Iterator[PlainLis]:
    made = PlainLis().start()
    yield made
    made.stop()


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[SerialCable]:
    made = SerialCable(tmp_path)
    made.plug()
    yield made
    made.unplug()


def node_on(folder: Path, transport: str, lis: PlainLis) -> NodeProcess:
    line = f'[[line]]\nid = "serial-1"\ndriver = "generic_astm"\nrelease = "auto"\n{transport}\n'
    return NodeProcess(folder, [], lis.port, extra=line).start()


def say(descriptor: int, data: bytes) -> bytes:
    """Send, and give what comes back; ENQ is asked again, as analyzers do."""
    os.write(descriptor, data)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if select.select([descriptor], [], [], 0.1)[0]:
            return os.read(descriptor, 64)
    raise AssertionError("the node does not answer")


def send(descriptor: int, message: Sequence[bytes]) -> None:
    """One session, every frame acknowledged."""
    for one in (ENQ, *message):
        assert say(descriptor, one) == ACK
    os.write(descriptor, EOT)


def delivered(lis: PlainLis, sample_id: str) -> bool:
    return lis.wait_for(lambda got: any(one.sample_id == sample_id for one in got))


def test_a_result_comes_over_a_serial_port_and_reaches_the_lis(
    tmp_path: Path, cable: SerialCable, lis: PlainLis
) -> None:
    """The analyzer spoke before the node had started: its ENQ was kept, and answered."""
    node = node_on(
        tmp_path, f'transport = {{ type = "serial", port = "{cable.port}", baud = 19200 }}', lis
    )
    try:
        send(cable.analyzer, frames(result_records("SER0001")))
        assert delivered(lis, "SER0001")
        (line,) = node.listing("lines")
        assert line["state"] == "connected"
        assert line["address"] == str(cable.port)
    finally:
        assert node.stop() == 0


def test_a_plug_that_is_pulled_in_a_session_loses_nothing(
    tmp_path: Path, cable: SerialCable, lis: PlainLis
) -> None:
    """The adapter goes in the middle of a frame and comes back; the analyzer sends its message again."""
    transport = f'transport = {{ type = "serial", port = "{cable.port}", retry_first_s = 0.2 }}'
    node = node_on(tmp_path, transport, lis)
    message = frames(result_records("SER0002"))
    try:
        assert say(cable.analyzer, ENQ) == ACK
        assert say(cable.analyzer, message[0]) == ACK
        os.write(cable.analyzer, message[1][:20])
        cable.unplug()
        time.sleep(0.3)
        cable.plug()
        send(cable.analyzer, message)
        assert delivered(lis, "SER0002")
        assert len(lis.first_arrivals()) == 1
    finally:
        assert node.stop() == 0


def test_a_result_comes_over_a_terminal_server(tmp_path: Path, lis: PlainLis) -> None:
    """RFC 2217: the box is set to the analyzer's speed by the node itself."""
    box = Rfc2217Box()
    transport = (
        f'transport = {{ type = "rfc2217", host = "127.0.0.1", port = {box.port}, baud = 4800 }}'
    )
    node = node_on(tmp_path, transport, lis)
    try:
        send(box.analyzer, frames(result_records("SER0003")))
        assert delivered(lis, "SER0003")
        assert box.serial.baudrate == 4800
    finally:
        assert node.stop() == 0
        box.close()
