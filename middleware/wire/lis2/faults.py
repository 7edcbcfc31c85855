"""What a message did wrong without being unreadable. A fault never stops reading; the driver or a
person judges it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultCode(StrEnum):
    """Stable names of the faults."""

    DELIMITERS_BROKEN = "delimiters_broken"
    HEADER_REPEATED = "header_repeated"
    PARENT_MISSING = "parent_missing"
    ORDER_VIOLATED = "order_violated"
    SEQUENCE_GAP = "sequence_gap"
    TERMINATOR_MISSING = "terminator_missing"
    RECORD_AFTER_TERMINATOR = "record_after_terminator"
    RECORD_TYPE_UNKNOWN = "record_type_unknown"
    UNDECODABLE_BYTES = "undecodable_bytes"
    NUL_REMOVED = "nul_removed"


@dataclass(frozen=True, slots=True)
class Fault:
    """One deviation from LIS02-A2.

    `record` counts from 1 (0: the message as a whole), `field` likewise (0: the record as a whole).
    `text` is for a person and holds nothing of a patient. `offset` is the position in the bytes, -1
    where that says nothing.
    """

    code: FaultCode
    record: int
    letter: str
    field: int
    text: str
    clause: str
    offset: int = -1
