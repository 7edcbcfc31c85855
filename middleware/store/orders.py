"""Orders as they come from a LIS: new, change and cancel, for each test of each specimen. Re-runnable jobs of one
transaction.

A test is known by (order source, specimen, placer number, test code), so a request that is said twice does nothing
twice. A specimen is (order source, sample id, period of use): see `specimens`. A step that an analyzer was given is not
cancelled by the LIS any more: it is told so, and the result comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, Executable, bindparam, func, insert, select, update

from middleware.model import (
    OrderAction,
    OrderAnswer,
    OrderFault,
    OrderOutcome,
    OrderRequest,
    StepKind,
    StepState,
    ToTell,
)
from middleware.store import adoption, specimens, steps
from middleware.store.order_schema import OPEN_OF_TUBE
from middleware.store.rows import fetch
from middleware.store.schema import ORDERS, SPECIMENS, WORK_ORDER_STEPS
from middleware.store.specimens import LabelledAnew, OtherPatient
from middleware.store.steps import Change

_PLACED = "placed"
_FREE = (StepState.PENDING, StepState.EXPIRED, StepState.REFUSED)
"""No analyzer has it and none will have it by itself: it may be changed and cancelled."""
_GIVEN = (StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS, StepState.RESULTED)
_AT_ANALYZER = (StepState.SENT, StepState.IN_PROCESS)
_ENDED_HERE = (StepState.CANCELLED, StepState.REFUSED)
_SHOWN_TESTS = 5
MOST_TESTS = 1000
"""Open tests of one tube: more is a fault of the system that orders, and would hold up every analyzer that asks."""


@dataclass(frozen=True, slots=True)
class OrderOccasion:
    """One message of orders: whose sample ids it speaks of, its place in the journal, its own number (MSH-10), when.

    `author` is the connector's id. A sample id of another patient begins a new period of use when all work on the
    earlier one ended and nothing spoke of it for `reuse_after_s`. `tellable`: the lines whose analyzers can
    be told of a change of what they have; `cancelling`: those that say whether they cancel what they have.
    """

    source: str
    author: str
    now: float
    journal_id: int | None = None
    control_id: str = ""
    reuse_after_s: float = 7 * 86400.0
    tellable: frozenset[str] = frozenset()
    cancelling: frozenset[str] = frozenset()
    is_answer: bool = False  # we asked: it orders nothing again that was cancelled or refused here

    def change(self, reason: str = "") -> Change:
        """As steps record it."""
        return Change(self.author, self.now, reason)


def apply(
    conn: Connection, requests: Sequence[OrderRequest], occasion: OrderOccasion
) -> list[OrderOutcome]:
    """Do what is asked, in order; an outcome for each. A request that is refused changes nothing."""
    return [_apply_one(conn, request, occasion) for request in requests]


def _apply_one(conn: Connection, request: OrderRequest, occasion: OrderOccasion) -> OrderOutcome:
    try:
        if request.action is OrderAction.NEW:
            return _new(conn, request, occasion)
        if request.action is OrderAction.CHANGE:
            return _change(conn, request, occasion)
        if request.action is OrderAction.CANCEL:
            return _cancel(conn, request, occasion)
    except OtherPatient as error:
        return _refused(request, OrderFault.OTHER_PATIENT, str(error))
    except LabelledAnew as error:
        return _refused(request, OrderFault.UNKNOWN_ORDER, str(error))
    text = f"the order control {request.control or '(none)'} is not supported"
    return OrderOutcome(answer=OrderAnswer.REFUSED, text=text, fault=OrderFault.UNSUPPORTED)


_NEGATIVE = {
    OrderAction.NEW: OrderAnswer.REFUSED,
    OrderAction.CHANGE: OrderAnswer.NOT_CHANGED,
    OrderAction.CANCEL: OrderAnswer.NOT_CANCELLED,
}


# -- new ------------------------------------------------------------------------------------------


def _new(conn: Connection, request: OrderRequest, occasion: OrderOccasion) -> OrderOutcome:
    specimen = specimens.use(
        conn, request, occasion.source, occasion.now, reuse_after_s=occasion.reuse_after_s
    )
    known = [one for one in _steps_of(conn, request, specimen.id) if not one.is_again]
    last = known[-1] if known else None
    if last is not None and occasion.is_answer and last.state in _ENDED_HERE:
        text = f"the test {request.test_code} was {last.state} here"
        return _refused(request, OrderFault.TOO_LATE, text)
    reflex = adoption.reflex_step(conn, specimen.id, request.test_code) if last is None else None
    if reflex is not None:
        order_id = _order_of(conn, request, occasion, specimen.id)
        adoption.adopt(conn, reflex, order_id, occasion.change("the LIS orders it too"))
        return OrderOutcome(answer=OrderAnswer.ACCEPTED)
    if last is None or (last.state == StepState.CANCELLED and not _is_resent(last, occasion)):
        if _is_full(conn, specimen.id):
            text = f"the tube has {MOST_TESTS} open tests; no tube has more"
            return _refused(request, OrderFault.TOO_MANY, text)
        _add_step(conn, request, occasion, specimen.id)
        return OrderOutcome(answer=OrderAnswer.ACCEPTED)
    if last.state in (StepState.EXPIRED, StepState.REFUSED):
        change = occasion.change("ordered again")
        again = {**steps.UNTOUCHED, "created_at": occasion.now}
        steps.move(conn, [last.id], StepState.PENDING, _FREE, change, **again)
        return OrderOutcome(answer=OrderAnswer.ACCEPTED)
    return OrderOutcome(
        answer=OrderAnswer.UNCHANGED, text=f"the test {request.test_code} was ordered before"
    )


def _is_resent(step: _Step, occasion: OrderOccasion) -> bool:
    """The very message that ordered the step came again, after its cancel: it revives nothing."""
    return bool(occasion.control_id) and step.control_id == occasion.control_id


def _add_step(
    conn: Connection, request: OrderRequest, occasion: OrderOccasion, specimen_id: int
) -> int:
    priority = request.priority.value if request.priority is not None else None
    row = {
        "order_id": _order_of(conn, request, occasion, specimen_id),
        "specimen_id": specimen_id,
        "test_code": request.test_code,
        "lis_code": request.test_code,
        "test_name": request.test_name or None,
        "priority": priority,
        "control_id": occasion.control_id or None,
    }
    return steps.add(conn, row, occasion.change())


def _order_of(
    conn: Connection, request: OrderRequest, occasion: OrderOccasion, specimen_id: int
) -> int:
    placer = request.placer_number or None
    found = fetch(conn, _ORDER[placer is None], {"of_specimen": specimen_id, "of_placer": placer})
    if found:
        return int(found[0][0])
    row = {
        "specimen_id": specimen_id,
        "order_source": occasion.source,
        "placer_number": placer,
        "accession_number": request.accession_number or None,
        "priority": request.priority.value if request.priority is not None else None,
        "state": _PLACED,
        "received_at": occasion.now,
        "journal_id": occasion.journal_id,
    }
    return int(conn.execute(insert(ORDERS).values(row).returning(ORDERS.c.id)).scalar_one())


# -- change ---------------------------------------------------------------------------------------


def _change(conn: Connection, request: OrderRequest, occasion: OrderOccasion) -> OrderOutcome:
    known = _named(conn, request, occasion.source)
    if not known:
        elsewhere = request.placer_number and _named(
            conn, request.model_copy(update={"sample_id": ""}), occasion.source
        )
        if elsewhere:
            specimens.check_label(conn, request.sample_id, occasion.source)
            text = "the order is of another specimen: cancel it there and order it anew"
            return _refused(request, OrderFault.UNKNOWN_ORDER, text)
        return _new(conn, request, occasion)
    if request.sample_id:
        specimens.use(
            conn, request, occasion.source, occasion.now, reuse_after_s=occasion.reuse_after_s
        )
    return _reprioritise(conn, known, request, occasion)


def _reprioritise(
    conn: Connection, known: Sequence[_Step], request: OrderRequest, occasion: OrderOccasion
) -> OrderOutcome:
    priority = request.priority.value if request.priority is not None else None
    wanted = [one for one in known if priority is not None and one.priority != priority]
    telling = [one for one in wanted if one.state in _AT_ANALYZER and one.line in occasion.tellable]
    given = [one for one in wanted if one.state not in _FREE and one not in telling]
    if given:
        return _refused(request, OrderFault.TOO_LATE, _too_late(given, "changed"))
    if not wanted:
        return OrderOutcome(answer=OrderAnswer.CHANGED)
    conn.execute(
        update(WORK_ORDER_STEPS)
        .where(WORK_ORDER_STEPS.c.id.in_([one.id for one in wanted]))
        .values(priority=priority, changed_at=occasion.now)
    )
    for one in wanted:
        change = occasion.change(f"priority {one.priority or 'none'} became {priority}")
        steps.note(conn, [one.id], StepState(one.state), change)
    steps.let_tell(conn, [one.id for one in telling], ToTell.CHANGE)
    return OrderOutcome(answer=OrderAnswer.CHANGED)


# -- cancel ---------------------------------------------------------------------------------------


def _cancel(conn: Connection, request: OrderRequest, occasion: OrderOccasion) -> OrderOutcome:
    if not request.placer_number and not (request.sample_id and request.test_code):
        text = "a cancel needs an order number, or a sample id and a test"
        return _refused(request, OrderFault.UNKNOWN_ORDER, text)
    known = _named(conn, request, occasion.source, is_for_cancel=True)
    if not known:
        specimens.check_label(conn, request.sample_id, occasion.source)
        return _refused(request, OrderFault.UNKNOWN_ORDER, "no such order is known")
    if request.patient is not None:
        for specimen_id in dict.fromkeys(one.specimen_id for one in known):
            specimens.check_patient(conn, specimen_id, request.patient)
    free = [one for one in known if one.state in _FREE]
    change = occasion.change("cancelled by the LIS")
    ids = [one.id for one in free]
    steps.move(conn, ids, StepState.CANCELLED, _FREE, change, line=None)
    given = [one for one in known if one.state in _GIVEN]
    if given:
        outcome = _asked_too_late(conn, request, given, occasion)
        return outcome.model_copy(update={"text": f"{outcome.text}{_rest(free)}"})
    return OrderOutcome(answer=OrderAnswer.CANCELLED)


def _rest(cancelled: Sequence[_Step]) -> str:
    """Of an order of which some tests were given: the others are cancelled, and the LIS must know which."""
    named = ", ".join([one.lis_code for one in cancelled[:_SHOWN_TESTS]])
    more = " …" if len(cancelled) > _SHOWN_TESTS else ""
    return f"; cancelled: {named}{more}" if cancelled else ""


def _asked_too_late(
    conn: Connection, request: OrderRequest, given: Sequence[_Step], occasion: OrderOccasion
) -> OrderOutcome:
    """Refused, for the analyzers have them; one that says whether it cancels is asked to."""
    asked = [
        one
        for one in given
        if one.state in (StepState.SENT, StepState.IN_PROCESS) and one.line in occasion.cancelling
    ]
    steps.let_tell(conn, [one.id for one in asked], ToTell.CANCEL)
    for one in given:
        words = "and its analyzer is asked" if one in asked else "too late"
        change = occasion.change(f"the LIS asked to cancel it, {words}")
        steps.note(conn, [one.id], StepState(one.state), change)
    text = _too_late(given, "cancelled")
    if asked:
        text += "; the analyzer is asked to cancel it"
    return _refused(request, OrderFault.TOO_LATE, text)


def _too_late(given: Sequence[_Step], word: str) -> str:
    said = [
        f"{one.lis_code} has its result"
        if one.state == StepState.RESULTED
        else f"{one.lis_code} was given to {one.line}"
        for one in given[:_SHOWN_TESTS]
    ]
    return f"cannot be {word} any more: {', '.join(said)}"


def _refused(request: OrderRequest, fault: OrderFault, text: str) -> OrderOutcome:
    action = request.action or OrderAction.NEW
    return OrderOutcome(answer=_NEGATIVE[action], text=text, fault=fault)


# -- looking up -----------------------------------------------------------------------------------


class _Step(NamedTuple):
    id: int
    specimen_id: int
    lis_code: str
    line: str | None
    state: str
    priority: str | None
    control_id: str | None
    kind: str | None

    @property
    def is_again(self) -> bool:
        """It is not the LIS's but follows from a result of the test."""
        return self.kind in (StepKind.RERUN, StepKind.DILUTION)


_COLUMNS = tuple(WORK_ORDER_STEPS.c[name] for name in _Step._fields)


def _order_statement(*, without_placer: bool) -> Executable:
    placer = ORDERS.c.placer_number
    is_it = placer.is_(None) if without_placer else placer == bindparam("of_placer")
    return (
        select(ORDERS.c.id)
        .where(ORDERS.c.specimen_id == bindparam("of_specimen"), is_it)
        .order_by(ORDERS.c.id)
        .limit(1)
    )


_ORDER = {one: _order_statement(without_placer=one) for one in (False, True)}
_STEPS = (
    select(*_COLUMNS)
    .where(
        WORK_ORDER_STEPS.c.order_id == bindparam("of_order"),
        WORK_ORDER_STEPS.c.lis_code == bindparam("of_test"),
    )
    .order_by(WORK_ORDER_STEPS.c.id)
)
_OPEN_OF_TUBE = (
    select(WORK_ORDER_STEPS.c.id)
    .where(WORK_ORDER_STEPS.c.specimen_id == bindparam("of_specimen"), OPEN_OF_TUBE)
    .limit(MOST_TESTS)
    .subquery()
)
_COUNT_OPEN = select(func.count()).select_from(_OPEN_OF_TUBE)


def _is_full(conn: Connection, specimen_id: int) -> bool:
    return bool(fetch(conn, _COUNT_OPEN, {"of_specimen": specimen_id})[0][0] >= MOST_TESTS)


def _steps_of(conn: Connection, request: OrderRequest, specimen_id: int) -> Sequence[_Step]:
    """Every step of the request's placer number and test on one specimen, the oldest first."""
    placer = request.placer_number or None
    row = {"of_specimen": specimen_id, "of_placer": placer}
    found = fetch(conn, _ORDER[placer is None], row)
    if not found:
        return []
    row = {"of_order": found[0][0], "of_test": request.test_code}
    return [_Step(*one) for one in fetch(conn, _STEPS, row)]


def _named(
    conn: Connection, request: OrderRequest, source: str, *, is_for_cancel: bool = False
) -> Sequence[_Step]:
    """The newest step of each test that the request names, on specimens in use; cancelled ones only for a cancel."""
    query = (
        select(*_COLUMNS)
        .join(ORDERS, ORDERS.c.id == WORK_ORDER_STEPS.c.order_id)
        .join(SPECIMENS, SPECIMENS.c.id == WORK_ORDER_STEPS.c.specimen_id)
        .where(ORDERS.c.order_source == source, SPECIMENS.c.used_until.is_(None))
        .order_by(WORK_ORDER_STEPS.c.id)
    )
    if request.placer_number:
        query = query.where(ORDERS.c.placer_number == request.placer_number)
    if request.sample_id:
        query = query.where(
            SPECIMENS.c.sample_id_normal == specimens.normal_of(request),
            SPECIMENS.c.sample_id == request.sample_id,
        )
    if request.test_code:
        query = query.where(WORK_ORDER_STEPS.c.lis_code == request.test_code)
    if not request.placer_number and not request.sample_id:
        return []
    steps_found = [_Step(*row) for row in conn.execute(query)]
    newest = {(one.specimen_id, one.lis_code): one for one in steps_found if not one.is_again}
    found = list(newest.values())
    if is_for_cancel:
        return found
    return [one for one in found if one.state != StepState.CANCELLED]
