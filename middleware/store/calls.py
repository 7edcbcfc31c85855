"""Calls: somebody must be told of a critical result, and it is written down who was. Times: seconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from middleware.store import audit
from middleware.store.audit import AuditEntry
from middleware.store.review_schema import CALLS, IN_FORCE


class NewCall(NamedTuple):
    """A result that somebody must be told of; `why`: which check or flag asked for it."""

    result_id: int
    sample_id: str
    line: str
    test_code: str
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How calls ended: `told` is who was told by `caller`; empty: nobody had to be, and `reason` says why."""

    author: str
    at: float
    told: str = ""
    caller: str = ""
    is_read_back: bool = False
    reason: str = ""


def open_calls(conn: Connection, wanted: Sequence[NewCall], now: float) -> list[int]:
    """Open a call for each result that has none, open or ended; answers the new ones."""
    ids = [one.result_id for one in wanted]
    known = set(conn.scalars(select(CALLS.c.result_id).where(CALLS.c.result_id.in_(ids))))
    rows = {
        one.result_id: {**one._asdict(), "opened_at": now}
        for one in wanted
        if one.result_id not in known
    }
    if not rows:
        return []
    made = insert(CALLS).returning(CALLS.c.id)
    return sorted(int(one) for one in conn.execute(made, list(rows.values())).scalars())


def end(conn: Connection, ids: Collection[int], ended: Ended) -> list[int]:
    """Somebody was told, or nobody has to be; answers those that were open. Audited."""
    values = {
        "ended_at": ended.at,
        "ended_by": ended.author,
        "told": ended.told or None,
        "caller": ended.caller or None,
        "is_read_back": ended.is_read_back if ended.told else None,
        "ended_reason": ended.reason,
    }
    change = update(CALLS).where(CALLS.c.id.in_(list(ids)), IN_FORCE).values(values)
    done = sorted(int(one) for one in conn.execute(change.returning(CALLS.c.id)).scalars())
    if done:
        detail = {
            "ids": done,
            "told": ended.told,
            "caller": ended.caller,
            "is_read_back": ended.is_read_back,
            "reason": ended.reason,
        }
        action = "calls.done" if ended.told else "calls.drop"
        subject = f"calls {', '.join(map(str, done))}"
        audit.append(conn, AuditEntry(ended.author, action, subject, ended.at, detail))
    return done


def open_since(conn: Connection) -> tuple[int, float | None]:
    """How many calls are open, and since when the oldest is."""
    query = select(func.count(), func.min(CALLS.c.opened_at)).where(IN_FORCE)
    count, oldest = conn.execute(query).one()
    return int(count), oldest


def listing(conn: Connection, limit: int = 50, *, with_ended: bool = False) -> list[dict[str, Any]]:
    """Every column: open calls, the oldest first; with the ended ones all, the newest first."""
    query = select(CALLS).order_by(CALLS.c.id.desc() if with_ended else CALLS.c.id).limit(limit)
    if not with_ended:
        query = query.where(IN_FORCE)
    return [dict(row) for row in conn.execute(query).mappings()]
