"""A LIS that speaks ASTM: results go out as an instrument's, orders come in on the same line."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from middleware.connectors.lis2_host import CONNECTOR
from middleware.connectors.lis2_host.config import Lis2HostSettings
from middleware.connectors.lis2_host.connector import RETRY_S
from middleware.delivery.catalogue import discover_connectors
from middleware.delivery.connector import OutgoingMessage
from middleware.model import Outcome
from middleware.observe.health import Health, WarnableCode
from middleware.pipeline.orders import serve_orders
from middleware.store import journal
from middleware.store.journal import JournalFilter
from middleware.wire.events import MessageDelivered, MessageNotDelivered, MessageReceived
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role
from tests.connectors.test_hl7_mllp_connector import Socket
from tests.connectors.test_orders_of_the_lis import BusyReactor
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.made_setups import made_setup
from tests.kit.orders import states

HEAD = r"H|\^&|||LIS|||||LABWIRE||P|LIS2-A2|20310304093000"
TEST_HEAD = HEAD.replace("||P|LIS2", "||D|LIS2")


def text(*records: str) -> bytes:
    return "".join(f"{one}\r" for one in records).encode("latin-1")


def order(sample_id: str = "S1", tests: str = "^^^GLU", code: str = "N", more: str = "") -> bytes:
    return text(
        TEST_HEAD,
        "P|1|P1|||Sample^Ann||19700101|F",
        f"O|1|{sample_id}||{tests}|R||||||{code}{more}",
        "L|1|N",
    )


class AstmBench:
    """A connector that listens, and the LIS's end of the line as a link of the computer's role."""

    def __init__(self, *, with_orders: bool = True, reactor: Any = None, **own: Any) -> None:
        self.conn = empty_store()
        self.writer = InstantWriter(self.conn)
        self.clock = FakeClock()
        self.health = Health(self.clock)
        self.reactor = reactor or MemoryReactorClock()
        self.settings = Lis2HostSettings.model_validate(
            {
                "transport": {"type": "tcp_listen", "port": 4500},
                **({"orders": {}} if with_orders else {}),
                **own,
            }
        )
        self.connector: Any = CONNECTOR.make("lis", self.settings, self.reactor)
        writer: Any = self.writer
        serve_orders(self.connector, writer, self.clock, made_setup, self.health)
        Deferred.fromCoroutine(self.connector.open())
        self.received: list[bytes] = []
        self.told: list[object] = []
        self.done: list[list[Outcome]] = []
        self.may_take = True

    def connect(self, options: Lis1Options | None = None) -> None:
        factory = self.reactor.tcpServers[-1][1]
        self.shim = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 40000))
        self.socket = Socket()
        self.shim.makeConnection(self.socket)
        self.lis = Lis1Link(Role.COMPUTER, options)
        self.hear(self.lis.connection_made(self.now))
        self.advance(0)

    @property
    def now(self) -> float:
        return float(self.reactor.seconds())

    def hear(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, MessageReceived):
                self.received.append(event.text)
                self.lis.commit(event.token, self.now)
            elif isinstance(event, MessageDelivered | MessageNotDelivered):
                self.told.append(event)

    def pump(self) -> None:
        """Bytes both ways until nobody says anything more."""
        while True:
            there, back = self.socket.value(), self.lis.bytes_to_send()
            self.socket.clear()
            if not there and not back:
                return
            if there and self.may_take:
                self.hear(self.lis.receive_bytes(there, self.now))
            if back:
                self.shim.dataReceived(back)

    def advance(self, seconds: float) -> None:
        self.reactor.advance(seconds)
        self.hear(self.lis.on_deadline(self.now))
        self.pump()

    def deliver(self, *numbers: int, payload: bytes = b"") -> None:
        batch = [message(number, payload) for number in numbers]
        Deferred.fromCoroutine(self.connector.deliver(batch)).addCallback(self.done.append)
        self.pump()

    def order(self, data: bytes) -> None:
        self.lis.send_message(data, self.now)
        self.pump()

    def refuse_frames(self) -> None:
        """A session in which the LIS answers every frame with NAK."""
        while self.socket.value():
            is_enquiry = self.socket.value() == b"\x05"
            self.socket.clear()
            self.shim.dataReceived(b"\x06" if is_enquiry else b"\x15")

    def journal(self) -> list[dict[str, Any]]:
        return journal.listing(self.conn, JournalFilter())


def message(number: int, payload: bytes = b"") -> OutgoingMessage:
    usual = text(f"H|\\^&|C{number}", "P|1", "O|1|S1", "R|1|^^^GLU|5.4", "L|1|N")
    return OutgoingMessage(number, f"C{number}", payload or usual)


def codes(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(one.kind.value, one.code) for one in outcomes]


@pytest.fixture
def astm():
    bench = AstmBench()
    bench.connect()
    yield bench
    bench.conn.rollback()


# -- results --------------------------------------------------------------------------------------


def test_each_result_message_is_a_session_and_its_last_ack_is_the_outcome(astm: AstmBench) -> None:
    astm.deliver(1, 2)
    assert codes(astm.done[0]) == [("accepted", "received")] * 2
    assert [one.split(b"\r")[0] for one in astm.received] == [rb"H|\^&|C1", rb"H|\^&|C2"]


def test_a_lis_that_is_not_there_defers() -> None:
    bench = AstmBench()
    Deferred.fromCoroutine(bench.connector.deliver([message(1)])).addCallback(bench.done.append)
    assert codes(bench.done[0]) == [("deferred", "not_connected")]
    bench.conn.rollback()


def test_a_connection_lost_in_the_middle_defers_and_the_same_bytes_go_again(
    astm: AstmBench,
) -> None:
    astm.may_take = False
    astm.deliver(1, 2)
    astm.shim.connectionLost(Failure(ConnectionDone()))
    assert codes(astm.done[0]) == [("deferred", "connection_lost")]
    astm.may_take = True
    astm.connect()
    astm.deliver(1, 2)
    assert codes(astm.done[1]) == [("accepted", "received")] * 2


def test_the_lanes_hear_when_the_lis_is_back() -> None:
    bench = AstmBench()
    back: list[str] = []
    bench.connector.when_ready(lambda: back.append("back"))
    bench.connect()
    assert back == ["back"]
    bench.conn.rollback()


def test_a_message_whose_frames_are_refused_again_and_again_is_set_aside() -> None:
    """It blocks nothing for ever; one that was merely garbled by the line gets through."""
    bench = AstmBench(refused_after=2)
    bench.connect()
    for _ in range(2):
        bench.may_take = False
        batch = [message(1)]
        Deferred.fromCoroutine(bench.connector.deliver(batch)).addCallback(bench.done.append)
        bench.refuse_frames()
        bench.reactor.advance(30)
    assert [codes(one) for one in bench.done] == [
        [("deferred", "frame_refused")],
        [("refused", "frame_refused")],
    ]
    bench.conn.rollback()


def test_letters_that_the_lis_has_not_are_set_aside_never_changed(astm: AstmBench) -> None:
    payload = "H|\\^&|C1\rP|1||||Łukasik\rL|1|N\r".encode()
    astm.deliver(1, payload=payload)
    (outcome,) = astm.done[0]
    assert (outcome.kind.value, outcome.code) == ("refused", "cannot_be_sent")
    assert "U+0141" in outcome.text
    assert astm.received == []


def test_names_are_written_in_the_lis_s_own_encoding(astm: AstmBench) -> None:
    astm.deliver(1, payload="H|\\^&|C1\rP|1||||Müller\rL|1|N\r".encode())
    assert b"M\xfcller" in astm.received[0]


def test_a_closed_connector_ends_what_is_under_way(astm: AstmBench) -> None:
    astm.may_take = False
    astm.deliver(1)
    Deferred.fromCoroutine(astm.connector.close())
    assert codes(astm.done[0]) == [("deferred", "closed")]
    astm.deliver(1)
    assert codes(astm.done[1]) == [("deferred", "closed")]


def test_a_taken_port_is_tried_again() -> None:
    reactor = BusyReactor()
    bench = AstmBench(reactor=reactor)
    assert "4500" in bench.connector.status().last_error
    reactor.is_busy = False
    reactor.advance(RETRY_S)
    bench.connect()
    bench.deliver(1)
    assert codes(bench.done[0]) == [("accepted", "received")]
    bench.conn.rollback()


# -- orders ---------------------------------------------------------------------------------------


def test_an_order_is_stored_before_its_last_frame_is_acknowledged(astm: AstmBench) -> None:
    astm.writer.is_broken = True
    astm.order(order())
    assert not [one for one in astm.told if isinstance(one, MessageDelivered)]
    assert states(astm.conn) == {}
    astm.writer.is_broken = False
    astm.order(order())
    assert states(astm.conn) == {"GLU": "pending"}
    assert isinstance(astm.told[-1], MessageDelivered)


def test_every_test_of_an_order_record_is_a_step(astm: AstmBench) -> None:
    astm.order(order(tests="^^^GLU\\^^^UREA"))
    assert states(astm.conn) == {"GLU": "pending", "UREA": "pending"}


def test_tests_are_added_and_cancelled(astm: AstmBench) -> None:
    astm.order(order())
    astm.order(order(tests="^^^UREA", code="A"))
    astm.order(order(code="C"))
    assert states(astm.conn) == {"GLU": "cancelled", "UREA": "pending"}


def test_an_order_said_twice_is_one_order_and_revives_nothing(astm: AstmBench) -> None:
    """The same message again, after its cancel: its content is known by its time."""
    astm.order(order())
    astm.order(order())
    astm.order(order(code="C"))
    astm.order(order())
    assert states(astm.conn) == {"GLU": "cancelled"}


def test_a_refused_order_is_journaled_and_a_person_is_told(astm: AstmBench) -> None:
    """ASTM has no answer for it."""
    astm.order(order(sample_id="NOREAD"))
    assert isinstance(astm.told[-1], MessageDelivered)
    (entry,) = astm.journal()
    assert (entry["line"], entry["state"]) == ("lis/orders", "refused")
    assert "no sample id" in entry["faults"]
    assert astm.health.is_raised(WarnableCode.ORDERS_REFUSED, "lis")
    assert "1 refused" in astm.connector.status().orders


def test_one_refused_test_does_not_keep_the_good_one_back(astm: AstmBench) -> None:
    astm.order(order(tests="^^^GLU\\^^^"))
    assert states(astm.conn) == {"GLU": "pending"}
    assert astm.journal()[0]["state"] == "processed"
    assert astm.health.is_raised(WarnableCode.ORDERS_REFUSED, "lis")


def test_the_warning_ends_with_a_good_message_an_hour_later(astm: AstmBench) -> None:
    astm.order(order(sample_id="NOREAD"))
    astm.order(order())
    assert astm.health.is_raised(WarnableCode.ORDERS_REFUSED, "lis")
    astm.clock.advance(3601)
    astm.order(order(sample_id="S2"))
    assert not astm.health.is_raised(WarnableCode.ORDERS_REFUSED, "lis")


@pytest.mark.parametrize(
    "data",
    [
        text(HEAD, "P|1", "O|1|S1||^^^GLU", "L|1|N"),
        text(TEST_HEAD, "P|1", "O|1|S1||^^^GLU", "R|1|^^^GLU|5", "L|1|N"),
        text(TEST_HEAD, "Q|1|^S1||ALL", "L|1|N"),
        text(TEST_HEAD, "P|1", "L|1|N"),
    ],
)
def test_what_is_no_order_of_this_environment_is_kept_and_not_done(
    astm: AstmBench, data: bytes
) -> None:
    astm.order(data)
    assert isinstance(astm.told[-1], MessageDelivered)
    assert astm.journal()[0]["state"] == "refused"
    assert states(astm.conn) == {}


def test_a_message_without_its_end_is_kept_and_told(astm: AstmBench) -> None:
    """Every frame was acknowledged, so the LIS will not send it again: a person must know."""
    astm.order(order().removesuffix(b"L|1|N\r"))
    (entry,) = astm.journal()
    assert (entry["state"], entry["reason"]) == (
        "refused",
        "the message broke off: terminator missing",
    )
    assert states(astm.conn) == {}
    assert astm.health.is_raised(WarnableCode.ORDERS_REFUSED, "lis")


def test_a_message_that_the_line_broke_off_is_kept_and_comes_again(astm: AstmBench) -> None:
    astm.lis.send_message(order(), astm.now)
    for _ in range(3):  # ENQ and two frames
        astm.shim.dataReceived(astm.lis.bytes_to_send())
        astm.hear(astm.lis.receive_bytes(astm.socket.value(), astm.now))
        astm.socket.clear()
    astm.shim.connectionLost(Failure(ConnectionDone()))
    assert [one["state"] for one in astm.journal()] == ["refused"]
    assert not astm.health.is_raised(WarnableCode.ORDERS_REFUSED, "lis")
    astm.connect()
    astm.order(order())
    assert states(astm.conn) == {"GLU": "pending"}


def test_without_orders_in_the_settings_the_lis_gets_no_line() -> None:
    bench = AstmBench(with_orders=False)
    bench.connect(Lis1Options(max_enquiries=1))
    bench.order(order())
    (told,) = bench.told
    assert isinstance(told, MessageNotDelivered)
    assert bench.journal() == []
    bench.conn.rollback()


def test_results_and_orders_share_the_line(astm: AstmBench) -> None:
    """Both want the line at once: the instrument goes first, and nothing is lost."""
    astm.lis.send_message(order(), astm.now)
    astm.deliver(1)
    for _ in range(60):
        astm.advance(1)
    assert codes(astm.done[0]) == [("accepted", "received")]
    assert states(astm.conn) == {"GLU": "pending"}


def test_the_connector_is_found_by_its_entry_point() -> None:
    assert discover_connectors().factories["lis2_host"] is CONNECTOR
