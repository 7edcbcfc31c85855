"""What became of work order steps since a mark in their history: for telling the systems that ordered them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, or_, select

from middleware.model import StepKind, StepState
from middleware.store.schema import ORDERS, SPECIMENS, STEP_HISTORY, WORK_ORDER_STEPS

MOST_CHANGES = 500
"""Rows of history in one walk: some milliseconds."""


@dataclass(frozen=True, slots=True)
class StepChange:
    """One ordered test whose history went on. `before` is its state at the mark (None: it is new), `after` that at the
    end of the walk, with who brought it there, when (seconds since 1970 UTC) and why; `now` is its state at this
    moment.
    """

    step_id: int
    specimen_id: int
    sample_id: str
    order_source: str
    placer_number: str
    lis_code: str
    test_name: str
    journal_id: int | None
    before: StepState | None
    after: StepState
    now: StepState
    author: str
    at: float
    reason: str


def newest(conn: Connection) -> int:
    """The id of the newest row of history; 0 when there is none."""
    return int(conn.execute(select(func.max(STEP_HISTORY.c.id))).scalar() or 0)


def since(conn: Connection, mark: int, source: str) -> tuple[list[StepChange], int]:
    """The ordered tests of one source whose history goes beyond `mark`, and the mark up to which it was read.

    Reruns and reflex tests are not among them: nobody ordered them by that number. At most MOST_CHANGES rows of history
    are looked at; the new mark is `mark` when there are none.
    """
    query = (
        select(STEP_HISTORY)
        .where(STEP_HISTORY.c.id > mark)
        .order_by(STEP_HISTORY.c.id)
        .limit(MOST_CHANGES)
    )
    rows = [dict(row) for row in conn.execute(query).mappings()]
    if not rows:
        return [], mark
    last: dict[int, dict[str, Any]] = {}
    for row in rows:  # of notes on a state that stays, the one that began it counts
        known = last.get(row["step_id"])
        if known is None or known["state"] != row["state"]:
            last[row["step_id"]] = row
    before = _states_at(conn, last, mark)
    found = [
        _change(row, last[row["id"]], before.get(row["id"])) for row in _steps(conn, last, source)
    ]
    return found, int(rows[-1]["id"])


def _change(step: dict[str, Any], row: dict[str, Any], before: str | None) -> StepChange:
    return StepChange(
        step_id=step["id"],
        specimen_id=step["specimen_id"],
        sample_id=step["sample_id"],
        order_source=step["order_source"],
        placer_number=step["placer_number"] or "",
        lis_code=step["lis_code"] or step["test_code"],
        test_name=step["test_name"] or "",
        journal_id=step["journal_id"],
        before=None if before is None else StepState(before),
        after=StepState(row["state"]),
        now=StepState(step["state"]),
        author=row["author"],
        at=row["at"],
        reason=row["reason"],
    )


def _states_at(conn: Connection, step_ids: Iterable[int], mark: int) -> dict[int, str]:
    newest_rows = (
        select(func.max(STEP_HISTORY.c.id))
        .where(STEP_HISTORY.c.step_id.in_(list(step_ids)), STEP_HISTORY.c.id <= mark)
        .group_by(STEP_HISTORY.c.step_id)
    )
    query = select(STEP_HISTORY.c.step_id, STEP_HISTORY.c.state).where(
        STEP_HISTORY.c.id.in_(newest_rows)
    )
    return {row.step_id: row.state for row in conn.execute(query)}


def _steps(conn: Connection, step_ids: Iterable[int], source: str) -> list[dict[str, Any]]:
    kind = WORK_ORDER_STEPS.c.kind
    query = (
        select(
            WORK_ORDER_STEPS.c.id,
            WORK_ORDER_STEPS.c.specimen_id,
            WORK_ORDER_STEPS.c.lis_code,
            WORK_ORDER_STEPS.c.test_code,
            WORK_ORDER_STEPS.c.test_name,
            WORK_ORDER_STEPS.c.state,
            SPECIMENS.c.sample_id,
            ORDERS.c.order_source,
            ORDERS.c.placer_number,
            ORDERS.c.journal_id,
        )
        .join(ORDERS, ORDERS.c.id == WORK_ORDER_STEPS.c.order_id)
        .join(SPECIMENS, SPECIMENS.c.id == WORK_ORDER_STEPS.c.specimen_id)
        .where(
            WORK_ORDER_STEPS.c.id.in_(list(step_ids)),
            ORDERS.c.order_source == source,
            or_(kind.is_(None), kind == StepKind.ORDERED.value),
        )
        .order_by(WORK_ORDER_STEPS.c.id)
    )
    return [dict(row) for row in conn.execute(query).mappings()]
