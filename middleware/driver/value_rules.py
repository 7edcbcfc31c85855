"""The named rules that explain values: what each means, and which of them would give one text two meanings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from itertools import combinations
from types import MappingProxyType


class ValueRule(StrEnum):
    """A named rule that explains a value which is neither a plain number nor a plain word."""

    BLANK_PADDING = "blank_padding"
    TRAILING_DELIMITERS = "trailing_delimiters"
    LATER_COMPONENT = "later_component"
    EXPONENT_EXPANDED = "exponent_expanded"
    DECIMAL_COMMA = "decimal_comma"
    THOUSANDS_COMMA = "thousands_comma"
    THOUSANDS_POINT = "thousands_point"
    BARE_POINT = "bare_point"
    MISSING_POINT = "missing_point"
    LOGARITHM_BESIDE = "logarithm_beside"
    RANGE = "range"
    FLAG_AS_VALUE = "flag_as_value"
    FLAG_IN_VALUE = "flag_in_value"
    UNIT_IN_VALUE = "unit_in_value"
    UNIT_POWER_OF_TEN = "unit_power_of_ten"
    UNIT_SCALE = "unit_scale"


VALUE_RULES: Mapping[ValueRule, str] = MappingProxyType(
    {
        ValueRule.BLANK_PADDING: "Blanks before and after the value are padding.",
        ValueRule.TRAILING_DELIMITERS: "Component delimiters after the last part of the value mean nothing.",
        ValueRule.LATER_COMPONENT: "`^26.4` is the number 26.4: an analyzer that keeps the first component for words "
        "leaves it empty. Two components that are not empty are held.",
        ValueRule.EXPONENT_EXPANDED: "`2.52E+3` is the number 2520.",
        ValueRule.DECIMAL_COMMA: "`7,41` is the number 7.41.",
        ValueRule.THOUSANDS_COMMA: "`1,094,012` is the number 1094012, `1,094.5` is 1094.5.",
        ValueRule.THOUSANDS_POINT: "`1.094,5` is the number 1094.5, `1.094.012` is 1094012. `1.094` alone could be "
        "either, and is held, as is any number with nothing but one point.",
        ValueRule.BARE_POINT: "`173.` is the number 173 and `.5` is 0.5.",
        ValueRule.MISSING_POINT: "`[values.formats]` says where the point of each test stands: with `###.##`, `540` is "
        "5.40. A number with a point of its own, or longer than its format, is held.",
        ValueRule.LOGARITHM_BESIDE: "`2520 (3.40)` is the number 2520 with its decimal logarithm, which must fit it in "
        "every digit that is written; it says nothing new.",
        ValueRule.RANGE: "`3-5` is the range from 3 to 5.",
        ValueRule.FLAG_AS_VALUE: "A result without value but with an abnormal flag states that flag.",
        ValueRule.FLAG_IN_VALUE: "`5.4 H` and `*5.4` are the number 5.4 and a mark of `[values.marks]`, which goes to "
        "the flags.",
        ValueRule.UNIT_IN_VALUE: "`5.4 mmol/L` is the number 5.4 and its unit, when that is known or of `[units]`.",
        ValueRule.UNIT_POWER_OF_TEN: "`367` in `10*-1.{copies}/mL` is 36.7 `{copies}/mL`.",
        ValueRule.UNIT_SCALE: "`[units]` says what a number in each unit is multiplied by: `806` in `10^(-1)%` is 80.6 "
        "`%`. A number in a unit that is not listed there is held.",
    }
)
"""Titers (`1:128`), comparators (`<0.1`) and ordinal marks (`++`, `2+`) need no rule: they have one meaning."""

_POINT = frozenset(
    {
        ValueRule.EXPONENT_EXPANDED,
        ValueRule.THOUSANDS_COMMA,
        ValueRule.THOUSANDS_POINT,
        ValueRule.BARE_POINT,
        ValueRule.UNIT_POWER_OF_TEN,
        ValueRule.UNIT_SCALE,
    }
)
_TWO_MEANINGS: Mapping[frozenset[ValueRule], str] = MappingProxyType(
    {
        frozenset({ValueRule.DECIMAL_COMMA, ValueRule.THOUSANDS_COMMA}): "one comma",
        frozenset({ValueRule.THOUSANDS_COMMA, ValueRule.THOUSANDS_POINT}): "one point or comma",
        frozenset({ValueRule.THOUSANDS_POINT, ValueRule.BARE_POINT}): "one point",
        frozenset({ValueRule.THOUSANDS_POINT, ValueRule.EXPONENT_EXPANDED}): "one point",
        **{frozenset({ValueRule.MISSING_POINT, one}): "the place of one point" for one in _POINT},
    }
)


def two_meanings(rules: Collection[ValueRule]) -> list[str]:
    """A sentence for each pair of rules that could explain one text in two ways."""
    pairs = combinations(sorted(set(rules)), 2)
    return [
        f"{one} and {other} give {what} two meanings"
        for one, other in pairs
        if (what := _TWO_MEANINGS.get(frozenset({one, other})))
    ]


def joined(first: str, second: str) -> str:
    """The names of the rules that made a value, as `ResultValue.rule` has them."""
    return f"{first},{second}" if first else str(second)


def is_by(rule: str, names: str) -> bool:
    """Whether `rule` is among the rules of a value."""
    return bool(names) and rule in names.split(",")
