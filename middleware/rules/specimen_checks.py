"""Checks that look at the other results of the specimen: consistency between tests, and completeness of panels."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from decimal import Decimal

from middleware.rules.facts import Facts, is_workable
from middleware.rules.findings import Origin, RuleFinding, plain
from middleware.rules.limit_checks import Compare
from middleware.rules.units import EXACT


@dataclass(frozen=True, slots=True)
class RelationCheck:
    """Tests of one specimen that must agree: a sum with factors, or (`is_ratio`) the first by the second.

    A partner that was not ordered makes the relation say nothing; one that is awaited or may be, censored, without a
    number or in another unit holds. `units` are the spellings of each test's unit.
    """

    origin: Origin
    name: str
    tests: tuple[str, ...]
    factors: tuple[Decimal, ...]
    is_ratio: bool
    low: Decimal | None
    high: Decimal | None
    units: tuple[frozenset[str], ...]
    below: Compare = operator.lt
    above: Compare = operator.gt

    def find(self, facts: Facts) -> RuleFinding | None:
        values: list[Decimal] = []
        for test, units in zip(self.tests, self.units, strict=True):
            one = facts if test == facts.test else facts.others.get(test)
            if one is None:
                if facts.awaited is None:
                    text = f"whether {test} is ordered is not known"
                    return self._finding("orders_unknown", text)
                if test in facts.awaited:
                    return self._finding("awaited", f"{facts.test} waits for {test}")
                return None
            if one.value is None or one.comparator or one.unit not in units:
                return self._finding("not_comparable", f"{test} cannot be compared")
            if not is_workable(one.value):
                return self._finding("not_comparable", f"{test} cannot be compared")
            values.append(one.value)
        return self._ratio(values) if self.is_ratio else self._sum(values)

    def _finding(self, code: str, text: str) -> RuleFinding:
        return self.origin.finding(code, f"{self.name}: {text}")

    def _sum(self, values: list[Decimal]) -> RuleFinding | None:
        total = Decimal(0)
        for value, factor in zip(values, self.factors, strict=True):
            total = EXACT.add(total, EXACT.multiply(value, factor))
        if self.low is not None and self.below(total, self.low):
            return self._finding(
                "low", f"{self._terms(values)} = {plain(total)} is below {self.low}"
            )
        if self.high is not None and self.above(total, self.high):
            return self._finding(
                "high", f"{self._terms(values)} = {plain(total)} is above {self.high}"
            )
        return None

    def _ratio(self, values: list[Decimal]) -> RuleFinding | None:
        first, second = values
        if second <= 0:
            return self._finding("no_ratio", f"{self.tests[1]} {plain(second)} gives no ratio")
        words = f"{self.tests[0]} {plain(first)} by {self.tests[1]} {plain(second)}"
        if self.low is not None and self.below(first, EXACT.multiply(self.low, second)):
            return self._finding("low", f"{words} is below {plain(self.low)}")
        if self.high is not None and self.above(first, EXACT.multiply(self.high, second)):
            return self._finding("high", f"{words} is above {plain(self.high)}")
        return None

    def _terms(self, values: list[Decimal]) -> str:
        return ", ".join(
            f"{test} {plain(value)} (x {plain(factor)})"
            if factor != 1
            else f"{test} {plain(value)}"
            for test, value, factor in zip(self.tests, values, self.factors, strict=True)
        )


@dataclass(frozen=True, slots=True)
class PanelCheck:
    """The results of a panel wait for each other."""

    origin: Origin
    name: str
    tests: tuple[str, ...]
    needs_all: bool

    def find(self, facts: Facts) -> RuleFinding | None:
        lacking = [
            test
            for test in self.tests
            if test != facts.test
            and test not in facts.others
            and (self.needs_all or facts.awaited is None or test in facts.awaited)
        ]
        if not lacking:
            return None
        if facts.awaited is None and not self.needs_all:
            text = f"{self.name}: whether {', '.join(lacking[:10])} are ordered is not known"
            return self.origin.finding("orders_unknown", text)
        text = f"{self.name}: {facts.test} waits for {', '.join(lacking[:10])}"
        return self.origin.finding("incomplete", text)
