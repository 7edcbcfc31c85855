"""Reads who a message is about: PID and PV1, the minimum that identity needs. Pure."""

from __future__ import annotations

from middleware.model import Identifier, Patient
from middleware.wire.hl7 import NULL, Segment

MOST_LISTED = 40
"""Repetitions that are read of one field; more is damage."""

_OF_ENCOUNTERS = frozenset({"VN", "AN"})
"""HL7 table 0203, identifier types: visit number, account number."""


def read_patient(pid: Segment | None) -> Patient | None:
    """Identifiers with their authority, name, birth date and sex; None when nothing of it is there."""
    if pid is None:
        return None
    ids = [one for one, kind in _listed(pid, 3) if kind not in _OF_ENCOUNTERS]
    if not ids and (old := pid.get("PID-2.1").strip()) and old != NULL:
        ids.append(Identifier(id=old))
    name = "^".join([part.strip() for part in pid.components(5)[:3]]).rstrip("^")
    sex = pid.get("PID-8").strip()
    patient = Patient(
        identifiers=tuple(ids),
        name="" if name == NULL else name,
        birth_date=_digits(pid.get("PID-7.1"))[:8],
        sex="" if sex == NULL else sex,
    )
    return None if patient == Patient() else patient


def read_prior_ids(mrg: Segment) -> tuple[Identifier, ...]:
    """The identifiers that a merge takes from another patient (MRG-1)."""
    return tuple([one for one, kind in _listed(mrg, 1) if kind not in _OF_ENCOUNTERS])


def read_encounters(pid: Segment | None, pv1: Segment | None) -> tuple[Identifier, ...]:
    """Visit number (PV1-19), account number (PID-18), and those that PID-3 says to be such; each once."""
    found = list(_listed(pv1, 19)) if pv1 is not None else []
    if pid is not None:
        found += _listed(pid, 18)
        found += [(one, kind) for one, kind in _listed(pid, 3) if kind in _OF_ENCOUNTERS]
    return tuple(dict.fromkeys([one for one, _ in found]))


def read_location(pv1: Segment | None) -> str:
    """PV1-3: ward, room and bed, with their `^`."""
    if pv1 is None:
        return ""
    text = "^".join([part.strip() for part in pv1.components(3)[:4]]).rstrip("^")
    return "" if text == NULL else text


def _listed(segment: Segment, number: int) -> list[tuple[Identifier, str]]:
    """The identifiers (CX) of a field, each with its type."""
    found = []
    for at in range(1, min(len(segment.repetitions(number)), MOST_LISTED) + 1):
        path = f"{segment.name}-{number}[{at}]"
        value = segment.get(f"{path}.1").strip()
        if value and value != NULL:
            identifier = Identifier(id=value, authority=segment.get(f"{path}.4.1").strip())
            found.append((identifier, segment.get(f"{path}.5").strip().upper()))
    return found


def _digits(text: str) -> str:
    text = text.strip()
    return text if text.isdigit() else ""
