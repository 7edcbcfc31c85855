"""Tubes whose patient or label changed while results of them were on their way or with the LIS: noted for a person."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, or_, select, update

from middleware.model import ChangeKind, ReleaseState
from middleware.store import audit
from middleware.store.audit import AuditEntry
from middleware.store.patient_schema import PATIENT_CHANGES, UNSEEN
from middleware.store.schema import (
    OUTBOX,
    OUTBOX_RESULTS,
    RESULTS,
    SPECIMEN_NAMES,
    SPECIMENS,
    WORK_ORDER_STEPS,
    OutboxState,
)


class ChangedTube(NamedTuple):
    """A specimen as results of it are looked up by: in its period of use, under every sample id that it had.

    No other tube gets one of these ids while it is in use (`relabel`, `specimens`). Times in seconds since 1970 UTC.
    """

    id: int
    order_source: str
    sample_id: str
    used_from: float
    used_until: float | None
    names: tuple[str, ...]


class Concerned(NamedTuple):
    """A result that is reported, or waits for a person, and the messages that carry it: numbers that were not delivered
    yet, and whether one was."""

    id: int
    release_state: str
    findings: str | None
    on_the_way: tuple[int, ...]
    is_delivered: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """One row of the list: which results of a tube met a change. Ids of results."""

    kind: ChangeKind
    tube: ChangedTube
    held: Sequence[int]
    delivered: Sequence[int]
    author: str
    reason: str
    at: float
    journal_id: int | None = None


def changed_tubes(conn: Connection, specimen_ids: Collection[int]) -> list[ChangedTube]:
    """These specimens."""
    names: dict[int, list[str]] = {}
    former = select(SPECIMEN_NAMES.c.specimen_id, SPECIMEN_NAMES.c.sample_id).where(
        SPECIMEN_NAMES.c.specimen_id.in_(specimen_ids)
    )
    for specimen_id, sample_id in conn.execute(former):
        names.setdefault(specimen_id, []).append(sample_id)
    own = [SPECIMENS.c[name] for name in ChangedTube._fields[:-1]]
    query = select(*own).where(SPECIMENS.c.id.in_(specimen_ids)).order_by(SPECIMENS.c.id)
    return [
        ChangedTube._make((*row, (row.sample_id, *names.get(row.id, ()))))
        for row in conn.execute(query)
    ]


_OPEN = (OutboxState.WAITING.value, OutboxState.HELD.value, OutboxState.REFUSED.value)


def concerned(conn: Connection, tube: ChangedTube) -> list[Concerned]:
    """Released and held results of the tube, the oldest first: in its period of use, and those that came before the
    order which they answer."""
    own = select(WORK_ORDER_STEPS.c.id).where(WORK_ORDER_STEPS.c.specimen_id == tube.id)
    query = (
        select(RESULTS.c.id, RESULTS.c.release_state, RESULTS.c.findings)
        .where(
            RESULTS.c.sample_id.in_(sorted(set(tube.names))),
            or_(RESULTS.c.received_at >= tube.used_from, RESULTS.c.work_order_step_id.in_(own)),
            RESULTS.c.release_state.in_([ReleaseState.RELEASED.value, ReleaseState.HELD.value]),
            RESULTS.c.identified_by.is_(None),
            or_(
                RESULTS.c.order_source.is_(None),
                RESULTS.c.order_source.in_(["", tube.order_source]),
            ),
        )
        .order_by(RESULTS.c.id)
    )
    if tube.used_until is not None:
        query = query.where(RESULTS.c.received_at <= tube.used_until)
    rows = list(conn.execute(query))
    carried = (
        select(OUTBOX_RESULTS.c.result_id, OUTBOX.c.number, OUTBOX.c.state)
        .join(OUTBOX, OUTBOX.c.number == OUTBOX_RESULTS.c.number)
        .where(OUTBOX_RESULTS.c.result_id.in_([row.id for row in rows]))
        .order_by(OUTBOX.c.number)
    )
    open_ones: dict[int, list[int]] = {}
    delivered: set[int] = set()
    for result_id, number, state in conn.execute(carried) if rows else ():
        if state in _OPEN:
            open_ones.setdefault(result_id, []).append(number)
        else:
            delivered.add(result_id)
    return [Concerned(*row, tuple(open_ones.get(row.id, ())), row.id in delivered) for row in rows]


def note(conn: Connection, noted: Noted) -> int:
    """Put a tube on the list; answers the row's id."""
    row = {
        "at": noted.at,
        "kind": noted.kind.value,
        "author": noted.author,
        "reason": noted.reason,
        "journal_id": noted.journal_id,
        "specimen_id": noted.tube.id,
        "sample_id": noted.tube.sample_id,
        "held": json.dumps(list(noted.held)),
        "delivered": json.dumps(list(noted.delivered)),
    }
    made = conn.execute(insert(PATIENT_CHANGES).values(row).returning(PATIENT_CHANGES.c.id))
    return int(made.scalar_one())


def listing(
    conn: Connection, *, with_seen: bool = False, before_id: int | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """The list, newest first; `held` and `delivered` are lists of result ids. No patient."""
    query = select(PATIENT_CHANGES).order_by(PATIENT_CHANGES.c.id.desc()).limit(limit)
    if not with_seen:
        query = query.where(UNSEEN)
    if before_id is not None:
        query = query.where(PATIENT_CHANGES.c.id < before_id)
    return [
        {**row, "held": json.loads(row["held"]), "delivered": json.loads(row["delivered"])}
        for row in conn.execute(query).mappings()
    ]


def unseen_count(conn: Connection) -> int:
    """How many nobody has looked at."""
    query = select(func.count()).select_from(PATIENT_CHANGES).where(UNSEEN)
    return int(conn.execute(query).scalar_one())


def see(conn: Connection, ids: Collection[int], author: str, reason: str, at: float) -> list[int]:
    """A person has looked at these and done what is to be done; answers those that were open. Audited."""
    changed = (
        update(PATIENT_CHANGES)
        .where(PATIENT_CHANGES.c.id.in_(ids), UNSEEN)
        .values(seen_at=at, seen_by=author)
        .returning(PATIENT_CHANGES.c.id)
    )
    done = sorted(int(one) for one in conn.execute(changed).scalars())
    if done:
        subject = f"patient changes {', '.join(map(str, done))}"
        detail = {"ids": done, "reason": reason}
        audit.append(conn, AuditEntry(author, "patients.seen", subject, at, detail))
    return done
