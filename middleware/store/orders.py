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

from sqlalchemy import Connection, Executable, bindparam, insert, select, update

from middleware.model import (
    OrderAction,
    OrderAnswer,
    OrderFault,
    OrderOutcome,
    OrderRequest,
    StepState,
)
from middleware.store import specimens, steps
from middleware.store.rows import fetch
from middleware.store.schema import ORDERS, SPECIMENS, WORK_ORDER_STEPS
from middleware.store.specimens import OtherPatient
from middleware.store.steps import Change

_PLACED = "placed"
_FREE = (StepState.PENDING, StepState.EXPIRED, StepState.REFUSED)
"""No analyzer has it and none will have it by itself: it may be changed and cancelled."""
_GIVEN = (StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS, StepState.RESULTED)
_SHOWN_TESTS = 5


@dataclass(frozen=True, slots=True)
class OrderOccasion:
    """One message of orders: whose sample ids it speaks of, its place in the journal, its own number (MSH-10), when.

    `author` is the connector's id. A sample id of another patient begins a new period of use when all work on the
    earlier one ended and nothing spoke of it for `reuse_after_s`.
    """

    source: str
    author: str
    now: float
    journal_id: int | None = None
    control_id: str = ""
    reuse_after_s: float = 7 * 86400.0

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
    except OtherPatient:
        text = f"the sample id {request.sample_id} is in use for another patient"
        return _refused(request, OrderFault.OTHER_PATIENT, text)
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
    known = [
        one for one in _steps_of(conn, request, specimen.id) if one.lis_code == request.test_code
    ]
    last = known[-1] if known else None
    if last is None or (last.state == StepState.CANCELLED and not _is_resent(last, occasion)):
        _add_step(conn, request, occasion, specimen.id)
        return OrderOutcome(answer=OrderAnswer.ACCEPTED)
    if last.state in (StepState.EXPIRED, StepState.REFUSED):
        change = occasion.change("ordered again")
        steps.move(conn, [last.id], StepState.PENDING, _FREE, change, line=None)
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
            text = "the order is of another specimen: cancel it there and order it anew"
            return _refused(request, OrderFault.UNKNOWN_ORDER, text)
        return _new(conn, request, occasion)
    if request.sample_id:
        specimens.use(
            conn, request, occasion.source, occasion.now, reuse_after_s=occasion.reuse_after_s
        )
    priority = request.priority.value if request.priority is not None else None
    wanted = [one for one in known if priority is not None and one.priority != priority]
    given = [one for one in wanted if one.state not in _FREE]
    if given:
        return _refused(request, OrderFault.TOO_LATE, _too_late(given, "changed"))
    if not wanted:
        return OrderOutcome(answer=OrderAnswer.CHANGED)
    ids = [one.id for one in wanted]
    conn.execute(
        update(WORK_ORDER_STEPS)
        .where(WORK_ORDER_STEPS.c.id.in_(ids))
        .values(priority=priority, changed_at=occasion.now)
    )
    for one in wanted:
        change = occasion.change(f"priority {one.priority or 'none'} became {priority}")
        steps.note(conn, [one.id], StepState(one.state), change)
    return OrderOutcome(answer=OrderAnswer.CHANGED)


# -- cancel ---------------------------------------------------------------------------------------


def _cancel(conn: Connection, request: OrderRequest, occasion: OrderOccasion) -> OrderOutcome:
    if not request.placer_number and not (request.sample_id and request.test_code):
        text = "a cancel needs an order number, or a sample id and a test"
        return _refused(request, OrderFault.UNKNOWN_ORDER, text)
    known = _named(conn, request, occasion.source, is_for_cancel=True)
    if not known:
        return _refused(request, OrderFault.UNKNOWN_ORDER, "no such order is known")
    if request.patient is not None:
        specimens.check_patient(conn, known[0].specimen_id, request.patient)
    free = [one.id for one in known if one.state in _FREE]
    steps.move(
        conn, free, StepState.CANCELLED, _FREE, occasion.change("cancelled by the LIS"), line=None
    )
    given = [one for one in known if one.state in _GIVEN]
    if given:
        change = occasion.change("the LIS asked to cancel it, too late")
        for one in given:
            steps.note(conn, [one.id], StepState(one.state), change)
        return _refused(request, OrderFault.TOO_LATE, _too_late(given, "cancelled"))
    return OrderOutcome(answer=OrderAnswer.CANCELLED)


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
    .where(WORK_ORDER_STEPS.c.order_id == bindparam("of_order"))
    .order_by(WORK_ORDER_STEPS.c.id)
)


def _steps_of(conn: Connection, request: OrderRequest, specimen_id: int) -> Sequence[_Step]:
    """Every step of the request's placer number on one specimen, the oldest first."""
    placer = request.placer_number or None
    row = {"of_specimen": specimen_id, "of_placer": placer}
    found = fetch(conn, _ORDER[placer is None], row)
    if not found:
        return []
    return [_Step(*one) for one in fetch(conn, _STEPS, {"of_order": found[0][0]})]


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
    newest = {(one.specimen_id, one.lis_code): one for one in steps_found}
    found = list(newest.values())
    if is_for_cancel:
        return found
    return [one for one in found if one.state != StepState.CANCELLED]
