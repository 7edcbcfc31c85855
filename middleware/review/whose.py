"""Is the patient whom the analyzer named the one of the order? By identifier and birth date, never by a name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from middleware.model import Finding, VerdictKind
from middleware.model.tube import Tube

CODE = "other_patient_than_ordered"


def says_whose(row: Mapping[str, Any]) -> bool:
    """The analyzer named a patient by more than a name."""
    return bool(row["patient_id"] or row["birth_date"])


def other_id(row: Mapping[str, Any], tube: Tube) -> bool:
    """Another patient id of the same authority; one without authority stands for any."""
    said, known = row["patient_id"], tube.patient_id
    mine, theirs = row["patient_authority"], tube.patient_authority
    if not said or not known or (mine and theirs and mine != theirs):
        return False
    return bool(said != known)


def other_birth_date(row: Mapping[str, Any], tube: Tube) -> bool:
    """Another day; a birth date that is no whole day on one side contradicts nothing."""
    said, known = (row["birth_date"] or "")[:8], (tube.birth_date or "")[:8]
    return len(said) == len(known) == 8 and said != known  # noqa: PLR2004 - YYYYMMDD


def finding(sample_id: str, what: str) -> Finding:
    """Why the whole specimen is held. `what` are the words for what differs; no patient is named."""
    return Finding(
        check="identity",
        code=CODE,
        verdict=VerdictKind.HOLD,
        text=f"The analyzer gives the sample id {sample_id!r} another {what} than the order, so the whole specimen is "
        "held. Find out whose tube it is before anything is released.",
    )
