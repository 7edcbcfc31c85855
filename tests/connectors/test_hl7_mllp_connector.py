"""The connection to the LIS: what its answers mean, and what its silence means."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from middleware.connectors.hl7_mllp import CONNECTOR
from middleware.connectors.hl7_mllp.config import Hl7MllpSettings
from middleware.connectors.hl7_mllp.connector import Hl7MllpConnector, judge
from middleware.delivery.connector import OutgoingMessage
from middleware.model import Outcome, OutcomeKind


class Socket(StringTransport):
    """A connected socket in memory."""

    def setTcpNoDelay(self, _enabled: bool) -> None: ...
    def setTcpKeepAlive(self, _enabled: bool) -> None: ...
    def getHandle(self) -> Socket:
        return self

    def setsockopt(self, *_option: object) -> None: ...
    def abortConnection(self) -> None:
        self.disconnected = True
        self.disconnecting = True


class LisBench:
    """A connector, and the LIS's end of its connection."""

    def __init__(self, **settings: Any) -> None:
        self.reactor = MemoryReactorClock()
        own = Hl7MllpSettings(host="lis.example", port=2576, **settings)
        self.connector: Any = CONNECTOR.make("lis", own, self.reactor)
        self.done: list[list[Outcome]] = []
        self.shim: Any = None
        self.socket = Socket()

    def open(self) -> None:
        Deferred.fromCoroutine(self.connector.open())

    def connect(self) -> None:
        """The LIS accepts the newest attempt."""
        factory = self.reactor.tcpClients[-1][2]
        self.shim = factory.buildProtocol(None)
        self.socket = Socket()
        self.shim.makeConnection(self.socket)

    def refuse_connection(self) -> None:
        self.reactor.tcpClients[-1][2].clientConnectionFailed(
            None, Failure(error.ConnectionRefusedError())
        )

    def hang_up(self) -> None:
        self.shim.connectionLost(Failure(error.ConnectionDone()))

    def deliver(self, *numbers: int) -> None:
        """Deliver messages; the outcomes come to `done`."""
        batch = [message(number) for number in numbers]
        Deferred.fromCoroutine(self.connector.deliver(batch)).addCallback(self.done.append)

    def sent(self) -> list[str]:
        """Control ids of what the LIS received since it last answered."""
        blocks = self.socket.value().split(b"\x1c\r")[:-1]
        return [block.split(b"|")[9].decode() for block in blocks]

    def answer(self, *replies: bytes) -> None:
        self.socket.clear()
        self.shim.dataReceived(b"".join(b"\x0b" + reply + b"\x1c\r" for reply in replies))


def message(number: int) -> OutgoingMessage:
    payload = f"MSH|^~\\&|LABWIRE||LIS||20310304||ORU^R01^ORU_R01|C{number}|D|2.5.1\rOBR|1\r"
    return OutgoingMessage(number, f"C{number}", payload.encode())


def ack(number: int, code: str = "AA", *more: str) -> bytes:
    head = (
        f"MSH|^~\\&|LIS||LABWIRE||20310304||ACK^R01^ACK|L{number}|D|2.5.1\rMSA|{code}|C{number}\r"
    )
    return (head + "".join(line + "\r" for line in more)).encode()


@pytest.fixture
def lis() -> LisBench:
    bench = LisBench()
    bench.open()
    bench.connect()
    return bench


def codes(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.kind.value, outcome.code) for outcome in outcomes]


def test_messages_are_sent_one_after_the_other_by_default(lis: LisBench) -> None:
    """Each waits for the answer to the one before it, as most LIS expect."""
    lis.deliver(1, 2)
    assert lis.sent() == ["C1"]
    lis.answer(ack(1))
    assert lis.sent() == ["C2"]
    lis.answer(ack(2))
    assert codes(lis.done[0]) == [("accepted", "AA"), ("accepted", "AA")]


def test_a_refusal_is_told_in_the_lis_words_and_the_next_is_sent(lis: LisBench) -> None:
    """With the places that ERR-2 names."""
    lis.deliver(1, 2)
    lis.answer(ack(1, "AE", "ERR||OBX^2^3|103^Table value not found^HL70357|E||||Test XYZ unknown"))
    assert lis.sent() == ["C2"]
    lis.answer(ack(2))
    refused, accepted = lis.done[0]
    assert (refused.kind, accepted.kind) == (OutcomeKind.REFUSED, OutcomeKind.ACCEPTED)
    assert "Test XYZ unknown" in refused.text
    assert refused.error_locations == ("OBX^2^3",)
    assert refused.reply.startswith(b"MSH")


def test_after_a_deferred_message_nothing_more_is_sent(lis: LisBench) -> None:
    """The head blocks; the second was not tried and has no outcome."""
    lis.deliver(1, 2)
    lis.answer(ack(1, "AE", "ERR|||207^Application internal error^HL70357|E"))
    assert lis.sent() == []
    assert codes(lis.done[0]) == [("deferred", "AE")]


def test_silence_is_deferred_and_the_connection_dropped(lis: LisBench) -> None:
    """A peer that does not answer is often half gone."""
    lis.deliver(1)
    lis.reactor.advance(29.9)
    assert lis.done == []
    lis.reactor.advance(0.2)
    assert codes(lis.done[0]) == [("deferred", "no_reply")]
    assert lis.socket.disconnected


def test_a_connection_that_dies_defers_what_was_under_way(lis: LisBench) -> None:
    """The LIS may have it, so the same bytes go again."""
    lis.deliver(1, 2)
    lis.hang_up()
    assert codes(lis.done[0]) == [("deferred", "connection_lost")]


def test_an_answer_to_another_message_is_ignored(lis: LisBench) -> None:
    """A stale answer never settles the wrong message."""
    lis.deliver(1)
    lis.answer(ack(7))
    assert lis.done == []
    lis.answer(ack(1))
    assert codes(lis.done[0]) == [("accepted", "AA")]


@pytest.mark.parametrize("count", [1, 2000])
def test_messages_of_the_lis_are_refused_at_once_and_its_answer_is_heard(
    lis: LisBench, count: int
) -> None:
    """Some LIS send news or heartbeats on the connection that brings them results: delivery goes on."""
    lis.deliver(1)
    news = [b"MSH|^~\\&|LIS||LABWIRE||20310304||ADT^A08|N%d|D|2.5.1\r" % n for n in range(count)]
    lis.answer(*news, ack(1))
    assert codes(lis.done[0]) == [("accepted", "AA")]
    answers = lis.socket.value()
    assert (answers.count(b"\rMSA|A"), answers.count(b"\rMSA|AA")) == (count, 0)


def test_control_characters_of_an_answer_do_not_reach_the_store() -> None:
    """PostgreSQL takes no NUL in a text: the settlement would fail for ever, and with it the lane."""
    refused = judge(ack(1, "AE", "ERR||OBX^1|103|E||||un\x00known\x07test"), "C1")
    odd = judge(ack(1, "A\x00"), "C1")
    assert "un known test" in refused.text
    assert all(text.isprintable() for one in (refused, odd) for text in (one.code, one.text))


def test_an_answer_that_means_nothing_is_deferred() -> None:
    """Nothing is called accepted that was not."""
    outcome = judge(ack(1, "??"), "C1")
    assert (outcome.kind, outcome.code) == (OutcomeKind.DEFERRED, "unreadable_reply")


def test_messages_can_be_sent_ahead_of_their_answers() -> None:
    """For a LIS that allows it; answers come in any order."""
    lis = LisBench(in_flight=3)
    lis.open()
    lis.connect()
    lis.deliver(1, 2, 3, 4)
    assert lis.sent() == ["C1", "C2", "C3"]
    lis.answer(ack(2), ack(1, "AR"))
    assert lis.sent() == ["C4"]
    lis.answer(ack(3), ack(4))
    assert codes(lis.done[0]) == [
        ("refused", "AR"), ("accepted", "AA"), ("accepted", "AA"), ("accepted", "AA"),
    ]  # fmt: skip


def both(number: int) -> OutgoingMessage:
    """A message that asks for both acknowledgements."""
    payload = message(number).payload.replace(b"|2.5.1", b"|2.5.1|||AL|AL")
    return OutgoingMessage(number, f"C{number}", payload)


@pytest.fixture
def enhanced(lis: LisBench) -> LisBench:
    """A LIS to which messages 1 and 2 are being delivered in enhanced mode."""
    call = lis.connector.deliver([both(1), both(2)])
    Deferred.fromCoroutine(call).addCallback(lis.done.append)
    return lis


def test_in_enhanced_mode_the_application_decides(enhanced: LisBench) -> None:
    """CA says that it is stored there; what it is worth is said by the second answer."""
    enhanced.answer(ack(1, "CA"))
    assert enhanced.sent() == []
    enhanced.answer(ack(1, "AE"))
    assert enhanced.sent() == ["C2"]
    enhanced.answer(ack(2, "CA"), ack(2, "AA"))
    assert codes(enhanced.done[0]) == [("refused", "AE"), ("accepted", "AA")]


def test_in_enhanced_mode_a_stored_message_is_not_sent_again(enhanced: LisBench) -> None:
    """When the second answer does not come, or the connection ends, the first one stands."""
    enhanced.answer(ack(1, "CA"))
    enhanced.reactor.advance(31)
    assert enhanced.sent() == ["C2"]
    enhanced.answer(ack(2, "CA"))
    enhanced.hang_up()
    assert codes(enhanced.done[0]) == [("accepted", "CA"), ("accepted", "CA")]


def test_in_enhanced_mode_what_could_not_be_stored_is_sent_again(enhanced: LisBench) -> None:
    """CE is the end of the exchange: no second answer follows."""
    enhanced.answer(ack(1, "CE"))
    assert codes(enhanced.done[0]) == [("deferred", "CE")]


def test_before_the_first_connection_delivery_waits_for_it() -> None:
    """At the start of a node nothing is called unreachable that was not tried."""
    lis = LisBench()
    lis.open()
    lis.deliver(1)
    assert lis.done == []
    lis.connect()
    lis.answer(ack(1))
    assert codes(lis.done[0]) == [("accepted", "AA")]


def test_a_lis_that_is_away_is_told_at_once_and_dialled_again() -> None:
    """The reason is the system's own words."""
    lis = LisBench()
    lis.open()
    lis.refuse_connection()
    lis.deliver(1)
    assert codes(lis.done[0]) == [("deferred", "not_connected")]
    assert "lis.example:2576" in lis.done[0][0].text
    assert len(lis.reactor.tcpClients) == 1
    lis.reactor.advance(1.0)
    assert len(lis.reactor.tcpClients) == 2


def test_the_lane_is_told_when_the_lis_is_back() -> None:
    """It need not wait for the end of its backoff."""
    lis = LisBench()
    told: list[str] = []
    lis.connector.when_ready(lambda: told.append("ready"))
    lis.open()
    lis.refuse_connection()
    lis.reactor.advance(1.0)
    lis.connect()
    assert told == ["ready"]


def test_closing_ends_what_is_under_way(lis: LisBench) -> None:
    """A node stops within seconds, not after the LIS's time-out."""
    lis.deliver(1, 2)
    Deferred.fromCoroutine(lis.connector.close())
    assert codes(lis.done[0]) == [("deferred", "closed")]
    assert lis.connector.status().state == "stopped"


def test_a_probe_sends_nothing(lis: LisBench) -> None:
    """It tells whether the LIS is connected."""
    told: list[Outcome] = []
    Deferred.fromCoroutine(lis.connector.probe()).addCallback(told.append)
    assert codes(told) == [("accepted", "connected")]
    assert lis.sent() == []


def test_a_message_that_cannot_travel_does_not_block_the_lane(lis: LisBench) -> None:
    """Our own fault stays wrong; it is set aside with its reason."""
    batch = [OutgoingMessage(1, "C1", b"no message"), message(2)]
    Deferred.fromCoroutine(lis.connector.deliver(batch)).addCallback(lis.done.append)
    lis.answer(ack(2))
    assert codes(lis.done[0]) == [("refused", "cannot_be_sent"), ("accepted", "AA")]


def test_a_fault_of_the_link_itself_defers(lis: LisBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a bug of ours must not leave a lane waiting for ever."""
    lis.deliver(1)

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lis.shim.link, "receive_bytes", broken)
    monkeypatch.setattr(lis.shim.link, "connection_lost", broken)
    lis.shim.dataReceived(b"x")
    assert codes(lis.done[0]) == [("deferred", "connection_lost")]


def test_two_lanes_share_one_connection(lis: LisBench) -> None:
    """Each call gets its own outcomes."""
    lis.deliver(1, 2)
    lis.deliver(3)
    lis.answer(ack(1))
    lis.answer(ack(3))
    lis.answer(ack(2))
    assert sorted(len(outcomes) for outcomes in lis.done) == [1, 2]


def test_the_factory_is_what_the_entry_point_names() -> None:
    """Settings, renderer and connector belong together."""
    own = Hl7MllpSettings(host="h", port=1, message="OUL^R22")
    assert CONNECTOR.make_renderer(own).format == "hl7_oul_r22"
    assert isinstance(CONNECTOR.make("x", own, MemoryReactorClock()), Hl7MllpConnector)
    assert all(field.description for field in Hl7MllpSettings.model_fields.values())
