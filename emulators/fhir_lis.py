"""An emulated LIS that takes results as transactions of FHIR R4: of the standard library alone.

It checks each transaction (`fhir_rules`), does all of it or nothing, and knows resources by their identifiers: what is
sent again creates nothing.
"""

from __future__ import annotations

import json
import signal
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer

from emulators.fhir_rules import Resource, faults_of
from emulators.options import QuietOption, SecondsOption
from emulators.oracle import Book
from emulators.place import parse_address
from emulators.running import sentence, speaker
from middleware.clock import Clock, SystemClock
from middleware.transport.base import Address

ANSWER_WITHIN_S = 10.0
_OK, _UNPROVED, _BAD, _BUSY = 200, 401, 422, 503
_MEDIA_TYPE = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class FhirConduct:
    """Of every `refuse_every`th transaction: 422; while `is_busy`: 503 with Retry-After 1; `is_mute`: stores, and
    hangs up before it answers."""

    refuse_every: int = 0
    is_busy: bool = False
    is_mute: bool = False


class EmulatedFhirLis:
    """I am responsible for one HTTP port; with a `token` nobody without it is heard."""

    def __init__(self, address: Address, book: Book, clock: Clock, token: str = "") -> None:
        self.accepted = 0
        self.refused = 0
        self.faults: list[tuple[str, str]] = []
        self.resources: dict[tuple[str, str], Resource] = {}
        self.created = 0
        self.updated = 0
        self.conduct = FhirConduct()
        self.say: Callable[[str], None] = _say_nothing
        self._token = token
        self._book = book
        self._clock = clock
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

    def start(self) -> None:
        """Take transactions."""
        self._thread.start()
        self.say(f"listening on port {self.port}")

    def stop(self) -> None:
        """Close."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(ANSWER_WITHIN_S)

    def of_kind(self, kind: str) -> list[Resource]:
        """What is stored of one type."""
        return [one for (found, _), one in self.resources.items() if found == kind]

    def take(self, headers: Any, body: bytes) -> tuple[int, Mapping[str, Any]]:
        """Status and content of the answer to one request."""
        with self._lock:
            if self._token and headers.get("Authorization", "") != f"Bearer {self._token}":
                return _UNPROVED, _outcome("login", "who are you?", "")
            if self.conduct.is_busy:
                return _BUSY, _outcome("throttled", "later", "")
            try:
                bundle = json.loads(body, parse_float=str, parse_int=str)
            except ValueError:
                return 400, _outcome("structure", "no JSON", "")
            self._seen += 1
            faults = list(faults_of(bundle))
            every = self.conduct.refuse_every
            if every and self._seen % every == 0:
                faults = [("Bundle.entry[0].resource", "the LIS does not like it")]
            if faults:
                self.refused += 1
                self.faults += faults
                return _BAD, _outcome("invariant", faults[0][1], faults[0][0])
            return _OK, self._accept(bundle)

    def _accept(self, bundle: Mapping[str, Any]) -> Mapping[str, Any]:
        entries = [self._apply(entry) for entry in bundle["entry"]]
        self.accepted += 1
        self._note(bundle)
        return {
            "resourceType": "Bundle",
            "type": "transaction-response",
            "entry": [{"response": {"status": status}} for status in entries],
        }

    def _apply(self, entry: Mapping[str, Any]) -> str:
        request, resource = entry["request"], entry["resource"]
        kind = resource["resourceType"]
        search = request.get("ifNoneExist") or request["url"].partition("?")[2]
        sought = urllib.parse.unquote(search.removeprefix("identifier="))
        known = {f"{one['system']}|{one['value']}" for one in resource["identifier"]}
        if sought.replace("\\", "") not in {one.replace("\\", "") for one in known}:
            return "412 Precondition Failed"
        key = (kind, sought)
        if key in self.resources and request["method"] == "POST":
            return "200 OK"
        is_new = key not in self.resources
        self.created += is_new
        self.updated += not is_new
        self.resources[key] = resource
        return "201 Created" if is_new else "200 OK"

    def _note(self, bundle: Mapping[str, Any]) -> None:
        resources = [one["resource"] for one in bundle["entry"]]
        found = [one for one in resources if one["resourceType"] == "Observation"]
        values = {_test(one): _value(one) for one in found}
        tubes = [one for one in resources if one["resourceType"] == "Specimen"]
        sample_id = tubes[0]["identifier"][1]["value"] if tubes else ""
        now = self._clock.utc_now().isoformat(timespec="milliseconds")
        arrival = {"control_id": bundle["identifier"]["value"], "sample_id": sample_id}
        self._book.write({**arrival, "values": values, "answer": "AA", "at": now})
        self.say(f"accepted {arrival['control_id']}: specimen {sample_id}, {len(values)} results")


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = ANSWER_WITHIN_S

    def do_POST(self) -> None:
        """One transaction."""
        lis: EmulatedFhirLis = self.server.lis  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status, content = lis.take(self.headers, body)
        if lis.conduct.is_mute:
            self.close_connection = True
            return
        answer = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", _MEDIA_TYPE)
        self.send_header("Content-Length", str(len(answer)))
        if status == _BUSY:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_words: Any) -> None:
        """The emulator says what it takes by itself."""


def command(
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on.")] = "127.0.0.1:8090",
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token that is asked for.")
    ] = None,
    refuse_every: Annotated[int, typer.Option(min=0, help="422 to every so many.")] = 0,
    seconds: SecondsOption = 0.0,
    arrivals: Annotated[Path | None, typer.Option(help="File for the oracle.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Take results as FHIR R4 transactions as a LIS; each is checked, and done as a whole or not at all."""
    with Book(arrivals) as book:
        try:
            token = token_file.read_text(encoding="utf-8").strip() if token_file else ""
            emulated = EmulatedFhirLis(parse_address(listen), book, SystemClock(), token)
        except (OSError, ValueError) as error:
            raise typer.BadParameter(sentence(error)) from error
        emulated.conduct = FhirConduct(refuse_every)
        emulated.say = speaker("LIS", quiet)
        emulated.start()
        _wait(seconds)
        emulated.stop()
    observations = len(emulated.of_kind("Observation"))
    typer.echo(
        f"LIS: {emulated.accepted} transactions accepted, {emulated.refused} refused, "
        f"{observations} observations stored"
    )


def _wait(seconds: float) -> None:
    """Until a signal, or for some seconds."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait(seconds or None)


def _test(observation: Resource) -> str:
    """The code of the LIS, or the analyzer's own."""
    codings = observation["code"]["coding"]
    return str(next(one["code"] for one in codings if one["system"].endswith("tests")))


def _value(observation: Resource) -> str:
    quantity = observation.get("valueQuantity")
    if quantity is not None:
        return str(quantity.get("comparator", "") + quantity["value"])
    concept = observation.get("valueCodeableConcept", {})
    return str(observation.get("valueString") or concept.get("text", ""))


def _outcome(code: str, text: str, place: str) -> Mapping[str, Any]:
    issue: dict[str, Any] = {"severity": "error", "code": code, "details": {"text": text}}
    if place:
        issue["expression"] = [place]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
