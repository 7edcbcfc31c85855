"""The LIS is told what becomes of its orders: once, in order, over restarts, and nothing that a result says already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select
from twisted.internet.task import Clock

from middleware.model import OrderAction, StepState
from middleware.pipeline.order_status import (
    GATHER_S,
    LOOK_EVERY_S,
    OrderTeller,
    TellerParts,
    begin,
    tell,
)
from middleware.store import outbox, steps, work
from middleware.store.order_changes import MOST_CHANGES
from middleware.store.schema import OUTBOX
from middleware.store.steps import Change
from middleware.store.writer import Topic
from middleware.wire.hl7 import parse
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantReader, InstantWriter, empty_store
from tests.kit.made_setups import made_connector, made_setup
from tests.kit.orders import NOW, apply, claim, ids, request

TOLD = made_connector(order_status="sc", orders={"port": 2577, "order_source": "lis"})
SETUP = made_setup(connectors=[TOLD])


@pytest.fixture
def conn() -> Iterator[Connection]:
    made = empty_store()
    begin(made, SETUP)
    yield made
    made.rollback()


def walk(conn: Connection) -> None:
    tell(conn, TOLD, SETUP, NOW)


def told(conn: Connection) -> list[tuple[str, str, str]]:
    """Placer number, test and ORC-5 of everything in the outbox."""
    found = []
    for payload in conn.execute(select(OUTBOX.c.payload).order_by(OUTBOX.c.number)).scalars():
        message = parse(payload)
        for orc, obr in zip(message.segments("ORC"), message.segments("OBR"), strict=True):
            found.append((orc.get("ORC-2"), obr.get("OBR-4.1"), orc.get("ORC-5")))
    return found


def move(conn: Connection, state: StepState, author: str = "chem-1", reason: str = "why") -> None:
    steps.move(conn, ids(conn), state, tuple(StepState), Change(author, NOW, reason))


def test_an_order_and_its_claim_are_no_news(conn: Connection) -> None:
    """The LIS has our answer to its message."""
    apply(conn, request())
    claim(conn, "S1")
    walk(conn)
    assert told(conn) == []


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (StepState.SENT, "SC"),
        (StepState.IN_PROCESS, "IP"),
        (StepState.REFUSED, "ER"),
        (StepState.CANCELLED, "CA"),
        (StepState.EXPIRED, "DC"),
    ],
)
def test_what_happens_here_is_told_once(conn: Connection, state: StepState, word: str) -> None:
    apply(conn, request())
    move(conn, state)
    walk(conn)
    walk(conn)
    assert told(conn) == [("O-S1", "GLU", word)]


def test_a_refusal_of_one_test_reaches_the_lis_with_its_reason(conn: Connection) -> None:
    apply(conn, request(), request(test="TSH"))
    claim(conn, "S1")
    first, second = ids(conn)
    work.mark_sent(conn, [first], "chem-1", NOW)
    work.refuse(conn, [second], "chem-1", "the analyzer refuses it: no reagent", NOW)
    walk(conn)
    assert told(conn) == [("O-S1", "GLU", "SC"), ("O-S1", "TSH", "ER")]
    (row,) = conn.execute(select(OUTBOX)).mappings()
    assert (row["format"], row["sample_id"], row["connector"]) == ("hl7_orm_sc", "S1", "lis")
    assert parse(row["payload"]).segments("ORC")[1].get("ORC-16.2").endswith("no reagent")


def test_what_it_went_through_between_two_walks_is_told_as_what_it_came_to(
    conn: Connection,
) -> None:
    apply(conn, request())
    move(conn, StepState.SENT)
    move(conn, StepState.IN_PROCESS)
    walk(conn)
    assert told(conn) == [("O-S1", "GLU", "IP")]


def test_a_test_with_its_result_is_not_told_of(conn: Connection) -> None:
    """The result may be in the lane already: a word that says less must not follow it."""
    apply(conn, request())
    move(conn, StepState.SENT)
    move(conn, StepState.RESULTED)
    walk(conn)
    assert told(conn) == []


def test_a_note_on_a_state_that_stays_is_no_news(conn: Connection) -> None:
    apply(conn, request())
    move(conn, StepState.SENT)
    walk(conn)
    steps.note(conn, ids(conn), StepState.SENT, Change("lis", NOW, "too late"))
    walk(conn)
    assert told(conn) == [("O-S1", "GLU", "SC")]


def test_the_lis_is_not_told_what_it_did_itself(conn: Connection) -> None:
    apply(conn, request())
    apply(conn, request(action=OrderAction.CANCEL))
    walk(conn)
    assert told(conn) == []


def test_a_test_that_waits_again_is_scheduled_again(conn: Connection) -> None:
    apply(conn, request())
    move(conn, StepState.REFUSED)
    walk(conn)
    move(conn, StepState.PENDING, "ann", "try the other one")
    walk(conn)
    assert told(conn) == [("O-S1", "GLU", "ER"), ("O-S1", "GLU", "SC")]


def test_orders_of_another_system_are_not_told_to_this_one(conn: Connection) -> None:
    apply(conn, request(), source="ward")
    move(conn, StepState.SENT)
    walk(conn)
    assert told(conn) == []


def test_each_tube_has_its_message_in_its_lane(conn: Connection) -> None:
    apply(conn, request("S1"), request("S2"))
    steps.move(
        conn,
        [*ids(conn, "S1"), *ids(conn, "S2")],
        StepState.SENT,
        tuple(StepState),
        Change("chem-1", NOW),
    )
    walk(conn)
    rows = outbox.claim(conn, "lis", 0, 16)
    assert [row.sample_id for row in rows] == ["S1", "S2"]
    assert len({row.control_id for row in rows}) == 2


def test_more_than_one_walk_holds_is_told_in_the_next(conn: Connection) -> None:
    apply(conn, *[request("S1", f"T{number}") for number in range(30)])
    walk(conn)
    for _ in range(MOST_CHANGES // 60 + 1):
        move(conn, StepState.SENT)
        move(conn, StepState.IN_PROCESS)
    walk(conn)
    first = len(told(conn))
    walk(conn)
    assert first < len(told(conn))
    assert {word for _, _, word in told(conn)[-30:]} <= {"SC", "IP"}


def test_telling_begins_with_now(conn: Connection) -> None:
    """A site that turns it on does not flood its LIS with the past; one that turned it off forgot where it was."""
    off = made_setup()
    begin(conn, off)
    apply(conn, request())
    move(conn, StepState.SENT)
    walk(conn)
    begin(conn, SETUP)
    walk(conn)
    assert told(conn) == []
    move(conn, StepState.IN_PROCESS)
    begin(conn, SETUP)  # the node is started again
    walk(conn)
    assert told(conn) == [("O-S1", "GLU", "IP")]


class BrokenReader(InstantReader):
    """A server that is away for a while."""

    is_broken = False

    def read_now(self, fn: Any) -> Any:
        if self.is_broken:
            raise ConnectionError("the server is away")
        return super().read_now(fn)


class TellerBench:
    """A teller on a fake clock."""

    def __init__(self, conn: Connection, setup: Any = SETUP) -> None:
        self.conn = conn
        self.clock = Clock()
        self.writer = InstantWriter(conn)
        self.reader = BrokenReader(conn)
        parts: Any = TellerParts(
            self.writer,  # type: ignore[arg-type]
            self.reader,  # type: ignore[arg-type]
            lambda: setup,
            FakeClock(),
            self.clock,
        )
        self.teller = OrderTeller(parts).start()


def test_it_looks_after_orders_changed_and_now_and_then(conn: Connection) -> None:
    bench = TellerBench(conn)
    bench.clock.advance(GATHER_S)
    apply(conn, request())
    move(conn, StepState.SENT)
    bench.writer.announce(Topic.ORDERS)
    bench.clock.advance(GATHER_S)
    assert told(conn) == [("O-S1", "GLU", "SC")]
    move(conn, StepState.IN_PROCESS)  # as results do, without a word
    bench.clock.advance(LOOK_EVERY_S)
    assert told(conn)[1:] == [("O-S1", "GLU", "IP")]


def test_a_store_that_cannot_be_written_is_waited_for(conn: Connection) -> None:
    bench = TellerBench(conn)
    apply(conn, request())
    move(conn, StepState.SENT)
    bench.writer.is_broken = True
    bench.clock.advance(GATHER_S)
    assert told(conn) == []
    bench.writer.is_broken = False
    bench.clock.advance(LOOK_EVERY_S)
    assert told(conn) == [("O-S1", "GLU", "SC")]


def test_a_store_that_cannot_be_read_is_waited_for(conn: Connection) -> None:
    bench = TellerBench(conn)
    apply(conn, request())
    move(conn, StepState.SENT)
    bench.reader.is_broken = True
    bench.clock.advance(GATHER_S)
    bench.reader.is_broken = False
    bench.clock.advance(LOOK_EVERY_S)
    assert told(conn) == [("O-S1", "GLU", "SC")]


def test_nothing_runs_where_nobody_is_told(conn: Connection) -> None:
    bench = TellerBench(conn, made_setup())
    assert bench.clock.getDelayedCalls() == []
    bench.teller.stop()


def test_after_its_stop_it_walks_no_more(conn: Connection) -> None:
    bench = TellerBench(conn)
    bench.teller.stop()
    bench.writer.announce(Topic.ORDERS)
    assert bench.clock.getDelayedCalls() == []
