"""Specimens that people withdrew: nothing of them is reported any more. Times are seconds since 1970 UTC."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Executable,
    bindparam,
    insert,
    select,
    text,
    update,
)

from middleware.store.order_schema import SPECIMENS
from middleware.store.review_schema import IN_FORCE, WITHDRAWALS
from middleware.store.rows import fetch_any, marks


class Withdrawal(NamedTuple):
    """A withdrawal in force of one sample id. `used_until`: when the specimen's period of use ended (None: it is in
    use, or nothing was ever ordered on it: then `specimen_id` is None)."""

    sample_id: str
    specimen_id: int | None
    author: str
    reason: str
    at: float
    used_until: float | None

    def is_of(self, received_at: float, keep_s: float) -> bool:
        """Whether a result that was received then is of this specimen, and not of a later one with the same id.

        `keep_s`: how long the id of a specimen without orders means that specimen.
        """
        if self.specimen_id is None:
            return received_at <= self.at + keep_s
        return self.used_until is None or received_at <= self.used_until


@dataclass(frozen=True, slots=True)
class ToWithdraw:
    """A specimen under every sample id that it has or had."""

    sample_ids: Sequence[str]
    specimen_id: int | None


@lru_cache(maxsize=16)
def _of_samples(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    own = [WITHDRAWALS.c[name] for name in Withdrawal._fields[:-1]]
    is_same = SPECIMENS.c.id == WITHDRAWALS.c.specimen_id
    return (
        select(*own, SPECIMENS.c.used_until)
        .join(SPECIMENS, is_same, isouter=True)
        .where(WITHDRAWALS.c.sample_id.in_(wanted), text("withdrawals.ended_at IS NULL"))
        .order_by(WITHDRAWALS.c.id)
    )


def of_samples(conn: Connection, sample_ids: Collection[str]) -> dict[str, list[Withdrawal]]:
    """The withdrawals in force of these sample ids; ids without any are absent."""
    found: dict[str, list[Withdrawal]] = {}
    for row in fetch_any(conn, _of_samples, sorted(set(sample_ids))):
        found.setdefault(row[0], []).append(Withdrawal._make(row))
    return found


def note(conn: Connection, what: ToWithdraw, author: str, reason: str, at: float) -> None:
    """From now on nothing of this specimen is reported."""
    same = {"specimen_id": what.specimen_id, "author": author, "reason": reason, "at": at}
    rows = [{"sample_id": one, **same} for one in dict.fromkeys(what.sample_ids)]
    conn.execute(insert(WITHDRAWALS), rows)


def carry_over(conn: Connection, specimen_id: int, old: str, new: str) -> None:
    """The tube `old` is called `new` from now on: what was withdrawn of it stays so under both."""
    mine = [
        one
        for one in of_samples(conn, [old]).get(old, ())
        if one.specimen_id in (None, specimen_id)
    ]
    for one in mine[:1]:
        note(conn, ToWithdraw((new,), specimen_id), one.author, one.reason, one.at)


def end(
    conn: Connection, sample_ids: Collection[str], author: str, reason: str, at: float
) -> list[str]:
    """Take back the withdrawals of these sample ids; answers those that were withdrawn."""
    change = (
        update(WITHDRAWALS)
        .where(WITHDRAWALS.c.sample_id.in_(list(sample_ids)), IN_FORCE)
        .values(ended_at=at, ended_by=author, ended_reason=reason)
        .returning(WITHDRAWALS.c.sample_id)
    )
    return sorted(str(one) for one in conn.execute(change).scalars())


def listing(conn: Connection, limit: int = 50) -> list[dict[str, Any]]:
    """Every column, the newest first, also of those that were taken back."""
    query = select(WITHDRAWALS).order_by(WITHDRAWALS.c.id.desc()).limit(limit)
    return [dict(row) for row in conn.execute(query).mappings()]
