"""What a LIS says of patients (ADT) is done: demographics, encounters, and two identifiers made one. Re-runnable jobs.

Only identifiers make two patients one, and only when the LIS says so; never a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from middleware.model import ChangeKind, Identifier, PatientAction, PatientChange, PatientIdKind
from middleware.store import patients
from middleware.store.schema import PATIENT_IDS, PATIENTS, SPECIMENS
from middleware.store.specimens import is_other_day

LOOKED_AT_S = 92 * 86400.0
"""Tubes of which nothing was heard for longer are not told: what is delivered of them is history."""

MOST_IDENTIFIERS = 20
"""Of one patient in one message; more is damage."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Tubes in use whose identity changed."""

    kind: ChangeKind
    specimen_ids: tuple[int, ...]


def apply(conn: Connection, change: PatientChange, source: str, now: float) -> Touched | None:
    """Do what a message says of one patient; answers the tubes in use that it touches.

    Raises PatientUnclear when the identifiers are those of several patients; then nothing was changed.
    """
    identifiers = change.patient.identifiers
    if not identifiers:
        raise patients.PatientUnclear("the message names no patient id")
    if len(identifiers) > MOST_IDENTIFIERS or len(change.prior) > MOST_IDENTIFIERS:
        raise patients.PatientUnclear(f"a patient has more than {MOST_IDENTIFIERS} identifiers")
    found = patients.named_by(conn, source, identifiers)
    if change.action is PatientAction.MERGE:
        return _merge(conn, change, source, now)
    if len(found) > 1:
        raise patients.PatientUnclear(
            "the patient ids are those of two patients; only a merge (A40) makes them one"
        )
    if change.action is PatientAction.END:
        _end_encounters(conn, source, found, change.encounters, now)
        return None
    if patients.named_by(conn, source, change.encounters, PatientIdKind.ENCOUNTER) - found:
        raise patients.PatientUnclear("the encounter is another patient's")
    known = found.pop() if found else patients.make(conn, source, change, now)
    patients.give(conn, source, known, (PatientIdKind.PATIENT, identifiers))
    _open_encounters(conn, source, known, change.encounters)
    return _update(conn, known, change, now)


def _update(conn: Connection, known: int, change: PatientChange, now: float) -> Touched | None:
    person = patients.get(conn, known)
    if person is None:
        return None
    patient = change.patient
    said = {"name": patient.name, "birth_date": patient.birth_date, "sex": patient.sex}
    said["location"] = change.location
    new = {name: text for name, text in said.items() if _is_news(name, getattr(person, name), text)}
    row = {**new, "changed_at": now}
    conn.execute(update(PATIENTS).where(PATIENTS.c.id == known).values(row))
    return _tell_tubes(conn, _tubes_of(conn, known, now), change)


def _is_news(name: str, known: str | None, said: str) -> bool:
    """What is not said, and the year of a known birth date, is none."""
    if name == "birth_date":
        return bool(said) and not (known or "").startswith(said)
    return bool(said) and said != known


_WRITTEN = {"name": "patient_name", "birth_date": "birth_date", "sex": "sex"}


def _tell_tubes(conn: Connection, tubes: Sequence[_Tube], change: PatientChange) -> Touched | None:
    """Write what was said on each tube; answers those of which it said something else before.

    A name never decides, and what was empty contradicted nothing.
    """
    touched = []
    encounters = {one.id for one in change.encounters}
    for tube in tubes:
        said = {column: getattr(change.patient, name) for name, column in _WRITTEN.items()}
        if not tube.encounter or not encounters or tube.encounter in encounters:
            said["location"] = change.location
        new = {
            name: text for name, text in said.items() if _is_news(name, getattr(tube, name), text)
        }
        if new:
            mine = update(SPECIMENS).where(SPECIMENS.c.id == tube.id)
            conn.execute(mine.values(new))
        is_born_else = is_other_day(tube.birth_date or "", new.get("birth_date", ""))
        if is_born_else or (tube.sex and "sex" in new):
            touched.append(tube.id)
    return Touched(ChangeKind.PATIENT, tuple(touched)) if touched else None


def _merge(conn: Connection, change: PatientChange, source: str, now: float) -> Touched | None:
    """The identifiers of `prior` become those of the patient, with everything that is theirs."""
    if not change.prior:
        raise patients.PatientUnclear("the merge names no prior patient id (MRG-1)")
    staying = patients.named_by(conn, source, change.patient.identifiers)
    ending = patients.named_by(conn, source, change.prior) - staying
    if len(staying) > 1 or len(ending) > 1:
        raise patients.PatientUnclear("the merge names more than two patients")
    known = staying.pop() if staying else patients.make(conn, source, change, now)
    patients.give(conn, source, known, (PatientIdKind.PATIENT, change.patient.identifiers))
    tubes: list[_Tube] = []
    for prior in ending:
        tubes = _tubes_of(conn, prior, now)
        _move_last(conn, known, PATIENT_IDS.c.patient_id == prior)
        gone = update(PATIENTS).where(PATIENTS.c.id == prior)
        conn.execute(gone.values(merged_into=known, changed_at=now))
        refs = update(SPECIMENS).where(SPECIMENS.c.patient_ref == prior)
        conn.execute(refs.values(patient_ref=known))
    patients.give(conn, source, known, (PatientIdKind.PATIENT, change.prior))
    staying_values = {one.id for one in change.patient.identifiers}
    former = sorted({one.id for one in change.prior} - staying_values)
    _move_last(conn, known, PATIENT_IDS.c.patient_id == known, PATIENT_IDS.c.value.in_(former))
    also = _update(conn, known, change, now)
    touched = dict.fromkeys([one.id for one in tubes])
    _name_tubes(conn, list(touched), known, change.patient.identifiers[0])
    touched |= dict.fromkeys(also.specimen_ids if also is not None else ())
    return Touched(ChangeKind.MERGED, tuple(touched)) if touched else None


def _move_last(conn: Connection, patient_id: int, *where: ColumnElement[bool]) -> None:
    """These identifiers become the patient's, behind those that it has: the first is the one that counts now."""
    names = ("order_source", "kind", "value", "authority", "used_until")
    query = (
        select(*(PATIENT_IDS.c[name] for name in names)).where(*where).order_by(PATIENT_IDS.c.id)
    )
    rows = [dict(row) | {"patient_id": patient_id} for row in conn.execute(query).mappings()]
    conn.execute(delete(PATIENT_IDS).where(*where))
    if rows:
        conn.execute(insert(PATIENT_IDS), rows)


def _name_tubes(conn: Connection, ids: Sequence[int], known: int, identifier: Identifier) -> None:
    person = patients.get(conn, known)
    if not ids or person is None:
        return
    values: dict[str, Any] = {
        "patient_id": identifier.id,
        "patient_authority": identifier.authority or None,
    }
    said = {"patient_name": person.name, "birth_date": person.birth_date, "sex": person.sex}
    values |= {name: text for name, text in said.items() if text}
    conn.execute(update(SPECIMENS).where(SPECIMENS.c.id.in_(ids)).values(values))


# -- rows -----------------------------------------------------------------------------------------


class _Tube(NamedTuple):
    id: int
    encounter: str | None
    patient_name: str | None
    birth_date: str | None
    sex: str | None
    location: str | None


def _tubes_of(conn: Connection, patient_id: int, now: float) -> list[_Tube]:
    """Specimens in use of a patient, of which something was heard lately."""
    query = select(*(SPECIMENS.c[name] for name in _Tube._fields)).where(
        SPECIMENS.c.patient_ref == patient_id,
        SPECIMENS.c.used_until.is_(None),
        SPECIMENS.c.changed_at >= now - LOOKED_AT_S,
    )
    return [_Tube(*row) for row in conn.execute(query)]


def _open_encounters(
    conn: Connection, source: str, known: int, encounters: Sequence[Identifier]
) -> None:
    """The patient's encounters are under way, also those that had ended."""
    if not encounters:
        return
    ended = update(PATIENT_IDS).where(*_are_encounters(source, encounters))
    conn.execute(ended.where(PATIENT_IDS.c.patient_id == known).values(used_until=None))
    patients.give(conn, source, known, (PatientIdKind.ENCOUNTER, encounters))


def _end_encounters(
    conn: Connection,
    source: str,
    patient_ids: set[int],
    encounters: Sequence[Identifier],
    now: float,
) -> None:
    if encounters and patient_ids:
        ended = update(PATIENT_IDS).where(
            *_are_encounters(source, encounters),
            PATIENT_IDS.c.patient_id.in_(patient_ids),
            PATIENT_IDS.c.used_until.is_(None),
        )
        conn.execute(ended.values(used_until=now))


def _are_encounters(source: str, encounters: Sequence[Identifier]) -> list[Any]:
    return [
        PATIENT_IDS.c.value.in_([one.id for one in encounters]),
        PATIENT_IDS.c.kind == PatientIdKind.ENCOUNTER.value,
        PATIENT_IDS.c.order_source == source,
    ]
