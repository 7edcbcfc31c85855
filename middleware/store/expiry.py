"""Nothing that was ordered stays open for ever, and nothing finished is kept for ever.

Re-runnable jobs of bounded size. Work that an analyzer took and sent no result for is open again after the line's
hours. What is open longer than `keep_s` expires. A tube of which nothing spoke for `delete_after_s`, with nothing open
on it, is deleted with its orders, their steps and history; results keep the numbers. So is a patient of whom the LIS
said nothing for as long, and who has no tube left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select, text

from middleware.model import StepState
from middleware.store import patients, sightings, steps
from middleware.store.order_schema import OPEN_OF_TUBE, OPEN_STEPS
from middleware.store.schema import (
    ORDERS,
    SPECIMEN_NAMES,
    SPECIMENS,
    STEP_HISTORY,
    WORK_ORDER_STEPS,
)
from middleware.store.steps import Change

MOST_STEPS = 500
"""That change in one job."""

MOST_SPECIMENS = 50
"""That are deleted in one job: some thousand rows of history."""

_SENT = text("state = 'sent'")
_STEP = WORK_ORDER_STEPS.c
_MAY_EXPIRE = (StepState.PENDING, StepState.SENT, StepState.IN_PROCESS)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long what is kept, in seconds: `sent_again_after_s` by line; a line that is not named frees nothing."""

    keep_s: float
    delete_after_s: float
    sent_again_after_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expired:
    """What one job did: steps that are open again, steps that expired, specimens that were deleted."""

    freed: int = 0
    expired: int = 0
    deleted: int = 0

    @property
    def is_all(self) -> bool:
        """Nothing more waits for the same moment."""
        return not (self.freed or self.expired or self.deleted)


def expire(conn: Connection, now: float, terms: Terms, author: str) -> Expired:
    """One bounded portion; ask again until `is_all`. What is on its way to an analyzer is left as it is."""
    sightings.forget(conn, now)
    patients.forget(conn, now - terms.delete_after_s)
    expired = _expire(conn, now, terms, author)
    freed = _free_sent(conn, now, terms, author)
    return Expired(freed, expired, _delete(conn, now - terms.delete_after_s))


def _free_sent(conn: Connection, now: float, terms: Terms, author: str) -> int:
    freed = 0
    lines: dict[float, list[str]] = {}
    for line, after_s in sorted(terms.sent_again_after_s.items()):
        lines.setdefault(after_s, []).append(line)
    for after_s, names in lines.items():  # one search for all lines of the same hours
        query = (
            select(_STEP.id)
            .where(OPEN_STEPS, _SENT, _STEP.line.in_(names), _STEP.sent_at < now - after_s)
            .order_by(_STEP.id)
            .limit(MOST_STEPS)
        )
        ids = [int(one) for one in conn.execute(query).scalars()]
        hours = f"{after_s / 3600:g}"
        change = Change(
            author, now, f"the analyzer took it and sent no result within {hours} hours"
        )
        before = (StepState.SENT,)
        freed += len(steps.move(conn, ids, StepState.PENDING, before, change, **steps.UNTOUCHED))
    return freed


def _expire(conn: Connection, now: float, terms: Terms, author: str) -> int:
    days = f"{terms.keep_s / 86400:g}"
    change = Change(author, now, f"it had no result after {days} days")
    expired = 0
    for state in _MAY_EXPIRE:
        query = (
            select(_STEP.id)
            .where(OPEN_STEPS, _STEP.state == state.value, _STEP.created_at < now - terms.keep_s)
            .order_by(_STEP.created_at)
            .limit(MOST_STEPS)
        )
        ids = [int(one) for one in conn.execute(query).scalars()]
        expired += len(steps.move(conn, ids, StepState.EXPIRED, (state,), change, to_tell=None))
    return expired


# -- what is old ----------------------------------------------------------------------------------


def _delete(conn: Connection, before: float) -> int:
    aliquots = SPECIMENS.alias("aliquots")
    has_open = select(_STEP.id).where(_STEP.specimen_id == SPECIMENS.c.id, OPEN_OF_TUBE).exists()
    has_aliquot = select(aliquots.c.id).where(aliquots.c.parent_id == SPECIMENS.c.id).exists()
    query = (
        select(SPECIMENS.c.id)
        .where(SPECIMENS.c.changed_at < before, ~has_open, ~has_aliquot)
        .order_by(SPECIMENS.c.changed_at)
        .limit(MOST_SPECIMENS)
    )
    ids = [int(one) for one in conn.execute(query).scalars()]
    if ids:
        _delete_all_of(conn, ids)
    return len(ids)


def _delete_all_of(conn: Connection, ids: Sequence[int]) -> None:
    of_them = select(_STEP.id).where(_STEP.specimen_id.in_(ids))
    conn.execute(delete(STEP_HISTORY).where(STEP_HISTORY.c.step_id.in_(of_them)))
    conn.execute(delete(WORK_ORDER_STEPS).where(_STEP.specimen_id.in_(ids)))
    conn.execute(delete(ORDERS).where(ORDERS.c.specimen_id.in_(ids)))
    conn.execute(delete(SPECIMEN_NAMES).where(SPECIMEN_NAMES.c.specimen_id.in_(ids)))
    conn.execute(delete(SPECIMENS).where(SPECIMENS.c.id.in_(ids)))
