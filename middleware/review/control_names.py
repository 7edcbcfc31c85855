"""Names that controls, calibrators and blanks go by when an analyzer sends them like patients' specimens."""

from __future__ import annotations

import re

from middleware.model import Specimen

_CONTROL = r"(?:QC|CTRL|CTL|CONTROLS?|CALIBRAT(?:OR|ION))\d*"

_WORD = re.compile(rf"(?<![A-Z0-9]){_CONTROL}(?![A-Z0-9])", re.IGNORECASE)
"""What names a control wherever it stands: a word of its own, with at most a number behind it."""

_SAMPLE_ID = re.compile(
    rf"(?:.*[^A-Z0-9])?(?:{_CONTROL}|CAL\d*|CALIB\d*|BLANK\d*|LEVEL\d*|NTC\d*|(?:LO|HI)?(?:POS|NEG)|"
    rf"POSITIVE|NEGATIVE|(?:POS|NEG|LOW|HIGH|NORM)(?:CTRL|CONTROL|QC)\d*)(?:[^A-Z0-9].*)?|"
    rf"[PN]C\d?|STD ?\d{{0,2}}|LOT[ _-]?\d+",
    re.IGNORECASE,
)
"""What a sample id is called when the material came in a bottle and not from a patient."""


def control_mark(specimen: Specimen, *, is_patients_id: bool) -> str:
    """The text that names a control; '' when none does.

    `is_patients_id`: the laboratory declared that such sample ids are patients', so the id itself says nothing.
    """
    sample_id = specimen.sample_id.strip()
    if not is_patients_id and not sample_id.isdigit() and _SAMPLE_ID.fullmatch(sample_id):
        return sample_id
    patient = specimen.patient
    said = [specimen.instrument_sample_id]
    if patient is not None:
        said += [patient.name, *(one.id for one in patient.identifiers)]
    for text in said:
        if text and not text.isdigit() and _WORD.search(text):
            return text
    return ""
