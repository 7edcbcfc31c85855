"""What the standard's own codes mean, for profiles that give no table. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from middleware.model import AbnormalFlag, ResultStatus, SampleRole

# HL7 table 0078. What later versions add stays the analyzer's own flag.
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
        "AA": AbnormalFlag.ABNORMAL,
        "U": AbnormalFlag.SIGNIFICANT_UP,
        "D": AbnormalFlag.SIGNIFICANT_DOWN,
        "B": AbnormalFlag.BETTER,
        "W": AbnormalFlag.WORSE,
    }
)
# HL7 table 0078 (SDD and NS: 2.7 and later), of results of an isolate only: elsewhere the letters are a maker's own.
SUSCEPTIBILITIES: Mapping[str, AbnormalFlag] = MappingProxyType(
    {
        "S": AbnormalFlag.SUSCEPTIBLE,
        "SDD": AbnormalFlag.SUSCEPTIBLE_DOSE_DEPENDENT,
        "MS": AbnormalFlag.MODERATELY_SUSCEPTIBLE,
        "VS": AbnormalFlag.VERY_SUSCEPTIBLE,
        "I": AbnormalFlag.INTERMEDIATE,
        "R": AbnormalFlag.RESISTANT,
        "NS": AbnormalFlag.NON_SUSCEPTIBLE,
    }
)
# OBX-8 in words that say nothing.
NO_FLAGS = frozenset({"", "NONE", "NULL", '""'})

# HL7 table 0085. N, O and U say nothing of a value that stands beside them; those and codes that are not here, an empty
# field among them (OBX-11 is required), are no statement: unknown.
RESULT_STATUSES: Mapping[str, ResultStatus] = MappingProxyType(
    {
        "C": ResultStatus.CORRECTED,
        "D": ResultStatus.WITHDRAWN,
        "F": ResultStatus.FINAL,
        "I": ResultStatus.PENDING,
        "P": ResultStatus.PRELIMINARY,
        "R": ResultStatus.PRELIMINARY,  # entered, not verified: what every analyzer's result is
        "S": ResultStatus.PARTIAL,
        "W": ResultStatus.WITHDRAWN,
        "X": ResultStatus.CANNOT_OBTAIN,
    }
)

# HL7 table 0369 (SPM-11, OBR-15.7): everything but a patient's own material.
SPECIMEN_ROLES: Mapping[str, SampleRole] = MappingProxyType(
    {
        "B": SampleRole.QC,
        "C": SampleRole.CALIBRATOR,
        "E": SampleRole.QC,
        "F": SampleRole.QC,
        "O": SampleRole.QC,
        "Q": SampleRole.QC,
        "R": SampleRole.QC,
        "V": SampleRole.CALIBRATOR,
    }
)
# Of the same table: material of several patients is nobody's own.
POOLED_ROLES: Mapping[str, str] = MappingProxyType({"G": "a group", "L": "a pool"})

# HL7 table 0103 (MSH-11), and Q, which analyzers write for a control. Training and debugging messages are nobody's
# results; there is no role of their own, and what matters is that none reaches a patient.
PROCESSING_ROLES: Mapping[str, SampleRole] = MappingProxyType(
    {"Q": SampleRole.QC, "T": SampleRole.QC, "D": SampleRole.QC}
)

INSTRUMENT_COMMENT = "I"  # NTE-4 of IHE LAW: the comment is an alarm of the instrument

# MSH-9.1 by what such a message is; others are told by their segments.
RESULT_TYPES = frozenset({"ORU", "OUL"})
QUERY_TYPES = frozenset({"QBP", "QRY", "QCN", "QSX", "QVR"})
CANCEL_TYPES = frozenset({"QCN"})  # take a query back
ORDER_TYPES = frozenset({"ORM", "OML", "OMG"})
ORDER_QUERY = "RF"  # ORC-1 of an order message that asks for work

# OBX-2 (HL7 table 0125) by how OBX-5 is read; types that are not here are read as text.
TYPES_NUMBERED = frozenset({"SN", "NR"})
TYPES_CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS", "ID"})
TYPES_OF_TIME = frozenset({"DT", "TM", "TS", "DTM", "DR"})
TYPES_OF_LINES = frozenset({"TX", "FT"})
TYPES_OF_NAMES = frozenset({"EI", "CX", "HD", "XCN", "XPN", "XON", "XAD", "XTN", "PL", "DLN"})
TYPES_OF_SERIES = frozenset({"NA", "MA"})
TYPES_OF_ATTACHMENTS = ("ED", "RP")
