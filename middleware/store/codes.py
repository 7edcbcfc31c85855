"""Results that wait for a row of the table of test codes: counted by code, found again, and given what they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, text, update

from middleware.store.schema import RESULTS, WITHOUT_CODE

_UNMAPPED = text("code_fate = 'unmapped'")
_GROUP = (
    RESULTS.c.line,
    RESULTS.c.analyzer,
    RESULTS.c.module,
    RESULTS.c.test_code,
    RESULTS.c.test_detail,
    RESULTS.c.specimen_type,
    RESULTS.c.unit,
)


def unmapped(conn: Connection, line: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
    """Each code that has no row, once: what tables may ask of it, `count`, `first_at`, `last_at` (seconds since 1970
    UTC), and `findings` of its newest result."""
    newest = func.max(RESULTS.c.id).label("newest")
    query = (
        select(
            *_GROUP,
            func.max(RESULTS.c.test_name).label("test_name"),
            func.count().label("count"),
            func.min(RESULTS.c.received_at).label("first_at"),
            func.max(RESULTS.c.received_at).label("last_at"),
            newest,
        )
        .where(WITHOUT_CODE, _UNMAPPED)
        .group_by(*_GROUP)
        .order_by(*_GROUP)
        .limit(limit)
    )
    if line is not None:
        query = query.where(RESULTS.c.line == line)
    found = [dict(row) for row in conn.execute(query).mappings()]
    by_id = _findings_of(conn, [row["newest"] for row in found])
    return [row | {"findings": by_id.get(row["newest"])} for row in found]


def _findings_of(conn: Connection, ids: Sequence[int]) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        query = select(RESULTS.c.id, RESULTS.c.findings).where(RESULTS.c.id.in_(part))
        found.update({row.id: row.findings for row in conn.execute(query)})
    return found


COUNTED_MAX = 1000
_ANY_UNMAPPED = select(func.count()).select_from(
    select(RESULTS.c.id).where(WITHOUT_CODE, _UNMAPPED).limit(COUNTED_MAX).subquery()
)


def unmapped_count(conn: Connection) -> int:
    """How many results wait for a row, counted to COUNTED_MAX: it is asked once a second."""
    return conn.scalar(_ANY_UNMAPPED) or 0


def waiting(
    conn: Connection, line: str | None, after_id: int = 0, limit: int = 1000
) -> list[dict[str, Any]]:
    """Held results whose code has no row, or one that holds them: every column, the oldest first, after an id."""
    query = select(RESULTS).where(WITHOUT_CODE, RESULTS.c.id > after_id)
    if line is not None:
        query = query.where(RESULTS.c.line == line)
    rows = conn.execute(query.order_by(RESULTS.c.id).limit(limit)).mappings()
    return [dict(row) for row in rows]


def give(conn: Connection, changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Write these columns of these results. What was measured is not among them."""
    for result_id, values in changes.items():
        conn.execute(update(RESULTS).where(RESULTS.c.id == result_id).values(**values))
