"""Delivers rendered messages to a LIS over one MLLP connection, and judges its acknowledgements.

Rules. The connection is kept up and dialled again for ever. Messages of one call go out in order,
at most `in_flight` ahead of
their answers; after a deferred one nothing more of the call is sent. A message without an answer in
time, or with one on a
connection that died, is deferred: the LIS may have it, so the same bytes go again. Then the
connection is dropped, for a peer
that does not answer is often half gone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from middleware import failpoints
from middleware.connectors.hl7_mllp.ask import Asker
from middleware.connectors.hl7_mllp.ask_make import make_asker
from middleware.connectors.hl7_mllp.ask_way import SharedWay
from middleware.connectors.hl7_mllp.config import Hl7MllpSettings
from middleware.connectors.hl7_mllp.orders import OrderDesk, OrderReceiver
from middleware.delivery.connector import (
    ConnectorStatus,
    FoundOrders,
    OrderIntake,
    OrderQuestion,
    OutgoingMessage,
)
from middleware.failpoints import Step
from middleware.model import Outcome, OutcomeKind
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.settings import TcpConnectSettings
from middleware.transport.shim import Shim
from middleware.transport.tcp import TcpDialler
from middleware.transport.tls_gauge import gauge_peer
from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered
from middleware.wire.hl7.ack import AckOutcome, AckVerdict, ErrorLocation, classify
from middleware.wire.mllp import MllpLink, MllpLinkOptions

_KINDS = {
    AckOutcome.ACCEPTED: OutcomeKind.ACCEPTED,
    AckOutcome.REFUSED: OutcomeKind.REFUSED,
    AckOutcome.DEFERRED: OutcomeKind.DEFERRED,
}
_WORDS = {
    "no_reply": "the LIS did not answer in time",
    "connection_lost": "the connection was lost before the LIS answered",
    "earlier_not_delivered": "an earlier message was not answered",
}
_TEXT_MAX = 1000
_REPLY_MAX = 64 * 1024
"""What is kept of an answer; more is no acknowledgement."""


@dataclass(slots=True)
class _Call:
    """One call of `deliver`: what was sent of it, and what came back."""

    batch: Sequence[OutgoingMessage]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    next_index: int = 0
    under_way: int = 0
    is_stopped: bool = False  # something was deferred: send no more
    done: Deferred[None] = field(default_factory=Deferred)


class Hl7MllpConnector:
    """I am responsible for the connection to one LIS."""

    def __init__(self, connector_id: str, settings: Hl7MllpSettings, reactor: IReactorTime) -> None:
        self.connector_id = connector_id
        self._settings = settings
        self._reactor = reactor
        self._peer = f"{settings.host}:{settings.port}"
        self._dialler: TcpDialler | None = None
        self._shim: Shim | None = None
        self._last_error = ""
        self._on_ready: list[Callable[[], None]] = []
        self._calls: dict[int, tuple[_Call, int]] = {}  # send id -> the call and the place in it
        self._first_attempt: list[Deferred[None]] = []
        self._receiver: OrderReceiver | None = None
        self._asker: Asker | None = None
        self._shared = SharedWay(self._peer)

    def take_orders_with(self, intake: OrderIntake, processing_id: str, time_zone: str) -> None:
        """Receive orders too, where the settings say so (`middleware.delivery.connector.OrderingConnector`)."""
        desk = OrderDesk(intake, processing_id, time_zone)
        self._asker = make_asker(
            self.connector_id, self._settings, self._reactor, desk, self._shared
        )
        if self._settings.orders is not None:
            if self._asker is not None:
                desk = replace(desk, intake=self._asker.hearing(intake))
            self._receiver = OrderReceiver(
                self.connector_id, self._settings.orders, self._reactor, desk
            )

    async def find_orders(self, question: OrderQuestion) -> FoundOrders:
        """Ask the LIS (`middleware.delivery.connector.OrderFinder`)."""
        if self._asker is None:
            return FoundOrders(reasons=(f"the connector {self.connector_id} cannot ask",))
        return await self._asker.find(question)

    @property
    def orders_address(self) -> object:
        """Where orders are received (the real port); None: nowhere."""
        return self._receiver.address if self._receiver is not None else None

    # -- what a lane asks -------------------------------------------------------------------------

    async def open(self) -> None:
        """Start dialling; the LIS need not be there."""
        if self._dialler is not None:
            return
        settings = TcpConnectSettings(
            type="tcp_connect",
            host=self._settings.host,
            port=self._settings.port,
            connect_timeout_s=self._settings.connect_timeout_s,
            retry_longest_s=self._settings.reconnect_max_s,
            tls=self._settings.tls,
        )
        if self._receiver is not None:
            self._receiver.start()
        if self._asker is not None:
            self._asker.start()
        # The jitter of waits is no secret; the simulation replaces the module's generator by seeding it.
        self._dialler = TcpDialler(settings, self._reactor, self, random.random)
        self._dialler.start()

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Send in order; an outcome for each message tried, up to and including the first deferred
        one that stopped it.
        """
        await self._connected_or_failed()
        if not self._is_open:
            return [self._deferred("not_connected", self._last_error or "not connected yet")]
        call = _Call(batch)
        self._feed(call)
        if call.under_way:
            await call.done
        return [call.outcomes[index] for index in sorted(call.outcomes)]

    async def probe(self) -> Outcome:
        """Connected or not."""
        await self._connected_or_failed()
        if not self._is_open:
            return self._deferred("not_connected", self._last_error or "not connected yet")
        return Outcome(kind=OutcomeKind.ACCEPTED, code="connected")

    async def close(self) -> None:
        """Hang up; what was under way is deferred as `closed`."""
        dialler, self._dialler = self._dialler, None
        self._give_up("closed", "the connector was closed")
        self._answer_waiting()
        if dialler is not None and self._receiver is not None:
            await self._receiver.stop()
        if dialler is not None and self._asker is not None:
            await self._asker.stop()
        if dialler is not None:
            await dialler.stop()

    def status(self) -> ConnectorStatus:
        """How the connection stands."""
        state = self._dialler.state if self._dialler is not None else TransportState.STOPPED
        orders = self._receiver.words if self._receiver is not None else ""
        asked = self._asker.words if self._asker is not None else ""
        return ConnectorStatus(state.value, self._peer, self._last_error, orders, asked)

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the LIS is connected."""
        self._on_ready.append(callback)

    # -- sending ----------------------------------------------------------------------------------

    def _feed(self, call: _Call) -> None:
        """Send as much of a call as may be under way."""
        while (
            call.next_index < len(call.batch)
            and call.under_way < self._settings.in_flight
            and not call.is_stopped
        ):
            index = call.next_index
            call.next_index += 1
            self._send(call, index)

    def _send(self, call: _Call, index: int) -> None:
        shim = self._shim
        if shim is None or not shim.is_open:
            self._note(call, index, self._deferred("connection_lost", _WORDS["connection_lost"]))
            return
        failpoints.hit(Step.BEFORE_SEND)
        try:
            send_id = shim.send_message(call.batch[index].payload)
        except LocalProtocolError as error:
            # Our own fault, and it stays wrong: set it aside with its reason rather than block the lane.
            refused = Outcome(kind=OutcomeKind.REFUSED, code="cannot_be_sent", text=str(error))
            self._note(call, index, refused)
            return
        call.under_way += 1
        self._calls[send_id] = (call, index)
        failpoints.hit(Step.AFTER_SEND)

    def _note(self, call: _Call, index: int, outcome: Outcome) -> None:
        call.outcomes[index] = outcome
        if outcome.kind is OutcomeKind.DEFERRED:
            call.is_stopped = True

    def _finish(self, call: _Call, index: int, outcome: Outcome) -> None:
        """One message under way has its outcome."""
        self._note(call, index, outcome)
        call.under_way -= 1
        self._feed(call)
        if not call.under_way and not call.done.called:
            call.done.callback(None)

    def _deferred(self, code: str, text: str) -> Outcome:
        return Outcome(kind=OutcomeKind.DEFERRED, code=code, text=text)

    # -- what the connection tells (ShimOwner) ----------------------------------------------------

    def connection_opened(self, shim: Shim) -> None:
        """Connected."""
        self._shim = shim
        self._shared.opened(shim)
        self._last_error = ""
        gauge_peer(shim, connector=self.connector_id)
        self._answer_waiting()
        for callback in self._on_ready:
            callback()

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Answers, or the lack of them."""
        is_mute = False
        for event in events:
            if isinstance(event, MessageDelivered):
                failpoints.hit(Step.REPLY_READ)
                self._answered(event)
            elif isinstance(event, MessageNotDelivered):
                self._not_answered(event)
                is_mute = is_mute or event.reason == "no_reply"
        if is_mute:
            shim.abort("the LIS did not answer in time")

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """The connection is gone. Its link has told what was under way, unless it failed itself."""
        if self._shim is shim:
            self._shim = None
            self._shared.closed()
            self._last_error = f"{self._peer} is gone: {reason}"
        self._give_up("connection_lost", _WORDS["connection_lost"])

    def link_failed(self, shim: Shim, error: Exception) -> None:
        """A fault of our own link; the connection ends, and what was under way with it."""
        self._last_error = f"{type(error).__name__}: {error}"

    # -- what the transport tells (TransportOwner) ------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A shim with a fresh link."""
        options = MllpLinkOptions(
            ack_timeout_s=self._settings.ack_timeout_s, in_flight=self._settings.in_flight
        )
        link = MllpLink(options)
        link.set_accepting(False)  # a LIS that sends messages of its own here is refused at once
        return Shim(link, self._reactor, self, peer)

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """Dialling, waiting, open …"""
        if state is TransportState.WAITING:
            self._last_error = detail
            self._answer_waiting()

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """Counted by deliveries and warnings, not by connections; why TLS refused it is shown."""
        if outcome is ConnectionOutcome.REFUSED_TLS:
            self._last_error = f"{peer} was refused: {detail}"

    # -- inside -----------------------------------------------------------------------------------

    def _answered(self, event: MessageDelivered) -> None:
        found = self._calls.pop(event.send_id, None)
        if found is not None:
            call, index = found
            self._finish(call, index, judge(event.reply, call.batch[index].control_id))
        else:
            self._shared.heard(event)

    def _not_answered(self, event: MessageNotDelivered) -> None:
        found = self._calls.pop(event.send_id, None)
        if found is not None:
            words = _WORDS.get(event.reason, event.reason)
            self._finish(*found, self._deferred(event.reason, words))
        else:
            self._shared.heard(event)

    def _give_up(self, code: str, text: str) -> None:
        calls, self._calls = self._calls, {}
        for call, _ in calls.values():
            call.is_stopped = True
        for call, index in calls.values():
            self._finish(call, index, self._deferred(code, text))

    @property
    def _is_open(self) -> bool:
        return self._shim is not None and self._shim.is_open

    async def _connected_or_failed(self) -> None:
        """While the first attempt runs, its end is worth waiting for (`connect_timeout_s`, and at most 10 s of TLS)."""
        dialler = self._dialler
        if self._shim is None and dialler is not None and dialler.state is TransportState.DIALLING:
            waiting: Deferred[None] = Deferred()
            self._first_attempt.append(waiting)
            await waiting

    def _answer_waiting(self) -> None:
        waiting, self._first_attempt = self._first_attempt, []
        for one in waiting:
            one.callback(None)


def judge(reply: bytes, control_id: str) -> Outcome:
    """The outcome that an acknowledgement means."""
    verdict = classify(reply, control_id)
    kind = _KINDS.get(verdict.outcome)
    if kind is None:
        text = verdict.text or f"the answer {verdict.code!r} is no acknowledgement that is known"
        return Outcome(
            kind=OutcomeKind.DEFERRED,
            code="unreadable_reply",
            text=_printable(text[:_TEXT_MAX]),
            reply=reply[:_REPLY_MAX],
        )
    return Outcome(
        kind=kind,
        code=_printable(verdict.code),
        text=_printable(_text_of(verdict)),
        error_locations=tuple(_written(place) for place in verdict.locations),
        reply=reply[:_REPLY_MAX],
    )


def _printable(text: str) -> str:
    """Without control characters: a NUL is no text for PostgreSQL, and an escape none for a terminal."""
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else " " for character in text])


def _text_of(verdict: AckVerdict) -> str:
    codes = ", ".join(dict.fromkeys(verdict.error_codes))
    return " ".join(filter(None, (verdict.text, f"[{codes}]" if codes else "")))[:_TEXT_MAX]


def _written(place: ErrorLocation) -> str:
    """As in ERR-2: segment, sequence, field …; what was not said is left out at the end."""
    numbers = (place.sequence, place.field, place.repetition, place.component, place.subcomponent)
    return "^".join([place.segment, *(str(n or "") for n in numbers)]).rstrip("^")
