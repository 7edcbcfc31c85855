"""Delivers rendered messages to a LIS over one ASTM line, as an instrument does, and takes its orders from it.

Rules. The connection is kept up for ever. Each message has a session of its own (ENQ, frames, EOT); its delivery is the
acknowledgement of its last frame. After a deferred message nothing more of a call is sent: the same bytes go again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from middleware import failpoints
from middleware.connectors.lis2_host.config import Lis2HostSettings
from middleware.connectors.lis2_host.orders import OrderTaker
from middleware.connectors.lis2_host.sending import Sending, deferred
from middleware.connectors.order_desk import OrderDesk
from middleware.delivery.connector import ConnectorStatus, OrderIntake, OutgoingMessage
from middleware.failpoints import Step
from middleware.model import Outcome, OutcomeKind
from middleware.transport.base import ConnectionOutcome, Transport, TransportState
from middleware.transport.make import make_transport
from middleware.transport.shim import Shim
from middleware.transport.tcp import PortTaken
from middleware.transport.tls_context import TlsFilesBad
from middleware.transport.tls_gauge import gauge_peer
from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import (
    Event,
    MessageAbandoned,
    MessageDelivered,
    MessageNotDelivered,
    MessageReceived,
)
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role

RETRY_S = 5.0
"""Between two attempts to listen on a port that is taken."""

_REFUSALS = (ConnectionOutcome.REFUSED_TLS, ConnectionOutcome.REFUSED_PEER)


class Lis2HostConnector:
    """I am responsible for the line to one LIS."""

    def __init__(
        self, connector_id: str, settings: Lis2HostSettings, reactor: IReactorTime
    ) -> None:
        self.connector_id = connector_id
        self._settings = settings
        self._reactor = reactor
        self._transport: Transport | None = None
        self._shim: Shim | None = None
        self._last_error = ""
        self._sending = Sending(settings.refused_after)
        self._on_ready: list[Callable[[], None]] = []
        self._first_attempt: list[Deferred[None]] = []
        self._taker: OrderTaker | None = None
        self._retry: IDelayedCall | None = None

    def take_orders_with(self, intake: OrderIntake, processing_id: str, time_zone: str) -> None:
        """Take orders too, where the settings say so (`middleware.delivery.connector.OrderingConnector`)."""
        orders = self._settings.orders
        if orders is not None:
            desk = OrderDesk(self.connector_id, orders, intake, processing_id, time_zone)
            self._taker = OrderTaker(orders, desk, self._settings.encoding)

    @property
    def address(self) -> object:
        """Where it listens (the real port) or whom it dials."""
        return self._transport.address if self._transport is not None else None

    # -- what a lane asks -------------------------------------------------------------------------

    async def open(self) -> None:
        """Start to dial, listen or open the port; the LIS need not be there."""
        if self._transport is not None:
            return
        # The jitter of waits is no secret; the simulation replaces the module's generator by seeding it.
        self._transport = make_transport(
            self._settings.transport, self._reactor, self, random.random
        )
        self._start()

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Send in order; an outcome for each message tried, up to the first deferred one."""
        await self._connected_or_failed()
        outcomes: list[Outcome] = []
        for message in batch:
            outcomes.append(await self._deliver(message))
            if outcomes[-1].kind is OutcomeKind.DEFERRED:
                break
        return outcomes

    async def probe(self) -> Outcome:
        """Connected or not; ASTM has nothing to ask with."""
        await self._connected_or_failed()
        if self._shim is None:
            return deferred("not_connected", self._last_error or "not connected yet")
        return Outcome(kind=OutcomeKind.ACCEPTED, code="connected")

    async def close(self) -> None:
        """Hang up; what was under way is deferred as `closed`."""
        transport, self._transport = self._transport, None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._sending.give_up("closed", "the connector was closed")
        self._answer_waiting()
        if self._taker is not None:
            await self._taker.stop()
        if transport is not None:
            await transport.stop()

    def status(self) -> ConnectorStatus:
        """How the connection stands."""
        transport = self._transport
        state = transport.state if transport is not None else TransportState.STOPPED
        peer = str(transport.address) if transport is not None else ""
        orders = self._taker.words if self._taker is not None else ""
        return ConnectorStatus(state.value, peer, self._last_error, orders)

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the LIS is connected."""
        self._on_ready.append(callback)

    # -- TransportOwner ---------------------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A shim with a fresh link in the instrument's role."""
        options = Lis1Options(
            packaging=self._settings.packaging, send_frame_text=self._settings.frame_text
        )
        link = Lis1Link(Role.INSTRUMENT, options)
        link.set_accepting(self._taker is not None)  # else ENQ of the LIS is answered NAK
        return Shim(link, self._reactor, self, peer)

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """Dialling, listening, waiting, open …"""
        if state is TransportState.WAITING:
            self._last_error = detail
        if state is not TransportState.DIALLING:
            self._answer_waiting()

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """A stranger is shown."""
        if outcome in _REFUSALS:
            self._last_error = f"{peer} was refused{f': {detail}' if detail else ''}"

    # -- ShimOwner --------------------------------------------------------------------------------

    def connection_opened(self, shim: Shim) -> None:
        """Connected; the link hears of it after this, so the lanes begin in the next turn."""
        self._shim = shim
        self._last_error = ""
        gauge_peer(shim, connector=self.connector_id)
        self._reactor.callLater(0, self._ready)

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Outcomes of what was sent, and what the LIS sends."""
        for event in events:
            if isinstance(event, MessageDelivered):
                failpoints.hit(Step.REPLY_READ)
                self._sending.delivered(event)
            elif isinstance(event, MessageNotDelivered):
                self._sending.not_delivered(event)
            elif self._taker is not None and isinstance(event, MessageReceived):
                self._taker.take(shim, event)
            elif self._taker is not None and isinstance(event, MessageAbandoned):
                self._taker.keep(event)

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """The connection is gone; its link has told what was under way, unless it failed itself."""
        if self._shim is shim:
            self._shim = None
            self._last_error = f"the LIS is gone: {reason}"
            self._sending.give_up("connection_lost", "the connection was lost")

    def link_failed(self, shim: Shim, error: Exception) -> None:
        """A fault of our own link; the connection ends, and what was under way with it."""
        self._last_error = f"the link failed: {type(error).__name__}"

    # -- inside -----------------------------------------------------------------------------------

    def _start(self) -> None:
        """A port that another program holds, or files that cannot be used, are tried again by themselves."""
        self._retry = None
        if self._transport is None:
            return
        try:
            self._transport.start()
        except (PortTaken, TlsFilesBad) as error:
            self._last_error = str(error)
            self._retry = self._reactor.callLater(RETRY_S, self._start)

    async def _deliver(self, message: OutgoingMessage) -> Outcome:
        shim = self._shim
        if self._transport is None:
            return deferred("closed", "the connector was closed")
        if shim is None or not shim.is_open:
            return deferred("not_connected", self._last_error or "not connected yet")
        try:
            text = message.payload.decode("utf-8").encode(self._settings.encoding)
            failpoints.hit(Step.BEFORE_SEND)
            send_id = shim.send_message(text)
        except UnicodeError as error:
            return _cannot_be_sent(_missing_letter(error, self._settings.encoding))
        except LocalProtocolError as error:
            # Our own fault, and it stays wrong: set it aside with its reason rather than block the lane.
            return _cannot_be_sent(str(error))
        failpoints.hit(Step.AFTER_SEND)
        return await self._sending.started(send_id, message)

    async def _connected_or_failed(self) -> None:
        """While the first attempt runs, its end is worth waiting for."""
        transport = self._transport
        is_dialling = transport is not None and transport.state is TransportState.DIALLING
        if self._shim is None and is_dialling:
            waiting: Deferred[None] = Deferred()
            self._first_attempt.append(waiting)
            await waiting

    def _ready(self) -> None:
        self._answer_waiting()
        if self._shim is not None:
            for callback in self._on_ready:
                callback()

    def _answer_waiting(self) -> None:
        waiting, self._first_attempt = self._first_attempt, []
        for one in waiting:
            one.callback(None)


def _missing_letter(error: UnicodeError, encoding: str) -> str:
    if isinstance(error, UnicodeEncodeError):
        return f"{encoding} has no character U+{ord(error.object[error.start]):04X}"
    return "the message is not UTF-8"


def _cannot_be_sent(text: str) -> Outcome:
    return Outcome(kind=OutcomeKind.REFUSED, code="cannot_be_sent", text=text)
