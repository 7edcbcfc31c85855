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
    WORK_ORDER_STEPS.c.kind,
    WORK_ORDER_STEPS.c.parent_step_id,
    WORK_ORDER_STEPS.c.cause_result_id,
    WORK_ORDER_STEPS.c.dilution,
    WORK_ORDER_STEPS.c.only_line,
    WORK_ORDER_STEPS.c.to_tell,
    WORK_ORDER_STEPS.c.tries,
    WORK_ORDER_STEPS.c.try_at,
    ORDERS.c.journal_id,
)
_OPEN_OLDEST = {StepState.PENDING, StepState.CLAIMED, StepState.SENT, StepState.IN_PROCESS}


@dataclass(frozen=True, slots=True)
class StepFilter:
    """Which steps a listing shows, newest first; `before_id` continues an earlier page.

    `ordered_before`: only steps ordered earlier than this (seconds since 1970 UTC).
    """

    state: StepState | None = None
    sample_id: str | None = None
    line: str | None = None
    before_id: int | None = None
    limit: int = 50
    ordered_before: float | None = None


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
    if wanted.ordered_before is not None:
        query = query.where(WORK_ORDER_STEPS.c.created_at < wanted.ordered_before)
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


AGES = (3600.0, 4 * 3600.0, 12 * 3600.0, 86400.0)
"""Upper ends of the ages that `by_age` counts, in seconds; the last count is of what is older than all."""


def by_age(conn: Connection, now: float) -> dict[StepState, tuple[int, ...]]:
    """How many open steps of each state were ordered within each of AGES, and longer ago. Touches only open ones."""
    found: dict[StepState, list[int]] = {}
    edges = [*(now - age for age in AGES), float("-inf")]
    for at, since in enumerate(edges):
        until = float("inf") if at == 0 else edges[at - 1]
        ordered = WORK_ORDER_STEPS.c.created_at
        query = select(WORK_ORDER_STEPS.c.state, func.count()).where(OPEN_STEPS)
        query = query.where(ordered <= until) if at else query
        query = query.where(ordered > since) if since > float("-inf") else query
        for state, count in conn.execute(query.group_by(WORK_ORDER_STEPS.c.state)):
            found.setdefault(StepState(state), [0] * len(edges))[at] = count
    return {state: tuple(ages) for state, ages in found.items()}


def reload(conn: Connection, limit: int = 1000) -> list[dict[str, Any]]:
    """Tests that nobody has, ordered after an analyzer saw their tube: somebody must load it again. Oldest first.

    `seen_line`, `seen_carrier`, `seen_position`, `seen_at`: where it was last.
    """
    seen = (
        SPECIMENS.c.seen_line,
        SPECIMENS.c.seen_carrier,
        SPECIMENS.c.seen_position,
        SPECIMENS.c.seen_at,
    )
    query = (
        _query()
        .add_columns(*seen)
        .where(
            OPEN_STEPS_JOINED,
            WORK_ORDER_STEPS.c.state == StepState.PENDING.value,
            SPECIMENS.c.used_until.is_(None),
            SPECIMENS.c.seen_at <= WORK_ORDER_STEPS.c.created_at,
        )
        .order_by(WORK_ORDER_STEPS.c.id)
        .limit(limit)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def place_words(carrier: str | None, position: str | None) -> str:
    """A place as the end of a sentence, with a blank before it; empty for none."""
    words = [f"rack {carrier}"] if carrier else []
    words += [f"position {position}"] if position else []
    return f" in {', '.join(words)}" if words else ""


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
