"""The LIS sends orders: stored first, then answered, each test with what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock

from middleware.connectors.hl7_mllp import CONNECTOR
from middleware.connectors.hl7_mllp.config import Hl7MllpSettings
from middleware.connectors.hl7_mllp.orders import RETRY_S
from middleware.pipeline.orders import serve_orders
from middleware.routing.code_row import CodeRow, CodeTable
from middleware.routing.codes import LineCodes, Scope, UnmappedRule
from middleware.store import journal
from middleware.store.journal import JournalFilter
from middleware.wire.hl7 import Message, parse
from middleware.wire.mllp import Block, BlockReader, encode_block
from tests.connectors.test_hl7_mllp_connector import Socket
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.made_setups import made_setup
from tests.kit.order_messages import header, oml_o21, oml_o33, orc, orm_o01, text
from tests.kit.orders import states


class OrderBench:
    """A connector that takes orders, and the LIS's end."""

    def __init__(self, setup: Any = made_setup, **orders: Any) -> None:
        self.conn = empty_store()
        self.writer = InstantWriter(self.conn)
        self.reactor = MemoryReactorClock()
        own = Hl7MllpSettings(host="lis.example", port=2576, orders={"port": 2577, **orders})
        self.connector: Any = CONNECTOR.make("lis", own, self.reactor)
        writer: Any = self.writer
        serve_orders(self.connector, writer, FakeClock(), setup)
        Deferred.fromCoroutine(self.connector.open())
        factory = self.reactor.tcpServers[-1][1]
        self.shim: Any = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 40000))
        self.socket = Socket()
        self.shim.makeConnection(self.socket)

    def say(self, data: bytes) -> list[Message]:
        self.socket.clear()
        self.shim.dataReceived(encode_block(data))
        return [
            parse(one.data)
            for one in BlockReader().feed(self.socket.value())
            if isinstance(one, Block)
        ]

    def journal(self) -> list[dict[str, Any]]:
        return journal.listing(self.conn, JournalFilter())


@pytest.fixture
def lis():
    bench = OrderBench()
    yield bench
    bench.conn.rollback()


@pytest.mark.parametrize(
    ("make", "kind"),
    [(oml_o33, "ORL^O34^ORL_O34"), (oml_o21, "ORL^O22^ORL_O22"), (orm_o01, "ORR^O02")],
)
def test_each_message_has_its_own_answer(lis: OrderBench, make: Any, kind: str) -> None:
    (reply,) = lis.say(make("S1", "GLU", "UREA"))
    assert reply.get("MSH-9") == kind
    assert (reply.get("MSA-1"), reply.get("MSA-2")) == ("AA", "M1")
    assert [one.get("ORC-1") for one in reply.segments("ORC")] == ["OK", "OK"]
    assert [one.get("OBR-4.1") for one in reply.segments("OBR")] == ["GLU", "UREA"]
    assert states(lis.conn) == {"GLU": "pending", "UREA": "pending"}
    assert reply.get("MSH-10") == "TEST01A1"


def test_nothing_is_answered_before_the_commit(lis: OrderBench) -> None:
    """A store that cannot be written: 207, so the LIS sends it again, and nothing of it stands."""
    lis.writer.is_broken = True
    (reply,) = lis.say(oml_o33())
    assert (reply.get("MSA-1"), reply.get("ERR-3.1")) == ("AE", "207")
    lis.writer.is_broken = False
    assert states(lis.conn) == {}
    assert lis.say(oml_o33())[0].get("MSA-1") == "AA"


def test_the_message_is_journaled_as_it_came(lis: OrderBench) -> None:
    lis.say(oml_o33())
    (entry,) = lis.journal()
    assert (entry["line"], entry["kind"], entry["state"]) == ("lis/orders", "order", "processed")


def test_one_bad_test_does_not_keep_the_good_ones_back(lis: OrderBench) -> None:
    data = text(header(), "SPM|1|S1", orc(), "OBR|1|O1||GLU", orc("HD"), "OBR|2|O1||TSH")
    (reply,) = lis.say(data)
    assert reply.get("MSA-1") == "AA"
    assert [one.get("ORC-1") for one in reply.segments("ORC")] == ["OK", "UA"]
    assert (reply.get("ERR-2"), reply.get("ERR-3.1")) == ("ORC^2^1", "103")
    assert states(lis.conn) == {"GLU": "pending"}


def test_when_every_order_is_refused_the_message_is_an_error(lis: OrderBench) -> None:
    (reply,) = lis.say(oml_o33("NOREAD"))
    assert reply.get("MSA-1") == "AE"
    assert "no sample id" in reply.get("MSA-3")
    assert states(lis.conn, "NOREAD") == {}


def test_cancels_are_answered_with_their_own_words(lis: OrderBench) -> None:
    lis.say(oml_o33())
    assert lis.say(oml_o33(control="CA", control_id="M2"))[0].get("ORC-1") == "CR"
    assert states(lis.conn) == {"GLU": "cancelled"}
    unknown = lis.say(oml_o33("S2", control="CA", control_id="M3"))[0]
    assert (unknown.get("ORC-1"), unknown.get("ERR-3.1")) == ("UC", "204")


def test_a_message_of_another_environment_is_kept_and_rejected(lis: OrderBench) -> None:
    """A training LIS never reaches production, nor the other way round."""
    (reply,) = lis.say(oml_o33(processing="T"))
    assert (reply.get("MSA-1"), reply.get("ERR-3.1")) == ("AR", "202")
    assert lis.journal()[0]["state"] == "refused"
    assert states(lis.conn) == {}


@pytest.mark.parametrize("data", [text(header("ADT^A08")), b"no HL7 at all", text(header())])
def test_what_is_no_order_is_rejected_and_kept(lis: OrderBench, data: bytes) -> None:
    assert lis.say(data)[0].get("MSA-1") == "AR"
    assert lis.journal()[0]["state"] == "refused"


def test_enhanced_mode_says_stored_and_then_what_became_of_it(lis: OrderBench) -> None:
    accept, reply = lis.say(oml_o33("NOREAD", mode="AL|AL"))
    assert (accept.get("MSH-9.1"), accept.get("MSA-1")) == ("ACK", "CA")
    assert (reply.get("MSH-9.1"), reply.get("MSA-1")) == ("ORL", "AE")


def test_enhanced_mode_may_want_errors_only(lis: OrderBench) -> None:
    assert [one.get("MSA-1") for one in lis.say(oml_o33(mode="AL|ER"))] == ["CA"]
    replies = lis.say(oml_o33("NOREAD", mode="AL|ER", control_id="M2"))
    assert [one.get("MSA-1") for one in replies] == ["CA", "AE"]


class BusyReactor(MemoryReactorClock):
    """Another program holds the port for a while."""

    is_busy = True

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        if self.is_busy:
            raise CannotListenError(interface, port, OSError("in use"))
        return super().listenTCP(port, factory, backlog, interface)


def test_a_taken_port_is_tried_again_until_it_is_free() -> None:
    """Results go on meanwhile, and the status says what is wrong."""
    reactor = BusyReactor()
    own = Hl7MllpSettings(host="lis.example", port=2576, orders={"port": 2577})
    connector: Any = CONNECTOR.make("lis", own, reactor)
    serve_orders(connector, InstantWriter(empty_store()), FakeClock(), made_setup)  # type: ignore[arg-type]
    Deferred.fromCoroutine(connector.open())
    assert len(reactor.tcpClients) == 1
    assert "2577" in connector.status().orders
    assert "last trouble" in connector.status().orders
    reactor.is_busy = False
    reactor.advance(RETRY_S)
    assert len(reactor.tcpServers) == 1


def test_a_stranger_may_not_order() -> None:
    bench = OrderBench(peers=["127.0.0.1"])
    factory = bench.reactor.tcpServers[-1][1]
    assert factory.buildProtocol(IPv4Address("TCP", "10.9.9.9", 4)) is None
    assert "10.9.9.9 was refused" in bench.connector.status().orders
    bench.conn.rollback()


def test_tests_that_no_analyzer_does_are_refused_where_the_site_says_so() -> None:
    """The menu is what the tables of codes have a row for."""
    table = CodeTable("codes.csv", "0" * 64, (CodeRow(2, "767", lis_code="GLU"),))
    codes = {
        line: LineCodes(table, Scope(line, "generic_astm", "UTC"), UnmappedRule.HOLD)
        for line in ("chem-1", "chem-2")
    }
    setup = replace(made_setup(), codes=codes)
    bench = OrderBench(lambda: setup, unknown_tests="refuse")
    (reply,) = bench.say(oml_o33("S1", "GLU", "TSH"))
    assert [one.get("ORC-1") for one in reply.segments("ORC")] == ["OK", "UA"]
    assert (reply.get("ERR-2"), reply.get("ERR-3.1")) == ("OBR^2^4", "103")
    bench.conn.rollback()
