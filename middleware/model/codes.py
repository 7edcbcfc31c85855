"""Closed sets of words that the canonical model uses. Values are what is stored and shown; never rename one."""

from __future__ import annotations

from enum import StrEnum


class ValueKind(StrEnum):
    """What a result's value is (DESIGN promise 2): never a float."""

    NUMBER = "number"
    TITER = "titer"
    RANGE = "range"
    CODED = "coded"
    TEXT = "text"
    ABSENT = "absent"  # nothing was measured (status cannot_obtain, pending)
    UNEXPLAINED = "unexplained"  # no rule of the profile explains it: held for a person


class ResultStatus(StrEnum):
    """HL7 table 0085 in words; LIS02-A2 R-9 maps onto it."""

    FINAL = "final"
    PRELIMINARY = "preliminary"
    CORRECTED = "corrected"
    CANNOT_OBTAIN = "cannot_obtain"
    PENDING = "pending"
    PARTIAL = "partial"
    WITHDRAWN = "withdrawn"
    QUESTIONABLE = "questionable"
    UNKNOWN = "unknown"


class AbnormalFlag(StrEnum):
    """HL7 table 0078 in words."""

    NORMAL = "normal"
    LOW = "low"
    HIGH = "high"
    CRITICAL_LOW = "critical_low"
    CRITICAL_HIGH = "critical_high"
    BELOW_SCALE = "below_scale"
    ABOVE_SCALE = "above_scale"
    ABNORMAL = "abnormal"
    SIGNIFICANT_UP = "significant_up"
    SIGNIFICANT_DOWN = "significant_down"
    BETTER = "better"
    WORSE = "worse"
    SUSCEPTIBLE = "susceptible"
    SUSCEPTIBLE_DOSE_DEPENDENT = "susceptible_dose_dependent"
    MODERATELY_SUSCEPTIBLE = "moderately_susceptible"
    VERY_SUSCEPTIBLE = "very_susceptible"
    INTERMEDIATE = "intermediate"
    RESISTANT = "resistant"
    NON_SUSCEPTIBLE = "non_susceptible"


class SampleRole(StrEnum):
    """What was in the container. Only PATIENT may ever reach the LIS as a patient's result."""

    PATIENT = "patient"
    QC = "qc"
    CALIBRATOR = "calibrator"
    BLANK = "blank"


class Priority(StrEnum):
    """LIS02-A2 8.4.6 (O-6); HL7 TQ1-9."""

    STAT = "stat"
    ASAP = "asap"
    ROUTINE = "routine"
    CALLBACK = "callback"
    PREOPERATIVE = "preoperative"


class MessageKind(StrEnum):
    """What a message is, at a glance (no decoding)."""

    RESULT = "result"
    QUERY = "query"
    ORDER = "order"
    QC = "qc"
    OTHER = "other"
    UNREADABLE = "unreadable"


class VerdictKind(StrEnum):
    """What review says of one result. The strictest finding decides."""

    RELEASE = "release"
    HOLD = "hold"
    REJECT = "reject"


class ReleaseMode(StrEnum):
    """Declared for each line (and later test): DESIGN 1.1. No rules never means release."""

    HOLD_ALL = "hold_all"
    AUTO = "auto"
    TO_LIS_UNVERIFIED = "to_lis_unverified"


class ReleaseState(StrEnum):
    """Where one stored result stands."""

    RELEASED = "released"  # sent, or on its way, to every destination
    HELD = "held"  # a person must decide
    REJECTED = "rejected"  # a person decided: never sent
    DUPLICATE = "duplicate"  # repeats another result (DESIGN 8.6); shown, not sent
    NOT_FOR_LIS = "not_for_lis"  # QC, calibration, blank: kept here
    SHADOW = "shadow"  # of a line that relays: the present host has it; kept to compare, never sent
    WITHDRAWN = "withdrawn"  # sent earlier, withdrawn since (OBX-11 W)


class RejectedAs(StrEnum):
    """What a person lets follow a rejection, when something is to follow."""

    RERUN = "rerun"  # the test was ordered again
    CANNOT_OBTAIN = "cannot_obtain"  # the LIS was told that there will be none (OBX-11 X)
    PENDING = "pending"  # on the list until a result of the test goes out, or a person ends it


class OutcomeKind(StrEnum):
    """Three outcomes of a delivery, not two (style rule 12)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"
