"""What the standard's own codes mean, for profiles that give no table. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from middleware.model import AbnormalFlag, ResultStatus

# LIS02-A2 9.7
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
        "U": AbnormalFlag.SIGNIFICANT_UP,
        "D": AbnormalFlag.SIGNIFICANT_DOWN,
        "B": AbnormalFlag.BETTER,
        "W": AbnormalFlag.WORSE,
    }
)

# LIS02-A2 9.9. N (information for a new order) and codes that are not here are no statement about a value: unknown.
RESULT_STATUSES: Mapping[str, ResultStatus] = MappingProxyType(
    {
        "": ResultStatus.FINAL,  # many analyzers send only what is final and leave the field empty
        "C": ResultStatus.CORRECTED,
        "F": ResultStatus.FINAL,
        "I": ResultStatus.PENDING,
        "M": ResultStatus.FINAL,
        "P": ResultStatus.PRELIMINARY,
        "Q": ResultStatus.FINAL,
        "R": ResultStatus.FINAL,
        "S": ResultStatus.PARTIAL,
        "V": ResultStatus.FINAL,
        "W": ResultStatus.QUESTIONABLE,
        "X": ResultStatus.CANNOT_OBTAIN,
    }
)

COMMENT_INSTRUMENT_FLAG = "I"  # C-5, LIS02-A2 10.5
REPORT_CANNOT_BE_DONE = "X"  # O-26, LIS02-A2 8.4.26
REPORT_PENDING = "I"
QUERY_CANCEL = "A"  # Q-13, LIS02-A2 11.13
QUERY_ORDERS = "O"
QUERY_NOT_FOR_WORK = frozenset("CPFXISMRND")  # asks for results, or for demographics only
QUERY_ALL = "ALL"  # Q-3, LIS02-A2 11.3
