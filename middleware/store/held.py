"""Held results in the order of their ids, a page at a time, as much of each as a look at their findings needs."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select, text

from middleware.store.connection import Connection
from middleware.store.schema import RESULTS


class HeldResult(NamedTuple):
    """A result that waits for a person. `received_at` in seconds since 1970 UTC; `findings` as stored (JSON)."""

    id: int
    line: str
    sample_id: str
    received_at: float
    findings: str


def page(conn: Connection, after: int, limit: int) -> list[HeldResult]:
    """The held results with findings whose ids are greater than `after`, at most `limit`."""
    columns = (RESULTS.c.id, RESULTS.c.line, RESULTS.c.sample_id, RESULTS.c.received_at)
    query = (
        select(*columns, RESULTS.c.findings)
        .where(text("release_state = 'held'"), RESULTS.c.id > after)
        .where(RESULTS.c.findings.is_not(None))
        .order_by(RESULTS.c.id)
        .limit(limit)
    )
    return [HeldResult(*row) for row in conn.execute(query)]
