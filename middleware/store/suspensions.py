"""Stops of automatic release: who stopped it for what, and who let it go on. Times are seconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from middleware.store import audit
from middleware.store.audit import AuditEntry
from middleware.store.review_schema import IN_FORCE, SUSPENSIONS
from middleware.store.rows import fetch


class Suspension(NamedTuple):
    """One stop in force. `line` and `test_code` are empty where it is for every line or test."""

    id: int
    line: str
    test_code: str
    author: str
    reason: str
    at: float


_IN_FORCE = select(*[SUSPENSIONS.c[name] for name in Suspension._fields]).where(IN_FORCE)


def in_force(conn: Connection) -> list[Suspension]:
    """All stops in force, the oldest first."""
    return sorted(Suspension._make(row) for row in fetch(conn, _IN_FORCE, {}))


def suspend(
    conn: Connection, scope: tuple[str, str], author: str, reason: str, at: float
) -> Suspension:
    """Stop automatic release of `scope` (line, test; empty: every one) from now on. Audited."""
    line, test = scope
    row = {"line": line, "test_code": test, "author": author, "reason": reason, "at": at}
    made = conn.execute(insert(SUSPENSIONS).values(row).returning(SUSPENSIONS.c.id)).scalar_one()
    stop = Suspension(int(made), line, test, author, reason, at)
    detail = {"id": stop.id, "line": line, "test": test, "reason": reason}
    audit.append(conn, AuditEntry(author, "release.stop", f"stop {stop.id}", at, detail))
    return stop


def resume(
    conn: Connection, ids: Collection[int], author: str, reason: str, at: float
) -> list[int]:
    """End these stops; answers those that were in force. Audited."""
    ended = {"ended_at": at, "ended_by": author, "ended_reason": reason}
    change = update(SUSPENSIONS).where(SUSPENSIONS.c.id.in_(list(ids)), IN_FORCE).values(ended)
    done = sorted(int(one) for one in conn.execute(change.returning(SUSPENSIONS.c.id)).scalars())
    if done:
        subject = f"stops {', '.join(map(str, done))}"
        detail = {"ids": done, "reason": reason}
        audit.append(conn, AuditEntry(author, "release.resume", subject, at, detail))
    return done


def listing(conn: Connection, limit: int = 50) -> list[dict[str, Any]]:
    """Every column, the newest first, also of those that ended."""
    query = select(SUSPENSIONS).order_by(SUSPENSIONS.c.id.desc()).limit(limit)
    return [dict(row) for row in conn.execute(query).mappings()]
