"""What a LIS says of patients without ordering anything (ADT), and results that were measured elsewhere or earlier."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from middleware.model.specimen import Identifier, Patient
from middleware.model.value import Frozen, ResultValue


class PatientAction(StrEnum):
    """What is to become of a patient."""

    UPDATE = (
        "update"  # who it is, where it lies, and its encounters (HL7 A01, A02, A04 to A08, A13)
    )
    END = "end"  # its encounters ended (HL7 A03), or never were (A11)
    MERGE = "merge"  # two identifiers are of one patient (HL7 A18, A34, A40)


class PatientChange(Frozen):
    """One patient of a message. What was not sent is empty.

    `prior` are the identifiers that a merge gives to `patient`. `encounters` name visits or accounts (HL7 PV1-19,
    PID-18); `location` is PV1-3.
    """

    action: PatientAction
    patient: Patient
    prior: tuple[Identifier, ...] = ()
    encounters: tuple[Identifier, ...] = ()
    location: str = ""


class ChangeKind(StrEnum):
    """Why results of a tube are looked at again. Values are what is stored."""

    PATIENT = "patient_changed"  # another birth date or sex
    MERGED = "patients_merged"  # another patient id
    RELABELLED = "relabelled"  # another sample id


class EarlierResult(Frozen):
    """One result of another analyzer or laboratory, or of the time before this node: for review only, never sent.

    `identifiers` are the patient's; `lis_code` is the test as the LIS calls it. `source` is the 1-based segment or line
    of a file.
    """

    identifiers: tuple[Identifier, ...]
    lis_code: str
    lis_system: str = ""
    specimen_type: str = ""
    value: ResultValue
    unit: str = ""
    measured_at: datetime
    placer_number: str = ""
    source: int = 0
