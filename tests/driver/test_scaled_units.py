"""A unit that multiplies its value by a power of ten: one rule, in words and numbers alike, for every protocol."""

from __future__ import annotations

from decimal import Decimal

import pytest

from middleware.driver.times import read_time
from middleware.driver.values import (
    REASON_SCALED_UNIT,
    SentValue,
    ValuePolicy,
    ValueRule,
)
from middleware.model import ResultStatus, ValueKind

STRICT = ValuePolicy()
NAMED = ValuePolicy(frozenset({ValueRule.UNIT_POWER_OF_TEN, ValueRule.RANGE}))
SCALED = "10*-1.{copies}/mL"


@pytest.mark.parametrize("unit", [SCALED, "10*0.{copies}/mL", "10^3.[IU]/mL"])
def test_without_the_rule_the_value_is_held(unit: str) -> None:
    """The LIS would read 367 copies where 36.7 were measured."""
    value = STRICT.explain(SentValue("367", "367", unit))
    assert (value.kind, value.reason) == (ValueKind.UNEXPLAINED, REASON_SCALED_UNIT)
    assert STRICT.plain_number("367", ResultStatus.FINAL, unit) is None


@pytest.mark.parametrize("unit", ["10*9/L", "10^3/uL", "mg/dL", "", "10*9", "x10*1.g"])
def test_a_unit_that_only_counts_holds_nothing(unit: str) -> None:
    """`10*9/L` is what everybody writes."""
    value = STRICT.plain_number("7.5", ResultStatus.FINAL, unit)
    assert value is not None
    assert value == STRICT.explain(SentValue("7.5", "7.5", unit))


@pytest.mark.parametrize(
    ("sent", "number", "upper", "comparator"),
    [("367", "36.7", None, ""), ("<20", "2.0", None, "<"), ("10-20", "1.0", "2.0", "")],
)
def test_the_rule_scales_every_number_of_the_value_and_the_unit_loses_its_power(
    sent: str, number: str, upper: str | None, comparator: str
) -> None:
    """Exactly, in plain notation; the raw value stays."""
    value = NAMED.explain(SentValue(sent, sent, SCALED))
    assert (str(value.number), value.comparator, value.raw) == (number, comparator, sent)
    assert value.upper == (None if upper is None else Decimal(upper))
    assert NAMED.shown_unit(SCALED, value) == "{copies}/mL"


def test_words_and_titers_are_not_scaled() -> None:
    """`Target Not Detected` has no power of ten; a titer with one is held."""
    assert NAMED.explain(SentValue("1:8", "1:8", SCALED)).reason == REASON_SCALED_UNIT
    assert NAMED.shown_unit(SCALED, NAMED.explain(SentValue("7", "7", "mL"))) == SCALED


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20260314094000.5", "2026-03-14 09:40:00.500000+00:00"),
        ("20260314094000.0000-0400", "2026-03-14 13:40:00+00:00"),
        ("20260314094000.12345", "None"),
        ("2026031409.5", "None"),
    ],
)
def test_parts_of_a_second_are_read_after_whole_seconds_only(text: str, at: str) -> None:
    """HL7 allows up to four digits."""
    assert str(read_time(text, "UTC").at) == at
