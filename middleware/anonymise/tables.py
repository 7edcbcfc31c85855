"""What is done with each field of a record or segment: data only. What is not listed is masked, never kept by accident.

Numbers are the standards' own (LIS02-A2 clauses 6 to 15; HL7 2.5.1 chapters 2, 3, 4, 5, 7, 13). A field that is not
named in a known record is masked; so is everything in a record or segment that is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Action(StrEnum):
    """What becomes of a field."""

    KEEP = "keep"
    VALUE = "value"  # kept, and never searched for identifiers: it is the measurement
    IDENTIFIER = "identifier"  # replaced, the same by the same
    NAME = "name"  # replaced word by word, the same by the same
    DATE = "date"  # moved by the same number of days
    MASK = "mask"  # letters by X, digits by 0


K, V, ID, N, D = (
    Action.KEEP,
    Action.VALUE,
    Action.IDENTIFIER,
    Action.NAME,
    Action.DATE,
)

Fields = Mapping[int, Action]


def _fields(*parts: tuple[Action, tuple[int, ...]]) -> Fields:
    return MappingProxyType({number: action for action, numbers in parts for number in numbers})


LIS2: Mapping[str, Fields] = MappingProxyType(
    {
        "H": _fields((K, (1, 2, 3, 5, 7, 9, 10, 11, 12, 13)), (D, (14,))),
        "P": _fields((K, (1, 2, 9)), (ID, (3, 4, 5)), (N, (6, 7, 14)), (D, (8,))),
        "O": _fields(
            (K, (1, 2, 5, 6, 10, 12, 13, 16, 24, 25, 26, 27)),
            (ID, (3, 4)),
            (N, (11, 17)),
            (D, (7, 8, 9, 15, 23)),
        ),
        "R": _fields((K, (1, 2, 3, 5, 6, 7, 8, 9, 14)), (V, (4,)), (N, (11,)), (D, (10, 12, 13))),
        "C": _fields((K, (1, 2, 3, 5))),
        "Q": _fields((K, (1, 2, 5, 6, 12, 13)), (ID, (3, 4)), (D, (7, 8)), (N, (9,))),
        "L": _fields((K, (1, 2, 3))),
        "M": _fields((K, (1, 2))),
        "S": _fields((K, (1, 2))),
    }
)

HL7: Mapping[str, Fields] = MappingProxyType(
    {
        "MSH": _fields((K, (1, 2, 3, 4, 5, 6, 9, 10, 11, 12, *range(13, 22))), (D, (7,))),
        "MSA": _fields((K, (1, 2, 4, 5, 6))),
        "ERR": _fields((K, (1, 2, 3, 4, 5, 6))),
        "PID": _fields((K, (1, 8)), (ID, (2, 3, 4, 18, 19, 20)), (N, (5, 6, 9)), (D, (7,))),
        "PV1": _fields((K, (1, 2))),
        "ORC": _fields((K, (1, 5, 6)), (ID, (2, 3, 4)), (D, (7, 9)), (N, (10, 11, 12))),
        "OBR": _fields(
            (K, (1, 4, 5, 11, 15, 24, 25, 26)),
            (ID, (2, 3)),
            (D, (6, 7, 8, 14, 22)),
            (N, (10, 16, 28, 32, 33, 34, 35)),
        ),
        "OBX": _fields(
            (K, (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 20, 21, 22, 29)),
            (V, (5,)),
            (D, (14, 19)),
            (N, (16,)),
        ),
        "SPM": _fields((K, (1, 4, 5, 6, 7, 8, 9, 11, 12, 13)), (ID, (2, 3)), (D, (17, 18, 19))),
        "SAC": _fields((K, (1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)), (ID, (3, 4))),
        "INV": _fields((K, tuple(range(1, 21)))),
        "TCD": _fields((K, tuple(range(1, 15)))),
        "TQ1": _fields((K, (1, 2, 3, 4, 5, 6, 9)), (D, (7, 8))),
        "QPD": _fields((K, (1, 2, 4, 5, 6, 7, 8, 11)), (ID, (3, 9, 10))),
        "QAK": _fields((K, (1, 2, 3, 4, 5, 6))),
        "RCP": _fields((K, (1, 2, 3))),
        "NTE": _fields((K, (1, 2, 4))),
    }
)

COMMENT_FIELDS: frozenset[tuple[str, int]] = frozenset(
    {("C", 4), ("NTE", 3), ("MSA", 3), ("ERR", 8)}
)
"""Free text; may be kept by those who have read it."""

# A value of these types is a document, a picture or a listing, and may hold a name (HL7 2.5.1 table 0125).
DOCUMENT_TYPES = frozenset({"TX", "FT", "ED", "RP"})

KEPT_WORDS = frozenset(
    {
        "QC",
        "CTRL",
        "CONTROL",
        "CAL",
        "CALIBRATOR",
        "BLANK",
        "STD",
        "NOREAD",
        "NO",
        "READ",
        "LEVEL",
        "L",
    }
)
"""Words inside identifiers that tell what the material is; they are of nobody."""
