"""What is known of one result when it is judged: the only input of the checks. Plain data; missing means not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from middleware.rules.criteria import Index
from middleware.rules.scope import Sex

_EXPONENT_MOST = 40
"""No laboratory value is larger than 1e40; what is would only cost time."""


class Status(StrEnum):
    """What another part of the house says of quality control, calibration, reagent lot or moving average."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """Who has a status."""

    QC = "qc"
    CALIBRATION = "calibration"
    REAGENT = "reagent"
    MOVING_AVERAGE = "moving_average"


@dataclass(frozen=True, slots=True)
class Previous:
    """The latest released result of the same patient, test and specimen type. `collected_at`: seconds since 1970."""

    value: Decimal | None
    unit: str
    collected_at: int | None
    comparator: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another result of the same specimen."""

    value: Decimal | None
    unit: str
    comparator: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """What was released before for the same order."""

    value: Decimal | None = None
    text: str = ""
    comparator: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """One result. `test` is the LIS code; value and unit are those that the LIS would get.

    `text` is the result where it is no number. `age_days` is `scope.age_days` at collection. `location` "" is known to
    be none. `collected_at` is seconds since 1970. `awaited` names the ordered tests of the specimen without a result
    (None: the orders are not known).
    `was_positive`: the patient had a positive result before (None: not known). `dilution` is the factor of this run
    (None: undiluted), `run` counts the runs of the test from 1. A status that is not given is not known.
    """

    test: str
    line: str = ""
    value: Decimal | None = None
    comparator: str = ""
    text: str = ""
    unit: str = ""
    flags: tuple[str, ...] = ()
    indices: Mapping[Index, Decimal] = field(default_factory=dict)
    age_days: int | None = None
    sex: Sex | None = None
    location: str | None = None
    specimen: str | None = None
    collected_at: int | None = None
    previous: Previous | None = None
    others: Mapping[str, Neighbour] = field(default_factory=dict)
    awaited: frozenset[str] | None = None
    was_positive: bool | None = None
    released: Released | None = None
    statuses: Mapping[Source, Status] = field(default_factory=dict)
    dilution: Decimal | None = None
    run: int = 1


COMPARATORS = frozenset({"", "<", ">", "<=", ">="})
"""Those that a number may have; with any other it is no number."""


def is_workable(number: Decimal) -> bool:
    """A finite number of ordinary size; others are never calculated with."""
    return number.is_finite() and -_EXPONENT_MOST <= number.adjusted() <= _EXPONENT_MOST
