"""Results to a FHIR server: accepted is a good answer for every entry, and a lost answer creates nothing twice."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport

from emulators.fhir_lis import EmulatedFhirLis, FhirConduct
from emulators.oracle import Book
from middleware.clock import SystemClock
from middleware.connectors.fhir import CONNECTOR
from middleware.connectors.fhir.answer import judge
from middleware.connectors.fhir.config import FhirSettings
from middleware.connectors.fhir.connector import FhirConnector
from middleware.connectors.http_client import HttpAnswer
from middleware.delivery.catalogue import discover_connectors
from middleware.delivery.connector import OutgoingMessage
from middleware.model import Outcome
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from middleware.transport.base import Address
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.running_reactor import RunningReactor, running_reactor
from tests.kit.stored_rows import stored_row

SYSTEM = "https://lab.example/labwire"
URL = "http://fhir.example:8090/fhir"
OWN: dict[str, Any] = {"url": URL, "system": SYSTEM}


def good(*statuses: str) -> dict[str, Any]:
    entries = [{"response": {"status": status}} for status in statuses]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


def bad(code: str, severity: str = "error") -> dict[str, Any]:
    issue = {"severity": severity, "code": code, "details": {"text": "unknown code"}}
    issue["expression"] = ["Bundle.entry[1].resource.code"]  # type: ignore[assignment]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def beside(status: str, outcome: dict[str, Any]) -> dict[str, Any]:
    return {**good("201"), "entry": [{"response": {"status": status, "outcome": outcome}}] * 2}


ANSWERS = [
    (200, good("201 Created", "200 OK"), "accepted", "200"),
    (200, good("201 Created", "422 Unprocessable"), "refused", "422"),
    (200, good("201 Created", "503 Busy"), "deferred", "503"),
    (200, good("201 Created", "409 Conflict"), "deferred", "409"),
    (200, good("201 Created"), "deferred", "wrong_answer"),
    (200, good("201 Created", ""), "deferred", "wrong_answer"),
    (200, good("201 Created", "\u0662\u0660\u0660"), "deferred", "wrong_answer"),
    (200, beside("200 OK", bad("invalid")), "refused", "422"),
    (200, beside("200 OK", bad("invalid", "warning")), "accepted", "200"),
    (200, bad("invalid"), "refused", "422"),
    (200, bad("informational", "information"), "deferred", "wrong_answer"),
    (200, {**good("201", "201"), "type": "batch-response"}, "deferred", "wrong_answer"),
    (204, None, "deferred", "wrong_answer"),
    (200, [[[]]], "deferred", "wrong_answer"),
    (400, bad("structure"), "refused", "400"),
    (412, bad("multiple-matches"), "refused", "412"),
    (422, bad("code-invalid"), "refused", "422"),
    (422, bad("throttled"), "deferred", "422"),
    (401, bad("login"), "deferred", "401"),
    (404, None, "deferred", "404"),
    (429, bad("throttled"), "deferred", "429"),
    (302, None, "deferred", "302"),
    (500, bad("exception"), "deferred", "500"),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case[0]} {case[2]} {case[3]}")
def test_only_a_good_answer_for_every_entry_is_an_acceptance(case: tuple[Any, ...]) -> None:
    status, content, kind, code = case
    body = b"" if content is None else json.dumps(content).encode()
    outcome = judge(HttpAnswer(status, "", body), 2)
    assert (outcome.kind.value, outcome.code) == (kind, code)


def test_a_refusal_says_what_and_where() -> None:
    outcome = judge(HttpAnswer(422, "", json.dumps(bad("code-invalid")).encode()), 2)
    assert outcome.text == "unknown code (Bundle.entry[1].resource.code)"
    assert outcome.error_locations == ("Bundle.entry[1].resource.code",)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b'{"resourceType": 1}', b"null"])
def test_an_answer_that_is_no_fhir_is_no_acceptance(body: bytes) -> None:
    assert judge(HttpAnswer(200, "", body), 2).code == "wrong_answer"
    hostile = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}] * 5000}
    assert len(judge(HttpAnswer(422, "", json.dumps(hostile).encode()), 2).text) <= 1000


class FhirBench:
    """A connector, and the server's end of each connection."""

    def __init__(self, **own: Any) -> None:
        self.reactor = MemoryReactorClock()
        reactor: Any = self.reactor
        settings = FhirSettings.model_validate({**OWN, **own})
        self.connector = FhirConnector("lis", settings, reactor)
        self.done: list[list[Outcome]] = []
        Deferred.fromCoroutine(self.connector.open())

    def deliver(self, *payloads: bytes) -> None:
        batch = [OutgoingMessage(at, f"C{at}", one) for at, one in enumerate(payloads, 1)]
        Deferred.fromCoroutine(self.connector.deliver(batch)).addCallback(self.done.append)

    def connect(self) -> str:
        """The server accepts; what it was sent."""
        self.http = self.reactor.tcpClients[-1][2].buildProtocol(None)
        self.socket = StringTransport()
        self.socket.abortConnection = self.socket.loseConnection
        self.http.makeConnection(self.socket)
        return self.socket.value().decode()

    def answer(self, status: str, content: Any) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.http.dataReceived(head.encode() + body)


def rendered(value: str = "5.40", **decided: Any) -> bytes:
    renderer = CONNECTOR.make_renderer(FhirSettings.model_validate(OWN))
    context = RenderContext("TEST01-0000000042", RECEIVED_AT, "P", "Europe/Berlin", "core-lab")
    row = stored_row(made_result(value=value), **({"id": 7} | decided))
    return renderer.render(OutgoingSpecimen("S1001", [row]), context)


def test_a_transaction_is_one_post_to_the_base() -> None:
    lis = FhirBench(token="a-token-of-the-bench")
    lis.deliver(rendered())
    head, _, body = lis.connect().partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == "POST /fhir HTTP/1.1"
    headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines[1:])}
    assert headers["content-type"].startswith("application/fhir+json")
    assert headers["authorization"] == "Bearer a-token-of-the-bench"
    assert headers["x-request-id"] == "C1"
    assert body.encode() == rendered()
    lis.answer("200 OK", good(*["201"] * 4))
    assert [(one.kind.value, one.code) for one in lis.done[0]] == [("accepted", "200")]


def test_a_user_and_a_password_are_sent_as_basic() -> None:
    lis = FhirBench(user="labwire", password="pass:word")
    lis.deliver(rendered())
    sent = lis.connect()
    pair = base64.b64encode(b"labwire:pass:word").decode()
    assert f"Basic {pair}" in sent


def test_words_of_the_server_stay_with_the_message() -> None:
    lis = FhirBench()
    lis.deliver(rendered(), rendered())
    lis.connect()
    lis.answer("500 Fault", bad("exception"))
    assert len(lis.done[0]) == 1
    assert lis.done[0][0].text.startswith("unknown code")
    assert lis.connector.status().last_error == "the LIS answered 500"


def test_what_was_made_for_another_connector_is_set_aside() -> None:
    """The outbox keeps bytes: after a change of the connector's type old ones may wait."""
    lis = FhirBench()
    lis.deliver(b"MSH|^~\\&|", b'{"format": "labwire-results-1"}')
    codes = [(one.kind.value, one.code) for one in lis.done[0]]
    assert codes == [("refused", "no_transaction")] * 2


@pytest.mark.parametrize(
    "own",
    [
        {"system": ""},
        {"system": "our lab"},
        {"order_system": "orders"},
        {"systems": {"HOSP": "no uri"}},
        {"user": "labwire"},
        {"password": "a-password"},
        {"token": "a-token-of-the-bench", "user": "labwire", "password": "x"},
        {"token": "short"},
        {"url": "https://fhir.example/"},
    ],
)
def test_settings_that_cannot_work_are_refused(own: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FhirSettings.model_validate({**OWN, **own})


def test_the_connector_is_found_by_its_entry_point() -> None:
    assert discover_connectors().factories["fhir"] is CONNECTOR


# -- over true sockets ----------------------------------------------------------------------------


@pytest.fixture
def lis() -> Iterator[EmulatedFhirLis]:
    made = EmulatedFhirLis(
        Address("127.0.0.1", 0), Book(None), SystemClock(), "a-token-of-the-bench"
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def running() -> Iterator[RunningReactor]:
    with running_reactor() as made:
        yield made


def deliver(running: RunningReactor, port: int, payload: bytes, **own: Any) -> tuple[str, str]:
    async def work() -> tuple[str, str]:
        url = f"http://127.0.0.1:{port}/fhir"
        given = {**OWN, "url": url, "token": "a-token-of-the-bench", **own}
        connector = FhirConnector("lis", FhirSettings.model_validate(given), running.reactor)
        await connector.open()
        (outcome,) = await connector.deliver([OutgoingMessage(42, "C1", payload)])
        await connector.close()
        return outcome.kind.value, outcome.code

    found: tuple[str, str] = running.do(work)
    return found


@pytest.mark.slow
def test_a_lost_answer_creates_nothing_twice(lis: EmulatedFhirLis, running: RunningReactor) -> None:
    lis.conduct = FhirConduct(is_mute=True)
    assert deliver(running, lis.port, rendered()) == ("deferred", "not_connected")
    assert lis.created == 4
    lis.conduct = FhirConduct()
    assert deliver(running, lis.port, rendered()) == ("accepted", "200")
    assert (lis.created, len(lis.of_kind("Observation"))) == (4, 1)


@pytest.mark.slow
def test_a_correction_updates_what_it_corrects(
    lis: EmulatedFhirLis, running: RunningReactor
) -> None:
    deliver(running, lis.port, rendered())
    later = rendered("6.10", id=9, supersedes=7, first_id=7)
    assert deliver(running, lis.port, later) == ("accepted", "200")
    (found,) = lis.of_kind("Observation")
    assert (found["status"], found["valueQuantity"]["value"]) == ("corrected", "6.10")


@pytest.mark.slow
def test_keys_and_content_are_judged_apart(lis: EmulatedFhirLis, running: RunningReactor) -> None:
    wrong = deliver(running, lis.port, rendered(), token="another-token-of-the-bench")
    assert wrong == ("deferred", "401")
    damaged = rendered().replace(b'"status":"final"', b'"status":"finished"')
    assert deliver(running, lis.port, damaged) == ("refused", "422")
    assert lis.created == 0
