"""Posts rendered transactions to a FHIR server, one after the other, and judges its answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.interfaces import IReactorTime

from middleware.connectors.fhir.answer import LONGEST_ANSWER, judge
from middleware.connectors.fhir.config import FhirSettings
from middleware.connectors.http_sender import HttpSender, shown_error
from middleware.delivery.connector import ConnectorStatus, OutgoingMessage
from middleware.model import Outcome, OutcomeKind
from middleware.transport.base import TransportState

MEDIA_TYPE = "application/fhir+json; fhirVersion=4.0"
"""FHIR R4 3.1.0.1.11 and 2.1.0.5."""


class FhirConnector:
    """I am responsible for the transactions to one server."""

    def __init__(self, connector_id: str, settings: FhirSettings, reactor: IReactorTime) -> None:
        self.connector_id = connector_id
        self._settings = settings
        self._sender = HttpSender(settings, reactor, LONGEST_ANSWER)
        self._state = TransportState.STOPPED
        self._last_error = ""

    async def open(self) -> None:
        """Nothing is held open."""
        self._state = TransportState.OPEN
        self._sender.open()

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Post in order; an outcome for each transaction tried, up to the first deferred one."""
        outcomes: list[Outcome] = []
        for message in batch:
            outcomes.append(await self._deliver(message))
            last = outcomes[-1]
            if last.kind is OutcomeKind.DEFERRED:
                self._last_error = shown_error(last)
                break
            self._last_error = ""
        return outcomes

    async def probe(self) -> Outcome:
        """Connect, prove, hang up; nothing is asked."""
        return await self._sender.probe()

    async def close(self) -> None:
        """Post nothing more; what was under way is deferred as `closed`."""
        self._state = TransportState.STOPPED
        self._sender.close()

    def status(self) -> ConnectorStatus:
        """How the last request went."""
        return ConnectorStatus(self._state.value, self._settings.url, self._last_error)

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` when a pause that the server asked for is over."""
        self._sender.when_ready(callback)

    async def _deliver(self, message: OutgoingMessage) -> Outcome:
        entries = entries_of(message.payload)
        if not entries and self._state is TransportState.OPEN:
            text = "the message is no transaction of FHIR: it was made for another connector"
            return Outcome(kind=OutcomeKind.REFUSED, code="no_transaction", text=text)
        asked = partial(judge, entries=entries)
        return await self._sender.post(self._headers(message), message.payload, asked)

    def _headers(self, message: OutgoingMessage) -> dict[str, str]:
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Accept": MEDIA_TYPE,
            "Prefer": "return=minimal",  # FHIR R4 3.1.0.1.10: an answer without our resources in it
            "User-Agent": "labwire",
            "X-Request-Id": message.control_id,  # FHIR R4 3.1.0.1.12
        }
        settings = self._settings
        if settings.token is not None:
            headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
        elif settings.password is not None:
            pair = f"{settings.user}:{settings.password.get_secret_value()}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers


def entries_of(payload: bytes) -> int:
    """How many entries a transaction has; 0 of what is none."""
    try:
        found = json.loads(payload)
    except ValueError:
        return 0
    is_ours = isinstance(found, dict) and found.get("type") == "transaction"
    return len(found.get("entry", ())) if is_ours else 0
