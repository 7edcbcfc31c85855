"""A query finds no work: the LIS is asked, and the analyzer gets what is stored then, or that there is none."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from middleware.delivery.connector import FoundOrders, OrderQuestion
from middleware.errors import StoreNotWritable
from middleware.line.settings import LineSettings
from middleware.line.upstream import Upstream, upstreams_of
from tests.kit.orders import claimer, request
from tests.line.test_work_on_query import AstmBench

LATE = FoundOrders(reasons=("the LIS did not answer within 5 s",))


class FakeFinder:
    """A connector that can be asked; a test answers, at once when `at_once` says with what."""

    def __init__(self) -> None:
        self.questions: list[OrderQuestion] = []
        self.waiting: list[Deferred[FoundOrders]] = []
        self.at_once: FoundOrders | None = None
        self.then: Any = lambda: None

    async def find_orders(self, question: OrderQuestion) -> FoundOrders:
        self.questions.append(question)
        if self.at_once is not None:
            self.then()
            return self.at_once
        waiting: Deferred[FoundOrders] = Deferred()
        self.waiting.append(waiting)
        return await waiting

    def answer(self, *sample_ids: str, reasons: tuple[str, ...] = ()) -> None:
        self.waiting.pop(0).callback(FoundOrders(frozenset(sample_ids), reasons))


class AskingBench(AstmBench):
    """A line that asks upstream."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.finder = FakeFinder()
        self.upstreams["chem-1"] = Upstream(self.finder, 5.0, "core-lab")
        self.writer.give_orders(request("S1", "GLU"))

    def reason(self) -> str:
        return str(self.writer.journal()[-1]["reason"])


@pytest.fixture
def bench() -> AskingBench:
    return AskingBench()


def test_what_the_store_knows_is_not_asked_for(bench: AskingBench) -> None:
    assert bench.ask("Q|1|^S1||ALL")[2].split("|")[2] == "S1"
    assert bench.finder.questions == []


def test_what_the_lis_knows_is_given_once_it_is_stored(bench: AskingBench) -> None:
    assert bench.ask("Q|1|^S9||ALL") == []
    (question,) = bench.finder.questions
    assert (question.sample_ids, question.within_s, question.node) == (("S9",), 5.0, "core-lab")
    assert question.number == "TEST01Q1"
    bench.writer.give_orders(request("S9", "TSH"))
    bench.finder.answer("S9")
    answer = bench.run()
    assert [one[0] for one in answer] == ["H", "P", "O", "L"]
    assert answer[2].split("|")[2:5] == ["S9", "", "^^^TSH"]
    assert bench.reason() == "answered with 1 tests"


def test_without_an_answer_in_time_there_is_no_work(bench: AskingBench) -> None:
    bench.finder.at_once = LATE
    assert bench.ask("Q|1|^S9||ALL")[1] == "L|1|I"
    assert bench.reason() == "answered that there is no work; the LIS did not answer within 5 s"


def test_another_query_of_the_line_does_not_wait(bench: AskingBench) -> None:
    assert bench.ask("Q|1|^S9||ALL") == []
    assert bench.ask("Q|1|^S1||ALL")[2].split("|")[2] == "S1"
    bench.finder.answer(reasons=("the LIS has no orders",))
    assert bench.run()[1] == "L|1|I"


def test_of_several_tubes_only_those_without_work_are_asked_for(bench: AskingBench) -> None:
    bench.finder.at_once = FoundOrders(frozenset({"S9"}))
    bench.finder.then = lambda: bench.writer.give_orders(request("S9", "TSH"))
    answer = bench.ask("Q|1|^S1\\^S9||ALL")
    assert bench.finder.questions[0].sample_ids == ("S9",)
    assert [one.split("|")[2] for one in answer if one.startswith("O")] == ["S1", "S9"]
    assert bench.states() == {"GLU": "sent", "TSH": "sent"}


def test_what_was_found_before_is_given_though_the_lis_is_mute(bench: AskingBench) -> None:
    bench.finder.at_once = LATE
    answer = bench.ask("Q|1|^S1\\^S9||ALL")
    assert [one.split("|")[2] for one in answer if one.startswith("O")] == ["S1"]
    assert bench.reason() == "answered with 1 tests; the LIS did not answer within 5 s"


@pytest.mark.parametrize("record", ["Q|1|ALL||ALL", "Q|1|^NOREAD||ALL", "Q|1|^S9||ALL||||||||A"])
def test_what_names_no_tube_is_not_asked_for(bench: AskingBench, record: str) -> None:
    bench.ask(record)
    assert bench.finder.questions == []


def test_orders_for_tests_that_the_analyzer_does_not_do_are_no_work_for_it() -> None:
    bench = AskingBench(by=claimer(GLU="767"))
    bench.finder.at_once = FoundOrders(frozenset({"S9"}))
    bench.finder.then = lambda: bench.writer.give_orders(request("S9", "TSH"))
    assert bench.ask("Q|1|^S9||ALL")[1] == "L|1|I"
    assert bench.states()["TSH"] == "pending"


def test_an_analyzer_that_hung_up_meanwhile_keeps_nothing(bench: AskingBench) -> None:
    bench.ask("Q|1|^S9||ALL")
    bench.writer.give_orders(request("S9", "TSH"))
    bench.end.loseConnection()
    bench.turn()
    bench.finder.answer("S9")
    bench.turn()
    assert bench.states() == {"GLU": "pending", "TSH": "pending"}
    assert bench.writer.journal()[-1]["state"] == "not_answered"


def test_a_full_disk_meanwhile_leaves_what_was_found_before(bench: AskingBench) -> None:
    """The second look at the store fails: the first one's work was committed, and is given."""
    bench.finder.at_once = FoundOrders(frozenset({"S9"}))
    claim = bench.line._services.writer.submit
    failing: list[Any] = []

    def submit(job: Any, *more: Any, **named: Any) -> Any:
        if failing and "_claim" in repr(job):
            failing.clear()
            raise StoreNotWritable("the disk is full")
        return claim(job, *more, **named)

    bench.finder.then = lambda: failing.append(1)
    bench.line._services.writer.submit = submit  # type: ignore[method-assign]
    answer = bench.ask("Q|1|^S1\\^S9||ALL")
    assert [one.split("|")[2] for one in answer if one.startswith("O")] == ["S1"]
    assert failing == []


def test_a_query_taken_back_meanwhile_is_not_answered_and_keeps_nothing(bench: AskingBench) -> None:
    """The operator pressed stop while the LIS was asked."""
    assert bench.ask("Q|1|^S9||ALL") == []
    assert bench.ask("Q|1|^S9||ALL||||||||A") == []
    bench.writer.give_orders(request("S9", "TSH"))
    bench.finder.answer("S9")
    assert bench.run() == []
    assert bench.states() == {"GLU": "pending", "TSH": "pending"}
    reasons = [row["reason"] for row in bench.writer.journal()]
    assert reasons == ["the analyzer took its query back"] * 2
    assert bench.ask("Q|1|^S9||ALL")[2].split("|")[4] == "^^^TSH"


def test_only_lines_that_say_so_ask_and_only_for_tubes() -> None:
    def line(number: str, **orders: str) -> LineSettings:
        transport = {"type": "tcp_listen", "port": 0}
        fields = {"id": number, "driver": "plain", "transport": transport, "orders": orders}
        return LineSettings.model_validate(fields)

    lines = [
        line("plain"),
        line("asks", ask="lis"),
        line("patients", ask="lis", identified_by="patient"),
        line("nobody", ask="files"),
    ]
    connectors = {"lis": FakeFinder(), "files": object()}
    found = upstreams_of({one.id: one for one in lines}, connectors, "core-lab")
    assert list(found) == ["asks"]
    assert found["asks"].within_s == 5.0
