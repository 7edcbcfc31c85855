"""Host queries on a line: acknowledged after the commit, answered at once, and truthfully marked in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from middleware.driver.api import AnswerContext
from middleware.errors import DriverError
from middleware.line.answer_words import MOST_OPEN, MOST_TRIES
from middleware.observe.metrics import REGISTRY
from middleware.wire.hl7 import parse
from middleware.wire.mllp import Block, BlockReader, encode_block
from tests.kit.law_messages import generic_law, header, message, query
from tests.kit.line_bench import LineBench

ANSWER_S = 10.0


class Bench(LineBench):
    """A line with the LAW driver, and an analyzer that speaks in whole messages."""

    def __init__(self, driver: Any = None, **settings: Any) -> None:
        super().__init__(driver or generic_law(), **settings)
        self.writer.give_store_id("TEST01")
        self.writer.is_automatic = True
        self.line.start()
        self.connect()

    def say(self, text: bytes) -> list[bytes]:
        """The analyzer sends a message; returns the messages that it hears."""
        return self.messages(self.send(encode_block(text)))

    def messages(self, heard: bytes) -> list[bytes]:
        self.turn()
        heard += self.hear()
        return [one.data for one in BlockReader().feed(heard) if isinstance(one, Block)]

    def entry(self) -> Mapping[str, Any]:
        return self.writer.journal()[0]

    def state(self) -> tuple[str, str]:
        return str(self.entry()["state"]), str(self.entry()["reason"])


def orl(control_id: str, code: str = "AA", more: str = "") -> bytes:
    return message(header("ORL^O34^ORL_O42", "A-1003"), f"MSA|{code}|{control_id}", more)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_query_is_answered_twice_first_received_then_no_work(bench: Bench) -> None:
    """RSP after the commit, then OML^O33 with DC on the same connection; taken, it is answered."""
    response, answer = bench.say(query())
    assert parse(response).get("MSH-9.1") == "RSP"
    assert parse(response).get("MSA-1") == "AA"
    assert parse(answer).get("ORC-1") == "DC"
    assert parse(answer).get("SAC-3") == "2603140001"
    assert parse(answer).get("MSH-10") == "TEST01Q1"
    assert bench.entry()["state"] == "not_answered"
    assert bench.say(orl("TEST01Q1")) == []  # a response is never acknowledged
    assert bench.state() == ("answered", "answered that there is no work")


def test_nothing_is_said_before_the_query_is_on_the_disk(bench: Bench) -> None:
    """Promise 1 holds for queries too."""
    bench.writer.is_automatic = False
    assert bench.say(query()) == []
    bench.writer.commit()
    assert [parse(one).get("MSH-9.1") for one in bench.messages(b"")] == ["RSP"]
    bench.writer.commit()  # the number of the store, asked once
    assert [parse(one).get("MSH-9.1") for one in bench.messages(b"")] == ["OML"]


def test_silence_is_answered_by_the_same_message_again_a_few_times(bench: Bench) -> None:
    """Same bytes, same number; then it is given up, and the entry says so."""
    _, first = bench.say(query())
    for _ in range(MOST_TRIES - 1):
        bench.pass_time(ANSWER_S + 0.2, step=0.5)
        assert bench.messages(b"") == [first]
    bench.pass_time(ANSWER_S + 0.2, step=0.5)
    assert bench.messages(b"") == []
    state, reason = bench.state()
    assert state == "not_answered"
    assert "did not reply" in reason


def test_a_late_reply_to_the_repeated_message_counts(bench: Bench) -> None:
    """The analyzer was busy: its answer to the second sending takes both."""
    bench.say(query())
    bench.pass_time(ANSWER_S + 0.2, step=0.5)
    bench.messages(b"")
    bench.say(orl("TEST01Q1"))
    assert bench.entry()["state"] == "answered"


def test_an_analyzer_that_does_not_have_the_specimen_is_quoted(bench: Bench) -> None:
    """AR is no crash and no retry; a person can read what it said."""
    bench.say(query())
    bench.say(orl("TEST01Q1", "AR", "ERR||SAC^1^3|204^Unknown key identifier^HL70357|E"))
    state, reason = bench.state()
    assert state == "not_answered"
    assert "AR" in reason
    assert "Unknown key identifier" in reason
    bench.pass_time(ANSWER_S * 2, step=0.5)
    assert bench.messages(b"") == []


def test_a_hang_up_before_the_answer_was_taken_is_told(bench: Bench) -> None:
    """Nothing is sent to the next connection: the analyzer asks again."""
    bench.say(query())
    bench.end.loseConnection()
    bench.turn()
    assert bench.state() == ("not_answered", "the connection ended before the answer was taken")
    bench.connect()
    bench.turn()
    assert bench.messages(b"") == []


def test_results_and_queries_go_on_while_an_answer_is_awaited(bench: Bench) -> None:
    """One socket, both ways: answers are matched by number, never by the order of arrival."""
    bench.say(query())
    (acknowledged,) = bench.say(message(header("OUL^R22^OUL_R22", "A-5"), "SPM|1|S-1"))
    assert parse(acknowledged).get("MSA-2") == "A-5"
    (response,) = bench.say(query().replace(b"A-1001", b"A-1002"))
    assert parse(response).get("MSA-2") == "A-1002"
    bench.say(orl("WHO-ELSE"))
    assert bench.entry()["state"] == "not_answered"
    (second,) = bench.say(orl("TEST01Q1"))  # the line sends one message at a time
    assert parse(second).get("MSH-10") == "TEST01Q3"
    assert bench.entry()["state"] == "answered"


def test_a_query_for_several_containers_is_answered_when_all_answers_are_taken(
    bench: Bench,
) -> None:
    """One refusal among them is not hidden by the others."""
    bench.say(query("QPD|WOS^x^IHELAW|Q|11~12"))
    bench.say(orl("TEST01Q1-1", "AR", "ERR|||204^x^HL70357|E||||not loaded"))
    assert bench.entry()["reason"] == ""
    bench.say(orl("TEST01Q1-2"))
    state, reason = bench.state()
    assert state == "not_answered"
    assert "not loaded" in reason


def test_a_refused_query_says_why_it_was_not_answered(bench: Bench) -> None:
    """The reply said AE already; no second message follows."""
    (response,) = bench.say(query("QPD|WOS^x^IHELAW|Q"))
    assert parse(response).get("MSA-1") == "AE"
    state, reason = bench.state()
    assert state == "not_answered"
    assert "QPD-3" in reason


def test_an_analyzer_that_expects_silence_gets_it() -> None:
    """Where the profile says so; the entry says it too."""
    bench = Bench(generic_law(negative_answer=False))
    (response,) = bench.say(query())
    assert parse(response).get("MSH-9.1") == "RSP"
    state, reason = bench.state()
    assert state == "answered"
    assert "expects no message" in reason


def test_an_analyzer_that_asks_and_never_listens_is_bounded(bench: Bench) -> None:
    """Memory must not grow with its patience."""
    for _ in range(MOST_OPEN + 1):
        bench.send(encode_block(query()))
    last = bench.writer.journal()[-1]
    assert "wait for the analyzer already" in last["reason"]


def test_a_driver_that_fails_leaves_the_query_unanswered_with_the_reason() -> None:
    """A fault of a third party's driver is no fault of the line."""
    driver = generic_law()

    class Broken:
        profile = driver.profile
        make_link = staticmethod(driver.make_link)
        kind = staticmethod(driver.kind)
        failure: Exception = DriverError("it cannot be read")

        def negative_answers(self, text: bytes, context: AnswerContext) -> tuple[bytes, ...]:
            assert isinstance(context.now, datetime)
            raise self.failure

    bench = Bench(Broken())
    assert len(bench.say(query())) == 1
    assert bench.state() == ("not_answered", "it cannot be read")

    Broken.failure = RuntimeError("secret")
    bench = Bench(Broken())
    assert len(bench.say(query())) == 1
    assert bench.state() == ("not_answered", "the driver failed: RuntimeError")


def test_the_time_to_the_answer_is_measured(bench: Bench) -> None:
    """The analyzer waits at its sampler: a person must see for how long."""
    name = "labwire_host_query_seconds_count"
    before = REGISTRY.get_sample_value(name, {"line": "chem-1"}) or 0.0
    bench.say(query())
    assert REGISTRY.get_sample_value(name, {"line": "chem-1"}) == before + 1


def test_a_full_disk_refuses_the_query_and_answers_nothing(bench: Bench) -> None:
    """AE with 207: the analyzer asks again."""
    bench.writer.is_automatic = False
    bench.send(encode_block(query()))
    bench.writer.fail_commit()
    bench.pass_time(9.0)
    (response,) = bench.messages(b"")
    assert parse(response).get("MSA-1") == "AE"
    assert bench.writer.journal() == []


def test_an_analyzer_with_a_connection_for_orders_is_answered_there() -> None:
    """Two lines, one analyzer: the query comes on one, its answer goes out on the other."""
    asking, orders = Bench(id="asking", answers_on="orders"), Bench(id="orders")
    asking.line.find_line = {"orders": orders.line}.get
    orders.line._queries._services = asking.line._queries._services  # one store
    (response,) = asking.say(query())
    assert parse(response).get("MSH-9.1") == "RSP"
    (answer,) = orders.messages(b"")
    assert parse(answer).get("ORC-1") == "DC"
    orders.say(orl("TEST01Q1"))
    assert asking.entry()["state"] == "answered"


def test_a_connection_for_orders_that_is_not_there_is_told() -> None:
    """The query is kept and says which line should have carried the answer."""
    asking, orders = Bench(id="asking", answers_on="orders"), Bench(id="orders")
    asking.line.find_line = {"orders": orders.line}.get
    orders.line._queries._services = asking.line._queries._services  # one store
    orders.end.loseConnection()
    orders.turn()
    asking.say(query())
    state, reason = asking.state()
    assert state == "not_answered"
    assert "orders" in reason
    assert "no connection" in reason
