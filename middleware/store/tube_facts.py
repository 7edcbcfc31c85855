"""What the store knows of a tube beside its tests, for people; no patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from middleware.model import normal_sample_id
from middleware.store.order_schema import ALIQUOTS
from middleware.store.schema import SPECIMEN_NAMES, SPECIMENS

MOST_NAMED = 20
"""Aliquots, and former ids, of one tube that are named."""


@dataclass(frozen=True, slots=True)
class FormerId:
    """A sample id that the tube had. `until` in seconds since 1970 UTC."""

    sample_id: str
    until: float
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class TubeFacts:
    """One use of a sample id. Times in seconds since 1970 UTC; None, and empty texts: nobody said it."""

    sample_id: str
    order_source: str
    used_until: float | None
    collected_at: float | None
    arrived_at: float | None
    parent: str
    aliquots: tuple[str, ...]
    former: tuple[FormerId, ...]
    seen_line: str
    seen_carrier: str
    seen_position: str
    seen_at: float | None


def of_sample(conn: Connection, sample_id: str) -> list[TubeFacts]:
    """The tubes that have or had this sample id, the oldest use first."""
    query = select(SPECIMENS).where(
        SPECIMENS.c.sample_id_normal == normal_sample_id(sample_id),
        SPECIMENS.c.sample_id == sample_id,
    )
    rows = conn.execute(query.order_by(SPECIMENS.c.id)).mappings().all()
    return [_facts(conn, dict(row)) for row in rows]


def _facts(conn: Connection, row: dict[str, Any]) -> TubeFacts:
    parent = select(SPECIMENS.c.sample_id).where(SPECIMENS.c.id == row["parent_id"])
    return TubeFacts(
        sample_id=row["sample_id"],
        order_source=row["order_source"],
        used_until=row["used_until"],
        collected_at=row["collected_at"],
        arrived_at=row["arrived_at"],
        parent=(conn.scalar(parent) or "") if row["parent_id"] is not None else "",
        aliquots=tuple(_aliquots(conn, row["id"])),
        former=tuple(_former(conn, row["id"])),
        seen_line=row["seen_line"] or "",
        seen_carrier=row["seen_carrier"] or "",
        seen_position=row["seen_position"] or "",
        seen_at=row["seen_at"],
    )


def _aliquots(conn: Connection, specimen_id: int) -> Sequence[str]:
    query = select(SPECIMENS.c.sample_id).where(ALIQUOTS, SPECIMENS.c.parent_id == specimen_id)
    return conn.execute(query.order_by(SPECIMENS.c.id).limit(MOST_NAMED)).scalars().all()


def _former(conn: Connection, specimen_id: int) -> list[FormerId]:
    name = SPECIMEN_NAMES.c
    query = select(name.sample_id, name.used_until, name.author, name.reason).where(
        name.specimen_id == specimen_id
    )
    rows = conn.execute(query.order_by(name.id.desc()).limit(MOST_NAMED))
    return [FormerId(*row) for row in rows]
