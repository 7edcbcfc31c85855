"""The HL7 tables that Labwire reads or writes, by their numbers. Data only; members are the codes
of 2.5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class AckCode(StrEnum):
    """Table 0008: MSA-1. A… answers for the application, C… for the safe store of enhanced mode."""

    APPLICATION_ACCEPT = "AA"
    APPLICATION_ERROR = "AE"
    APPLICATION_REJECT = "AR"
    COMMIT_ACCEPT = "CA"
    COMMIT_ERROR = "CE"
    COMMIT_REJECT = "CR"


class AbnormalFlag(StrEnum):
    """Table 0078: OBX-8."""

    LOW = "L"
    HIGH = "H"
    CRITICAL_LOW = "LL"
    CRITICAL_HIGH = "HH"
    BELOW_SCALE = "<"
    ABOVE_SCALE = ">"
    NORMAL = "N"
    ABNORMAL = "A"
    VERY_ABNORMAL = "AA"
    SIGNIFICANT_CHANGE_UP = "U"
    SIGNIFICANT_CHANGE_DOWN = "D"
    BETTER = "B"
    WORSE = "W"
    SUSCEPTIBLE = "S"
    RESISTANT = "R"
    INTERMEDIATE = "I"
    MODERATELY_SUSCEPTIBLE = "MS"
    VERY_SUSCEPTIBLE = "VS"


class ObservationStatus(StrEnum):
    """Table 0085: OBX-11."""

    CORRECTED = "C"
    DELETED = "D"
    FINAL = "F"
    PENDING = "I"
    NOT_ASKED = "N"
    ORDER_DETAIL = "O"
    PRELIMINARY = "P"
    NOT_VERIFIED = "R"
    PARTIAL = "S"
    STATUS_FINAL = "U"
    WRONG = "W"
    CANNOT_OBTAIN = "X"


class ProcessingId(StrEnum):
    """Table 0103: MSH-11."""

    PRODUCTION = "P"
    TRAINING = "T"
    DEBUGGING = "D"


class SourceOfComment(StrEnum):
    """Table 0105: NTE-2."""

    FILLER = "L"
    PLACER = "P"
    OTHER = "O"


class ReportStatus(StrEnum):
    """Table 0123: OBR-25."""

    RECEIVED = "O"
    NO_RESULTS_IN_LABORATORY = "I"
    NO_RESULTS_SCHEDULED = "S"
    SOME_RESULTS = "A"
    PRELIMINARY = "P"
    CORRECTED = "C"
    NOT_VERIFIED = "R"
    FINAL = "F"
    CANCELLED = "X"
    NO_ORDER = "Y"
    NO_PATIENT = "Z"


class AckCondition(StrEnum):
    """Table 0155: MSH-15 and MSH-16, when an acknowledgement is wanted."""

    ALWAYS = "AL"
    NEVER = "NE"
    ERROR = "ER"
    SUCCESS = "SU"


class ErrorCode(StrEnum):
    """Table 0357: ERR-3."""

    ACCEPTED = "0"
    SEGMENT_SEQUENCE = "100"
    REQUIRED_FIELD_MISSING = "101"
    DATA_TYPE = "102"
    TABLE_VALUE_NOT_FOUND = "103"
    UNSUPPORTED_MESSAGE_TYPE = "200"
    UNSUPPORTED_EVENT = "201"
    UNSUPPORTED_PROCESSING_ID = "202"
    UNSUPPORTED_VERSION = "203"
    UNKNOWN_KEY = "204"
    DUPLICATE_KEY = "205"
    RECORD_LOCKED = "206"
    INTERNAL_ERROR = "207"


ERROR_TEXTS: Mapping[str, str] = {
    ErrorCode.ACCEPTED: "Message accepted",
    ErrorCode.SEGMENT_SEQUENCE: "Segment sequence error",
    ErrorCode.REQUIRED_FIELD_MISSING: "Required field missing",
    ErrorCode.DATA_TYPE: "Data type error",
    ErrorCode.TABLE_VALUE_NOT_FOUND: "Table value not found",
    ErrorCode.UNSUPPORTED_MESSAGE_TYPE: "Unsupported message type",
    ErrorCode.UNSUPPORTED_EVENT: "Unsupported event code",
    ErrorCode.UNSUPPORTED_PROCESSING_ID: "Unsupported processing id",
    ErrorCode.UNSUPPORTED_VERSION: "Unsupported version id",
    ErrorCode.UNKNOWN_KEY: "Unknown key identifier",
    ErrorCode.DUPLICATE_KEY: "Duplicate key identifier",
    ErrorCode.RECORD_LOCKED: "Application record locked",
    ErrorCode.INTERNAL_ERROR: "Application internal error",
}
