"""The LIS is asked for the orders of a tube: in time, late, never, wrongly; and what it says is stored first."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from middleware.connectors.hl7_mllp import CONNECTOR
from middleware.connectors.hl7_mllp.ask import MOST_TUBES, NOTHING_FOR_S
from middleware.connectors.hl7_mllp.config import Hl7MllpSettings
from middleware.delivery.connector import FoundOrders, OrderFinder, OrderQuestion, OutgoingMessage
from middleware.model import Outcome
from middleware.payload.hl7_query import QuestionForm, read_question, response
from middleware.pipeline.orders import serve_orders
from middleware.store import journal, work
from middleware.store.journal import JournalFilter
from middleware.store.steps import Change
from middleware.wire.hl7 import Message, parse
from middleware.wire.mllp import Block, BlockReader, encode_block
from tests.connectors.test_hl7_mllp_connector import Socket
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.made_setups import made_setup
from tests.kit.order_messages import PID, header, obr, oml_o33, orc, spm, text
from tests.kit.orders import NOW, claim, ids, states

ASK_PORT, ORDERS_PORT, RESULTS_PORT = 2578, 2577, 2576
ORDERS = (PID, spm("S1"), orc(), obr("GLU"), orc(), obr("UREA"))


class AskBench:
    """A connector that asks, and the LIS's ends of its connections."""

    def __init__(self, *, orders: bool = False, mode: str = "original", **ask: Any) -> None:
        self.conn = empty_store()
        self.writer = InstantWriter(self.conn)
        self.reactor = MemoryReactorClock()
        more: dict[str, Any] = {"orders": {"port": ORDERS_PORT}} if orders else {}
        own = Hl7MllpSettings(
            host="lis.example",
            port=RESULTS_PORT,
            acknowledgement=mode,
            ask={"port": ASK_PORT, **ask},
            **more,
        )
        self.connector: Any = CONNECTOR.make("lis", own, self.reactor)
        writer: Any = self.writer
        serve_orders(self.connector, writer, FakeClock(), made_setup)
        Deferred.fromCoroutine(self.connector.open())
        self.found: list[FoundOrders] = []
        self.socket = Socket()
        self.shim: Any = None

    def connect(self, port: int = ASK_PORT) -> None:
        """The LIS takes the newest attempt to reach a port of its."""
        factory = next(one[2] for one in self.reactor.tcpClients[::-1] if one[1] == port)
        self.shim, self.socket = factory.buildProtocol(None), Socket()
        self.shim.makeConnection(self.socket)

    def ask(self, *sample_ids: str, within_s: float = 5.0, number: str = "TEST01Q1") -> None:
        question = OrderQuestion(sample_ids, within_s, number, NOW, "core-lab")
        Deferred.fromCoroutine(self.connector.find_orders(question)).addCallback(self.found.append)

    def asked(self) -> list[Message]:
        """The questions that the LIS got."""
        blocks = BlockReader().feed(self.socket.value())
        return [parse(one.data) for one in blocks if isinstance(one, Block)]

    def answer(self, status: str, *orders: str, at: int = -1) -> None:
        """The LIS answers a question that it got."""
        question = read_question(
            [one.data for one in BlockReader().feed(self.socket.value()) if isinstance(one, Block)][
                at
            ],
            QuestionForm(),
        )
        assert question is not None
        self.shim.dataReceived(encode_block(response(question, "R1", status, orders)))

    def reason(self) -> str:
        (reason,) = self.found[-1].reasons
        return reason

    def journal(self) -> list[tuple[str, str]]:
        rows = journal.listing(self.conn, JournalFilter())
        return [(row["line"], row["state"]) for row in rows]


@pytest.fixture
def lis():
    bench = AskBench()
    bench.connect()
    yield bench
    bench.conn.rollback()


def test_what_the_lis_answers_is_stored_before_anybody_is_told(lis: AskBench) -> None:
    assert isinstance(lis.connector, OrderFinder)
    lis.ask("S1")
    assert lis.found == []
    assert lis.asked()[0].get("MSH-10") == "TEST01Q1-1"
    lis.answer("OK", *ORDERS)
    assert lis.found == [FoundOrders(frozenset({"S1"}))]
    assert states(lis.conn) == {"GLU": "pending", "UREA": "pending"}
    assert lis.journal() == [("lis/orders", "processed")]


def test_nothing_is_told_when_the_store_cannot_be_written(lis: AskBench) -> None:
    lis.ask("S1")
    lis.writer.is_broken = True
    lis.answer("OK", *ORDERS)
    assert lis.reason() == "the LIS's orders could not be stored"


def test_that_there_is_nothing_is_believed_for_a_while_and_not_longer(lis: AskBench) -> None:
    lis.ask("S1")
    lis.answer("NF")
    assert lis.reason() == "the LIS has no orders"
    lis.ask("S1", number="TEST01Q2")
    assert len(lis.found) == 2
    assert len(lis.asked()) == 1
    lis.reactor.advance(NOTHING_FOR_S)
    lis.ask("S1", number="TEST01Q3")
    assert len(lis.asked()) == 2
    assert lis.journal() == []


def test_the_words_of_a_refusal_reach_whoever_asked(lis: AskBench) -> None:
    lis.ask("S1")
    lis.answer("AE")
    assert lis.reason().startswith("the LIS refused the question: AE")


def test_a_late_answer_is_stored_and_nobody_waits_for_it(lis: AskBench) -> None:
    """The analyzer asks again; then there is work."""
    lis.ask("S1", within_s=2.0)
    lis.reactor.advance(2.0)
    assert lis.reason() == "the LIS did not answer within 2 s"
    lis.answer("OK", *ORDERS)
    assert states(lis.conn) == {"GLU": "pending", "UREA": "pending"}
    assert len(lis.found) == 1


def test_a_lis_that_is_away_costs_no_waiting() -> None:
    bench = AskBench()
    bench.ask("S1")
    assert bench.reason().startswith("the LIS is not connected")
    bench.conn.rollback()


def test_a_lost_connection_ends_the_waiting(lis: AskBench) -> None:
    lis.ask("S1")
    lis.ask("S2", number="TEST01Q2")
    lis.shim.connectionLost(Failure(ConnectionDone()))
    assert [one.reasons for one in lis.found] == [("the connection to the LIS was lost",)] * 2


def test_many_that_ask_for_one_tube_wait_for_one_question(lis: AskBench) -> None:
    for number in range(5):
        lis.ask("S1", number=f"TEST01Q{number}")
    assert len(lis.asked()) == 1
    lis.answer("OK", *ORDERS)
    assert [one.sample_ids for one in lis.found] == [frozenset({"S1"})] * 5


def test_each_waits_as_long_as_it_may(lis: AskBench) -> None:
    lis.ask("S1", within_s=1.0)
    lis.ask("S1", within_s=3.0, number="TEST01Q2")
    lis.reactor.advance(1.0)
    assert len(lis.found) == 1
    lis.answer("OK", *ORDERS)
    assert lis.found[1].sample_ids == {"S1"}


def test_another_tubes_orders_are_kept_for_evidence_and_not_stored(lis: AskBench) -> None:
    lis.ask("S1")
    lis.answer("OK", spm("S2"), orc(), obr("GLU"))
    assert "was not taken" in lis.reason()
    assert states(lis.conn) == states(lis.conn, "S2") == {}
    assert lis.journal() == [("lis/orders", "refused")]


def test_other_tubes_beside_it_are_left_out_and_the_journal_says_so(lis: AskBench) -> None:
    lis.ask("S1")
    lis.answer("OK", spm("S1"), orc(), obr("GLU"), spm("S2"), orc(), obr("TSH"))
    assert lis.found[0].sample_ids == {"S1"}
    assert (states(lis.conn), states(lis.conn, "S2")) == ({"GLU": "pending"}, {})
    (entry,) = journal.listing(lis.conn, JournalFilter())
    assert entry["reason"] == "1 orders of sample ids that nobody asked for were left out"


def test_questions_go_out_one_after_the_other_and_answers_are_matched_by_number() -> None:
    """With `at_once` the LIS may answer in any order; it is MSA-2 and QAK-1 that count."""
    bench = AskBench(at_once=2)
    bench.connect()
    bench.ask("S1", "S2", "S3")
    assert [one.get("QPD-3") for one in bench.asked()] == ["S1", "S2"]
    bench.answer("OK", spm("S2"), orc(), obr("TSH"), at=1)
    assert [one.get("QPD-3") for one in bench.asked()] == ["S1", "S2", "S3"]
    bench.answer("NF", at=2)
    bench.answer("OK", *ORDERS, at=0)
    nothing = "the LIS has no orders"
    assert bench.found == [FoundOrders(frozenset({"S1", "S2"}), (nothing,), {"S3": nothing})]
    assert (states(bench.conn), states(bench.conn, "S2")) == (
        {"GLU": "pending", "UREA": "pending"},
        {"TSH": "pending"},
    )
    bench.conn.rollback()


def test_a_mute_lis_blocks_no_later_question(lis: AskBench) -> None:
    """After its time the next one goes out; the first may still be answered."""
    lis.ask("S1", within_s=1.0)
    lis.ask("S2", within_s=5.0, number="TEST01Q2")
    assert len(lis.asked()) == 1
    lis.reactor.advance(1.0)
    assert [one.get("QPD-3") for one in lis.asked()] == ["S1", "S2"]
    lis.answer("OK", spm("S2"), orc(), obr("TSH"))
    assert lis.found[1].sample_ids == {"S2"}


def test_what_nobody_waits_for_any_more_is_not_asked(lis: AskBench) -> None:
    lis.ask("S1", within_s=5.0)
    lis.ask("S2", within_s=1.0, number="TEST01Q2")
    lis.reactor.advance(1.0)
    lis.answer("NF")
    assert [one.get("QPD-3") for one in lis.asked()] == ["S1"]


def test_of_a_long_query_only_so_many_tubes_are_asked_for(lis: AskBench) -> None:
    lis.ask(*[f"S{number}" for number in range(MOST_TUBES + 1)], within_s=1.0)
    lis.reactor.advance(1.0)
    assert any("first 32 tubes" in one for one in lis.found[0].reasons)


def test_in_enhanced_mode_the_answer_comes_after_the_accept_acknowledgement() -> None:
    """CA says only that the question arrived."""
    bench = AskBench(mode="enhanced")
    bench.connect()
    bench.ask("S1")
    (asked,) = bench.asked()
    assert (asked.get("MSH-15"), asked.get("MSH-16")) == ("AL", "AL")
    bench.shim.dataReceived(encode_block(text(header("ACK^Q11"), "MSA|CA|TEST01Q1-1")))
    assert bench.found == []
    bench.answer("OK", *ORDERS)
    assert bench.found[0].sample_ids == {"S1"}
    bench.conn.rollback()


def test_orders_may_follow_on_their_own_port() -> None:
    """QBP is answered by a bare RSP, the orders come as OML: whoever waits is told when they are stored."""
    bench = AskBench(orders=True, orders_follow=True)
    bench.connect()
    bench.ask("S1")
    bench.answer("OK")
    assert bench.found == []
    bench.reactor.advance(1.0)
    factory = bench.reactor.tcpServers[-1][1]
    port: Any = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 40000))
    port.makeConnection(Socket())
    port.dataReceived(encode_block(oml_o33("S2")))
    assert bench.found == []
    port.dataReceived(encode_block(oml_o33("S1", control_id="M2")))
    assert bench.found == [FoundOrders(frozenset({"S1"}))]
    bench.conn.rollback()


def test_orders_that_were_promised_and_do_not_come_are_not_waited_for_longer() -> None:
    bench = AskBench(orders=True, orders_follow=True)
    bench.connect()
    bench.ask("S1", within_s=3.0)
    bench.answer("OK")
    bench.reactor.advance(3.0)
    assert "within 3 s" in bench.reason()
    bench.conn.rollback()


def test_without_orders_that_follow_an_empty_answer_means_nothing(lis: AskBench) -> None:
    lis.ask("S1")
    lis.answer("OK")
    assert lis.reason() == "the LIS has no orders"


def test_an_answer_revives_nothing_that_was_cancelled_here(lis: AskBench) -> None:
    """The LIS does not know that a person cancelled it; the analyzer's question is no new order."""
    lis.ask("S1")
    lis.answer("OK", *ORDERS)
    work.cancel(lis.conn, ids(lis.conn), Change("ann", NOW, "tube is broken"))
    lis.ask("S1", number="TEST01Q2")
    lis.answer("OK", *ORDERS)
    assert "was cancelled here" in lis.reason()
    assert set(states(lis.conn).values()) == {"cancelled"}
    assert claim(lis.conn, "S1") == {}


def test_questions_can_share_the_connection_of_results() -> None:
    """Without a port of its own; results and questions are told apart by MSA-2."""
    bench = AskBench(port=None)
    bench.connect(RESULTS_PORT)
    outcomes: list[list[Outcome]] = []
    bench.ask("S1")
    result = text(header("ORU^R01^ORU_R01", control_id="C1"), "OBR|1")
    coroutine = bench.connector.deliver([OutgoingMessage(1, "C1", result)])
    Deferred.fromCoroutine(coroutine).addCallback(outcomes.append)
    bench.answer("OK", *ORDERS, at=0)
    assert bench.found[0].sample_ids == {"S1"}
    bench.shim.dataReceived(encode_block(text(header("ACK^R01"), "MSA|AA|C1")))
    assert outcomes[0][0].code == "AA"
    assert "on the connection of results" in bench.connector.status().asked
    bench.conn.rollback()


def test_closing_the_connector_leaves_nobody_waiting(lis: AskBench) -> None:
    lis.ask("S1")
    lis.ask("S2", number="TEST01Q2")
    Deferred.fromCoroutine(lis.connector.close())
    assert [one.reasons for one in lis.found] == [("the connector was closed",)] * 2
    assert [one.get("QPD-3") for one in lis.asked()] == ["S1"]


def test_the_status_says_where_and_how(lis: AskBench) -> None:
    lis.ask("S1")
    assert lis.connector.status().asked == "asked at lis.example:2578: open; 1 questions wait"


def test_a_connector_that_does_not_ask_says_so() -> None:
    conn = empty_store()
    connector: Any = CONNECTOR.make(
        "lis", Hl7MllpSettings(host="lis.example", port=2576), MemoryReactorClock()
    )
    writer: Any = InstantWriter(conn)
    serve_orders(connector, writer, FakeClock(), made_setup)
    found: list[FoundOrders] = []
    question = OrderQuestion(("S1",), 5.0, "TEST01Q1", NOW, "core-lab")
    Deferred.fromCoroutine(connector.find_orders(question)).addCallback(found.append)
    assert found[0].reasons == ("the connector lis cannot ask",)
    conn.rollback()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"ask": {"orders_follow": True}}, "port of `orders`"),
        ({"ask": {"host": "other"}}, "ask.host needs ask.port"),
        ({"ask": {"order_source": "a"}, "orders": {"port": 1}}, "the same system"),
        ({"ask": {"query": "A|B"}}, "query's name"),
        ({"ask": {"sample_id": ["PID-3"]}}, "SPM or SAC"),
        ({"order_status": "sc"}, "gives no orders"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Hl7MllpSettings(host="lis.example", port=2576, **more)
