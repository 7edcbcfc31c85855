"""A restart forgets no line's habit: what was learned is in the store, and the rest is in the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from middleware.line.habit import DAY_S
from middleware.line.habit_keeper import KEY, MOST_READ, SAVE_EVERY_S, HabitKeeper, read
from middleware.model import MessageKind
from middleware.observe.metrics import REGISTRY
from middleware.store import journal, meta
from middleware.store.journal import JournalEntry
from middleware.store.schema import JournalState
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.line_bench import BenchClock, LineBench

NOW = 1_930_000_000.0  # what BenchClock says at its start


class PooledReader:
    """Reads at once, or fails as a store that is away."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_broken = False

    def read(self, fn: Callable[[Connection], Any]) -> Deferred[Any]:
        return fail(OSError("away")) if self.is_broken else succeed(fn(self.connection))


class World:
    """A store, and nodes that start and stop on it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.writer = InstantWriter(connection)
        self.reader = PooledReader(connection)

    def received(self, *moments: float, state: JournalState = JournalState.PROCESSED) -> None:
        entry = JournalEntry(
            "chem-1", "plain", MessageKind.RESULT, 0.0, b"H|\r", b"H|\r", state=state
        )
        for moment in moments:
            journal.append(self.connection, replace(entry, received_at=moment))

    def node(self) -> tuple[LineBench, HabitKeeper, Clock]:
        bench, clock = LineBench(), Clock()
        parts: Any = (self.reader, self.writer, BenchClock(bench.clock), clock)
        keeper = HabitKeeper([bench.line], *parts)
        return bench, keeper.start(), clock


@pytest.fixture
def world() -> Iterator[World]:
    connection = empty_store()
    yield World(connection)
    connection.rollback()


def stop(keeper: HabitKeeper) -> None:
    assert Deferred.fromCoroutine(keeper.stop()).called


def test_the_first_start_learns_from_the_journal(world: World) -> None:
    """An update to this version knows the last weeks at once; what another analyzer sent does not count."""
    weeks = [NOW - 40 * DAY_S, *[NOW - number * 3600.0 for number in range(500, 0, -1)]]
    world.received(*weeks)
    world.received(NOW - 60, state=JournalState.REFUSED)
    bench, keeper, _ = world.node()
    habit = bench.line.behaviour.habit
    assert habit.first_at == weeks[1]
    assert habit.last_at == weeks[-1]
    usual = habit.usual(NOW)
    assert usual is not None
    assert usual.every_s == pytest.approx(3600)
    assert bench.line.status().last_message_at == weeks[-1]
    name = "labwire_line_last_activity_timestamp_seconds"
    assert REGISTRY.get_sample_value(name, {"line": "chem-1"}) == weeks[-1]
    stop(keeper)


def test_a_restart_goes_on_where_the_last_run_ended(world: World) -> None:
    """The stored habit and the journal's newest entries together; nothing is counted twice."""
    world.received(*[NOW - number * 3600.0 for number in range(100, 1, -1)])
    stop(world.node()[1])
    world.received(NOW - 1800.0, NOW - 60.0)
    bench, keeper, _ = world.node()
    whole = [NOW - number * 3600.0 for number in range(100, 1, -1)] + [NOW - 1800.0, NOW - 60.0]
    habit = bench.line.behaviour.habit
    assert habit.last_at == NOW - 60.0
    rows: Any = habit.as_plain()["hours"]
    assert sum(row[3] for row in rows) == len(whole)
    stop(keeper)


def test_what_is_learned_is_written_each_hour_and_only_when_it_changed(world: World) -> None:
    """A crash loses nothing that the journal does not know."""
    bench, keeper, clock = world.node()
    clock.advance(SAVE_EVERY_S)
    assert meta.get(world.connection, KEY + "chem-1") is None
    bench.line.behaviour.accepted(NOW + 1)
    clock.advance(SAVE_EVERY_S)
    assert meta.get(world.connection, KEY + "chem-1") is not None
    jobs = len(world.writer.queues)
    clock.advance(SAVE_EVERY_S)
    assert len(world.writer.queues) == jobs
    stop(keeper)
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("spoilt", ["", "[]", "{", '{"hours": 1}', '{"last_at": "x"}'])
def test_a_spoilt_memory_is_learned_anew(world: World, spoilt: str) -> None:
    """Whatever stands there, the line works and the journal is asked."""
    meta.put(world.connection, KEY + "chem-1", spoilt)
    world.received(NOW - 60.0)
    bench, keeper, _ = world.node()
    assert bench.line.behaviour.habit.last_at == NOW - 60.0
    stop(keeper)


def test_a_store_that_cannot_be_read_or_written_stops_nothing(world: World) -> None:
    """The line works without its memory."""
    world.reader.is_broken = True
    bench, keeper, clock = world.node()
    bench.line.behaviour.accepted(NOW + 1)
    assert bench.line.behaviour.habit.last_at == NOW + 1
    world.writer.is_broken = True
    clock.advance(SAVE_EVERY_S)
    stop(keeper)


@pytest.mark.slow
def test_a_long_journal_is_read_to_its_bound(world: World) -> None:
    """A million messages do not delay a start."""
    world.received(*[NOW - number for number in range(MOST_READ + 150, 0, -1)])
    _, moments = read(world.connection, "chem-1", NOW)
    assert moments == [NOW - number for number in range(MOST_READ, 0, -1)]
