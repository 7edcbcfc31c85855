"""Orders that a system posts: nobody unproved, nothing before the commit, an answer for each, everything bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport

from middleware.connectors.http_json.config import HttpJsonSettings
from middleware.connectors.http_json.connector import HttpJsonConnector
from middleware.connectors.http_json.door import (
    LONGEST_CONNECTION_S,
    MOST_BYTES,
    MOST_CONNECTIONS,
    RETRY_S,
)
from middleware.connectors.http_json.signing import HEADER, sign
from middleware.pipeline.orders import serve_orders
from middleware.store import journal
from middleware.store.journal import JournalFilter
from tests.connectors.test_http_json_connector import SECRET, URL
from tests.connectors.test_orders_of_the_lis import BusyReactor
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.made_setups import made_setup
from tests.kit.orders import states

TOKEN = "a-token-of-the-bench"


class Hung(StringTransport):
    """A connection in memory that can be cut off."""

    def abortConnection(self) -> None:
        self.disconnecting = True


class DoorBench:
    """The connector's door, and a system that posts."""

    def __init__(self, reactor: Any = None, **orders: Any) -> None:
        self.conn = empty_store()
        self.writer = InstantWriter(self.conn)
        self.reactor: Any = reactor or MemoryReactorClock()
        self.clock = FakeClock()
        own = {"port": 8443, "token": TOKEN, **orders}
        settings = HttpJsonSettings.model_validate({"url": URL, "secret": SECRET, "orders": own})
        self.connector = HttpJsonConnector("lis", settings, self.reactor, self.clock)
        writer: Any = self.writer
        serve_orders(self.connector, writer, FakeClock(), made_setup)
        Deferred.fromCoroutine(self.connector.open())

    def connect(self, host: str = "127.0.0.1") -> tuple[Any, Hung]:
        factory = self.reactor.tcpServers[-1][1]
        made = factory.buildProtocol(IPv4Address("TCP", host, 40000))
        socket = Hung()
        if made is not None:
            made.makeConnection(socket)
        return made, socket

    def send(self, head: str, body: bytes = b"") -> tuple[int, Any]:
        made, socket = self.connect()
        made.dataReceived(head.encode() + b"\r\n\r\n" + body)
        self.reactor.advance(0)
        return read_answer(socket.value())

    def post(self, document: Any, *headers: str, token: str = TOKEN) -> tuple[int, Any]:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        lines = [
            "POST /orders HTTP/1.1",
            "Host: labwire",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Authorization: Bearer {token}",
            *headers,
        ]
        return self.send("\r\n".join(lines), body)

    def journal(self) -> list[dict[str, Any]]:
        return journal.listing(self.conn, JournalFilter())


def read_answer(data: bytes) -> tuple[int, Any]:
    if not data:
        return 0, None
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def document(*tests: str, number: str = "M1", **more: Any) -> dict[str, Any]:
    orders = [{"sample_id": "S1", "test_code": test, **more} for test in tests or ("GLU",)]
    return {"message_id": number, "orders": orders}


@pytest.fixture
def door():
    bench = DoorBench()
    yield bench
    bench.conn.rollback()


def test_every_order_has_its_answer_after_the_commit(door: DoorBench) -> None:
    wanted = document("GLU")
    wanted["orders"].append({"sample_id": "NOREAD", "test_code": "TSH"})
    status, answer = door.post(wanted)
    assert status == 200
    assert (answer["message_id"], answer["reply_id"], answer["repeats"]) == ("M1", "TEST01A1", None)
    told = [(one["number"], one["answer"], one["fault"]) for one in answer["orders"]]
    assert told == [(1, "accepted", None), (2, "refused", "placeholder")]
    assert states(door.conn) == {"GLU": "pending"}
    (entry,) = door.journal()
    assert (entry["line"], entry["state"], entry["file_name"]) == (
        "lis/orders",
        "processed",
        "M1.json",
    )


def test_what_cannot_be_stored_is_sent_again(door: DoorBench) -> None:
    door.writer.is_broken = True
    status, answer = door.post(document())
    assert (status, answer["status"]) == (503, 503)
    door.writer.is_broken = False
    assert states(door.conn) == {}
    assert door.post(document())[0] == 200


def test_the_same_document_twice_is_once(door: DoorBench) -> None:
    door.post(document())
    status, answer = door.post(document())
    assert (status, answer["repeats"]) == (200, 1)
    assert answer["orders"][0]["answer"] == "unchanged"


def test_a_cancel_that_comes_again_cancels_nothing_that_was_ordered_since(door: DoorBench) -> None:
    cancel = document(number="M2", action="cancel")
    door.post(document())
    door.post(cancel)
    door.post(document(number="M3"))
    status, answer = door.post(cancel)
    assert (status, answer["orders"][0]["answer"]) == (200, "unchanged")
    assert states(door.conn) == {"GLU": "pending"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "no JSON"),
        (b'{"message_id": "M1", "orders": []}', "orders"),
        (b'{"message_id": "M1", "orders": [{"sample_id": 7}]}', "orders.1.sample_id"),
        (b'{"message_id": "M1", "orders": [{"Sample": "S1"}]}', "a name: is not known"),
        (b'{"message_id": "M1", "orders": [{"priority": "now"}]}', "no priority"),
        (b'{"message_id": "M 1", "orders": [{"sample_id": "S1"}]}', "message_id"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_what_cannot_be_read_is_told_and_kept(door: DoorBench, body: bytes, words: str) -> None:
    status, answer = door.post(body)
    assert (status, answer["status"], answer["title"]) == (400, 400, "Bad Request")
    assert words in answer["detail"]
    assert door.journal()[0]["state"] == "refused"


def test_an_error_quotes_nothing_of_the_document(door: DoorBench) -> None:
    _, answer = door.post(b'{"message_id": "M1", "orders": [{"Doe^John": 5}]}')
    assert "Doe" not in json.dumps(answer)


def test_orders_of_another_environment_are_kept_and_not_done(door: DoorBench) -> None:
    status, answer = door.post({**document(), "environment": "P"})
    assert status == 409
    assert "environment" in answer["detail"]
    assert states(door.conn) == {}


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /orders HTTP/1.1", 405),
        ("GET / HTTP/1.1", 404),
        ("POST /orders/1 HTTP/1.1", 404),
        ("DELETE /orders HTTP/1.1", 405),
    ],
)
def test_there_is_nothing_but_the_posting_of_orders(
    door: DoorBench, line: str, status: int
) -> None:
    found, answer = door.send(f"{line}\r\nHost: x\r\nAuthorization: Bearer {TOKEN}")
    assert (found, answer["status"]) == (status, status)


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x"])
def test_without_the_token_nothing_is_read(door: DoorBench, token: str) -> None:
    assert door.post(document(), token=token)[0] == 401
    assert door.journal() == []
    assert "token" in door.connector.status().orders


def test_bytes_that_are_no_text_are_no_token(door: DoorBench) -> None:
    made, socket = door.connect()
    made.dataReceived(b"POST /orders HTTP/1.1\r\nAuthorization: Bearer \xff\xfe\r\n")
    made.dataReceived(b"Content-Length: 2\r\n\r\n{}")
    assert read_answer(socket.value())[0] == 401


def test_a_body_is_refused_before_it_is_sent(door: DoorBench) -> None:
    """Whoever announces too much, or does not say how much, is not listened to."""
    head = f"POST /orders HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    assert door.send(head + f"Content-Length: {MOST_BYTES + 1}")[0] == 413
    assert door.send(head + "Transfer-Encoding: chunked")[0] == 411
    wrong_kind = head.replace("application/json", "text/plain")
    assert door.send(wrong_kind + "Content-Length: 2", b"{}")[0] == 415
    assert door.journal() == []


def test_a_signature_may_stand_for_the_token_or_beside_it() -> None:
    bench = DoorBench(secret=SECRET)
    body = json.dumps(document()).encode()
    now = bench.clock.utc_now().timestamp()
    assert bench.post(body)[0] == 401
    assert bench.post(body, f"{HEADER}: {sign(SECRET, now - 600, body)}")[0] == 401
    assert states(bench.conn) == {}
    assert bench.post(body, f"{HEADER}: {sign(SECRET, now, body)}")[0] == 200
    bench.conn.rollback()


def test_connections_are_few_and_end(door: DoorBench) -> None:
    held = [door.connect() for _ in range(MOST_CONNECTIONS)]
    assert door.connect()[0] is None
    door.reactor.advance(LONGEST_CONNECTION_S)
    assert all(socket.disconnecting for _, socket in held)


def test_one_request_to_a_connection(door: DoorBench) -> None:
    """Nothing can hide behind the first."""
    made, socket = door.connect()
    body = json.dumps(document()).encode()
    head = (
        f"POST /orders HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    made.dataReceived(head + body + head + body)
    door.reactor.advance(0)
    assert socket.value().count(b"HTTP/1.1 ") == 1
    assert len(door.journal()) == 1
    assert socket.disconnecting


def test_a_stranger_may_not_connect() -> None:
    bench = DoorBench(peers=["127.0.0.1"])
    assert bench.connect("10.9.9.9")[0] is None
    assert "10.9.9.9 was refused" in bench.connector.status().orders
    bench.conn.rollback()


def test_a_taken_port_is_tried_again() -> None:
    reactor = BusyReactor()
    bench = DoorBench(reactor)
    assert "cannot listen" in bench.connector.status().orders
    reactor.is_busy = False
    reactor.advance(RETRY_S)
    assert bench.post(document())[0] == 200
    bench.conn.rollback()


def test_without_orders_in_the_settings_there_is_no_listener() -> None:
    reactor: Any = MemoryReactorClock()
    settings = HttpJsonSettings.model_validate({"url": URL, "secret": SECRET})
    connector = HttpJsonConnector("lis", settings, reactor, FakeClock())
    writer: Any = InstantWriter(empty_store())
    serve_orders(connector, writer, FakeClock(), made_setup)
    Deferred.fromCoroutine(connector.open())
    assert reactor.tcpServers == []
