"""Orders as people see them: the steps of specimens with what became of them, and how many stand where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from middleware.model import StepState, normal_sample_id
from middleware.store import steps
from middleware.store.order_schema import OPEN_STEPS, OPEN_STEPS_JOINED, REFUSED_STEPS
from middleware.store.schema import ORDERS, SPECIMENS, WORK_ORDER_STEPS

_SHOWN = (
    WORK_ORDER_STEPS.c.id,
    SPECIMENS.c.sample_id,
    SPECIMENS.c.order_source,
    ORDERS.c.placer_number,
    ORDERS.c.accession_number,
    WORK_ORDER_STEPS.c.lis_code,
    WORK_ORDER_STEPS.c.test_code,
    WORK_ORDER_STEPS.c.test_name,
    WORK_ORDER_STEPS.c.priority,
    WORK_ORDER_STEPS.c.state,
    WORK_ORDER_STEPS.c.reason,
    WORK_ORDER_STEPS.c.line,
    WORK_ORDER_STEPS.c.created_at,
    WORK_ORDER_STEPS.c.changed_at,
    WORK_ORDER_STEPS.c.sent_at,
    WORK_ORDER_STEPS.c.reportable_result_id,
    ORDERS.c.journal_id,
)
_OPEN_OLDEST = {StepState.PENDING, StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS}


@dataclass(frozen=True, slots=True)
class StepFilter:
    """Which steps a listing shows, newest first; `before_id` continues an earlier page."""

    state: StepState | None = None
    sample_id: str | None = None
    line: str | None = None
    before_id: int | None = None
    limit: int = 50


def listing(conn: Connection, wanted: StepFilter) -> list[dict[str, Any]]:
    """Steps with their specimen's id and their order's numbers; no patient."""
    query = _query().order_by(WORK_ORDER_STEPS.c.id.desc()).limit(wanted.limit)
    if wanted.state is not None:
        if wanted.state in _OPEN_OLDEST:  # lets the database use the index of open steps
            query = query.where(OPEN_STEPS_JOINED)
        query = query.where(WORK_ORDER_STEPS.c.state == wanted.state.value)
    if wanted.sample_id is not None:
        query = query.where(
            SPECIMENS.c.sample_id_normal == normal_sample_id(wanted.sample_id),
            SPECIMENS.c.sample_id == wanted.sample_id,
        )
    if wanted.line is not None:
        query = query.where(WORK_ORDER_STEPS.c.line == wanted.line)
    if wanted.before_id is not None:
        query = query.where(WORK_ORDER_STEPS.c.id < wanted.before_id)
    return [dict(row) for row in conn.execute(query).mappings()]


def by_ids(conn: Connection, ids: list[int]) -> list[dict[str, Any]]:
    """The same of steps by their ids."""
    rows = conn.execute(_query().where(WORK_ORDER_STEPS.c.id.in_(ids[:1000]))).mappings()
    return [dict(row) for row in rows]


def of_sample(conn: Connection, sample_id: str) -> list[dict[str, Any]]:
    """Everything of one sample id, the oldest first, each step with its `history`; no patient."""
    rows = listing(conn, StepFilter(sample_id=sample_id, limit=1000))[::-1]
    past: dict[int, list[dict[str, Any]]] = {}
    for change in steps.history(conn, [row["id"] for row in rows]):
        past.setdefault(change["step_id"], []).append(change)
    return [row | {"history": past.get(row["id"], [])} for row in rows]


def counts(conn: Connection) -> dict[StepState, int]:
    """How many steps are open, by state. Touches only open ones."""
    query = (
        select(WORK_ORDER_STEPS.c.state, func.count())
        .where(OPEN_STEPS)
        .group_by(WORK_ORDER_STEPS.c.state)
    )
    return {StepState(state): count for state, count in conn.execute(query)}


def oldest_pending(conn: Connection) -> float | None:
    """When the oldest step that no analyzer has was ordered (seconds since 1970 UTC)."""
    query = (
        select(WORK_ORDER_STEPS.c.created_at)
        .where(OPEN_STEPS, WORK_ORDER_STEPS.c.state == StepState.PENDING.value)
        .order_by(WORK_ORDER_STEPS.c.id)
        .limit(1)
    )
    found = conn.execute(query).scalar()
    return None if found is None else float(found)


def refused_count(conn: Connection) -> int:
    """How many steps an analyzer refused, of those that nobody decided since."""
    query = select(func.count()).where(REFUSED_STEPS)
    return int(conn.execute(query.select_from(WORK_ORDER_STEPS)).scalar_one())


def _query() -> Any:
    return (
        select(*_SHOWN)
        .join(ORDERS, ORDERS.c.id == WORK_ORDER_STEPS.c.order_id)
        .join(SPECIMENS, SPECIMENS.c.id == ORDERS.c.specimen_id)
    )
