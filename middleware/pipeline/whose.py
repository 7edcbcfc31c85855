"""Tubes of which the analyzer says that they are another patient's than the order says. Asks the store only then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from middleware.model import Finding, Identifier, Patient
from middleware.model.tube import Tube
from middleware.review import whose
from middleware.store import patients, tubes
from middleware.store.connection import Connection


def contradictions(
    conn: Connection, rows: Iterable[Mapping[str, Any]], alike: Mapping[str, Sequence[Tube]]
) -> dict[str, Finding]:
    """By sample id: why the specimen is held. A patient id of before a merge is still the patient's."""
    found: dict[str, Finding] = {}
    known: dict[tuple[Any, ...], str] = {}
    for row in rows:
        sample_id = row["sample_id"]
        if sample_id in found or not whose.says_whose(row):
            continue
        said = (sample_id, row["order_source"], row["patient_id"], row["birth_date"])
        what = known.get(said)
        if what is None:
            what = known[said] = _difference(conn, row, alike)
        if what:
            found[sample_id] = whose.finding(sample_id, what)
    return found


def _difference(
    conn: Connection, row: Mapping[str, Any], alike: Mapping[str, Sequence[Tube]]
) -> str:
    for tube in tubes.of_id(alike, row["sample_id"]):
        is_same_id = tube.sample_id == row["sample_id"] and not tube.former
        is_named = is_same_id and tube.used_until is None
        if not is_named or row["order_source"] not in (None, "", tube.order_source):
            continue
        if whose.other_birth_date(row, tube):
            return "birth date"
        if whose.other_id(row, tube) and not _was_merged(conn, row, tube):
            return "patient id"
    return ""


def _was_merged(conn: Connection, row: Mapping[str, Any], tube: Tube) -> bool:
    authority = row["patient_authority"] or ""
    patient = Patient(identifiers=(Identifier(id=row["patient_id"], authority=authority),))
    own = Identifier(id=tube.patient_id or "", authority=tube.patient_authority or "")
    try:
        ref = patients.named_by(conn, tube.order_source, [own])
    except patients.PatientUnclear:
        return False
    return len(ref) == 1 and patients.is_known_as(conn, tube.order_source, ref.pop(), patient)
