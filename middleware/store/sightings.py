"""Labels that analyzers asked for before anything was ordered on them: the order says then where its tube is.

Kept for a day. A tube that is ordered takes its sighting with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from middleware.store.rows import execute_many, fetch, insert_rows
from middleware.store.schema import SIGHTINGS
from middleware.store.specimen_lookup import Place

KEPT_S = 86400.0
LONGEST_SAMPLE_ID = 64
"""What is longer is no label."""

_AGAIN = (
    update(SIGHTINGS)
    .where(SIGHTINGS.c.sample_id == bindparam("b_sample_id"))
    .values(
        line=bindparam("b_line"),
        carrier=bindparam("b_carrier"),
        position=bindparam("b_position"),
        at=bindparam("b_at"),
    )
)
_OF = (
    select(SIGHTINGS.c.line, SIGHTINGS.c.carrier, SIGHTINGS.c.position, SIGHTINGS.c.at)
    .where(SIGHTINGS.c.sample_id == bindparam("of_sample_id"), SIGHTINGS.c.at >= bindparam("since"))
    .order_by(SIGHTINGS.c.id.desc())
    .limit(1)
)


def note(conn: Connection, sample_ids: Sequence[str], place: Place, now: float) -> None:
    """A line's analyzer asked for these labels, and no tube in use has them."""
    for sample_id in sample_ids:
        if not 0 < len(sample_id) <= LONGEST_SAMPLE_ID:
            continue
        row = {
            "sample_id": sample_id,
            "line": place.line,
            "carrier": place.carrier or None,
            "position": place.position or None,
            "at": now,
        }
        if not execute_many(conn, _AGAIN, [{f"b_{name}": one for name, one in row.items()}]):
            insert_rows(conn, SIGHTINGS, [row])


def take(conn: Connection, sample_id: str, now: float) -> dict[str, Any]:
    """Where a label was seen within a day, as the columns of its new specimen; empty: nowhere."""
    found = fetch(conn, _OF, {"of_sample_id": sample_id, "since": now - KEPT_S})
    if not found:
        return {}
    conn.execute(delete(SIGHTINGS).where(SIGHTINGS.c.sample_id == sample_id))
    line, carrier, position, at = found[0]
    seen = {"seen_line": line, "seen_at": at}
    if carrier is None and position is None:
        return seen
    place = {"seen_carrier": carrier or "", "seen_position": position or "", "placed_at": at}
    return {**seen, **place}


def forget(conn: Connection, now: float) -> None:
    """Those that are older than a day."""
    conn.execute(delete(SIGHTINGS).where(SIGHTINGS.c.at < now - KEPT_S))
