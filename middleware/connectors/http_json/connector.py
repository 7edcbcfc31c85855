"""Posts rendered documents to a LIS over HTTP, one after the other, and judges its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime

from middleware.clock import Clock, SystemClock
from middleware.connectors.http_client import HttpAnswer
from middleware.connectors.http_json.config import HttpJsonSettings
from middleware.connectors.http_json.door import OrderDoor
from middleware.connectors.http_json.signing import HEADER, sign
from middleware.connectors.http_sender import (
    REPLY_MAX,
    HttpSender,
    deferred,
    shown_error,
    words_of,
)
from middleware.connectors.order_desk import OrderDesk
from middleware.delivery.connector import ConnectorStatus, OrderIntake, OutgoingMessage
from middleware.model import Outcome, OutcomeKind
from middleware.transport.base import TransportState

_NOT_ABOUT_THE_RESULT = frozenset({401, 407, 408, 425, 429})
"""Of 4xx: a key, a proxy, the time: the document itself was not judged (RFC 9110 15.5, RFC 6585, RFC 8470)."""


class HttpJsonConnector:
    """I am responsible for the documents to one LIS."""

    def __init__(
        self,
        connector_id: str,
        settings: HttpJsonSettings,
        reactor: IReactorTime,
        clock: Clock | None = None,
    ) -> None:
        self.connector_id = connector_id
        self._settings = settings
        self._reactor: Any = reactor
        self._clock = clock or SystemClock()
        self._sender = HttpSender(settings, reactor)
        self._state = TransportState.STOPPED
        self._last_error = ""
        self._door: OrderDoor | None = None

    def take_orders_with(self, intake: OrderIntake, processing_id: str, time_zone: str) -> None:
        """Take orders too, where the settings say so (`middleware.delivery.connector.OrderingConnector`)."""
        orders = self._settings.orders
        if orders is not None:
            desk = OrderDesk(self.connector_id, orders, intake, processing_id, time_zone)
            self._door = OrderDoor(orders, desk, self._reactor, self._clock)

    @property
    def orders_address(self) -> object:
        """Where orders are received (the real port); None: nowhere."""
        return self._door.address if self._door is not None else None

    async def open(self) -> None:
        """Nothing is held open towards the LIS; its orders are listened for."""
        if self._state is TransportState.STOPPED:
            self._state = TransportState.OPEN
            self._sender.open()
            if self._door is not None:
                self._door.start()

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Post in order; an outcome for each document tried, up to the first deferred one."""
        outcomes: list[Outcome] = []
        for message in batch:
            headers = self._headers(message)
            outcomes.append(await self._sender.post(headers, message.payload, judge))
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
        if self._door is not None:
            await self._door.stop()

    def status(self) -> ConnectorStatus:
        """How the last request went."""
        orders = self._door.words if self._door is not None else ""
        return ConnectorStatus(self._state.value, self._settings.url, self._last_error, orders)

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` when a pause that the LIS asked for is over."""
        self._sender.when_ready(callback)

    # -- inside -----------------------------------------------------------------------------------

    def _headers(self, message: OutgoingMessage) -> dict[str, str]:
        secret = self._settings.secret.get_secret_value()
        at = self._clock.utc_now().timestamp()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "labwire",
            "Idempotency-Key": message.control_id,
            HEADER: sign(secret, at, message.payload),
        }
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token.get_secret_value()}"
        return headers


def judge(answer: HttpAnswer) -> Outcome:
    """The outcome that an answer means."""
    status = answer.status
    code = str(status)
    reply = answer.body[:REPLY_MAX]
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 15.3
        return Outcome(kind=OutcomeKind.ACCEPTED, code=code, reply=reply)
    text = words_of(answer.body)
    if 400 <= status < 500 and status not in _NOT_ABOUT_THE_RESULT:  # noqa: PLR2004 - RFC 9110 15.5
        return Outcome(kind=OutcomeKind.REFUSED, code=code, text=text, reply=reply)
    said = text or f"the LIS answered {status}"
    return deferred(code, said).model_copy(update={"reply": reply})
