"""What looks after the node must not stop looking, and what waits for nobody must be seen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock as Timers

from middleware.model import ChangeKind, ReleaseState
from middleware.monitor.watch import EVERY_S, Watch, WatchParts
from middleware.observe.health import Health, WarnableCode
from middleware.store import calls, patient_changes, results, suspensions, work
from middleware.store.connection import Connection
from middleware.store.journal import append
from middleware.store.steps import Change
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claim, ids, request
from tests.kit.store_rows import entry, queue_messages, result_row


class Reader:
    """A reader of one connection, at once."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def read(self, fn: Callable[[Connection], Any]) -> Deferred[Any]:
        return succeed(fn(self._conn))


class Bench:
    """A watch over an empty store whose timers a test moves."""

    def __init__(self, folder: Path, conn: Connection, clock: FakeClock) -> None:
        self.clock = clock
        self.timers = Timers()
        self.health = Health(clock)
        parts: Any = WatchParts(
            reader=Reader(conn),  # type: ignore[arg-type]
            clock=clock,
            reactor=self.timers,
            health=self.health,
            data_dir=folder,
            store_file=None,
            alert_after_s={"lis": 600.0},
            set_accepting=lambda _is_accepting: None,
        )
        self.watch = Watch(parts)

    def look(self) -> None:
        """A second passes."""
        self.clock.advance(EVERY_S)
        self.timers.advance(EVERY_S)


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


@pytest.fixture
def bench(tmp_path: Path, conn: Connection, clock: FakeClock) -> Bench:
    bench = Bench(tmp_path, conn, clock)
    bench.watch.start()
    return bench


def test_the_watch_goes_on_after_a_disk_that_does_not_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network folder that is away for a moment must not end the look at disk, clock and outbox for good."""
    true_usage = shutil.disk_usage

    def away(_path: object) -> object:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(shutil, "disk_usage", away)
    bench.look()
    monkeypatch.setattr(shutil, "disk_usage", true_usage)
    bench.look()
    bench.clock.step_wall(3600)
    bench.look()
    assert bench.health.is_raised(WarnableCode.CLOCK_STEPPED)


def test_messages_for_a_connector_that_is_gone_are_shown(bench: Bench, conn: Connection) -> None:
    """Renamed in the settings, its waiting messages go nowhere: a person must hear of it."""
    queue_messages(conn, ["S-1", "S-2"], connector="old-lis")
    bench.look()
    bench.clock.advance(61)
    bench.look()
    (warning,) = [one for one in bench.health.current() if one.subject == "old-lis"]
    assert "2 messages" in warning.text
    conn.exec_driver_sql("UPDATE outbox_counts SET count = 0 WHERE connector = 'old-lis'")
    bench.look()
    assert not bench.health.is_raised(WarnableCode.BACKLOG_GROWING, "old-lis")


def test_results_without_a_code_are_a_warning_until_they_have_one(
    bench: Bench, conn: Connection
) -> None:
    """Whoever answers for the table is told, and not by a physician who waits."""
    row = result_row(append(conn, entry())) | {"code_fate": "unmapped"}
    (number,) = results.save(conn, [row])
    bench.look()
    (warning,) = [one for one in bench.health.current() if one.code is WarnableCode.UNMAPPED_CODES]
    assert warning.text == "1 results wait for a code."
    results.decide(conn, [number], ReleaseState.REJECTED, results.Decision("ada", "", 1.0))
    bench.look()
    assert WarnableCode.UNMAPPED_CODES not in {one.code for one in bench.health.current()}


def test_tests_that_an_analyzer_refused_are_a_warning_until_somebody_decides(
    bench: Bench, conn: Connection
) -> None:
    """Nobody else does them: without a word they would be missed when the doctor calls."""
    apply(conn, request("S1", "GLU"))
    claim(conn, "S1")
    work.refuse(conn, ids(conn), "chem-1", "no reagent", NOW)
    for _ in range(20):
        bench.look()
    assert bench.health.is_raised(WarnableCode.WORK_REFUSED)
    work.cancel(conn, ids(conn), Change("ann", NOW))
    for _ in range(20):
        bench.look()
    assert not bench.health.is_raised(WarnableCode.WORK_REFUSED)


def test_changes_of_patients_are_a_warning_until_somebody_has_seen_them(
    bench: Bench, conn: Connection
) -> None:
    """The LIS has a result whose patient it changed since: nobody else will notice."""
    tube = patient_changes.ChangedTube(1, "lis", "S-1", 0.0, None, ("S-1",))
    noted = patient_changes.Noted(ChangeKind.MERGED, tube, (), (7,), "lis", "", 1.0)
    number = patient_changes.note(conn, noted)
    bench.clock.advance(60)
    bench.look()
    assert bench.health.is_raised(WarnableCode.PATIENTS_CHANGED)
    patient_changes.see(conn, [number], "ada", "", 2.0)
    bench.clock.advance(60)
    bench.look()
    assert not bench.health.is_raised(WarnableCode.PATIENTS_CHANGED)


def test_a_stop_of_automatic_release_is_a_warning_until_it_ends(
    bench: Bench, conn: Connection
) -> None:
    """Forgotten, it would make everybody wait for people."""
    suspensions.suspend(conn, ("chem-1", ""), "ada", "controls drift", 1.0)
    bench.look()
    (warning,) = [one for one in bench.health.current() if one.code is WarnableCode.RELEASE_STOPPED]
    assert warning.text == "every test of chem-1 by ada: controls drift"
    suspensions.resume(conn, [1], "ada", "", 2.0)
    bench.look()
    assert not bench.health.is_raised(WarnableCode.RELEASE_STOPPED)


def test_a_critical_result_that_nobody_called_is_a_warning(bench: Bench, conn: Connection) -> None:
    wanted = [calls.NewCall(1, "S-1", "chem-1", "K", "critical_high")]
    calls.open_calls(conn, wanted, bench.clock.utc_now().timestamp() - 600)
    bench.look()
    (warning,) = [one for one in bench.health.current() if one.code is WarnableCode.CALLS_OPEN]
    assert "1 critical results are not called yet, the oldest for 10 minutes" in warning.text
    calls.end(conn, [1], calls.Ended("ada", 2.0, "Dr Lang", "ada"))
    bench.look()
    assert not bench.health.is_raised(WarnableCode.CALLS_OPEN)
