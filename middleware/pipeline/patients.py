"""What a LIS says of patients, and earlier results that it sends: stored in the transaction of the message."""

from __future__ import annotations

from middleware.delivery.connector import ReceivedOrders
from middleware.model import EarlierResult, Patient, PatientChange
from middleware.model.order import LONGEST_ORDER_TEXT
from middleware.pipeline import changed
from middleware.pipeline.changed import Occasion
from middleware.store import patient_updates, prior_results
from middleware.store.connection import Connection
from middleware.store.patients import PatientUnclear
from middleware.store.prior_results import Origin


def take(conn: Connection, received: ReceivedOrders, journal_id: int, now: float) -> str:
    """Do what the message says; answers why not all of it was done ("": it was). What is refused changed nothing."""
    faults: list[str] = []
    for change in received.changes:
        if not _is_fit(change):
            faults.append("a text of the patient is damaged or too long")
            continue
        try:
            touched = patient_updates.apply(conn, change, received.source, now)
        except PatientUnclear as error:
            faults.append(str(error))
            continue
        if touched is not None:
            occasion = Occasion(received.connector, now, "said by the LIS", journal_id)
            changed.look_again(conn, touched.kind, touched.specimen_ids, occasion)
    sound = [one for one in received.earlier if is_sound(one)]
    prior_results.save(conn, sound, Origin(received.source, received.connector), now)
    if len(sound) < len(received.earlier):
        faults.append("an earlier result holds a text that is damaged or too long")
    return "; ".join(dict.fromkeys(faults))


def _is_fit(change: PatientChange) -> bool:
    ids = [*change.patient.identifiers, *change.prior, *change.encounters]
    texts = [text for one in ids for text in (one.id, one.authority)]
    return _are_fit([*texts, *_said(change.patient), change.location])


def is_sound(one: EarlierResult) -> bool:
    """Its texts can be stored."""
    texts = [
        text for identifier in one.identifiers for text in (identifier.id, identifier.authority)
    ]
    texts += [one.lis_code, one.lis_system, one.specimen_type, one.unit, one.placer_number]
    return _are_fit([*texts, one.value.raw])


def _said(patient: Patient) -> list[str]:
    return [patient.name, patient.birth_date, patient.sex]


def _are_fit(texts: list[str]) -> bool:
    return all(len(text) <= LONGEST_ORDER_TEXT and text.isprintable() for text in texts)
