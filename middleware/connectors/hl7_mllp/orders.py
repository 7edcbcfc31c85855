"""Receives orders of a LIS over MLLP, and what it says of patients: each message is stored and done in one commit, then
answered.

One connection at a time; the LIS connects to us. What cannot be stored is refused with 207, so the LIS sends it again.
What is no order that we know, or is of another environment than this node's, is kept for evidence and rejected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from middleware.connectors.hl7_mllp.config import OrdersSettings, UnknownTests
from middleware.connectors.hl7_mllp.reading import Heard, Wants, hear
from middleware.delivery.connector import OrderIntake, ReceivedOrders, TakenOrders
from middleware.errors import MiddlewareError
from middleware.observe.events import InvariantViolated
from middleware.payload.hl7_order_replies import ReplyStamp, order_reply, refusal_reply
from middleware.payload.hl7_orders import OrderNames
from middleware.payload.hl7_time import stamp_in_zone
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.shim import Shim
from middleware.transport.tcp import PortTaken, TcpListener
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.events import Event, MessageReceived
from middleware.wire.hl7 import AckCode, ErrorCode, Glance, Message, build_ack, parse, replies_for
from middleware.wire.mllp import MllpLink, MllpLinkOptions, acknowledge_plainly

RETRY_S = 5.0
"""Between two attempts to listen on a port that is taken."""

_GOOD = frozenset((AckCode.APPLICATION_ACCEPT, AckCode.COMMIT_ACCEPT))
_APPLICATION = frozenset(
    (AckCode.APPLICATION_ACCEPT, AckCode.APPLICATION_ERROR, AckCode.APPLICATION_REJECT)
)


@dataclass(frozen=True, slots=True)
class OrderDesk:
    """What a receiver works with: who stores orders, MSH-11 of this node's environment, the zone of bare times."""

    intake: OrderIntake
    processing_id: str
    time_zone: str


@dataclass(slots=True)
class _Answer:
    """The answer of the application to the message in hand; None while nothing is stored."""

    code: AckCode | None = None
    text: bytes = b""

    def acknowledge(self, text: bytes, code: AckCode) -> bytes:
        """The bytes of one acknowledgement."""
        if self.code is not None and code in _APPLICATION:
            return self.text
        return acknowledge_plainly(text, code)

    def replies(self, message: Glance, *, accepted: bool) -> tuple[AckCode, ...]:
        """What is stored has a commit accept, also when the application refuses it (HL7 2.5.1 2.9.3)."""
        if not accepted or self.code is None:
            return replies_for(message, accepted=accepted)
        stored = [one for one in replies_for(message, accepted=True) if one not in _APPLICATION]
        said = replies_for(message, accepted=self.code in _GOOD)
        return (*stored, *(self.code for one in said if one in _APPLICATION))


class OrderReceiver:
    """I am responsible that every message of orders gets its answer, and none before its commit."""

    def __init__(
        self, connector_id: str, settings: OrdersSettings, reactor: IReactorTime, desk: OrderDesk
    ) -> None:
        self._connector_id = connector_id
        self._settings = settings
        self._reactor = reactor
        self._desk = desk
        names = OrderNames(settings.sample_id, desk.time_zone)
        self._wants = Wants(names, settings.earlier_results, desk.processing_id)
        self._answers: dict[Shim, _Answer] = {}
        self._running: set[Deferred[None]] = set()
        self._state = TransportState.STOPPED
        self._last_error = ""
        self._retry: IDelayedCall | None = None
        self._transport = TcpListener(settings.transport, reactor, self)

    @property
    def address(self) -> Any:
        """Where it listens (the real port)."""
        return self._transport.address

    @property
    def words(self) -> str:
        """How it stands, for status pages."""
        more = f"; last trouble: {self._last_error}" if self._last_error else ""
        return f"orders on {self.address}: {self._state.value}{more}"

    def start(self) -> None:
        """Listen; a port that another program holds is tried again until it is free."""
        self._retry = None
        try:
            self._transport.start()
        except PortTaken as error:
            self._last_error = str(error)
            self._retry = self._reactor.callLater(RETRY_S, self.start)

    async def stop(self) -> None:
        """Finish what is being stored, then close."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for task in list(self._running):
            await _end_of(task)
        await self._transport.stop()

    # -- TransportOwner and ShimOwner -------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A new connection with a link of its own."""
        answer = _Answer()
        options = MllpLinkOptions(acknowledge=answer.acknowledge, replies=answer.replies)
        shim = Shim(MllpLink(options), self._reactor, self, peer)
        self._answers[shim] = answer
        return shim

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """Listening, open …"""
        self._state = state
        if state is TransportState.WAITING:
            self._last_error = detail

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """A stranger is shown."""
        if outcome in (ConnectionOutcome.REFUSED_PEER, ConnectionOutcome.REFUSED_TLS):
            self._last_error = f"{peer} was refused{f': {detail}' if detail else ''}"

    def connection_opened(self, shim: Shim) -> None:
        """Nothing is heard yet."""

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Messages, one at a time: the link holds the next until this one is answered."""
        for event in events:
            if isinstance(event, MessageReceived):
                task: Deferred[None] = Deferred.fromCoroutine(self._take(shim, event))
                self._running.add(task)
                task.addErrback(_broke)
                task.addBoth(self._ended, task)

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """Gone; what is stored stays, and the LIS sends again what it had no answer for."""
        self._answers.pop(shim, None)

    def link_failed(self, shim: Shim, error: Exception) -> None:
        """A fault of our own link; the connection ends."""
        self._last_error = f"{type(error).__name__}: {error}"

    # -- inside -----------------------------------------------------------------------------------

    async def _take(self, shim: Shim, event: MessageReceived) -> None:
        message = _parsed(event.text)
        heard = hear(message, event.text, self._wants)
        try:
            taken = await self._desk.intake(self._received(message, heard, event))
        except MiddlewareError:
            shim.refuse(event.token)  # the writer has told why; 207: send it again
            return
        answer = self._answers.get(shim)
        if answer is None:
            return
        answer.code, answer.text = self._reply(message, heard, taken)
        try:
            shim.commit(event.token)
        finally:
            answer.code = None

    def _received(
        self, message: Message | None, heard: Heard, event: MessageReceived
    ) -> ReceivedOrders:
        return ReceivedOrders(
            connector=self._connector_id,
            source=self._settings.order_source,
            text=event.text,
            wire=event.wire,
            requests=tuple(one.request for one in heard.orders),
            control_id=message.header.get("MSH-10") if message is not None else "",
            refusal=heard.refusal.text if heard.refusal is not None else "",
            accepts_unknown_tests=self._settings.unknown_tests is UnknownTests.ACCEPT,
            reuse_after_s=self._settings.reuse_after_h * 3600,
            kind=heard.kind,
            changes=heard.changes,
            earlier=heard.earlier,
            remark=heard.remark,
        )

    def _reply(
        self, message: Message | None, heard: Heard, taken: TakenOrders
    ) -> tuple[AckCode, bytes]:
        stamp = ReplyStamp(taken.reply_id, stamp_in_zone(taken.at, self._desk.time_zone))
        reject = AckCode.APPLICATION_REJECT
        if message is None:
            return reject, acknowledge_plainly(b"", reject)
        if heard.refusal is not None:
            words = heard.refusal
            return reject, refusal_reply(message, reject, words.text, words.code, stamp)
        if heard.orders:
            return order_reply(message, heard.orders, taken.outcomes, stamp)
        if taken.fault:
            error = AckCode.APPLICATION_ERROR
            return error, refusal_reply(message, error, taken.fault, ErrorCode.DUPLICATE_KEY, stamp)
        good = AckCode.APPLICATION_ACCEPT
        return good, build_ack(message, good, stamp.control_id, stamp.time_text)

    def _ended(self, _result: object, task: Deferred[None]) -> None:
        self._running.discard(task)


def _parsed(text: bytes) -> Message | None:
    try:
        return parse(text)
    except RemoteProtocolError:
        return None


def _end_of(task: Deferred[None]) -> Deferred[None]:
    done: Deferred[None] = Deferred()

    def tell(_result: object) -> None:
        done.callback(None)

    task.addBoth(tell)
    return done


def _broke(_failure: object) -> None:
    InvariantViolated("orders_are_answered", "a message of orders was not answered").emit()
