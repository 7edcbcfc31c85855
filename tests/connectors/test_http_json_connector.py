"""Results as signed JSON over HTTP: what each answer means, and what none means."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from pydantic import ValidationError
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from middleware.connectors.http_json import CONNECTOR
from middleware.connectors.http_json.config import HttpJsonSettings
from middleware.connectors.http_json.connector import HttpJsonConnector
from middleware.connectors.http_json.signing import VALID_FOR_S, sign, why_unsigned
from middleware.connectors.http_sender import LONGEST_PAUSE_S
from middleware.delivery.catalogue import discover_connectors
from middleware.delivery.connector import OutgoingMessage
from middleware.model import Outcome
from tests.kit.fake_clock import FakeClock

SECRET = "a-secret-of-the-bench"
URL = "http://lis.example:8080/results"


class JsonBench:
    """A connector, and the LIS's end of each connection."""

    def __init__(self, **own: Any) -> None:
        self.reactor = MemoryReactorClock()
        settings = HttpJsonSettings.model_validate({"url": URL, "secret": SECRET, **own})
        self.clock = FakeClock()
        reactor: Any = self.reactor
        self.connector = HttpJsonConnector("lis", settings, reactor, self.clock)
        self.done: list[list[Outcome]] = []
        Deferred.fromCoroutine(self.connector.open())

    def deliver(self, *numbers: int) -> None:
        batch = [OutgoingMessage(number, f"C{number}", b'{"n":%d}' % number) for number in numbers]
        Deferred.fromCoroutine(self.connector.deliver(batch)).addCallback(self.done.append)

    def connect(self) -> str:
        """The LIS accepts the newest attempt; what it was sent."""
        factory = self.reactor.tcpClients[-1][2]
        self.http = factory.buildProtocol(None)
        self.socket = StringTransport()
        self.socket.abortConnection = self.socket.loseConnection
        self.http.makeConnection(self.socket)
        return self.socket.value().decode()

    def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.http.dataReceived("\r\n".join([*head, "", ""]).encode() + body)

    def hang_up(self) -> None:
        self.http.connectionLost(Failure(ConnectionDone()))


def codes(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(one.kind.value, one.code) for one in outcomes]


def test_each_document_is_one_signed_post() -> None:
    lis = JsonBench(token="a-token-of-the-bench")
    lis.deliver(1)
    sent = lis.connect()
    head, _, body = sent.partition("\r\n\r\n")
    assert head.startswith("POST /results HTTP/1.1")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    headers = {name.lower(): text for name, text in headers.items()}
    assert headers["host"] == "lis.example:8080"
    assert headers["idempotency-key"] == "C1"
    assert headers["authorization"] == "Bearer a-token-of-the-bench"
    moment, digest = headers["x-labwire-signature"].split(",")
    wanted = hmac.new(SECRET.encode(), f"{moment[2:]}.{body}".encode(), hashlib.sha256)
    assert digest == f"v1={wanted.hexdigest()}"
    assert int(moment[2:]) == int(lis.clock.utc_now().timestamp())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("200 OK", ("accepted", "200")),
        ("204 No Content", ("accepted", "204")),
        ("400 Bad Request", ("refused", "400")),
        ("422 Unprocessable", ("refused", "422")),
        ("401 Unauthorized", ("deferred", "401")),
        ("429 Too Many", ("deferred", "429")),
        ("302 Found", ("deferred", "302")),
        ("500 Fault", ("deferred", "500")),
        ("503 Away", ("deferred", "503")),
    ],
)
def test_the_status_decides(status: str, outcome: tuple[str, str]) -> None:
    """A key that is wrong says nothing of the result: it waits, and is not set aside."""
    lis = JsonBench()
    lis.deliver(1)
    lis.connect()
    lis.answer(status, b'{"detail": "unknown test"}')
    assert codes(lis.done[0]) == [outcome]
    if outcome[0] != "accepted":
        assert "unknown test" in lis.done[0][0].text


def test_words_of_the_lis_stay_with_the_message() -> None:
    """A warning is logged and a status is shown: neither may name a patient."""
    lis = JsonBench()
    lis.deliver(1)
    lis.connect()
    lis.answer("500 Fault", b"Doe^John is unknown")
    assert lis.done[0][0].reply == b"Doe^John is unknown"
    assert "Doe" not in lis.connector.status().last_error


def test_documents_go_one_after_the_other_and_stop_at_a_deferred_one() -> None:
    lis = JsonBench()
    lis.deliver(1, 2, 3)
    lis.connect()
    lis.answer("200 OK")
    lis.connect()
    lis.answer("500 Fault")
    assert codes(lis.done[0]) == [("accepted", "200"), ("deferred", "500")]
    assert len(lis.reactor.tcpClients) == 2


def test_a_lis_that_is_not_there_defers() -> None:
    lis = JsonBench()
    lis.deliver(1)
    factory = lis.reactor.tcpClients[-1][2]
    factory.clientConnectionFailed(None, Failure(error.ConnectionRefusedError()))
    assert codes(lis.done[0]) == [("deferred", "not_connected")]
    assert "ConnectionRefused" in lis.connector.status().last_error


def test_a_lis_that_does_not_answer_in_time_defers() -> None:
    lis = JsonBench(timeout_s=10)
    lis.deliver(1)
    lis.connect()
    lis.reactor.advance(10)
    assert codes(lis.done[0]) == [("deferred", "no_reply")]
    assert lis.socket.disconnecting


def test_an_answer_that_breaks_off_defers() -> None:
    """Whether it was accepted is not known: the same key goes again."""
    lis = JsonBench()
    lis.deliver(1)
    lis.connect()
    lis.http.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    lis.hang_up()
    assert codes(lis.done[0]) == [("deferred", "not_connected")]


def test_an_endless_answer_is_cut_off() -> None:
    lis = JsonBench()
    lis.deliver(1)
    lis.connect()
    lis.http.dataReceived(b"HTTP/1.1 400 Bad\r\nContent-Length: 999999999\r\n\r\n")
    lis.http.dataReceived(b"x" * 70_000)
    assert codes(lis.done[0]) == [("refused", "400")]
    assert len(lis.done[0][0].text) == 1000
    assert len(lis.done[0][0].reply or b"") == 65536


@pytest.mark.parametrize(("said", "pause_s"), [("7", 7.0), ("999999999999", LONGEST_PAUSE_S)])
def test_a_pause_that_the_lis_asks_for_is_kept(said: str, pause_s: float) -> None:
    lis = JsonBench()
    back: list[float] = []
    lis.connector.when_ready(lambda: back.append(lis.reactor.seconds()))
    lis.deliver(1)
    lis.connect()
    lis.answer("503 Busy", b"", f"Retry-After: {said}")
    lis.deliver(1)
    assert codes(lis.done[1]) == [("deferred", "asked_to_wait")]
    assert [one[0].retry_after_s for one in lis.done] == [pause_s, pause_s]
    assert len(lis.reactor.tcpClients) == 1
    lis.reactor.advance(pause_s)
    assert back == [pause_s]
    lis.deliver(1)
    assert len(lis.reactor.tcpClients) == 2


def test_a_probe_connects_and_asks_nothing() -> None:
    lis = JsonBench()
    told: list[Outcome] = []
    Deferred.fromCoroutine(lis.connector.probe()).addCallback(told.append)
    assert lis.connect() == ""
    assert [(one.kind.value, one.code) for one in told] == [("accepted", "connected")]
    assert lis.socket.disconnecting


def test_a_closed_connector_ends_what_is_under_way() -> None:
    lis = JsonBench()
    lis.deliver(1)
    lis.connect()
    Deferred.fromCoroutine(lis.connector.close())
    assert codes(lis.done[0]) == [("deferred", "closed")]
    lis.deliver(1)
    assert codes(lis.done[1]) == [("deferred", "closed")]


@pytest.mark.parametrize(
    "own",
    [
        {"url": "ftp://lis.example/"},
        {"url": "https://lis.example/"},
        {"url": "http://user:word@lis.example/"},
        {"secret": "short"},
        {"tls": {"peers": "ca.pem"}},
        {"orders": {"port": 1}},
        {"orders": {"port": 1, "token": "short"}},
    ],
)
def test_settings_that_cannot_work_are_refused(own: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpJsonSettings.model_validate({"url": URL, "secret": SECRET, **own})


def test_a_signature_fits_one_body_one_secret_and_one_time() -> None:
    at = 1_900_000_000.0
    header = sign(SECRET, at, b"{}")
    assert why_unsigned(header, SECRET, at + VALID_FOR_S, b"{}") == ""
    assert "too old" in why_unsigned(header, SECRET, at + VALID_FOR_S + 1, b"{}")
    assert "does not fit" in why_unsigned(header, SECRET, at, b"[]")
    assert "does not fit" in why_unsigned(header, SECRET + "x", at, b"{}")
    assert "missing" in why_unsigned("", SECRET, at, b"{}")


def test_the_connector_is_found_by_its_entry_point() -> None:
    assert discover_connectors().factories["http_json"] is CONNECTOR
