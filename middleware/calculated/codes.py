"""Closed sets of words of calculated tests. Values are what is stored and shown; never rename one."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Operator(StrEnum):
    """What a formula may do with numbers."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    POWER = "pow"
    LEAST = "min"
    GREATEST = "max"
    LOGARITHM = "ln"
    EXPONENTIAL = "exp"


@unique
class Comparison(StrEnum):
    """How two numbers are compared in a condition."""

    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


@unique
class Logic(StrEnum):
    """How conditions are joined."""

    AND = "and"
    OR = "or"
    NOT = "not"


@unique
class Sex(StrEnum):
    """What a formula may know of a patient's sex; whoever is neither, or unknown, gets no value from such a formula."""

    FEMALE = "female"
    MALE = "male"


@unique
class Rounding(StrEnum):
    """What happens to a half."""

    HALF_UP = "half_up"  # away from zero
    HALF_EVEN = "half_even"


@unique
class NoValue(StrEnum):
    """Why a calculated test has no value."""

    INPUT_MISSING = "input_missing"
    INPUT_HELD = "input_held"
    INPUT_NOT_A_NUMBER = "input_not_a_number"
    INPUT_CENSORED = "input_censored"  # a comparator: `<5` is no number to calculate with
    INPUT_UNIT = "input_unit"
    PATIENT_UNKNOWN = "patient_unknown"  # age or sex is needed and not known
    NOT_APPLICABLE = "not_applicable"  # the formula is not valid for this patient or these values
    IMPOSSIBLE = "impossible"  # a division by zero, a logarithm of nothing
