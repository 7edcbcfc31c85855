"""JSON over true sockets, in the clear and over TLS, with a peer of the standard library at the other end."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import succeed

from emulators.http_lis import EmulatedHttpLis, HttpConduct, HttpOrders
from emulators.oracle import Book
from middleware.clock import SystemClock
from middleware.connectors.http_json.config import HttpJsonSettings
from middleware.connectors.http_json.connector import HttpJsonConnector
from middleware.delivery.connector import OutgoingMessage, ReceivedOrders, TakenOrders
from middleware.model import OrderAnswer, OrderOutcome
from middleware.payload.json_results import JsonRenderer
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from middleware.transport.base import Address
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.running_reactor import RunningReactor, running_reactor
from tests.kit.stored_rows import stored_row
from tests.kit.throwaway_ca import ThrowawayCa, Wanted

pytestmark = pytest.mark.slow

SECRET = "a-secret-of-the-bench"
TOKEN = "a-token-of-the-bench"
CONTEXT = RenderContext("TEST01-0000000042", RECEIVED_AT, "D", "Europe/Berlin", "core-lab")


@pytest.fixture
def lis() -> Iterator[EmulatedHttpLis]:
    yield EmulatedHttpLis(Address("127.0.0.1", 0), SECRET, Book(None), SystemClock())


@pytest.fixture
def running() -> Iterator[RunningReactor]:
    with running_reactor() as made:
        yield made


def outgoing() -> OutgoingMessage:
    payload = JsonRenderer().render(OutgoingSpecimen("S1001", [stored_row(made_result())]), CONTEXT)
    return OutgoingMessage(42, CONTEXT.control_id, payload)


def deliver(running: RunningReactor, **own: Any) -> list[tuple[str, str]]:
    async def work() -> list[tuple[str, str]]:
        settings = HttpJsonSettings.model_validate({"secret": SECRET, **own})
        connector = HttpJsonConnector("lis", settings, running.reactor)
        await connector.open()
        outcomes = await connector.deliver([outgoing()])
        await connector.close()
        return [(one.kind.value, one.code) for one in outcomes]

    return list(running.do(work))


def test_a_signed_document_arrives_once_however_often_it_is_sent(
    lis: EmulatedHttpLis, running: RunningReactor
) -> None:
    lis.start()
    url = f"http://127.0.0.1:{lis.port}/results"
    assert [deliver(running, url=url) for _ in range(2)] == [[("accepted", "200")]] * 2
    assert (lis.accepted, lis.resent) == (1, 1)
    assert lis.documents[0]["results"][0]["value"]["number"] == "5.4"
    assert deliver(running, url=url, secret="another-secret-of-the-bench") == [("deferred", "401")]
    lis.conduct = HttpConduct(refuse_every=1)
    assert deliver(running, url=url) == [("refused", "422")]
    lis.conduct = HttpConduct(is_busy=True)
    assert deliver(running, url=url) == [("deferred", "503")]
    lis.stop()


def test_over_tls_both_ends_are_proved(
    lis: EmulatedHttpLis, running: RunningReactor, tmp_path: Path
) -> None:
    ca, other = ThrowawayCa(tmp_path / "ours"), ThrowawayCa(tmp_path / "others", "Other CA")
    server, client = ca.issue("lis"), ca.issue(Wanted("labwire"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    context.load_verify_locations(ca.file)
    context.verify_mode = ssl.CERT_REQUIRED
    lis.secure(context)
    lis.start()
    url = f"https://localhost:{lis.port}/results"
    shown = {"certificate": client.certificate, "key": client.key}
    assert deliver(running, url=url, tls={**shown, "peers": ca.file}) == [("accepted", "200")]
    wrong = deliver(running, url=url, tls={**shown, "peers": other.file})
    assert wrong == [("deferred", "not_proved")]
    assert lis.accepted == 1
    lis.stop()


def test_orders_are_posted_over_tls(running: RunningReactor, tmp_path: Path) -> None:
    ca = ThrowawayCa(tmp_path)
    server, client = ca.issue("labwire"), ca.issue("lis")
    taken: list[ReceivedOrders] = []

    def intake(received: ReceivedOrders) -> Any:
        taken.append(received)
        outcomes = tuple(OrderOutcome(answer=OrderAnswer.ACCEPTED) for _ in received.requests)
        return succeed(TakenOrders("A1", 0.0, outcomes))

    tls = {"certificate": server.certificate, "key": server.key, "peers": ca.file}
    door = {"port": 0, "token": TOKEN, "tls": tls}
    settings = HttpJsonSettings.model_validate(
        {"url": "http://127.0.0.1:1/", "secret": SECRET, "orders": door}
    )
    connector = HttpJsonConnector("lis", settings, running.reactor)
    connector.take_orders_with(intake, "D", "UTC")
    running.do(connector.open)
    orders = HttpOrders(f"https://localhost:{connector.orders_address.port}/orders", TOKEN)  # type: ignore[attr-defined]
    context = ssl.create_default_context(cafile=str(ca.file))
    document = {"message_id": "M1", "orders": [{"sample_id": "S1", "test_code": "GLU"}] * 500}
    with pytest.raises((ssl.SSLError, OSError)):
        orders.post(document, context)
    assert taken == []
    context.load_cert_chain(client.certificate, client.key)
    status, answer = orders.post(document, context)
    assert (status, len(answer["orders"]), len(taken)) == (200, 500, 1)
    running.do(connector.close)
