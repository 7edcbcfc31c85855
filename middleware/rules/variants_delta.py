"""Boundary cases of a delta check: the smallest change that fires and the largest that does not, ways and times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from middleware.rules.clean import NOON, grid
from middleware.rules.criteria import Delta, DeltaMethod
from middleware.rules.facts import Facts, Previous
from middleware.rules.oracle_delta import rcv_percent
from middleware.rules.rule_set import DeclaredTest
from middleware.rules.units import EXACT

_LARGE = 10**6
"""Results; a previous value so large that the last digit of a percentage is more than one result."""
_DAY_S = 86400
_Named = tuple[str, str, dict[str, Any]]


def delta_variants(
    delta: Delta, facts: Facts, declared: DeclaredTest, by: Fraction
) -> Iterator[_Named]:
    """Kind, words and changes of each case."""
    if facts.value is None:
        return
    resolution = declared.resolution
    ages = [delta.within // 2, delta.within]
    if delta.method in (DeltaMethod.ABSOLUTE_RATE, DeltaMethod.PERCENT_RATE):
        ages += [min(1800, delta.within), min(3600, delta.within), min(7200, delta.within)]
    for before in (facts.value, EXACT.multiply(resolution, Decimal(_LARGE))):
        for age_s in ages:
            exact = _threshold(delta, Fraction(before), age_s, by)
            for kind, steps in (("inside", -1), ("on", 0), ("outside", 1), ("outside", 2)):
                yield from _both_ways((kind, facts, before, age_s), grid(exact, resolution, steps))
    far = grid(_threshold(delta, Fraction(facts.value), delta.within, by), resolution, 2)
    now = EXACT.add(facts.value, far)
    old = Previous(facts.value, facts.unit, NOON - delta.within - 1)
    yield "outside", "too old", {"value": now, "previous": old}
    recent = replace(old, collected_at=NOON - delta.within // 2)
    for word, previous in (
        ("previous censored", replace(recent, comparator="<")),
        ("previous without number", replace(recent, value=None)),
        ("previous in another unit", replace(recent, unit="{another}")),
        ("previous without time", replace(recent, collected_at=None)),
        ("previous later", replace(recent, collected_at=NOON + 1)),
    ):
        yield "missing", word, {"value": now, "previous": previous}
    yield "censored", "a comparator", {"value": now, "comparator": ">", "previous": recent}
    yield "missing", "previous is 0", {"previous": replace(recent, value=Decimal(0))}


def _both_ways(about: tuple[str, Facts, Decimal, int], change: Decimal) -> Iterator[_Named]:
    kind, facts, before, age_s = about
    previous = Previous(before, facts.unit, NOON - age_s)
    for word, value in (
        ("rise", EXACT.add(before, change)),
        ("fall", EXACT.subtract(before, change)),
    ):
        yield kind, f"{word} in {age_s} s", {"value": value, "previous": previous}


def _threshold(delta: Delta, before: Fraction, age_s: int, by: Fraction) -> Fraction:
    """The change at which the check decides."""
    limit, days = Fraction(delta.limit or 0), Fraction(max(age_s, 3600), _DAY_S)
    if delta.method is DeltaMethod.ABSOLUTE:
        return limit * by
    if delta.method is DeltaMethod.ABSOLUTE_RATE:
        return limit * by * days
    if delta.method is DeltaMethod.PERCENT:
        return abs(before) * limit / 100
    if delta.method is DeltaMethod.PERCENT_RATE:
        return abs(before) * limit * days / 100
    return abs(before) * Fraction(rcv_percent(delta)) / 100
