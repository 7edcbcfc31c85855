"""The node ends what nobody finishes: at its start and every hour, portion after portion."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from middleware.line.order_keeping import EVERY_S, PAUSE_S, OrderKeeping
from middleware.store import expiry
from middleware.store.expiry import Terms
from tests.kit.fake_clock import FIRST_MOMENT, FakeClock
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.orders import apply, request, states

DAY = 86400.0
TERMS = Terms(30 * DAY, 400 * DAY)


class Node:
    """The parts of a node that this needs."""

    def __init__(self, conn: Connection) -> None:
        self.writer, self.timers, self.clock = InstantWriter(conn), Clock(), FakeClock()
        services: Any = SimpleNamespace(writer=self.writer, clock=self.clock, reactor=self.timers)
        self.keeping = OrderKeeping(services, lambda: TERMS, "lab")

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.timers.advance(seconds)


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def order(conn: Connection, *sample_ids: str, age: float) -> None:
    apply(conn, *map(request, sample_ids), now=FIRST_MOMENT.timestamp() - age)


def test_what_is_too_old_at_the_start_expires_at_once(conn: Connection) -> None:
    order(conn, "S1", age=31 * DAY)
    Node(conn).keeping.start()
    assert states(conn) == {"GLU": "expired"}


def test_it_looks_again_every_hour(conn: Connection) -> None:
    order(conn, "S1", age=30 * DAY - 60)
    node = Node(conn)
    node.keeping.start()
    assert states(conn) == {"GLU": "pending"}
    node.pass_time(EVERY_S + 1)
    assert states(conn) == {"GLU": "expired"}


def test_portions_follow_each_other_with_room_for_analyzers_between(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "MOST_STEPS", 1)
    order(conn, "S1", "S2", age=31 * DAY)
    node = Node(conn)
    node.keeping.start()
    found = [states(conn, one)["GLU"] for one in ("S1", "S2")]
    assert found == ["expired", "pending"]
    node.pass_time(PAUSE_S)
    assert states(conn, "S2") == {"GLU": "expired"}


def test_a_store_that_cannot_be_written_is_asked_again_in_an_hour(conn: Connection) -> None:
    order(conn, "S1", age=31 * DAY)
    node = Node(conn)
    node.writer.is_broken = True
    node.keeping.start()
    node.writer.is_broken = False
    assert states(conn) == {"GLU": "pending"}
    node.pass_time(EVERY_S)
    assert states(conn) == {"GLU": "expired"}


def test_a_stopped_node_ends_nothing_any_more(conn: Connection) -> None:
    node = Node(conn)
    node.keeping.start()
    stopped: list[object] = []
    Deferred.fromCoroutine(node.keeping.stop()).addCallback(stopped.append)
    assert stopped
    assert node.timers.getDelayedCalls() == []
