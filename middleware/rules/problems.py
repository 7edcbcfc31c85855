"""What is wrong with a rule set, by name: where, what, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much a problem matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(StrEnum):
    """The stable name of each kind of problem."""

    NOT_TOML = "not_toml"
    INCLUDE_MISSING = "include_missing"
    NOT_UNDERSTOOD = "not_understood"
    TOO_MANY = "too_many"
    NAME_TWICE = "name_twice"
    UNKNOWN_TEST = "unknown_test"
    UNKNOWN_LINE = "unknown_line"
    UNKNOWN_LOCATION = "unknown_location"
    UNKNOWN_SPECIMEN = "unknown_specimen"
    UNKNOWN_UNIT = "unknown_unit"
    WRONG_UNIT = "wrong_unit"
    LIMIT_NOT_EXACT = "limit_not_exact"
    FINER_THAN_RESULT = "finer_than_result"
    SWAPPED_LIMITS = "swapped_limits"
    NO_LIMIT = "no_limit"
    SETTING_WITHOUT_EFFECT = "setting_without_effect"
    NO_NUMBERS = "no_numbers"
    EMPTY_BAND = "empty_band"
    GAP_BETWEEN_BANDS = "gap_between_bands"
    OUTSIDE_BANDS = "outside_bands"
    OVERLAPPING_BANDS = "overlapping_bands"
    DEAD_RULE = "dead_rule"
    SHADOWED_RULE = "shadowed_rule"
    OFF_WITHOUT_EFFECT = "off_without_effect"
    CRITICAL_INSIDE_REVIEW = "critical_inside_review"
    OUTSIDE_MEASURING = "outside_measuring"
    OUTSIDE_ABSURD = "outside_absurd"
    NOTHING_RELEASED = "nothing_released"
    WITHOUT_RULE = "without_rule"
    WITHOUT_LIMITS = "without_limits"


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """One mistake. `place` is `file:line`; `rule` and `test` say what it is about ("" where nothing fits)."""

    code: Code
    place: str
    message: str
    cure: str = ""
    rule: str = ""
    test: str = ""
    weight: Weight = Weight.ERROR

    def __str__(self) -> str:
        cure = f" ({self.cure})" if self.cure else ""
        return f"{self.place}: {self.code.value}: {self.message}{cure}"
