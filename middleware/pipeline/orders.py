"""Orders on their way in: journaled and done in one commit, before anything is acknowledged.

What the store cannot judge is judged here: placeholders, damaged texts, tests that no analyzer of this site does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from middleware import failpoints
from middleware.clock import Clock
from middleware.delivery.connector import (
    Connector,
    OrderingConnector,
    ReceivedOrders,
    TakenOrders,
)
from middleware.failpoints import Step
from middleware.model import (
    Fault,
    OrderAction,
    OrderAnswer,
    OrderFault,
    OrderOutcome,
    OrderRequest,
    ToTell,
)
from middleware.model.order import LONGEST_ORDER_TEXT
from middleware.observe.events import OrdersTaken
from middleware.observe.health import Health, WarnableCode
from middleware.pipeline import panels, patients
from middleware.pipeline.claimers import cancelling_lines, tellable_lines
from middleware.pipeline.early_results import bind_early
from middleware.review.context import LONGEST_SAMPLE_ID
from middleware.review.identity import is_placeholder
from middleware.setup import Setup
from middleware.store import journal, meta, orders, setups
from middleware.store.connection import Connection
from middleware.store.journal import JournalEntry, Processed
from middleware.store.orders import OrderOccasion
from middleware.store.schema import JournalState
from middleware.store.writer import Topic, WriteQueue, Writer

# An order may let a result go that waited for it.
_CHANGES = frozenset({Topic.ORDERS, Topic.OUTBOX})
# MSH-10 holds 20 characters: 6 of the store, A, and the journal's number.
_ANSWER_MARK = "A"
_WARNS_FOR_S = 3600.0
"""So long a refusal that the system cannot hear of is shown, at least."""

_TEXTS = (
    "sample_id",
    "placer_number",
    "accession_number",
    "test_code",
    "test_name",
    "parent_sample_id",
)

_PLACES = ("location", "encounter", "carrier", "position")


@dataclass(frozen=True, slots=True)
class _Judged:
    """A request, and why it is refused before the store is asked (None: it is not)."""

    request: OrderRequest
    refusal: OrderOutcome | None


class Orders:
    """I am responsible that a message of orders is stored whole, or not at all."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        setup: Callable[[], Setup],
        health: Health | None = None,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._setup = setup
        self._health = health
        self._refused_at = 0.0  # seconds since 1970: the last refusal that could not be told

    async def take(self, received: ReceivedOrders) -> TakenOrders:
        """Journal a message and do what it asks (`middleware.delivery.connector.OrderIntake`)."""
        setup, known = self._setup(), None
        if not received.accepts_unknown_tests:
            known = known_tests(setup, received.source)
        judged = [_judged(one, known, setup.panels) for one in received.requests]
        now = self._clock.utc_now().timestamp()
        job = partial(_take, received=received, judged=judged, now=now, setup=setup)
        taken = await self._writer.submit(job, WriteQueue.INTAKE, _CHANGES)
        failpoints.hit(Step.ORDERS_STORED)
        OrdersTaken(
            received.connector,
            sum(one.is_good for one in taken.outcomes),
            sum(not one.is_good for one in taken.outcomes),
            bool(received.refusal),
        ).emit()
        if not received.can_be_told:
            self._warn(received, taken)
        return taken

    def _warn(self, received: ReceivedOrders, taken: TakenOrders) -> None:
        """Nobody at the other end reads a refusal: a person here must."""
        refused = sum(_matters(one, received) for one in taken.outcomes)
        if self._health is None:
            return
        if received.refusal or refused:
            self._refused_at = taken.at
            what = f"{refused} tests were" if refused else "A message was"
            text = f"{what} refused; the system that ordered cannot be told."
            self._health.raise_warning(WarnableCode.ORDERS_REFUSED, received.connector, text)
        elif taken.at >= self._refused_at + _WARNS_FOR_S:
            self._health.clear(WarnableCode.ORDERS_REFUSED, received.connector)


def _matters(outcome: OrderOutcome, received: ReceivedOrders) -> bool:
    """It is refused, and not only said by a system that we asked and that does not know what ended here."""
    is_known = received.is_answer and outcome.fault is OrderFault.TOO_LATE
    return not outcome.is_good and not is_known


def serve_orders(
    connector: Connector,
    writer: Writer,
    clock: Clock,
    setup: Callable[[], Setup],
    health: Health | None = None,
) -> None:
    """Let a connector whose system sends orders hand them over; before it is opened."""
    if isinstance(connector, OrderingConnector):
        node = setup().node
        connector.take_orders_with(
            Orders(writer, clock, setup, health).take, node.processing_id, node.time_zone
        )


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


def _judged(
    request: OrderRequest, known: frozenset[str] | None, known_panels: panels.Panels
) -> _Judged:
    """A panel is refused with the first of its tests that is."""
    refusals = (refusal_of(one, known) for one in panels.each_test(request, known_panels))
    return _Judged(request, next((one for one in refusals if one is not None), None))


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
    longest = LONGEST_SAMPLE_ID if name.endswith("sample_id") else LONGEST_ORDER_TEXT
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
    conn: Connection, received: ReceivedOrders, judged: list[_Judged], now: float, setup: Setup
) -> TakenOrders:
    entry = _entry(received, now)
    repeats = journal.same_file(conn, entry) if received.name else None
    journal_id = journal.append(conn, entry)
    occasion = OrderOccasion(
        source=received.source,
        author=received.connector,
        now=now,
        journal_id=journal_id,
        control_id=received.control_id,
        reuse_after_s=received.reuse_after_s,
        tellable=tellable_lines(setup, ToTell.CHANGE),
        cancelling=cancelling_lines(setup),
        is_answer=received.is_answer,
    )
    outcomes: list[OrderOutcome] = []
    for one in judged:
        refusal = one.refusal or _not_again(one.request, repeats)
        if refusal is not None:
            outcomes.append(refusal)
        else:
            tests = panels.each_test(_fit(one.request), setup.panels)
            outcomes.append(panels.as_one(orders.apply(conn, tests, occasion)))
    ordered = _newly_ordered(judged, outcomes)
    if ordered:
        bind_early(conn, ordered, now - received.reuse_after_s, setup, now)
    fault = ""
    if not received.refusal:
        journal.mark_processed(conn, [_done(conn, (journal_id, now), received, outcomes)])
        fault = _of_patients(conn, received, journal_id, now)
    store_id = meta.get(conn, meta.STORE_ID) or ""
    answer_id = f"{store_id}{_ANSWER_MARK}{journal_id}"
    return TakenOrders(answer_id, now, tuple(outcomes), repeats, fault)


def _entry(received: ReceivedOrders, now: float) -> JournalEntry:
    return JournalEntry(
        line=f"{received.connector}/orders",  # no line is named so
        driver="",
        kind=received.kind,
        received_at=now,
        text=received.text,
        wire=received.wire,
        state=JournalState.REFUSED if received.refusal else JournalState.PROCESSED,
        reason=received.refusal,
        file_name=received.name or None,
    )


def _of_patients(conn: Connection, received: ReceivedOrders, journal_id: int, now: float) -> str:
    """Do what it says of patients; answers why not all was done, which stands in the journal too."""
    if not received.changes and not received.earlier and not received.remark:
        return ""
    fault = patients.take(conn, received, journal_id, now)
    is_refused = bool(fault) and not received.requests
    state = JournalState.REFUSED if is_refused else JournalState.PROCESSED
    reason = "; ".join([text for text in (received.remark, fault) if text])
    if reason:
        journal.remark(conn, journal_id, reason, state)
    return fault


def _newly_ordered(judged: Sequence[_Judged], outcomes: Sequence[OrderOutcome]) -> set[str]:
    """The sample ids of tests that may wait for a result which is there already."""
    return {
        one.request.sample_id
        for one, outcome in zip(judged, outcomes, strict=True)
        if one.request.action is not OrderAction.CANCEL and outcome.is_good
    } - {""}


def _not_again(request: OrderRequest, repeats: int | None) -> OrderOutcome | None:
    """A document that comes again changes and cancels nothing: what it undid may have been ordered anew since.

    New orders do nothing twice by themselves, and what was refused then may be right now.
    """
    if repeats is None or request.action not in (OrderAction.CHANGE, OrderAction.CANCEL):
        return None
    text = f"said before, in message {repeats}: nothing was done again"
    return OrderOutcome(answer=OrderAnswer.UNCHANGED, text=text)


def _done(
    conn: Connection,
    written: tuple[int, float],
    received: ReceivedOrders,
    outcomes: Sequence[OrderOutcome],
) -> Processed:
    """What became of a message; its refusals stand in the journal too, for not every system can be told."""
    journal_id, now = written
    faults = [
        Fault(code=f"order_{outcome.fault}", text=outcome.text, record=request.source)
        for request, outcome in zip(received.requests, outcomes, strict=True)
        if outcome.fault is not None
    ]
    is_refused = bool(faults) and len(faults) == len(outcomes) and not received.can_be_told
    return Processed(
        id=journal_id,
        kind=received.kind,
        state=JournalState.REFUSED if is_refused else JournalState.PROCESSED,
        processed_at=now,
        generation=setups.current_generation(conn),
        message_control_id=received.control_id or None,
        faults_json=json.dumps([one.model_dump(mode="json") for one in faults], ensure_ascii=False)
        if faults
        else None,
    )


def _fit(request: OrderRequest) -> OrderRequest:
    """Without what cannot be stored of the patient, who serves comparison only, and of places."""
    gone: dict[str, object] = {
        name: "" for name in _PLACES if _is_unfit(getattr(request, name), name)
    }
    patient = request.patient
    if patient is not None:
        texts = [patient.name, patient.birth_date, patient.sex]
        texts += [text for one in patient.identifiers for text in (one.id, one.authority)]
        if any(_is_unfit(text, "patient") for text in texts):
            gone["patient"] = None
    return request.model_copy(update=gone) if gone else request
