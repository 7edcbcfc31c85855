"""Carries the factor that stands in a unit into the value, exactly: `10*-1.{copies}/mL`, or a unit of the profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import NamedTuple

from middleware.driver.notation import Number
from middleware.driver.value_rules import ValueRule, joined

# A power of ten that multiplies another unit, not one that counts (`10*9/L`).
_SCALED_UNIT = re.compile(r"10[*^]([+-]?[0-9]{1,2})\.(.+)")
# More digits than a value and a factor have together: the product is exact.
_EXACT = Context(prec=200)


class Scale(NamedTuple):
    """What a number in a unit is multiplied by, and the unit that it has then."""

    factor: Decimal
    unit: str


Scales = Mapping[str, Scale]


def has_power_of_ten(unit: str) -> bool:
    """Whether the unit multiplies another by a power of ten."""
    return unit[:2] == "10" and _SCALED_UNIT.fullmatch(unit) is not None


def scaled_by_unit(number: Number, unit: str) -> Number:
    """The number times the power of ten in its unit."""
    found = _SCALED_UNIT.fullmatch(unit)
    if found is None:
        return number
    return scaled(number, Decimal(1).scaleb(int(found.group(1))), ValueRule.UNIT_POWER_OF_TEN)


def scaled(number: Number, factor: Decimal, rule: str) -> Number:
    """The number times a factor, in plain notation; `rule` is named beside those that read it."""
    upper = number.upper
    return number._replace(
        number=product(number.number, factor),
        upper=None if upper is None else product(upper, factor),
        rule=joined(number.rule, rule),
    )


def product(number: Decimal, factor: Decimal) -> Decimal:
    """Exact, and never in exponential notation. A power of ten moves the point; no digit is added or lost."""
    return Decimal(format(_EXACT.multiply(number, factor), "f"))


def unit_without_power(unit: str) -> str:
    """The unit that a value has once the power of ten is in it."""
    found = _SCALED_UNIT.fullmatch(unit)
    return found.group(2) if found is not None else unit
