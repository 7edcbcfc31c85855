"""A stored value in another unit: multiplied exactly, rounded once as declared, its comparator never touched. Pure.

With a comparator the rounding goes outward, whatever is declared: `<` up and `>` down, for "below 1.25" is no longer
true as "below 1.2". The reference range goes the same way as the value, or is left out where it cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Any

from middleware.model import ValueKind
from middleware.routing.code_row import CodeRow, Rounding
from middleware.routing.code_units import power_of_ten

DIGITS_MAX = 60
"""Of a value: no analyzer measures as exactly, and the work stays small."""
RANGE_MAX = 60


class _Outward(StrEnum):
    """The directions of values with a comparator."""

    UP = "up"
    DOWN = "down"


_OUTWARD = {"<": _Outward.UP, "<=": _Outward.UP, ">": _Outward.DOWN, ">=": _Outward.DOWN}
_NUMBER = r"[+-]?\d{1,20}(?:\.\d{1,20})?"
_BETWEEN = re.compile(rf"\s*({_NUMBER})(\s*(?:-|to|\.\.|~|–|\^)\s*)({_NUMBER})\s*")
_BEYOND = re.compile(rf"\s*(<=|>=|<|>)(\s*)({_NUMBER})\s*")


class CannotConvert(Exception):
    """The value cannot be one in the other unit; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What one row of a table does to values. `decimals` is None where only the point moves, or nothing does."""

    factor: Fraction
    decimals: int | None = None
    rounding: Rounding = Rounding.HALF_EVEN

    @classmethod
    def of(cls, row: CodeRow) -> Conversion | None:
        """What the row does; None when it leaves the numbers as they are."""
        if row.factor == 1 and row.decimals is None:
            return None
        return cls(row.factor, row.decimals, row.rounding or Rounding.HALF_EVEN)

    def number(self, value: Decimal, comparator: str = "") -> Decimal:
        """One number in the other unit. Raises CannotConvert."""
        sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int) or len(digits) + abs(exponent) > DIGITS_MAX:
            raise CannotConvert(f"{str(value)[:20]} is no number that can be converted")
        if self.decimals is None:
            moved = power_of_ten(self.factor) or 0
            return _without_exponent(Decimal((sign, digits, exponent + moved)))
        above, below = value.as_integer_ratio()
        how = _OUTWARD.get(comparator, self.rounding)
        ratio = (above * self.factor.numerator, below * self.factor.denominator)
        return _rounded(ratio, self.decimals, how)


def _without_exponent(value: Decimal) -> Decimal:
    """5E+2 written as 500."""
    sign, digits, exponent = value.as_tuple()
    if isinstance(exponent, int) and exponent > 0:
        return Decimal((sign, (*digits, *([0] * exponent)), 0))
    return value


def _rounded(ratio: tuple[int, int], decimals: int, rounding: Rounding | _Outward) -> Decimal:
    """The exact `ratio` with that many digits after the point, worked out with whole numbers."""
    above, below = ratio
    number, rest = divmod(above * 10**decimals, below)  # `number` is the one below
    if rest and rounding is not _Outward.DOWN:
        side = 2 * rest - below
        is_half_up = number % 2 == 1 if rounding is Rounding.HALF_EVEN else above > 0
        number += rounding is _Outward.UP or side > 0 or (side == 0 and is_half_up)
    return Decimal(f"{number}E-{decimals}")


def reported(row: Mapping[str, Any], conversion: Conversion) -> dict[str, Any]:
    """The columns `reported_…` of a row of the results table. Raises CannotConvert."""
    kind, is_same = row["value_kind"], conversion.factor == 1
    columns: dict[str, Any] = {}
    if kind in (ValueKind.NUMBER, ValueKind.RANGE):
        comparator = row["comparator"] or ""
        columns["reported_value"] = str(conversion.number(Decimal(row["value_number"]), comparator))
        if kind == ValueKind.RANGE:
            columns["reported_upper"] = str(conversion.number(Decimal(row["value_upper"])))
    elif kind not in (ValueKind.ABSENT, ValueKind.UNEXPLAINED) and not is_same:
        raise CannotConvert(f"a {kind} is no number that can be converted")
    if row["reference_range"]:
        columns["reported_range"] = range_in(row["reference_range"], conversion)
    return columns


def range_in(text: str, conversion: Conversion) -> str:
    """A reference range in the other unit, `""` when its form is not known: a wrong one is worse than none."""
    is_same = conversion.factor == 1
    if is_same:
        return text  # the value is only rounded; its limits stay as the analyzer has them
    return _range_in(text, conversion) if len(text) <= RANGE_MAX else ""


@lru_cache(maxsize=4096)
def _range_in(text: str, conversion: Conversion) -> str:
    """Cached: an analyzer sends the same range with every result of a test."""
    try:
        found = _BETWEEN.fullmatch(text)
        if found is not None:
            low, between, high = found.groups()
            ends = [format(conversion.number(Decimal(one)), "f") for one in (low, high)]
            return between.join(ends)
        found = _BEYOND.fullmatch(text)
        if found is not None:
            sign, blank, limit = found.groups()
            return f"{sign}{blank}{conversion.number(Decimal(limit)):f}"
    except CannotConvert:
        return ""
    return ""
