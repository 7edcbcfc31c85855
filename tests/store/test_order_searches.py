"""What is asked while analyzers wait searches an index: the cost does not grow with what was ordered before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from middleware.model import OrderAction
from middleware.store import download, expiry, specimen_lookup, tube_facts, work
from middleware.store.download import Chosen
from middleware.store.expiry import Terms
from middleware.store.steps import Change
from middleware.store.work import Claimer, Reported, Wanted
from tests.kit.instant_store import empty_store
from tests.kit.orders import NOW, apply, claimer, ids, request

WITH_TABLE = Claimer("chem-1", lambda test, _type: test, "lis", menu=frozenset({"GLU", "TSH"}))
TABLES = ("specimens", "orders", "work_order_steps", "step_history", "specimen_names", "sightings")


@pytest.fixture
def conn() -> Iterator[Connection]:
    connection = empty_store()
    yield connection
    connection.rollback()


def plans_of(conn: Connection, act: Callable[[], object]) -> list[str]:
    """How SQLite does what `act` asks."""
    said: list[str] = []
    raw: Any = conn.connection.driver_connection
    raw.set_trace_callback(said.append)
    try:
        act()
    finally:
        raw.set_trace_callback(None)
    asked = [one for one in said if one.startswith(("SELECT", "UPDATE", "DELETE"))]
    return [str(row[3]) for one in asked for row in raw.execute(f"EXPLAIN QUERY PLAN {one}")]


def reads_all(plans: list[str]) -> list[str]:
    """Steps that read a whole table, also by walking its ids."""
    return [
        one
        for one in plans
        if one.removeprefix("SCAN ") in TABLES or ("SEARCH" in one and "(rowid>" in one)
    ]


ACTS: dict[str, Callable[[Connection], object]] = {
    "one tube": lambda conn: work.claim(conn, Wanted(("S1", "S9")), WITH_TABLE, NOW),
    "a rack": lambda conn: work.claim(
        conn, Wanted(tuple(f"S{number}" for number in range(200))), WITH_TABLE, NOW
    ),
    "everything": lambda conn: work.claim(conn, Wanted(is_for_all=True), WITH_TABLE, NOW),
    "everything, no table": lambda conn: work.claim(conn, Wanted(is_for_all=True), claimer(), NOW),
    "a range": lambda conn: work.claim(conn, Wanted(ranges=(("001", "900"),)), WITH_TABLE, NOW),
    "a place": lambda conn: work.claim(conn, Wanted(carrier="R", position="1"), WITH_TABLE, NOW),
    "a download": lambda conn: download.claim_download(conn, WITH_TABLE, Chosen(), NOW),
    "a rack's download": lambda conn: download.claim_download(
        conn, WITH_TABLE, Chosen(carrier="R", most=5), NOW
    ),
    "the next try": lambda conn: download.next_due(conn, WITH_TABLE, NOW),
    "tellings": lambda conn: download.to_tell(conn, "chem-1", 10),
    "a result": lambda conn: work.note_results(
        conn, [Reported(1, "S2", "GLU", "", "chem-1", "lis", is_final=True)], NOW
    ),
    "sent": lambda conn: work.mark_sent(conn, ids(conn), "chem-1", NOW),
    "an order": lambda conn: apply(conn, request("S1", test="TSH"), request("S7")),
    "a cancel": lambda conn: apply(conn, request("S1", action=OrderAction.CANCEL)),
    "a person's cancel": lambda conn: work.cancel(conn, ids(conn), Change("ann", NOW)),
    "former ids": lambda conn: specimen_lookup.former(conn, ["S1"]),
    "a tube shown": lambda conn: tube_facts.of_sample(conn, "S1"),
    "time": lambda conn: expiry.expire(conn, NOW + 9e9, Terms(1.0, 2.0, {"chem-1": 1.0}), "node"),
}


@pytest.mark.parametrize("name", ACTS)
def test_nothing_that_analyzers_wait_for_reads_a_whole_table(conn: Connection, name: str) -> None:
    apply(conn, request("S1", carrier="R", position="1"), request("S2"))
    plans = plans_of(conn, lambda: ACTS[name](conn))
    assert plans
    assert reads_all(plans) == []


def test_what_reads_a_whole_table_is_seen(conn: Connection) -> None:
    for sql in ("SELECT * FROM work_order_steps", "SELECT id FROM orders WHERE id > 5"):
        assert reads_all(plans_of(conn, lambda sql=sql: conn.exec_driver_sql(sql)))  # type: ignore[misc]
