"""An emulated LIS that takes results as JSON over HTTP, and posts orders: of the standard library alone.

It checks the signature of each request itself. A document that was accepted is known by its Idempotency-Key: sent
again, it is accepted again and counted once.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import signal
import ssl
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer

from emulators.options import PrefixOption, QuietOption, SecondsOption, SeedOption
from emulators.oracle import Book
from emulators.place import parse_address
from emulators.running import new_prefix, sentence, speaker
from emulators.specimens import PANELS, SpecimenSource
from middleware.clock import Clock, SystemClock
from middleware.transport.base import Address

ANSWER_WITHIN_S = 10.0
_OK, _BAD, _UNPROVED, _BUSY = 200, 422, 401, 503


@dataclass(frozen=True, slots=True)
class HttpConduct:
    """Of every `refuse_every`th document: 422; while `is_busy`: 503 with Retry-After 1."""

    refuse_every: int = 0
    is_busy: bool = False


class EmulatedHttpLis:
    """I am responsible for one HTTP port; `secret` is what requests are signed with."""

    def __init__(self, address: Address, secret: str, book: Book, clock: Clock) -> None:
        self.accepted = 0
        self.results = 0
        self.refused = 0
        self.unproved = 0
        self.resent = 0
        self.documents: list[dict[str, Any]] = []
        self.conduct = HttpConduct()
        self.say: Callable[[str], None] = _say_nothing
        self._secret = secret.encode()
        self._book = book
        self._clock = clock
        self._known: set[str] = set()
        self._seen = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer((address.host, address.port), _Request)
        self._server.daemon_threads = True
        self._server.lis = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """The real port."""
        return int(self._server.server_address[1])

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS; before `start`."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def start(self) -> None:
        """Take documents."""
        self._thread.start()
        self.say(f"listening on port {self.port}")

    def stop(self) -> None:
        """Close."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(ANSWER_WITHIN_S)

    def take(self, headers: Any, body: bytes) -> int:
        """The status of the answer to one request."""
        with self._lock:
            if not self._is_signed(headers.get("X-Labwire-Signature", ""), body):
                self.unproved += 1
                return _UNPROVED
            if self.conduct.is_busy:
                return _BUSY
            self._seen += 1
            every = self.conduct.refuse_every
            if every and self._seen % every == 0:
                self.refused += 1
                return _BAD
            self._accept(headers.get("Idempotency-Key", ""), json.loads(body))
            return _OK

    def _is_signed(self, header: str, body: bytes) -> bool:
        moment, _, digest = header.partition(",v1=")
        said = f"{moment.removeprefix('t=')}.".encode() + body
        wanted = hmac.new(self._secret, said, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, digest)

    def _accept(self, key: str, document: dict[str, Any]) -> None:
        now = self._clock.utc_now().isoformat(timespec="milliseconds")
        values = {one["test"]["code"]: _value(one["value"]) for one in document["results"]}
        arrival = {"control_id": key, "sample_id": document["sample_id"], "values": values}
        self._book.write({**arrival, "answer": "AA", "at": now})
        self.say(f"accepted {key}: specimen {document['sample_id']}, {len(values)} results")
        if key in self._known:
            self.resent += 1
            return
        self._known.add(key)
        self.documents.append(document)
        self.accepted += 1
        self.results += len(values)


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = ANSWER_WITHIN_S

    def do_POST(self) -> None:
        """One document."""
        lis: EmulatedHttpLis = self.server.lis  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status = lis.take(self.headers, body)
        answer = json.dumps({"status": status}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        if status == _BUSY:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_words: Any) -> None:
        """The emulator says what it takes by itself."""


@dataclass(frozen=True, slots=True)
class HttpOrders:
    """Where orders are posted, and with which token."""

    url: str
    token: str

    def post(self, document: dict[str, Any], context: ssl.SSLContext | None = None) -> Any:
        """Status and answer. Raises OSError."""
        parts = urllib.parse.urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=ANSWER_WITHIN_S, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=ANSWER_WITHIN_S)
        body = json.dumps(document).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        try:
            connection.request("POST", parts.path or "/orders", body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def order_tubes(orders: HttpOrders, count: int, seed: int, prefix: str) -> Counter[str]:
    """Order `count` invented tubes, one document for each; how often each answer came."""
    source = SpecimenSource(seed, prefix)
    answers: Counter[str] = Counter()
    for number in range(1, count + 1):
        tube = source.specimen("chem")
        wanted = [
            {
                "sample_id": tube.sample_id,
                "test_code": test.code,
                "placer_number": f"O{tube.sample_id}",
                "patient_id": tube.patient_id,
                "patient_authority": "EMULATED",
                "patient_name": tube.patient_name,
                "birth_date": tube.birth_date,
                "sex": tube.sex,
            }
            for test in PANELS["chem"]
        ]
        _, answer = orders.post({"message_id": f"{prefix}N{number}", "orders": wanted})
        answers.update(one["answer"] for one in answer.get("orders", ()))
    return answers


def command(  # noqa: PLR0913, PLR0917 - the arguments of a command are its options
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on.")] = "127.0.0.1:8080",
    secret_file: Annotated[
        Path | None, typer.Option(help="File with the secret that requests are signed with.")
    ] = None,
    refuse_every: Annotated[int, typer.Option(min=0, help="422 to every so many.")] = 0,
    orders_url: Annotated[str, typer.Option(help="http://HOST:PORT/orders to order at.")] = "",
    token_file: Annotated[Path | None, typer.Option(help="File with the token for orders.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many tubes to order.")] = 10,
    seed: SeedOption = 7,
    prefix: PrefixOption = "",
    seconds: SecondsOption = 0.0,
    arrivals: Annotated[Path | None, typer.Option(help="File for the oracle.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Take results as signed JSON over HTTP as a LIS, and post orders for invented tubes."""
    if secret_file is None or (orders_url and token_file is None):
        raise typer.BadParameter("give --secret-file, and --token-file with --orders-url")
    say = speaker("LIS", quiet)
    said = ""
    tubes = prefix or new_prefix()
    with Book(arrivals) as book:
        try:
            secret = secret_file.read_text(encoding="utf-8").strip()
            emulated = EmulatedHttpLis(parse_address(listen), secret, book, SystemClock())
            emulated.conduct = HttpConduct(refuse_every)
            emulated.say = say
            emulated.start()
            if orders_url and token_file is not None:
                token = token_file.read_text(encoding="utf-8").strip()
                answers = order_tubes(HttpOrders(orders_url, token), count, seed, tubes)
                said = f", orders {dict(answers)}; the tubes begin with {tubes}"
        except (OSError, ValueError) as error:
            raise typer.BadParameter(sentence(error)) from error
        _wait(seconds)
        emulated.stop()
    typer.echo(
        f"LIS: {emulated.accepted} documents accepted with {emulated.results} results, "
        f"{emulated.refused} refused, {emulated.unproved} without a good signature{said}"
    )


def _wait(seconds: float) -> None:
    """Until a signal, or for some seconds."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait(seconds or None)


def _value(value: dict[str, Any] | None) -> str:
    if value is None:
        return ""
    return str(value["comparator"] + (value["number"] or value["text"]))


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
