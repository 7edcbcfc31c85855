"""The supervisor: every line runs, or is being tried again, whatever befalls the others."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from twisted.internet.defer import Deferred

from middleware.driver.api import NO_CONTEXT, LinkContext
from middleware.errors import DriverError
from middleware.line.status import LineState
from middleware.line.supervisor import Supervisor
from middleware.observe.health import WarnableCode
from middleware.wire.lis1.link import Lis1Link
from tests.kit.line_bench import ACK, ENQ, EOT, FRAMES, LineBench, PlainDriver


class FickleDriver(PlainDriver):
    """Refuses to make a link, or makes one that breaks, as a test says."""

    def __init__(self) -> None:
        self.is_refusing = False
        self.is_breaking = False

    def make_link(
        self, options: Mapping[str, object], _context: LinkContext = NO_CONTEXT
    ) -> Lis1Link:
        if self.is_refusing:
            raise DriverError("the options do not fit")
        link = super().make_link(options)
        if self.is_breaking:
            link.receive_bytes = self._break  # type: ignore[method-assign]
        return link

    def _break(self, data: bytes, now: float) -> list:
        raise ValueError("broken")


@pytest.fixture
def driver() -> FickleDriver:
    return FickleDriver()


@pytest.fixture
def bench(driver: FickleDriver) -> LineBench:
    return LineBench(driver=driver)


@pytest.fixture
def supervisor(bench: LineBench) -> Supervisor:
    return Supervisor([bench.line], bench.confirmations, bench.clock)


def test_a_line_that_cannot_start_is_tried_again(
    bench: LineBench, supervisor: Supervisor, driver: FickleDriver
) -> None:
    """A port that is taken, a wrong option: mended later, the line comes up by itself."""
    driver.is_refusing = True
    supervisor.start()
    assert bench.line.state is LineState.FAULT
    assert "do not fit" in bench.line.status().detail
    assert not supervisor.is_ready
    assert bench.health.is_raised(WarnableCode.LINE_DOWN, "chem-1")
    driver.is_refusing = False
    bench.pass_time(1.2)
    assert bench.line.state is LineState.LISTENING
    assert supervisor.is_ready


def test_tries_become_rarer(bench: LineBench, supervisor: Supervisor, driver: FickleDriver) -> None:
    """After 1, 2, 4 … seconds, and once a minute in the end."""
    driver.is_refusing = True
    supervisor.start()
    bench.pass_time(130, step=0.5)
    driver.is_refusing = False
    bench.pass_time(50, step=0.5)
    assert bench.line.state is LineState.FAULT
    bench.pass_time(20, step=0.5)
    assert bench.line.state is LineState.LISTENING


def test_a_driver_that_fails_again_and_again_gets_a_rest(
    bench: LineBench, supervisor: Supervisor, driver: FickleDriver
) -> None:
    """Three connections broken in a row: the line rests, then is started afresh."""
    supervisor.start()
    driver.is_breaking = True
    for _ in range(3):
        bench.connect()
        bench.send(ENQ)
    assert bench.line.state is LineState.FAULT
    assert bench.health.is_raised(WarnableCode.LINE_DRIVER_FAULT, "chem-1")
    driver.is_breaking = False
    bench.pass_time(1.2)
    bench.connect()
    assert bench.send(ENQ) == ACK
    assert not bench.health.is_raised(WarnableCode.LINE_DRIVER_FAULT, "chem-1")


def test_one_broken_connection_is_no_reason_to_rest(
    bench: LineBench, supervisor: Supervisor, driver: FickleDriver
) -> None:
    """An odd message ends its connection; the next one is taken at once."""
    supervisor.start()
    bench.writer.is_automatic = True
    for _ in range(4):
        driver.is_breaking = True
        bench.connect()
        bench.send(ENQ)
        driver.is_breaking = False
        bench.connect()
        assert bench.send(ENQ, *FRAMES, EOT) == ACK * 6
    assert bench.line.state is LineState.CONNECTED


def test_stopping_writes_what_is_confirmed_and_leaves_no_timer(
    bench: LineBench, supervisor: Supervisor
) -> None:
    """A clean stop forgets nothing that it knows."""
    supervisor.start()
    bench.writer.is_automatic = True
    bench.connect()
    bench.send(ENQ, *FRAMES, EOT)
    stopping = Deferred.fromCoroutine(supervisor.stop())
    bench.turn()
    assert stopping.called
    assert bench.writer.journal()[0]["ack_confirmed"] is True
    assert bench.clock.getDelayedCalls() == []


def test_stopping_while_a_line_waits_for_its_next_try(
    bench: LineBench, supervisor: Supervisor, driver: FickleDriver
) -> None:
    """Nothing starts after the stop."""
    driver.is_refusing = True
    supervisor.start()
    stopping = Deferred.fromCoroutine(supervisor.stop())
    assert stopping.called
    assert bench.clock.getDelayedCalls() == []


def test_the_disk_mark_reaches_every_line(bench: LineBench, supervisor: Supervisor) -> None:
    """New sessions are refused on all lines at once."""
    supervisor.start()
    bench.connect()
    supervisor.set_accepting(False)
    assert [status.is_accepting for status in supervisor.status()] == [False]
    assert supervisor.line("chem-1") is bench.line
    assert supervisor.line("none") is None
