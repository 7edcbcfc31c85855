"""Stored results in the order in which they came, for rules that are tried on history. Read only."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import BindParameter, Connection, Executable, bindparam, func, select, text

from middleware.store.rows import fetch, fetch_any, marks
from middleware.store.schema import OTHERWISE, RESULTS, SPECIMENS, WORK_ORDER_STEPS

CHUNK = 2000
COLUMNS = (
    "id",
    "line",
    "sample_id",
    "order_source",
    "work_order_step_id",
    "patient_id",
    "patient_authority",
    "birth_date",
    "sex",
    "specimen_type",
    "test_code",
    "lis_code",
    "value_kind",
    "value_raw",
    "value_number",
    "value_text",
    "comparator",
    "unit",
    "reported_value",
    "reported_unit",
    "instrument_flags",
    "dilution_factor",
    "measured_at",
    "received_at",
    "release_state",
    "code_fate",
    "isolate",
)
_CHUNK = (
    select(*(RESULTS.c[name] for name in COLUMNS))
    .where(
        RESULTS.c.id > bindparam("after"),
        RESULTS.c.id <= bindparam("last"),
        text("sample_role = 'patient'"),
        text("release_state <> 'duplicate'"),
    )
    .order_by(RESULTS.c.id)
)
_FIRST_SINCE = (
    select(RESULTS.c.id)
    .where(RESULTS.c.received_at >= bindparam("since"))
    .order_by(RESULTS.c.id)
    .limit(1)
)


def chunks(conn: Connection, since: float) -> Iterator[list[dict[str, Any]]]:
    """Patients' results but repetitions, from the first that was received at or after `since` (seconds since 1970 UTC)
    on; the oldest first, at most CHUNK at once."""
    first = fetch(conn, _FIRST_SINCE, {"since": since})
    if not first:
        return
    after, last = int(first[0][0]) - 1, int(conn.scalar(select(func.max(RESULTS.c.id))) or 0)
    while after < last:
        end = min(after + CHUNK, last)
        rows = fetch(conn, _CHUNK, {"after": after, "last": end})
        yield [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        after = end


PATIENT = (
    "order_source",
    "patient_id",
    "patient_authority",
    "birth_date",
    "sex",
    "location",
    "specimen_type",
    "collected_at",
)


def ordered(conn: Connection, steps: Collection[int]) -> dict[int, dict[str, Any]]:
    """For each work order step the tube as the LIS ordered it; steps that are gone are absent."""
    rows = fetch_any(conn, _ordered, sorted(steps))
    return {int(row[0]): dict(zip(PATIENT, row[1:], strict=True)) for row in rows}


@lru_cache(maxsize=16)
def _ordered(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return (
        select(WORK_ORDER_STEPS.c.id, *(SPECIMENS.c[name] for name in PATIENT))
        .join(SPECIMENS, SPECIMENS.c.id == WORK_ORDER_STEPS.c.specimen_id)
        .where(WORK_ORDER_STEPS.c.id.in_(wanted))
    )


HELD = ("id", "findings", "release_state", "received_at", "decided_at")
_HELD = (
    select(*(RESULTS.c[name] for name in HELD))
    .where(
        RESULTS.c.id > bindparam("after"),
        RESULTS.c.id <= bindparam("last"),
        text("sample_role = 'patient'"),
        RESULTS.c.findings.contains('"rules.'),
    )
    .order_by(RESULTS.c.id)
)
_EDITED = select(RESULTS.c.edit_of).where(
    text("edit_of IS NOT NULL"), RESULTS.c.edit_of > bindparam("after")
)


def held_by_rules(conn: Connection, since: float) -> Iterator[dict[str, Any]]:
    """Results received at or after `since` that a rule had something against, with `is_edited`: a person corrected the
    value."""
    first = fetch(conn, _FIRST_SINCE, {"since": since})
    if not first:
        return
    after, last = int(first[0][0]) - 1, int(conn.scalar(select(func.max(RESULTS.c.id))) or 0)
    edited = {row[0] for row in fetch(conn, _EDITED, {"after": after})}
    while after < last:
        end = min(after + CHUNK, last)
        for row in fetch(conn, _HELD, {"after": after, "last": end}):
            yield {**dict(zip(HELD, row, strict=True)), "is_edited": row[0] in edited}
        after = end


SHADOWED = ("id", "line", "sample_id", "test_code", "lis_code", "received_at", "candidate_says")


def judged_otherwise(conn: Connection, since: float, limit: int) -> list[dict[str, Any]]:
    """Results received at or after `since` that a candidate's rules would have treated otherwise; the newest first."""
    query = (
        select(*(RESULTS.c[name] for name in SHADOWED))
        .where(OTHERWISE, RESULTS.c.received_at >= since)
        .order_by(RESULTS.c.id.desc())
        .limit(limit)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def otherwise_counts(conn: Connection, since: float) -> dict[str, int]:
    """How many of them there are, by `before -> after`."""
    query = select(RESULTS.c.candidate_says, func.count()).where(
        OTHERWISE, RESULTS.c.received_at >= since
    )
    found: dict[str, int] = {}
    for said, count in conn.execute(query.group_by(RESULTS.c.candidate_says)):
        change = said.partition(":")[0]
        found[change] = found.get(change, 0) + count
    return found
