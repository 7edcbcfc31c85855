"""Reads what a LIS says of patients: ADT messages of HL7 2.3 to 2.5.1 become changes of the model. Pure."""

from __future__ import annotations

from middleware.errors import MiddlewareError
from middleware.model import Patient, PatientAction, PatientChange
from middleware.payload.hl7_patient import (
    read_encounters,
    read_location,
    read_patient,
    read_prior_ids,
)
from middleware.wire.hl7 import Message, Segment

MOST_PATIENTS = 100
"""Of one message."""

_ACTIONS = {
    **dict.fromkeys(("A01", "A02", "A04", "A05", "A06", "A07", "A08", "A13"), PatientAction.UPDATE),
    **dict.fromkeys(("A03", "A11"), PatientAction.END),
    **dict.fromkeys(("A18", "A34", "A40"), PatientAction.MERGE),
}
"""HL7 2.5.1 table 0003; other events change nothing here."""


class UnreadablePatient(MiddlewareError):
    """The message does not say which patient it is about."""

    code = "unreadable-patient"


def is_adt(message: Message) -> bool:
    """It speaks of patients."""
    return message.header.get("MSH-9.1").strip() == "ADT"


def read_adt(message: Message) -> tuple[PatientChange, ...]:
    """The changes, in order; none when the event is not one that changes anything here. Raises UnreadablePatient."""
    action = _ACTIONS.get(event_of(message))
    if action is None:
        return ()
    groups: list[dict[str, Segment]] = []
    for segment in message.segments_in_order:
        if segment.name == "PID":
            groups.append({"PID": segment})
        elif segment.name in ("MRG", "PV1") and groups:
            groups[-1].setdefault(segment.name, segment)
    if not groups:
        raise UnreadablePatient("the message has no PID")
    if len(groups) > MOST_PATIENTS:
        raise UnreadablePatient(f"the message has {len(groups)} PID; at most {MOST_PATIENTS}")
    return tuple([_change(action, group) for group in groups])


def event_of(message: Message) -> str:
    """The trigger event, as A08."""
    event = message.header.get("MSH-9.2").strip()
    evn = message.segment("EVN")
    return event or (evn.get("EVN-1").strip() if evn is not None else "")


def _change(action: PatientAction, group: dict[str, Segment]) -> PatientChange:
    pid, pv1, mrg = group["PID"], group.get("PV1"), group.get("MRG")
    patient = read_patient(pid) or Patient()
    if not patient.identifiers:
        raise UnreadablePatient("PID-3 names no patient id")
    prior = read_prior_ids(mrg) if mrg is not None else ()
    if action is PatientAction.MERGE and not prior:
        raise UnreadablePatient("MRG-1 names no prior patient id")
    return PatientChange(
        action=action,
        patient=patient,
        prior=prior if action is PatientAction.MERGE else (),
        encounters=read_encounters(pid, pv1),
        location=read_location(pv1),
    )
