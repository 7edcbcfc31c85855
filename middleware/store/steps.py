"""Work order steps change their state here and nowhere else: each change leaves a row of history with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from middleware.model import StepState
from middleware.store.rows import execute_many, fetch, insert_rows
from middleware.store.schema import STEP_HISTORY, WORK_ORDER_STEPS

_MOST_IDS = 500
"""In one list of a statement."""


@dataclass(frozen=True, slots=True)
class Change:
    """Why steps change: who (a connector, a line, a person), when (seconds since 1970 UTC), and why, in words."""

    author: str
    at: float
    reason: str = ""


_ADD = (
    insert(WORK_ORDER_STEPS)
    .values(
        {
            name: bindparam(name)
            for name in (
                "order_id",
                "specimen_id",
                "test_code",
                "lis_code",
                "test_name",
                "priority",
                "control_id",
                "state",
                "reason",
                "created_at",
                "changed_at",
            )
        }
    )
    .returning(WORK_ORDER_STEPS.c.id)
)


def add(conn: Connection, row: Mapping[str, Any], change: Change) -> int:
    """A new step, pending; answers its id. `row` has the columns that say what it is."""
    values = {
        **row,
        "state": StepState.PENDING.value,
        "reason": change.reason,
        "created_at": change.at,
        "changed_at": change.at,
    }
    step_id = int(fetch(conn, _ADD, values)[0][0])
    _record(conn, [step_id], StepState.PENDING, change, None)
    return step_id


def move(
    conn: Connection,
    ids: Sequence[int],
    state: StepState,
    before: Collection[StepState],
    change: Change,
    **columns: Any,
) -> list[int]:
    """Bring those of `ids` that are in one of the states `before` into `state`; answers their ids.

    `columns` are written with it (`line`, `test_code`, `sent_at` …). What is in another state is left as it is.
    """
    moved: list[int] = []
    for start in range(0, len(ids), _MOST_IDS):
        statement = (
            update(WORK_ORDER_STEPS)
            .where(
                WORK_ORDER_STEPS.c.id.in_(ids[start : start + _MOST_IDS]),
                WORK_ORDER_STEPS.c.state.in_([one.value for one in before]),
            )
            .values(state=state.value, reason=change.reason, changed_at=change.at, **columns)
            .returning(WORK_ORDER_STEPS.c.id)
        )
        moved += sorted(int(one) for one in conn.execute(statement).scalars())
    _record(conn, moved, state, change, columns.get("line"))
    return moved


_MOVE_ONE = (
    update(WORK_ORDER_STEPS)
    .where(WORK_ORDER_STEPS.c.id == bindparam("b_id"))
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in (
                "state",
                "line",
                "test_code",
                "reportable_result_id",
                "reason",
                "changed_at",
            )
        }
    )
)


@dataclass(frozen=True, slots=True)
class Move:
    """What one step becomes. `result_id` is its reportable result (None: it has none)."""

    id: int
    state: StepState
    line: str
    test_code: str
    result_id: int | None
    reason: str


def move_each(conn: Connection, moves: Sequence[Move], author: str, at: float) -> None:
    """Bring steps that this transaction has just read into states of their own: two statements for all of them."""
    if not moves:
        return
    rows = [
        {
            "b_id": one.id,
            "b_state": one.state.value,
            "b_line": one.line,
            "b_test_code": one.test_code,
            "b_reportable_result_id": one.result_id,
            "b_reason": one.reason,
            "b_changed_at": at,
        }
        for one in moves
    ]
    execute_many(conn, _MOVE_ONE, rows)
    past = [
        {
            "step_id": one.id,
            "at": at,
            "state": one.state.value,
            "line": one.line,
            "author": author,
            "reason": one.reason,
        }
        for one in moves
    ]
    insert_rows(conn, STEP_HISTORY, past)


def note(conn: Connection, ids: Sequence[int], state: StepState, change: Change) -> None:
    """Say something of steps whose state stays, for whoever reads their history."""
    _record(conn, ids, state, change, None)


def history(conn: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Every change of these steps, the oldest first."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), _MOST_IDS):
        query = (
            select(STEP_HISTORY)
            .where(STEP_HISTORY.c.step_id.in_(ids[start : start + _MOST_IDS]))
            .order_by(STEP_HISTORY.c.id)
        )
        found += [dict(row) for row in conn.execute(query).mappings()]
    return found


def _record(
    conn: Connection, ids: Sequence[int], state: StepState, change: Change, line: str | None
) -> None:
    if ids:
        shared = {
            "at": change.at,
            "state": state.value,
            "line": line,
            "author": change.author,
            "reason": change.reason,
        }
        insert_rows(conn, STEP_HISTORY, [{"step_id": one, **shared} for one in ids])
