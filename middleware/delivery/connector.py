"""What a connector is: it delivers rendered outbox messages to one external system and says how that went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.model import (
    EarlierResult,
    MessageKind,
    OrderOutcome,
    OrderRequest,
    Outcome,
    PatientChange,
)
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One outbox row as a connector sees it: its number, its stable control id and the rendered bytes."""

    number: int
    control_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """For status pages: state in words, the peer, the last trouble, how it receives orders and how it asks for
    them ('': it does not)."""

    state: str
    peer: str
    last_error: str = ""
    orders: str = ""
    asked: str = ""


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
    cancels nothing again. `can_be_told`: this way has an answer, so the system hears of refusals. `is_answer`: the
    system was asked; what was cancelled or refused here stays so. `changes` are what it says of patients, `earlier`
    results to compare with; `remark` is kept with it in the journal.
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
    is_answer: bool = False
    kind: MessageKind = MessageKind.ORDER
    changes: tuple[PatientChange, ...] = ()
    earlier: tuple[EarlierResult, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class TakenOrders:
    """What was committed: the number of the answer (at most 20 characters, unique in the store), seconds since 1970
    UTC, and an outcome for each request. `repeats` is the journal number of the same document, when it came before.
    `fault`: why nothing, or not all, was done of what it says of patients.
    """

    reply_id: str
    at: float
    outcomes: tuple[OrderOutcome, ...]
    repeats: int | None = None
    fault: str = ""


OrderIntake = Callable[[ReceivedOrders], Awaitable[TakenOrders]]
"""Journals a message of orders and does what it asks, in one commit. Raises StoreError when nothing was committed."""


@runtime_checkable
class OrderingConnector(Protocol):
    """A connector whose system also sends orders."""

    def take_orders_with(self, intake: OrderIntake, processing_id: str, time_zone: str) -> None:
        """Before `open`: who stores orders, which messages are of this node's environment (HL7 MSH-11), and the zone of
        times without one."""
        ...


@dataclass(frozen=True, slots=True)
class OrderQuestion:
    """Sample ids whose orders are wanted within so many seconds.

    `number`: of at most 17 characters, never used before; the numbers of the messages begin with it. `at`: seconds
    since 1970 UTC. `node`: who asks.
    """

    sample_ids: tuple[str, ...]
    within_s: float
    number: str
    at: float
    node: str


@dataclass(frozen=True, slots=True)
class FoundOrders:
    """The sample ids for which orders were stored, and in words why there are none for the others.

    `answers`: what the system said of sample ids for which it has none, by sample id; of one that is in neither nothing
    is known yet.
    """

    sample_ids: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class OrderFinder(Protocol):
    """A connector whose system can be asked for orders. What it says is stored as all orders are."""

    async def find_orders(self, question: OrderQuestion) -> FoundOrders:
        """Ask, and store what is answered in time. Never raises for trouble with the system; an answer that comes
        later is stored too."""
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
