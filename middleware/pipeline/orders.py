"""Orders on their way in: journaled and done in one commit, before anything is acknowledged.

What the store cannot judge is judged here: placeholders, damaged texts, tests that no analyzer of this site does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from middleware.clock import Clock
from middleware.delivery.connector import (
    Connector,
    OrderingConnector,
    ReceivedOrders,
    TakenOrders,
)
from middleware.model import (
    MessageKind,
    OrderAction,
    OrderAnswer,
    OrderFault,
    OrderOutcome,
    OrderRequest,
)
from middleware.model.order import LONGEST_ORDER_TEXT
from middleware.observe.events import OrdersTaken
from middleware.review.context import LONGEST_SAMPLE_ID
from middleware.review.identity import is_placeholder
from middleware.setup import Setup
from middleware.store import journal, meta, orders, setups
from middleware.store.connection import Connection
from middleware.store.journal import JournalEntry, Processed
from middleware.store.orders import OrderOccasion
from middleware.store.schema import JournalState
from middleware.store.work import Claimer
from middleware.store.writer import Topic, WriteQueue, Writer

_CHANGES = frozenset({Topic.ORDERS})
# MSH-10 holds 20 characters: 6 of the store, A, and the journal's number.
_ANSWER_MARK = "A"
_TEXTS = ("sample_id", "placer_number", "accession_number", "test_code", "test_name")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A request, and why it is refused before the store is asked (None: it is not)."""

    request: OrderRequest
    refusal: OrderOutcome | None


class Orders:
    """I am responsible that a message of orders is stored whole, or not at all."""

    def __init__(self, writer: Writer, clock: Clock, setup: Callable[[], Setup]) -> None:
        self._writer = writer
        self._clock = clock
        self._setup = setup

    async def take(self, received: ReceivedOrders) -> TakenOrders:
        """Journal a message and do what it asks (`middleware.delivery.connector.OrderIntake`)."""
        known = None
        if not received.accepts_unknown_tests:
            known = known_tests(self._setup(), received.source)
        judged = [_Judged(one, refusal_of(one, known)) for one in received.requests]
        now = self._clock.utc_now().timestamp()
        job = partial(_take, received=received, judged=judged, now=now)
        taken = await self._writer.submit(job, WriteQueue.INTAKE, _CHANGES)
        OrdersTaken(
            received.connector,
            sum(one.is_good for one in taken.outcomes),
            sum(not one.is_good for one in taken.outcomes),
            bool(received.refusal),
        ).emit()
        return taken


def serve_orders(
    connector: Connector, writer: Writer, clock: Clock, setup: Callable[[], Setup]
) -> None:
    """Let a connector whose system sends orders hand them over; before it is opened."""
    if isinstance(connector, OrderingConnector):
        node = setup().node
        connector.take_orders_with(
            Orders(writer, clock, setup).take, node.processing_id, node.time_zone
        )


def claimers_of(setup: Setup) -> dict[str, Claimer]:
    """Every line that may be given work, with what its analyzer calls the LIS's tests."""
    claimers = {}
    for line in setup.lines.values():
        if line.relay is None:  # else the present host answers
            codes = setup.codes.get(line.id)
            code_for = _as_ordered if codes is None else codes.code_for
            claimers[line.id] = Claimer(line.id, code_for, line.order_source)
    return claimers


def _as_ordered(lis_code: str, _specimen_type: str) -> str:
    """Without a table of codes the analyzer does every test under the code that the LIS ordered."""
    return lis_code


def known_tests(setup: Setup, source: str) -> frozenset[str] | None:
    """The tests as ordered that lines of this order source do; None when a line without a table could do any."""
    known: set[str] = set()
    for line in setup.lines.values():
        if line.order_source not in ("", source):
            continue
        codes = setup.codes.get(line.id)
        if codes is None:
            return None
        known |= codes.orderable
    return frozenset(known)


def refusal_of(request: OrderRequest, known: frozenset[str] | None) -> OrderOutcome | None:
    """Why a request is refused without asking the store; None: it is not."""
    if request.action is None:
        return None
    damaged = next((name for name in _TEXTS if _is_unfit(getattr(request, name), name)), None)
    if damaged is not None:
        words = damaged.replace("_", " ")
        return _refused(request, OrderFault.UNFIT_TEXT, f"the {words} is damaged or too long")
    if request.action is OrderAction.CANCEL:
        return None
    if not request.sample_id:
        text = "no sample id stands where this site's orders have it"
        return _refused(request, OrderFault.NO_SAMPLE_ID, text)
    if is_placeholder(request.sample_id):
        text = f"{request.sample_id} is what readers write when they read nothing, and no sample id"
        return _refused(request, OrderFault.PLACEHOLDER, text)
    if not request.test_code:
        return _refused(request, OrderFault.NO_TEST, "the order names no test")
    if known is not None and request.test_code not in known:
        text = f"no analyzer here does the test {request.test_code}"
        return _refused(request, OrderFault.UNKNOWN_TEST, text)
    return None


def _is_unfit(text: str, name: str) -> bool:
    longest = LONGEST_SAMPLE_ID if name == "sample_id" else LONGEST_ORDER_TEXT
    return bool(text) and (len(text) > longest or not text.isprintable())


_NEGATIVE = {
    OrderAction.NEW: OrderAnswer.REFUSED,
    OrderAction.CHANGE: OrderAnswer.NOT_CHANGED,
    OrderAction.CANCEL: OrderAnswer.NOT_CANCELLED,
}


def _refused(request: OrderRequest, fault: OrderFault, text: str) -> OrderOutcome:
    answer = _NEGATIVE[request.action or OrderAction.NEW]
    return OrderOutcome(answer=answer, text=text, fault=fault)


def _take(
    conn: Connection, received: ReceivedOrders, judged: list[_Judged], now: float
) -> TakenOrders:
    entry = JournalEntry(
        line=f"{received.connector}/orders",  # no line is named so
        driver="",
        kind=MessageKind.ORDER,
        received_at=now,
        text=received.text,
        wire=received.wire,
        state=JournalState.REFUSED if received.refusal else JournalState.PROCESSED,
        reason=received.refusal,
    )
    journal_id = journal.append(conn, entry)
    occasion = OrderOccasion(
        source=received.source,
        author=received.connector,
        now=now,
        journal_id=journal_id,
        control_id=received.control_id,
        reuse_after_s=received.reuse_after_s,
    )
    outcomes = []
    for one in judged:
        if one.refusal is not None:
            outcomes.append(one.refusal)
        else:
            outcomes += orders.apply(conn, [_fit(one.request)], occasion)
    if not received.refusal:
        done = Processed(
            id=journal_id,
            kind=MessageKind.ORDER,
            state=JournalState.PROCESSED,
            processed_at=now,
            generation=setups.current_generation(conn),
            message_control_id=received.control_id or None,
        )
        journal.mark_processed(conn, [done])
    store_id = meta.get(conn, meta.STORE_ID) or ""
    return TakenOrders(f"{store_id}{_ANSWER_MARK}{journal_id}", now, tuple(outcomes))


def _fit(request: OrderRequest) -> OrderRequest:
    """Without what of the patient cannot be stored: it serves comparison only."""
    patient = request.patient
    if patient is None:
        return request
    texts = [patient.name, patient.birth_date, patient.sex]
    texts += [text for one in patient.identifiers for text in (one.id, one.authority)]
    if all(len(text) <= LONGEST_ORDER_TEXT and text.isprintable() for text in texts):
        return request
    return request.model_copy(update={"patient": None})
