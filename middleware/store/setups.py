"""Settings that were in force: each applied text is a numbered generation, and every stored row
names its generation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, exists, func, insert, select

from middleware.errors import StoreError
from middleware.store.review_schema import IN_FORCE as NOT_ENDED
from middleware.store.review_schema import SUSPENSIONS, WITHDRAWALS
from middleware.store.rows import fetch
from middleware.store.schema import SETUPS


@dataclass(frozen=True, slots=True)
class AppliedSetup:
    """Settings as they were applied: `body` is their text, secrets as references; `applied_at`
    seconds since 1970 UTC.
    """

    applied_at: float
    author: str
    reason: str
    sha256: str
    body: str


def save(conn: Connection, setup: AppliedSetup) -> int:
    """Record settings; answers their generation. The same text as the current one keeps its
    generation.
    """
    newest = current(conn)
    if newest is not None and newest["sha256"] == setup.sha256:
        return int(newest["generation"])
    row = {
        "applied_at": setup.applied_at,
        "author": setup.author,
        "reason": setup.reason,
        "sha256": setup.sha256,
        "body": setup.body,
    }
    query = insert(SETUPS).values(row).returning(SETUPS.c.generation)
    return int(conn.execute(query).scalar_one())


def current_generation(conn: Connection) -> int:
    """The generation in force. Raises StoreError when no node has applied any."""
    found = fetch(conn, _NEWEST, {})[0][0]
    if found is None:
        raise StoreError(
            "no settings were ever applied to this store",
            what_to_do="Start the node once (labwire run).",
        )
    return int(found)


_NEWEST = select(func.max(SETUPS.c.generation))
_IN_FORCE = select(
    func.max(SETUPS.c.generation),
    exists(select(SUSPENSIONS.c.id).where(NOT_ENDED)),
    exists(select(WITHDRAWALS.c.id).where(NOT_ENDED)),
)


class InForce(NamedTuple):
    """What processing asks before each batch, in one statement. `generation` is None when no setup was ever applied;
    `is_stopped`: some automatic release is stopped (`store.suspensions`); `has_withdrawn`: specimens are withdrawn
    (`store.withdrawals`)."""

    generation: int | None
    is_stopped: bool
    has_withdrawn: bool


def in_force(conn: Connection) -> InForce:
    """What is in force now."""
    generation, is_stopped, has_withdrawn = fetch(conn, _IN_FORCE, {})[0]
    return InForce(generation, bool(is_stopped), bool(has_withdrawn))


def current(conn: Connection) -> dict[str, Any] | None:
    """Every column of the generation in force, or None."""
    row = conn.execute(select(SETUPS).where(SETUPS.c.generation == _NEWEST.scalar_subquery()))
    found = row.mappings().first()
    return dict(found) if found is not None else None


def get(conn: Connection, generation: int) -> dict[str, Any] | None:
    """Every column of one generation, or None."""
    row = conn.execute(select(SETUPS).where(SETUPS.c.generation == generation)).mappings().first()
    return dict(row) if row is not None else None


def listing(conn: Connection, limit: int = 50) -> list[dict[str, Any]]:
    """Generations newest first, every column but the body."""
    shown = [column for column in SETUPS.c if column.name != "body"]
    rows = conn.execute(select(*shown).order_by(SETUPS.c.generation.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]
