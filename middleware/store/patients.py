"""Patients by every identifier that a LIS gave them: found, and made where an order names a new one.

A patient is known by (order source, identifier, authority), never by a name. Identifiers of a merged patient are moved
to the one that stays, so each leads to one patient in one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Executable,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from middleware.errors import StoreError
from middleware.model import (
    Identifier,
    Patient,
    PatientAction,
    PatientChange,
    PatientIdKind,
)
from middleware.store.rows import fetch_any, marks
from middleware.store.schema import PATIENT_IDS, PATIENTS, SPECIMENS


class PatientUnclear(StoreError):
    """The identifiers do not name exactly one patient. The text names no patient."""

    code = "patient-unclear"


class Person(NamedTuple):
    """One patient as stored."""

    id: int
    order_source: str
    name: str | None
    birth_date: str | None
    sex: str | None
    location: str | None


# -- finding --------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _ids_statement(count: int) -> Executable:
    wanted: list[BindParameter[Any]] = [bindparam(name) for name in marks(count)]
    return select(
        PATIENT_IDS.c.value,
        PATIENT_IDS.c.authority,
        PATIENT_IDS.c.patient_id,
        PATIENT_IDS.c.used_until,
    ).where(
        PATIENT_IDS.c.value.in_(wanted),
        PATIENT_IDS.c.kind == bindparam("of_kind"),
        PATIENT_IDS.c.order_source == bindparam("of_source"),
    )


def named_by(
    conn: Connection,
    source: str,
    identifiers: Sequence[Identifier],
    kind: PatientIdKind = PatientIdKind.PATIENT,
) -> set[int]:
    """The patients that these identifiers name. Encounters that ended name nobody.

    An identifier counts with its authority; without one (on either side) only where that leaves one patient.
    Raises PatientUnclear when it could be several.
    """
    if not identifiers:
        return set()
    values = list(dict.fromkeys(one.id for one in identifiers))
    place = {"of_kind": kind.value, "of_source": source}
    rows = fetch_any(conn, _ids_statement, values, place)
    living = [row[:3] for row in rows if row[3] is None]
    found: set[int] = set()
    for identifier in identifiers:
        alike = [row for row in living if row[0] == identifier.id]
        exact = {int(row[2]) for row in alike if row[1] == identifier.authority}
        loose = {int(row[2]) for row in alike if not row[1] or not identifier.authority}
        if len(exact or loose) > 1:
            raise PatientUnclear("an identifier without its authority names several patients")
        found |= exact or loose
    return found


def get(conn: Connection, patient_id: int) -> Person | None:
    """One patient, or None."""
    columns = [PATIENTS.c[name] for name in Person._fields]
    row = conn.execute(select(*columns).where(PATIENTS.c.id == patient_id)).first()
    return None if row is None else Person(*row)


def identifiers_of(conn: Connection, patient_id: int) -> list[Identifier]:
    """Every identifier of a patient (no encounters), the oldest first."""
    query = (
        select(PATIENT_IDS.c.value, PATIENT_IDS.c.authority)
        .where(
            PATIENT_IDS.c.patient_id == patient_id,
            PATIENT_IDS.c.kind == PatientIdKind.PATIENT.value,
        )
        .order_by(PATIENT_IDS.c.id)
    )
    return [Identifier(id=value, authority=authority) for value, authority in conn.execute(query)]


def encounters_of(conn: Connection, patient_ids: Sequence[int]) -> set[str]:
    """The numbers of every encounter of these patients, also of those that ended."""
    if not patient_ids:
        return set()
    query = select(PATIENT_IDS.c.value).where(
        PATIENT_IDS.c.patient_id.in_(patient_ids),
        PATIENT_IDS.c.kind == PatientIdKind.ENCOUNTER.value,
    )
    return set(conn.execute(query).scalars())


def is_known_as(conn: Connection, source: str, patient_ref: int | None, patient: Patient) -> bool:
    """Whether the identifiers of `patient` are those of the stored patient `patient_ref`, also after a merge."""
    if patient_ref is None:
        return False
    try:
        return named_by(conn, source, patient.identifiers) == {patient_ref}
    except PatientUnclear:
        return False


def is_anothers(conn: Connection, source: str, patient_ref: int | None, patient: Patient) -> bool:
    """Whether an identifier of `patient` is known as that of another patient than `patient_ref`."""
    if patient_ref is None:
        return False
    try:
        return bool(named_by(conn, source, patient.identifiers) - {patient_ref})
    except PatientUnclear:
        return False


# -- from orders ----------------------------------------------------------------------------------


def of_order(
    conn: Connection, source: str, patient: Patient | None, encounter: str, now: float
) -> int | None:
    """The patient that an order names, made when it is not known; None when it names none, or not surely one.

    An order changes nothing of a patient that is known.
    """
    if patient is None or not patient.identifiers:
        return None
    try:
        found = named_by(conn, source, patient.identifiers)
    except PatientUnclear:
        return None
    if len(found) > 1:
        return None
    said = PatientChange(action=PatientAction.UPDATE, patient=patient)
    known = found.pop() if found else make(conn, source, said, now)
    give(conn, source, known, (PatientIdKind.PATIENT, patient.identifiers))
    if encounter and not _has_encounter(conn, source, encounter):
        give(conn, source, known, (PatientIdKind.ENCOUNTER, [Identifier(id=encounter)]))
    return known


def _has_encounter(conn: Connection, source: str, encounter: str) -> bool:
    """Whether it is known, also as one that ended: an order that comes late opens none again."""
    place = {"of_kind": PatientIdKind.ENCOUNTER.value, "of_source": source}
    return bool(fetch_any(conn, _ids_statement, [encounter], place))


# -- retention ------------------------------------------------------------------------------------

MOST_FORGOTTEN = 500
"""In one job."""


def forget(conn: Connection, before: float) -> int:
    """Delete patients of whom the LIS said nothing since `before` and who have no tube; at most `MOST_FORGOTTEN`."""
    has_tube = select(SPECIMENS.c.id).where(SPECIMENS.c.patient_ref == PATIENTS.c.id).exists()
    query = (
        select(PATIENTS.c.id)
        .where(PATIENTS.c.changed_at < before, ~has_tube)
        .order_by(PATIENTS.c.changed_at)
        .limit(MOST_FORGOTTEN)
    )
    ids = [int(one) for one in conn.execute(query).scalars()]
    if ids:
        conn.execute(delete(PATIENT_IDS).where(PATIENT_IDS.c.patient_id.in_(ids)))
        conn.execute(delete(PATIENTS).where(PATIENTS.c.id.in_(ids)))
    return len(ids)


# -- rows -----------------------------------------------------------------------------------------


def make(conn: Connection, source: str, change: PatientChange, now: float) -> int:
    """A new patient, without any identifier yet; answers its id."""
    patient = change.patient
    row = {
        "order_source": source,
        "name": patient.name or None,
        "birth_date": patient.birth_date or None,
        "sex": patient.sex or None,
        "location": change.location or None,
        "created_at": now,
        "changed_at": now,
    }
    made = conn.execute(insert(PATIENTS).values(row).returning(PATIENTS.c.id))
    return int(made.scalar_one())


def give(
    conn: Connection,
    source: str,
    patient_id: int,
    given: tuple[PatientIdKind, Sequence[Identifier]],
) -> None:
    """Identifiers that nobody has become the patient's.

    One without authority says less than the same with one: it is not kept beside it, else it would stand for the same
    number of any other authority.
    """
    kind, identifiers = given
    if not identifiers:
        return
    place = {"of_kind": kind.value, "of_source": source}
    values = list(dict.fromkeys(one.id for one in identifiers))
    rows = [row for row in fetch_any(conn, _ids_statement, values, place) if row[3] is None]
    there = {(row[0], row[1]) for row in rows}
    own = {(row[0], row[1]) for row in rows if row[2] == patient_id}
    for one in dict.fromkeys(identifiers):
        if (one.id, one.authority) in there:
            continue
        if not one.authority and any(value == one.id for value, _ in own):
            continue
        if one.authority and (one.id, "") in own:
            _add_authority(conn, patient_id, kind, one)
        else:
            row = {"patient_id": patient_id, "order_source": source, "kind": kind.value}
            row |= {"value": one.id, "authority": one.authority}
            conn.execute(insert(PATIENT_IDS).values(row))
        there.add((one.id, one.authority))
        own = (own - {(one.id, "")}) | {(one.id, one.authority)}


def _add_authority(
    conn: Connection, patient_id: int, kind: PatientIdKind, identifier: Identifier
) -> None:
    changed = update(PATIENT_IDS).where(
        PATIENT_IDS.c.patient_id == patient_id,
        PATIENT_IDS.c.kind == kind.value,
        PATIENT_IDS.c.value == identifier.id,
        PATIENT_IDS.c.authority == "",
        PATIENT_IDS.c.used_until.is_(None),
    )
    conn.execute(changed.values(authority=identifier.authority))
