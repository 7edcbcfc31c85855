"""Work order steps change their state here and nowhere else: each change leaves a row of history with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, or_, select, update

from middleware.errors import StoreError
from middleware.model import Priority, StepKind, StepState, ToTell
from middleware.store.rows import execute_many, fetch, insert_rows
from middleware.store.schema import STEP_HISTORY, WORK_ORDER_STEPS

_MOST_IDS = 500
"""In one list of a statement."""


@dataclass(frozen=True, slots=True)
class Change:
    """Why steps change: who (a connector, a line, a person), when (seconds since 1970 UTC), and why, in words.

    `owner`: only steps of this line, or of none, change; None: those of any.
    """

    author: str
    at: float
    reason: str = ""
    owner: str | None = None


UNTOUCHED: Mapping[str, Any] = dict.fromkeys(("line", "sent_at", "tries", "try_at", "to_tell"))
"""The columns of a step that no analyzer was given."""


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
                "kind",
                "parent_step_id",
                "cause_result_id",
                "dilution",
                "only_line",
                "state",
                "reason",
                "created_at",
                "changed_at",
            )
        }
    )
    .returning(WORK_ORDER_STEPS.c.id)
)


_ORDERED = dict.fromkeys(
    ("control_id", "kind", "parent_step_id", "cause_result_id", "dilution", "only_line")
)


def add(conn: Connection, row: Mapping[str, Any], change: Change) -> int:
    """A new step, pending; answers its id. `row` has the columns that say what it is."""
    values = {
        **_ORDERED,
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
        wanted: list[ColumnElement[bool]] = [
            WORK_ORDER_STEPS.c.id.in_(ids[start : start + _MOST_IDS]),
            WORK_ORDER_STEPS.c.state.in_([one.value for one in before]),
        ]
        if change.owner is not None:
            its_line = WORK_ORDER_STEPS.c.line
            wanted.append(or_(its_line.is_(None), its_line == change.owner))
        statement = (
            update(WORK_ORDER_STEPS)
            .where(*wanted)
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


def report(conn: Connection, step_id: int, result_id: int, change: Change) -> None:
    """Of the runs of a finished step this one is reported from now on."""
    conn.execute(
        update(WORK_ORDER_STEPS)
        .where(WORK_ORDER_STEPS.c.id == step_id)
        .values(reportable_result_id=result_id, changed_at=change.at)
    )
    _record(conn, [step_id], StepState.RESULTED, change, None)


# -- following up a result ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A step that follows from a result: a rerun or dilution of its test, or another test of the LIS (reflex).

    `specimen_id` and the order are those of `parent_step_id`. `lis_code` is the test as ordered; `dilution` the exact
    decimal text of the factor; `only_line`: no other line is given it; empty: any that does the test.
    """

    specimen_id: int
    parent_step_id: int
    cause_result_id: int | None
    lis_code: str
    kind: StepKind
    dilution: str = ""
    priority: Priority | None = None
    test_name: str = ""
    only_line: str = ""


_PARENT = (
    select(
        WORK_ORDER_STEPS.c.order_id,
        WORK_ORDER_STEPS.c.specimen_id,
        WORK_ORDER_STEPS.c.priority,
        WORK_ORDER_STEPS.c.test_name,
    )
    .where(WORK_ORDER_STEPS.c.id == bindparam("of_step"))
    .limit(1)
)


def add_follow_up(conn: Connection, follow_up: FollowUp, change: Change) -> int:
    """A new pending step under the order of its parent; answers its id.

    Raises StoreError when there is no such parent on that specimen.
    """
    found = fetch(conn, _PARENT, {"of_step": follow_up.parent_step_id})
    if not found or found[0][1] != follow_up.specimen_id:
        raise StoreError(
            f"there is no ordered test {follow_up.parent_step_id} on the specimen",
            what_to_do="See `labwire orders show` for the tests of a tube.",
        )
    order_id, specimen_id, priority, name = found[0]
    is_same_test = follow_up.kind is not StepKind.REFLEX
    wanted = follow_up.priority.value if follow_up.priority is not None else priority
    row = {
        "order_id": order_id,
        "specimen_id": specimen_id,
        "test_code": follow_up.lis_code,
        "lis_code": follow_up.lis_code,
        "test_name": follow_up.test_name or (name if is_same_test else None),
        "priority": wanted,
        "kind": follow_up.kind.value,
        "parent_step_id": follow_up.parent_step_id,
        "cause_result_id": follow_up.cause_result_id,
        "dilution": follow_up.dilution or None,
        "only_line": follow_up.only_line or None,
    }
    return add(conn, row, change)


# -- what an analyzer does not know yet -----------------------------------------------------------


def given_to(conn: Connection, ids: Sequence[int], lines: Collection[str]) -> set[int]:
    """Those of `ids` that an analyzer of these lines has, or that are on their way to it."""
    if not lines:
        return set()
    has = [StepState.CLAIMED.value, StepState.SENT.value, StepState.IN_PROCESS.value]
    found: set[int] = set()
    for start in range(0, len(ids), _MOST_IDS):
        query = select(WORK_ORDER_STEPS.c.id).where(
            WORK_ORDER_STEPS.c.id.in_(ids[start : start + _MOST_IDS]),
            WORK_ORDER_STEPS.c.state.in_(has),
            WORK_ORDER_STEPS.c.line.in_(sorted(lines)),
        )
        found |= {int(one) for one in conn.execute(query).scalars()}
    return found


_TO_TELL = (
    update(WORK_ORDER_STEPS)
    .where(WORK_ORDER_STEPS.c.id == bindparam("b_id"))
    .values(to_tell=bindparam("b_what"), tries=None, try_at=None)
)


def let_tell(conn: Connection, ids: Sequence[int], what: ToTell) -> None:
    """The analyzer that has these steps is to be told."""
    execute_many(conn, _TO_TELL, [{"b_id": one, "b_what": what.value} for one in ids])


def told(conn: Connection, ids: Sequence[int]) -> None:
    """There is nothing to tell of these steps any more."""
    execute_many(conn, _TO_TELL, [{"b_id": one, "b_what": None} for one in ids])


def forget_untold(conn: Connection, ids: Sequence[int], line: str) -> None:
    """Steps that were cancelled on their way, which the analyzer never got: it need not be told."""
    if ids:
        conn.execute(
            update(WORK_ORDER_STEPS)
            .where(
                WORK_ORDER_STEPS.c.id.in_(ids),
                WORK_ORDER_STEPS.c.line == line,
                WORK_ORDER_STEPS.c.state == StepState.CANCELLED.value,
                WORK_ORDER_STEPS.c.sent_at.is_(None),
                WORK_ORDER_STEPS.c.to_tell.is_not(None),
            )
            .values(to_tell=None)
        )


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
