"""The audit trail: append-only rows, each with the hash of the one before; shows when anything was
changed or cut off.

The database refuses UPDATE and DELETE by trigger. Who can switch the trigger off can still not
change a row unseen: each hash covers its row and the hash before it, and the newest id and hash
stand in `meta` too, so that a cut end shows. Who can rewrite the whole chain and `meta` is not
stopped by this: against that, note the head elsewhere (`head`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from middleware.store import meta
from middleware.store.schema import AUDIT

HEAD_KEY = "audit_head"
FIRST_HASH = "0" * 64
_PROGRESS_ROWS = 1000

Progress = Callable[[int, int], None]
"""Called with (done, total) now and then."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One decision: who, what (`results.released`), about what, with which details (JSON values),
    when (seconds UTC).
    """

    author: str
    action: str
    subject: str
    at: float
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a check of the chain found; no problems means that it is whole."""

    rows: int
    problems: tuple[str, ...]


def append(conn: Connection, entry: AuditEntry) -> int:
    """Add a row, in the same transaction as what it records; answers its id."""
    last_id, previous = head(conn)
    detail = json.dumps(entry.detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    row = {
        "id": last_id + 1,
        "at": entry.at,
        "author": entry.author,
        "action": entry.action,
        "subject": entry.subject,
        "detail": detail,
        "previous_hash": previous,
    }
    row["hash"] = _hash(row)
    conn.execute(insert(AUDIT).values(row))
    meta.put(conn, HEAD_KEY, f"{row['id']}:{row['hash']}")
    return last_id + 1


def head(conn: Connection) -> tuple[int, str]:
    """Id and hash of the newest row as `meta` has them; (0, FIRST_HASH) for an empty trail."""
    stored = meta.get(conn, HEAD_KEY)
    if stored is None:
        return 0, FIRST_HASH
    number, _, digest = stored.partition(":")
    return int(number), digest


def verify(conn: Connection, progress: Progress | None = None) -> AuditReport:
    """Check every row, every link and the head."""
    problems: list[str] = []
    head_id, head_hash = head(conn)
    expected, previous = 1, FIRST_HASH
    for row in conn.execute(select(AUDIT).order_by(AUDIT.c.id)).mappings():
        if row["id"] != expected:
            problems.append(f"audit rows {expected} to {row['id'] - 1} are missing")
        elif row["previous_hash"] != previous:
            problems.append(f"audit row {row['id']} does not follow the row before it")
        if _hash(dict(row)) != row["hash"]:
            problems.append(f"audit row {row['id']} was changed")
        expected, previous = row["id"] + 1, row["hash"]
        if progress is not None and row["id"] % _PROGRESS_ROWS == 0:
            progress(row["id"], max(head_id, row["id"]))
    if expected - 1 != head_id:
        problems.append(f"the trail ends at row {expected - 1}, its noted end is row {head_id}")
    elif previous != head_hash:
        problems.append(f"the last audit row {head_id} is not the one noted as the end")
    return AuditReport(expected - 1, tuple(problems))


def listing(
    conn: Connection, limit: int = 50, before_id: int | None = None
) -> list[dict[str, Any]]:
    """Rows newest first."""
    query = select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(AUDIT.c.id < before_id)
    return [dict(row) for row in conn.execute(query).mappings()]


def _hash(row: Mapping[str, Any]) -> str:
    names = ("id", "at", "author", "action", "subject", "detail", "previous_hash")
    canonical = json.dumps([row[name] for name in names], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
