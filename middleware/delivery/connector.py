"""What a connector is: it delivers rendered outbox messages to one external system and says how that went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.model import OrderOutcome, OrderRequest, Outcome
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One outbox row as a connector sees it: its number, its stable control id and the rendered bytes."""

    number: int
    control_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """For status pages: state in words, the peer, the last trouble, and how it receives orders ('': it does not)."""

    state: str
    peer: str
    last_error: str = ""
    orders: str = ""


class Connector(Protocol):
    """Delivers to one external system. `open` may be called again after `close`; `close` is idempotent."""

    async def open(self) -> None:
        """Start; does not wait for the peer to be there."""
        ...

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Deliver in order; return one outcome per message that was tried, in order.

        Fewer outcomes than messages means the rest was not tried (an earlier one was deferred).
        Never raises for trouble
        with the peer: that is a DEFERRED outcome with its code and text.
        """
        ...

    async def probe(self) -> Outcome:
        """Try the peer without sending a result (connect only)."""
        ...

    async def close(self) -> None:
        """Stop; in-flight messages end as DEFERRED `closed`."""
        ...

    def status(self) -> ConnectorStatus:
        """How the connection stands now."""
        ...


@dataclass(frozen=True, slots=True)
class ReceivedOrders:
    """A message of orders as a connector read it, to be journaled and done in one commit.

    `source` is whose sample ids it speaks of, `control_id` the message's own number. `refusal` says why the whole
    message is refused (then `requests` is empty): it is journaled all the same. `accepts_unknown_tests`: also tests
    that no table of codes names. `reuse_after_s` as in `middleware.store.orders.OrderOccasion`. `name` is set where the
    message is a whole file or document, of which no two with the same content are meant: what comes again changes and
    cancels nothing again. `can_be_told`: this way has an answer, so the system hears of refusals.
    """

    connector: str
    source: str
    text: bytes
    wire: bytes
    requests: tuple[OrderRequest, ...] = ()
    control_id: str = ""
    refusal: str = ""
    accepts_unknown_tests: bool = True
    reuse_after_s: float = 7 * 86400.0
    name: str = ""
    can_be_told: bool = True


@dataclass(frozen=True, slots=True)
class TakenOrders:
    """What was committed: the number of the answer (at most 20 characters, unique in the store), seconds since 1970
    UTC, and an outcome for each request. `repeats` is the journal number of the same document, when it came before."""

    reply_id: str
    at: float
    outcomes: tuple[OrderOutcome, ...]
    repeats: int | None = None


OrderIntake = Callable[[ReceivedOrders], Awaitable[TakenOrders]]
"""Journals a message of orders and does what it asks, in one commit. Raises StoreError when nothing was committed."""


@runtime_checkable
class OrderingConnector(Protocol):
    """A connector whose system also sends orders."""

    def take_orders_with(self, intake: OrderIntake, processing_id: str, time_zone: str) -> None:
        """Before `open`: who stores orders, which messages are of this node's environment (HL7 MSH-11), and the zone of
        times without one."""
        ...


class Renderer(Protocol):
    """Renders one outgoing message in the format of one connector; pure, called inside the processing transaction."""

    @property
    def format(self) -> str:
        """The outbox's `format`, for example "hl7_oru_r01"."""
        ...

    def render(self, specimen: OutgoingSpecimen, context: RenderContext) -> bytes:
        """The bytes to send. Same arguments, same bytes."""
        ...


class ConnectorFactory(Protocol):
    """What an entry point of `labwire.connectors` resolves to."""

    @property
    def name(self) -> str:
        """The `type` in the settings, for example "hl7_mllp"."""
        ...

    @property
    def settings_model(self) -> type[BaseModel]:
        """The pydantic model of the connector's own settings (beside id and type)."""
        ...

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """The renderer for a connector with these settings."""
        ...

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """Build the connector; no effects until `open`."""
        ...
