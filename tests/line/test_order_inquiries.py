"""The LIS is asked for tubes with results that nobody ordered, until it answers; what it answers binds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from middleware.delivery.connector import FoundOrders, OrderQuestion
from middleware.line import order_inquiries
from middleware.line.order_inquiries import GIVE_UP_S, LOOK_EVERY_S, RETRY_S, OrderInquiries
from middleware.line.upstream import Upstream
from middleware.model import ReleaseState
from middleware.pipeline.early_results import bind_early
from middleware.pipeline.prepare import Preparation
from middleware.pipeline.process import process
from middleware.store import results
from middleware.store.results import ResultFilter
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantReader, InstantWriter, empty_store
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, request

ASKING = made_setup(orders={"unordered": "ask", "ask": "lis"})
HOLDING = made_setup(orders={"unordered": "hold", "ask": "lis"})
AWAY = FoundOrders(reasons=("the LIS is not connected",))


class Laboratory:
    """A store, and a LIS that answers as `known` says: tests to order, words, or None for silence."""

    def __init__(self, conn: Connection) -> None:
        self.conn, self.timers, self.clock = conn, Clock(), FakeClock()
        self.known: dict[str, tuple[str, ...] | str | None] = {}
        self.questions: list[OrderQuestion] = []
        self.held_back: list[Deferred[None]] | None = None
        self.inquiries = self.begin()

    def begin(self, *, is_asking: bool = True) -> OrderInquiries:
        services: Any = SimpleNamespace(
            writer=InstantWriter(self.conn),
            clock=self.clock,
            reactor=self.timers,
            upstreams={"chem-1": Upstream(self, 5.0, "core-lab")},
        )
        reader: Any = InstantReader(self.conn)
        return OrderInquiries(services, reader, ASKING.lines if is_asking else HOLDING.lines)

    async def find_orders(self, question: OrderQuestion) -> FoundOrders:
        self.questions.append(question)
        if self.held_back is not None:
            waits: Deferred[None] = Deferred()
            self.held_back.append(waits)
            await waits
        (sample_id,) = question.sample_ids
        said = self.known.get(sample_id)
        if said is None:
            return AWAY
        if isinstance(said, str):
            return FoundOrders(reasons=(said,), answers={sample_id: said})
        apply(self.conn, *[request(sample_id, test) for test in said], now=RECEIVED_AT + 60)
        bind_early(self.conn, [sample_id], 0.0, ASKING, RECEIVED_AT + 60)
        return FoundOrders(frozenset({sample_id}))

    def measure(self, sample_id: str, *tests: str) -> None:
        made = [made_result(sample_id, test) for test in tests]
        prepared = Preparation(ASKING).prepare(decoded(journaled(self.conn), *made))
        process(self.conn, [prepared], ASKING, RECEIVED_AT + 1)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.timers.pump([0.01] * 10)
        self.timers.advance(seconds)
        self.timers.pump([0.01] * 10)

    def asked(self) -> list[str]:
        return [one.sample_ids[0] for one in self.questions]

    def states(self) -> dict[tuple[str, str], tuple[str, list[str]]]:
        return {
            (row["sample_id"], row["test_code"]): (
                row["release_state"],
                [one["code"] for one in json.loads(row["findings"] or "[]")],
            )
            for row in results.listing(self.conn, ResultFilter())
        }

    def words(self) -> str:
        (row,) = results.listing(self.conn, ResultFilter())
        return str(json.loads(row["findings"])[0]["text"])


@pytest.fixture
def lab() -> Iterator[Laboratory]:
    connection = empty_store()
    yield Laboratory(connection)
    connection.rollback()


def test_what_the_lis_orders_then_goes_out_and_the_rest_says_its_answer(lab: Laboratory) -> None:
    lab.known["S1001"] = ("GLU",)
    lab.measure("S1001", "GLU", "NA")
    assert set(map(str, lab.states().values())) == {"('held', ['not_ordered_asked'])"}
    lab.inquiries.start()
    lab.pass_time(0)
    assert lab.asked() == ["S1001"]
    assert lab.states() == {
        ("S1001", "GLU"): ("released", []),
        ("S1001", "NA"): ("held", ["not_ordered"]),
    }
    lab.pass_time(600)
    assert lab.asked() == ["S1001"]


def test_a_lis_that_knows_nothing_is_quoted_and_not_asked_again(lab: Laboratory) -> None:
    lab.known["S1001"] = "the LIS has no orders"
    lab.measure("S1001", "GLU")
    lab.inquiries.start()
    lab.pass_time(0)
    assert lab.words() == (
        "Nobody ordered GLU on this specimen. The LIS was asked: the LIS has no orders. "
        "Release the result to send it all the same, or order the test."
    )
    lab.pass_time(600)
    assert len(lab.questions) == 1


def test_a_result_that_comes_later_is_asked_for_too(lab: Laboratory) -> None:
    lab.inquiries.start()
    lab.pass_time(0)
    lab.known["S1001"] = ("GLU",)
    lab.measure("S1001", "GLU")
    lab.pass_time(LOOK_EVERY_S)
    assert lab.states() == {("S1001", "GLU"): ("released", [])}


def test_a_lis_that_is_away_is_asked_again_more_and_more_seldom_under_new_numbers(
    lab: Laboratory,
) -> None:
    lab.measure("S1001", "GLU")
    lab.inquiries.start()
    for _ in range(60):
        lab.pass_time(RETRY_S)
    assert 6 <= len(lab.questions) <= 10
    numbers = [one.number for one in lab.questions]
    assert len(set(numbers)) == len(numbers)
    assert max(map(len, numbers)) <= 17
    assert lab.states() == {("S1001", "GLU"): ("held", ["not_ordered_asked"])}


def test_after_days_it_is_given_up_in_words(lab: Laboratory) -> None:
    lab.measure("S1001", "GLU")
    lab.clock.advance(GIVE_UP_S + RECEIVED_AT - lab.clock.utc_now().timestamp())
    lab.inquiries.start()
    lab.pass_time(0)
    assert "The LIS was asked for days and did not answer." in lab.words()


def test_a_restart_asks_again_and_asks_nothing_that_is_answered(lab: Laboratory) -> None:
    lab.known["S1001"] = "the LIS has no orders"
    lab.measure("S1001", "GLU")
    lab.measure("S1002", "GLU")
    lab.inquiries.start()
    lab.pass_time(0)
    lab.inquiries.stop()
    lab.known["S1002"] = ("GLU",)
    lab.pass_time(600)
    assert lab.asked() == ["S1001", "S1002"]
    lab.begin().start()
    lab.pass_time(0)
    assert lab.asked() == ["S1001", "S1002", "S1002"]
    assert lab.states()["S1002", "GLU"] == ("released", [])


def test_one_tube_that_is_never_answered_keeps_no_other_waiting(lab: Laboratory) -> None:
    for at in range(order_inquiries.AT_ONCE + 1):
        lab.measure(f"MUTE{at}", "GLU")
    lab.measure("S1001", "GLU")
    lab.known["S1001"] = ("GLU",)
    lab.inquiries.start()
    lab.pass_time(0)
    lab.pass_time(RETRY_S)
    assert lab.states()["S1001", "GLU"] == ("released", [])


def test_a_stop_waits_for_no_answer_and_an_answer_after_it_writes_nothing(lab: Laboratory) -> None:
    lab.held_back = []
    lab.known["S1001"] = "the LIS has no orders"
    lab.measure("S1001", "GLU")
    lab.inquiries.start()
    lab.pass_time(0)
    lab.inquiries.stop()
    lab.held_back[0].callback(None)
    assert lab.states() == {("S1001", "GLU"): ("held", ["not_ordered_asked"])}
    assert lab.timers.getDelayedCalls() == []


def test_a_line_that_asks_no_more_says_so_and_nothing_runs_on(lab: Laboratory) -> None:
    lab.measure("S1001", "GLU")
    lab.begin(is_asking=False).start()
    lab.pass_time(0)
    assert "By the settings the LIS is not asked any more." in lab.words()
    assert lab.timers.getDelayedCalls() == []


def test_a_result_that_a_person_released_meanwhile_is_left_as_it_is(lab: Laboratory) -> None:
    lab.held_back = []
    lab.known["S1001"] = "the LIS has no orders"
    lab.measure("S1001", "GLU")
    lab.inquiries.start()
    lab.pass_time(0)
    (row,) = results.listing(lab.conn, ResultFilter())
    said = results.Decision("a.person", "it is urgent", RECEIVED_AT + 5)
    results.decide(lab.conn, [row["id"]], ReleaseState.RELEASED, said)
    lab.held_back[0].callback(None)
    assert lab.states() == {("S1001", "GLU"): ("released", ["not_ordered_asked"])}


def test_a_placeholder_is_nothing_to_ask_for(lab: Laboratory) -> None:
    lab.measure("NO_READ", "GLU")
    lab.inquiries.start()
    lab.pass_time(0)
    assert lab.questions == []
