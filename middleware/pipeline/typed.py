"""A value that a person typed: read by the rules for plain notation, and nothing is guessed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from middleware.driver.policy import policy_of
from middleware.driver.units import UCUM
from middleware.driver.values import SentValue, ValuePolicy
from middleware.model import ResultValue, ValueKind
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.rows import put_value
from middleware.setup import Setup

LONGEST_VALUE = 200
_VALUE_COLUMNS = (
    "value_kind",
    "value_raw",
    "value_number",
    "value_upper",
    "comparator",
    "value_text",
    "value_rule",
)
_NONE = frozenset({ValueKind.UNEXPLAINED, ValueKind.ABSENT})


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed. `unit` is None where they typed none."""

    value: str
    unit: str | None = None


def value_of(typed: Typed, unit: str, line: str, setup: Setup) -> ResultValue:
    """The value in its unit. Raises CommandRefused for what no rule explains.

    Of the line's profile only the words count: how its analyzer writes numbers says nothing of how people do.
    """
    driver = setup.drivers.get(setup.lines[line].driver) if line in setup.lines else None
    policy = ValuePolicy()
    if driver is not None:
        sent = policy_of(driver.profile)
        policy = ValuePolicy(qualitative=sent.qualitative, masked=sent.masked)
    text = typed.value.strip()
    # That the unit has a power of ten changes nothing: the number is typed as it is read.
    value = policy.explain(SentValue(text, text, "1" if unit else ""))
    if value.kind in _NONE or len(text) > LONGEST_VALUE or not text.isprintable():
        raise CommandRefused(
            f"{text[:LONGEST_VALUE]!r} is no value: {value.reason or 'it is too long, or has control characters'}",
            what_to_do="Write a number with a point, as 5.4 or <0.5, a titer as 1:80, or a word.",
        )
    return value


def columns_of(
    value: ResultValue, unit: str, known_unit: str, known_ucum: str | None
) -> dict[str, Any]:
    """The columns of a typed value; `known_unit` and its UCUM are those of the analyzer's own result."""
    columns: dict[str, Any] = dict.fromkeys(_VALUE_COLUMNS)
    put_value(columns, value)
    ucum = known_ucum if unit == known_unit else UCUM.get(unit)
    return columns | {"unit": unit, "unit_ucum": ucum}
