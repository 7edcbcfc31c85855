"""Takes orders that the LIS sends as LIS2 messages: stored and done in one commit, then the last frame is acknowledged.

ASTM has no answer for an order: what is refused is journaled with its reasons and a person is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from middleware.connectors.lis2_host.config import OrdersSettings
from middleware.connectors.order_desk import OrderDesk, Said, content_id
from middleware.errors import MiddlewareError
from middleware.observe.events import InvariantViolated
from middleware.payload.hl7_orders import UnreadableOrders
from middleware.payload.lis2_orders_in import Lis2Orders, read_lis2_orders
from middleware.transport.shim import Shim
from middleware.wire.events import MessageAbandoned, MessageReceived

_SENT_AGAIN = frozenset({"connection_lost", "receive_timeout", "session_restarted"})
"""Why a message broke off whose last frame the LIS knows to be unacknowledged."""


@dataclass(slots=True)
class OrderTaker:
    """I am responsible that no message of orders is acknowledged before its commit."""

    settings: OrdersSettings
    desk: OrderDesk
    encoding: str
    taken: int = 0
    refused: int = 0
    _running: set[Deferred[None]] = field(default_factory=set)

    def take(self, shim: Shim, event: MessageReceived) -> None:
        """Store it, then acknowledge; what cannot be stored is refused, and the LIS sends it again."""
        self._run(self._take(shim, event))

    def keep(self, event: MessageAbandoned) -> None:
        """A message without its end: none of it is done. The LIS may count on frames that were acknowledged."""
        if event.text:
            self._run(self._keep(event))

    def _run(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        task: Deferred[None] = Deferred.fromCoroutine(work)
        self._running.add(task)
        task.addErrback(_broke)
        task.addBoth(self._ended, task)

    async def stop(self) -> None:
        """Finish what is being stored."""
        for task in list(self._running):
            await _end_of(task)

    @property
    def words(self) -> str:
        """For status pages."""
        return f"orders on the same connection: {self.taken} tests taken, {self.refused} refused"

    async def _take(self, shim: Shim, event: MessageReceived) -> None:
        try:
            taken = await self.desk.take(self._said(event))
        except MiddlewareError:
            shim.refuse(event.token)  # the writer has told why
            return
        good = sum(one.is_good for one in taken.outcomes)
        self.taken += good
        self.refused += len(taken.outcomes) - good
        shim.commit(event.token)

    async def _keep(self, event: MessageAbandoned) -> None:
        is_sent_again = event.reason in _SENT_AGAIN  # then nobody must be told
        refusal = f"the message broke off: {event.reason.replace('_', ' ')}"
        said = Said(event.text, event.wire, refusal=refusal, can_be_told=is_sent_again)
        with contextlib.suppress(MiddlewareError):  # the writer has told why; nothing was promised
            await self.desk.take(said)

    def _said(self, event: MessageReceived) -> Said:
        text, wire = event.text, event.wire
        try:
            read = read_lis2_orders(text, self.settings.names(self.encoding, self.desk.time_zone))
        except UnreadableOrders as error:
            return Said(text, wire, refusal=str(error), can_be_told=False)
        refusal = self.desk.refusal_of_environment(read.processing_id)
        return Said(
            text,
            wire,
            requests=() if refusal else read.requests,
            control_id=_control_id(read, text),
            refusal=refusal,
            can_be_told=False,
        )

    def _ended(self, _result: object, task: Deferred[None]) -> None:
        self._running.discard(task)


def _control_id(read: Lis2Orders, text: bytes) -> str:
    """H-3. Many LIS write none: then a message with a time is known by its content, one without is not known."""
    if read.control_id or not read.sent_at:
        return read.control_id
    return content_id(text)


def _end_of(task: Deferred[None]) -> Deferred[None]:
    done: Deferred[None] = Deferred()

    def tell(_result: object) -> None:
        done.callback(None)

    task.addBoth(tell)
    return done


def _broke(_failure: object) -> None:
    InvariantViolated("orders_are_answered", "a message of orders was not answered").emit()
