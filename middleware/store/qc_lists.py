"""What people see and do of quality control: actions, released results to look at again, controls nobody declared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from middleware.store.qc_schema import (
    QC_ACTIONS,
    QC_LOOKBACK,
    QC_POINTS,
    TO_LOOK_AT,
    UNKNOWN_CONTROL,
)
from middleware.store.rows import insert_rows
from middleware.store.schema import RESULTS

LATE_MOST = 10_000
"""So many results may have come before a run and yet be measured after it, by an analyzer that sends late."""


class ActionKind(StrEnum):
    """What somebody did at a gate."""

    CLEAR = "clear"
    CHANGE = "change"  # calibration, reagent, maintenance
    STATUS = "status"  # another system's word
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class Action:
    """One action. Times are seconds since 1970 UTC."""

    kind: ActionKind
    author: str
    cause: str
    action: str
    at: float
    after_result: int
    taken_at: float | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """From where a look-back goes: the last good run's number in the store, when it came and was measured; or, without
    such a run (`order` 0), results that came after `came_at`."""

    order: int
    came_at: float
    measured_at: float | None


def add_action(conn: Connection, gate_id: int, action: Action) -> int:
    """Keep an action; answers its number."""
    row = {name: getattr(action, name) for name in Action.__dataclass_fields__}
    row |= {"gate_id": gate_id, "kind": action.kind.value}
    query = insert(QC_ACTIONS).values(row).returning(QC_ACTIONS.c.id)
    return int(conn.execute(query).scalar_one())


def told_at(conn: Connection, gate_id: int, order: int) -> float | None:
    """When another system's word with this number came."""
    here = (QC_ACTIONS.c.gate_id == gate_id, QC_ACTIONS.c.kind == ActionKind.STATUS.value)
    query = select(func.max(QC_ACTIONS.c.at)).where(*here, QC_ACTIONS.c.after_result < order)
    at = conn.execute(query).scalar()
    return None if at is None else float(at)


def actions(conn: Connection, gate_id: int, limit: int = 1000) -> list[dict[str, Any]]:
    """The newest actions of a gate, the oldest of them first."""
    query = select(QC_ACTIONS).where(QC_ACTIONS.c.gate_id == gate_id)
    found = conn.execute(query.order_by(QC_ACTIONS.c.id.desc()).limit(limit)).mappings()
    return [dict(row) for row in found][::-1]


def released_since(
    conn: Connection, line: str, test: str, since: Since
) -> list[tuple[int, str, str]]:
    """Patients' released results of a test (id, analyzer, module) that came, were measured, or were released by a
    person after that run."""
    table = RESULTS.c
    # What the node let go itself had a good run on both sides, or came after the last one.
    by_person = (table.decided_at >= since.came_at) & table.verifier.not_like("auto:%")
    marks = [table.id > since.order, by_person]
    if not since.order:
        marks = [table.received_at >= since.came_at, by_person]
    elif since.measured_at is not None:
        late = table.id > since.order - LATE_MOST
        marks.append(late & (table.measured_at >= since.measured_at))
    query = select(table.id, table.analyzer, table.module).where(
        table.line == line,
        table.test_code == test,
        table.sample_role == "patient",
        table.release_state == "released",
        or_(*marks),
    )
    return [(int(row[0]), row[1], row[2]) for row in conn.execute(query.order_by(table.id))]


def list_for_look_back(
    conn: Connection, gate_id: int, ids: Collection[int], at: float
) -> list[int]:
    """Put results on the list; those that stand on it already stay once. Answers the new ones."""
    there = select(QC_LOOKBACK.c.result_id).where(TO_LOOK_AT)
    known = {int(one) for one in conn.execute(there).scalars()} if ids else set()
    new = sorted(set(ids) - known)
    insert_rows(
        conn, QC_LOOKBACK, [{"gate_id": gate_id, "result_id": one, "at": at} for one in new]
    )
    return new


def end_look_back(
    conn: Connection, ids: Collection[int], author: str, reason: str, at: float
) -> list[int]:
    """A person has looked at these results; answers those that were on the list."""
    values = {"ended_at": at, "ended_by": author, "ended_reason": reason}
    change = update(QC_LOOKBACK).where(QC_LOOKBACK.c.result_id.in_(list(ids)), TO_LOOK_AT)
    done = conn.execute(change.values(values).returning(QC_LOOKBACK.c.result_id)).scalars()
    return sorted({int(one) for one in done})


def look_back(
    conn: Connection, limit: int = 1000, *, with_ended: bool = False
) -> list[dict[str, Any]]:
    """Released results to look at again, with sample id, test and value."""
    query = (
        select(
            QC_LOOKBACK,
            RESULTS.c.line,
            RESULTS.c.module,
            RESULTS.c.test_code,
            RESULTS.c.sample_id,
            RESULTS.c.value_raw,
            RESULTS.c.release_state,
        )
        .join(RESULTS, RESULTS.c.id == QC_LOOKBACK.c.result_id)
        .order_by(QC_LOOKBACK.c.id)
        .limit(limit)
    )
    if not with_ended:
        query = query.where(QC_LOOKBACK.c.ended_at.is_(None))
    return [dict(row) for row in conn.execute(query).mappings()]


def look_back_count(conn: Connection) -> int:
    """How many results stand on the list."""
    query = select(func.count()).select_from(QC_LOOKBACK).where(TO_LOOK_AT)
    return int(conn.execute(query).scalar_one())


def unknown(conn: Connection, limit: int = 100) -> list[dict[str, Any]]:
    """Control values that nobody declared a control for, the newest first."""
    query = select(QC_POINTS).where(UNKNOWN_CONTROL).order_by(QC_POINTS.c.id.desc()).limit(limit)
    return [dict(row) for row in conn.execute(query).mappings()]


def unknown_since(conn: Connection, at: float) -> int:
    """How many of them came after a time."""
    query = select(func.count()).select_from(QC_POINTS).where(UNKNOWN_CONTROL, QC_POINTS.c.at >= at)
    return int(conn.execute(query).scalar_one())


def newest_result(conn: Connection) -> int:
    """The highest number of a stored result; 0: there is none."""
    return int(conn.execute(select(func.max(RESULTS.c.id))).scalar() or 0)
