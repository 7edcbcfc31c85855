"""Reads a number from its notation: the plain one, and those that a profile's rules name. Exact, ASCII digits only."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from middleware.driver.value_rules import ValueRule, joined
from middleware.model import ValueKind

# Longer than any measured value; keeps `1E999999` and digit floods from becoming large numbers.
LONGEST_NUMBER = 40
LARGEST_EXPONENT = 30

DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_BARE_POINT = re.compile(r"[+-]?(?:[0-9]+\.|\.[0-9]+)")
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?[eE]([+-]?[0-9]{1,3})")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_THOUSANDS_COMMA = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
# One group without a comma behind it could as well be three decimals.
_THOUSANDS_POINT = re.compile(
    r"[+-]?[0-9]{1,3}(?:(?:\.[0-9]{3}){2,}(?:,[0-9]+)?|\.[0-9]{3},[0-9]+)"
)
_COMPARATOR = re.compile(r"(<=|>=|<|>) *(?=[^ ])")
_TITER = re.compile(r"1:([0-9]+(?:\.[0-9]+)?)")
_RANGE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?- ?([0-9]+(?:\.[0-9]+)?)")

_WITH_LOGARITHM = re.compile(r"([0-9.eE+]+) ?\(([0-9]{1,2}\.([0-9]{1,4}))\)")


class Number(NamedTuple):
    """A number as it was read. `rule` names what explained its notation, `beside` a mark or unit in the same field."""

    kind: ValueKind
    number: Decimal
    upper: Decimal | None = None
    comparator: str = ""
    rule: str = ""
    beside: str = ""


def read_number(text: str, rules: Collection[ValueRule]) -> Number | None:
    """The number that the whole text is, by the plain notation or a rule in force; None when it is none."""
    if len(text) > LONGEST_NUMBER:
        return None
    compared = _COMPARATOR.match(text)
    if compared is None:
        return _read_uncompared(text, rules)
    number = _read_uncompared(text[compared.end() :], rules)
    if number is None or number.kind is ValueKind.RANGE:
        return None
    return number._replace(comparator=compared.group(1))


def is_plain(text: str, rules: Collection[ValueRule]) -> bool:
    """Whether it is in plain notation, and its point, where it has one, can only be the decimal point."""
    if not DECIMAL.fullmatch(text):
        return False
    return ValueRule.THOUSANDS_POINT not in rules or "." not in text


def _read_uncompared(text: str, rules: Collection[ValueRule]) -> Number | None:
    if DECIMAL.fullmatch(text):
        return Number(ValueKind.NUMBER, Decimal(text)) if is_plain(text, rules) else None
    titer = _TITER.fullmatch(text)
    if titer:
        return Number(ValueKind.TITER, Decimal(titer.group(1)))
    return _read_by_rule(text, rules)


def _read_by_rule(text: str, rules: Collection[ValueRule]) -> Number | None:
    """A number in a notation that only a rule explains."""
    if ValueRule.EXPONENT_EXPANDED in rules:
        exponent = _EXPONENT.fullmatch(text)
        if exponent and abs(int(exponent.group(1))) <= LARGEST_EXPONENT:
            return _by(ValueRule.EXPONENT_EXPANDED, format(Decimal(text), "f"))
    if ValueRule.DECIMAL_COMMA in rules and _DECIMAL_COMMA.fullmatch(text):
        return _by(ValueRule.DECIMAL_COMMA, text.replace(",", "."))
    if ValueRule.THOUSANDS_COMMA in rules and _THOUSANDS_COMMA.fullmatch(text):
        return _by(ValueRule.THOUSANDS_COMMA, text.replace(",", ""))
    if ValueRule.THOUSANDS_POINT in rules and _THOUSANDS_POINT.fullmatch(text):
        return _by(ValueRule.THOUSANDS_POINT, text.replace(".", "").replace(",", "."))
    if ValueRule.BARE_POINT in rules and _BARE_POINT.fullmatch(text):
        return _by(ValueRule.BARE_POINT, text)
    if ValueRule.LOGARITHM_BESIDE in rules and text.endswith(")"):
        return _read_with_logarithm(text, rules)
    return _read_range(text, rules) if ValueRule.RANGE in rules else None


def _read_with_logarithm(text: str, rules: Collection[ValueRule]) -> Number | None:
    """A number whose logarithm stands behind it; None when the two do not fit within the last digit."""
    found = _WITH_LOGARITHM.fullmatch(text)
    number = _read_uncompared(found.group(1), rules) if found else None
    if found is None or number is None or number.kind is not ValueKind.NUMBER or not number.number:
        return None
    difference = number.number.log10() - Decimal(found.group(2))
    if abs(difference) >= Decimal(1).scaleb(-len(found.group(3))):
        return None
    return number._replace(rule=joined(number.rule, ValueRule.LOGARITHM_BESIDE))


def _read_range(text: str, rules: Collection[ValueRule]) -> Number | None:
    found = _RANGE.fullmatch(text)
    if found is None or not all(is_plain(end, rules) for end in found.groups()):
        return None
    lower, upper = Decimal(found.group(1)), Decimal(found.group(2))
    if lower > upper:
        return None
    return Number(ValueKind.RANGE, lower, upper, rule=ValueRule.RANGE)


def _by(rule: ValueRule, digits: str) -> Number:
    return Number(ValueKind.NUMBER, Decimal(digits), rule=rule)
