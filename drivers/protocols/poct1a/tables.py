"""What the standard's own codes mean, for profiles that give no table. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from middleware.model import AbnormalFlag, ResultStatus, SampleRole

# OBS.interpretation_cd (HL7 table 0078)
ABNORMAL_FLAGS: Mapping[str, AbnormalFlag] = MappingProxyType(
    {
        "N": AbnormalFlag.NORMAL,
        "L": AbnormalFlag.LOW,
        "H": AbnormalFlag.HIGH,
        "LL": AbnormalFlag.CRITICAL_LOW,
        "HH": AbnormalFlag.CRITICAL_HIGH,
        "<": AbnormalFlag.BELOW_SCALE,
        ">": AbnormalFlag.ABOVE_SCALE,
        "A": AbnormalFlag.ABNORMAL,
    }
)

# OBS.status_cd. Discarded and rejected results were withdrawn at the analyzer: a person sees them, the LIS does not.
RESULT_STATUSES: Mapping[str, ResultStatus] = MappingProxyType(
    {
        "": ResultStatus.FINAL,
        "A": ResultStatus.FINAL,
        "D": ResultStatus.WITHDRAWN,
        "R": ResultStatus.WITHDRAWN,
    }
)

# SVC.role_cd. What is not here is neither a patient's nor a control's until a person has looked.
ROLES: Mapping[str, SampleRole] = MappingProxyType(
    {
        "OBS": SampleRole.PATIENT,
        "LQC": SampleRole.QC,  # liquid quality control
        "EQC": SampleRole.QC,  # electronic quality control
        "CVR": SampleRole.QC,  # calibration verification
        "PRF": SampleRole.QC,  # proficiency test
        "LIN": SampleRole.QC,  # linearity
        "CAL": SampleRole.CALIBRATOR,
    }
)

REASON_EDITED = "EDT"  # SVC.reason_cd
SERVICE_NORMAL = "NRM"  # SVC.status_cd
METHOD_MANUAL = "I"  # OBS.method_cd
METHOD_DEFAULT = "D"
METHOD_WORDS: Mapping[str, str] = MappingProxyType({"E": "estimated"})
NOT_A_PATIENTS_MESSAGE = "OBS.R02"
