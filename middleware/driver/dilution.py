"""Dilution: reads the factor, and carries it into values that do not count it yet, once and exactly."""

from __future__ import annotations

import re
from decimal import Decimal

from middleware.driver.profile import Dilution
from middleware.driver.scales import product
from middleware.driver.value_rules import is_by, joined
from middleware.model import DILUTION_APPLIED, DILUTION_MULTIPLIED, ResultValue, ValueKind

_FACTOR = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,8})?")
_ONE = Decimal(1)
_MULTIPLIED = frozenset({ValueKind.NUMBER, ValueKind.RANGE})


def read_factor(text: str) -> Decimal | None:
    """A dilution factor; None for what is no plain number above zero."""
    if not _FACTOR.fullmatch(text):
        return None
    return Decimal(text) or None


def unread_factor(text: str) -> tuple[str, ...]:
    """The flag that holds a result whose dilution cannot be read; () where it can, or where none was sent."""
    return (f"dilution {text}",) if text and read_factor(text) is None else ()


def diluted(value: ResultValue, factor: Decimal, declared: Dilution) -> ResultValue:
    """The value with its dilution counted, and the rule that says so.

    What is no number cannot be multiplied: with `not_applied` it stays as it is, and review holds it.
    """
    is_counted = is_by(DILUTION_APPLIED, value.rule) or is_by(DILUTION_MULTIPLIED, value.rule)
    if factor == _ONE or is_counted or value.kind in (ValueKind.UNEXPLAINED, ValueKind.ABSENT):
        return value
    if declared is Dilution.APPLIED:
        return value.model_copy(update={"rule": joined(value.rule, DILUTION_APPLIED)})
    if value.kind not in _MULTIPLIED or value.number is None:
        return value
    upper = value.upper
    return value.model_copy(
        update={
            "number": product(value.number, factor),
            "upper": None if upper is None else product(upper, factor),
            "rule": joined(value.rule, DILUTION_MULTIPLIED),
        }
    )
