"""A test that a reflex rule added, and that the LIS orders too afterwards, is one test: the LIS's from then on."""

from __future__ import annotations

from sqlalchemy import Connection, Executable, bindparam, select, text, update

from middleware.model import StepKind, StepState
from middleware.store import steps
from middleware.store.rows import fetch
from middleware.store.schema import WORK_ORDER_STEPS
from middleware.store.steps import Change

_NOT_ENDED = text("state NOT IN ('cancelled', 'expired', 'refused')")
_REFLEX: Executable = (
    select(WORK_ORDER_STEPS.c.id, WORK_ORDER_STEPS.c.state)
    .where(
        WORK_ORDER_STEPS.c.specimen_id == bindparam("of_specimen"),
        WORK_ORDER_STEPS.c.lis_code == bindparam("of_test"),
        WORK_ORDER_STEPS.c.kind == bindparam("its_kind"),
        _NOT_ENDED,
    )
    .order_by(WORK_ORDER_STEPS.c.id.desc())
    .limit(1)
)


def reflex_step(conn: Connection, specimen_id: int, lis_code: str) -> tuple[int, StepState] | None:
    """The newest step of this test on a tube that a reflex rule, or a person, added and that is under way or done."""
    row = {"of_specimen": specimen_id, "of_test": lis_code, "its_kind": StepKind.REFLEX.value}
    found = fetch(conn, _REFLEX, row)
    return (int(found[0][0]), StepState(found[0][1])) if found else None


def adopt(conn: Connection, found: tuple[int, StepState], order_id: int, change: Change) -> None:
    """It belongs to this order, under whose number its result goes out; a result that went out stays as it is."""
    step_id, state = found
    conn.execute(
        update(WORK_ORDER_STEPS)
        .where(WORK_ORDER_STEPS.c.id == step_id)
        .values(order_id=order_id, kind=None)
    )
    steps.note(conn, [step_id], state, change)
