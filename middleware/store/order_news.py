"""Whom the newest changes of work order steps concern: tests that became open, and lines that are to be told."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Integer, bindparam, func, select

from middleware.model import StepState
from middleware.store.rows import fetch
from middleware.store.schema import STEP_HISTORY, WORK_ORDER_STEPS

MOST_CHANGES = 1000
"""Rows of history in one look: some milliseconds. After more, everybody is concerned."""


@dataclass(frozen=True, slots=True)
class OrderNews:
    """What happened up to `mark` (a row of the history): `tests` as ordered that nobody has, `lines` whose analyzers
    are to be told something. `is_all`: too much to name.
    """

    mark: int
    tests: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    is_all: bool = False


_STEP = WORK_ORDER_STEPS.c
_NEWS = (
    select(STEP_HISTORY.c.id, _STEP.state, _STEP.lis_code, _STEP.line, _STEP.to_tell)
    .join(WORK_ORDER_STEPS, _STEP.id == STEP_HISTORY.c.step_id)
    .where(STEP_HISTORY.c.id > bindparam("mark"))
    .order_by(STEP_HISTORY.c.id)
    .limit(bindparam("most", type_=Integer, required=True))
)
_NEWEST = select(func.max(STEP_HISTORY.c.id))


def newest(conn: Connection) -> int:
    """The newest row of the history; 0 when there is none."""
    return int(conn.execute(_NEWEST).scalar() or 0)


def since(conn: Connection, mark: int) -> OrderNews:
    """What happened after `mark`. Touches only what is newer."""
    rows = fetch(conn, _NEWS, {"mark": mark, "most": MOST_CHANGES})
    if len(rows) == MOST_CHANGES:
        return OrderNews(newest(conn), is_all=True)
    return OrderNews(
        mark=rows[-1][0] if rows else mark,
        tests=frozenset([code or "" for _, state, code, _, _ in rows if state == _PENDING]),
        lines=frozenset([line for _, _, _, line, to_tell in rows if to_tell and line]),
    )


_PENDING = StepState.PENDING.value
