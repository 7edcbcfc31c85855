"""Results of lines whose sample ids name patients or encounters: the patient is looked up, or the result is held.

Such a result answers no order; it goes to the LIS as unsolicited, with the patient as the LIS knows him.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from middleware.model import (
    Finding,
    Identifier,
    PatientIdKind,
    ReleaseState,
    SampleRole,
)
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.decision import Judge
from middleware.pipeline.prepare import Prepared
from middleware.pipeline.prepared import PreparedResult
from middleware.review import whom
from middleware.setup import Setup
from middleware.store import patients, results
from middleware.store.connection import Connection
from middleware.store.patients import PatientUnclear

_COLUMNS = ("patient_id", "patient_authority", "patient_name", "birth_date", "sex")
Known = tuple[dict[str, Any], tuple[Finding, ...]]
"""Columns of the patient (none: not known), and what is to be said of the identity."""


Kept = tuple[Prepared, Sequence[PreparedResult]]
"""A message, and its results as they are to be stored."""


def identify(conn: Connection, kept: list[Kept], setup: Setup) -> list[Kept]:
    """The results of such lines with their patients, decided anew where something is to be said; others untouched."""
    if not any(one.identified_by for one, _ in kept):
        return kept
    judge = Judge(setup)
    return [
        (one, [_identified(conn, result, judge, one) for result in stored])
        if one.identified_by
        else (one, stored)
        for one, stored in kept
    ]


def _identified(
    conn: Connection, result: PreparedResult, judge: Judge, message: Prepared
) -> PreparedResult:
    row = result.row
    is_said_before = row["release_state"] == ReleaseState.DUPLICATE
    if result.role is not SampleRole.PATIENT or is_said_before or not row["sample_id"].strip():
        return result
    columns, more = look_up(conn, row)
    more = (*more, *whom.lacking(row))
    findings = (*result.findings, *more)
    if not more:
        return replace(result, row=row | columns)
    destinations, decided = judge.decide(row, findings, result.role, message.mode)
    row = row | columns | decided
    return replace(result, row=row, findings=findings, destinations=destinations)


def look_up(conn: Connection, row: Mapping[str, Any]) -> Known:
    """Who the sample id of a row names: exactly one living patient or encounter of its order source."""
    kind = str(row["identified_by"])
    source = row["order_source"] or ""
    named = [Identifier(id=row["sample_id"])]
    if row["patient_id"] == row["sample_id"] and row["patient_authority"]:
        named = [Identifier(id=row["sample_id"], authority=row["patient_authority"])]
    try:
        found = patients.named_by(conn, source, named, PatientIdKind(kind))
    except PatientUnclear:
        return {}, (whom.not_known(kind, "several have it, of other authorities"),)
    person = patients.get(conn, found.pop()) if found else None
    if person is None:
        return {}, (whom.not_known(kind, "nobody has it now"),)
    what = _difference(conn, row, person)
    if what:
        return {}, (whom.other_patient(what),)
    first = next(iter(patients.identifiers_of(conn, person.id)), Identifier(id=""))
    said = (first.id or None, first.authority or None, person.name, person.birth_date, person.sex)
    return dict(zip(_COLUMNS, said, strict=True)), ()


def _difference(conn: Connection, row: Mapping[str, Any], person: patients.Person) -> str:
    said, known = (row["birth_date"] or "")[:8], (person.birth_date or "")[:8]
    if len(said) == len(known) == 8 and said != known:  # noqa: PLR2004 - YYYYMMDD
        return "birth date"
    if not row["patient_id"] or row["patient_id"] == row["sample_id"]:
        return ""
    also = Identifier(id=row["patient_id"], authority=row["patient_authority"] or "")
    try:
        others = patients.named_by(conn, person.order_source, [also])
    except PatientUnclear:
        return "patient id"
    return "patient id" if others != {person.id} else ""


def check_known(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Before a person releases them: whose they are is known by now, and is written into the rows and the store.

    Raises CommandRefused.
    """
    for row in rows:
        if not row["identified_by"]:
            continue
        columns, said = look_up(conn, row)
        if said:
            raise CommandRefused(
                f"whose result {row['id']} is, is not known: {said[0].text}",
                what_to_do="Let the LIS send the patient (ADT A01, A04 or A08), or enter the result by hand.",
            )
        row.update(columns)
        results.give_patient(conn, row["id"], columns)
