"""Checks of a result whose sample id names a patient or an encounter, and no tube (blood gas, point of care). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from middleware.model import Finding, VerdictKind

CHECK = "patient"
UNKNOWN = "patient_not_known"


def _hold(code: str, text: str) -> Finding:
    return Finding(check=CHECK, code=code, verdict=VerdictKind.HOLD, text=text)


def not_known(kind: str, why: str) -> Finding:
    """The id names nobody that the LIS told of, or not surely one. `why` are words that name no patient."""
    return _hold(
        UNKNOWN,
        f"The id that the analyzer sent names no one {kind} of the LIS: {why}. Find out whose result it is. "
        "When the LIS has sent the patient (ADT), release it; else enter it by hand.",
    )


def lacking(row: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What such a result needs beside the patient: who measured, and when."""
    found = []
    if not row["operator"]:
        found.append(
            _hold(
                "no_operator",
                "The analyzer did not say who measured, and this line's results are identified by patient. "
                "Ask who did it, then release or reject.",
            )
        )
    if row["measured_at"] is None:
        found.append(
            _hold(
                "no_measured_time",
                "The analyzer sent no time of measurement, and this line's results are identified by patient. "
                "Look at its screen, then release or reject.",
            )
        )
    return tuple(found)


def other_patient(what: str) -> Finding:
    """The message itself says something else of the patient than the LIS. `what`: birth date, or patient id."""
    return _hold(
        "other_patient_than_known",
        f"The analyzer sent another {what} than the LIS has for this id. Find out whose result it is.",
    )
