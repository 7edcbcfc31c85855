"""Delta checks: the change since the previous result. Exact: no root is drawn and nothing is divided."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from middleware.rules.criteria import Delta, DeltaMethod, Direction, Otherwise
from middleware.rules.facts import Facts, is_workable
from middleware.rules.findings import Origin, RuleFinding, plain, shown
from middleware.rules.units import EXACT

SHORTEST_S = 3600
"""Fact sheet 1.3: a rate over less than an hour is taken over one hour, so that a quick repeat is no alarm."""
_DAY_S = Decimal(86400)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class DeltaCheck:
    """One method. `limit` is in the unit of the test, percent, or per day; unused by RCV. `code` names the method.

    `rcv_square` is `rcv_square(delta)`.
    """

    origin: Origin
    delta: Delta
    limit: Decimal | None
    units: frozenset[str]
    code: str
    rcv_square: Decimal = Decimal(0)
    reaches: Callable[[Decimal, Decimal], bool] = operator.ge
    exceeds: Callable[[Decimal, Decimal], bool] = operator.gt
    is_older: Callable[[int, int], bool] = operator.gt

    def find(self, facts: Facts) -> RuleFinding | None:
        if facts.value is None:
            return None  # what has no number is judged by its form
        before = facts.previous
        if before is None:
            return self._without(facts, "there is no previous result")
        if before.collected_at is None or facts.collected_at is None:
            text = (
                f"{shown(facts)} cannot be compared with the previous result: its time is not known"
            )
            return self.origin.finding("time_unknown", text)
        age_s = facts.collected_at - before.collected_at
        if age_s < 0:
            text = f"{shown(facts)} was collected before the result that it would be compared with"
            return self.origin.finding("time_order", text)
        if self.is_older(age_s, self.delta.within):
            return self._without(facts, "the previous result is too old")
        if (
            before.value is None
            or before.comparator
            or facts.comparator
            or before.unit not in self.units
            or not is_workable(before.value)
        ):
            return self._without(facts, "the previous result cannot be compared")
        return self._compared(facts, facts.value, before.value, age_s)

    def _without(self, facts: Facts, why: str) -> RuleFinding | None:
        if self.delta.without_previous is Otherwise.IGNORE:
            return None
        return self.origin.finding(
            f"{self.code}_no_previous", f"{shown(facts)} has no delta check: {why}"
        )

    def _compared(
        self, facts: Facts, value: Decimal, before: Decimal, age_s: int
    ) -> RuleFinding | None:
        change = EXACT.subtract(value, before)
        direction = self.delta.direction
        if (direction is Direction.RISE and change <= 0) or (
            direction is Direction.FALL and change >= 0
        ):
            return None
        if not self._is_too_much(EXACT.abs(change), EXACT.abs(before), age_s):
            return None
        method = self.delta.method.value.replace("_", " ")
        limit = (
            "the reference change value" if self.limit is None else f"{method} {plain(self.limit)}"
        )
        sign = "+" if change > 0 else ""
        text = (
            f"{shown(facts)} differs by {sign}{plain(change)} from the previous {plain(before)} "
            f"of {_ago(age_s)} before: {limit} is reached{self.origin.for_whom}"
        )
        return self.origin.finding(self.code, text)

    def _is_too_much(self, change: Decimal, before: Decimal, age_s: int) -> bool:
        method, times = self.delta.method, EXACT.multiply
        if method is DeltaMethod.RCV:
            allowed = times(self.rcv_square, times(before, before))
            return self.exceeds(times(_HUNDRED**2, times(change, change)), allowed)
        limit = self.limit or Decimal(0)
        span = Decimal(max(age_s, SHORTEST_S))
        if method is DeltaMethod.ABSOLUTE:
            return self.reaches(change, limit)
        if method is DeltaMethod.ABSOLUTE_RATE:
            return self.reaches(times(change, _DAY_S), times(limit, span))
        if method is DeltaMethod.PERCENT:
            return change != 0 and self.reaches(times(change, _HUNDRED), times(limit, before))
        left = times(times(change, _HUNDRED), _DAY_S)
        return change != 0 and self.reaches(left, times(times(limit, span), before))


def rcv_square(delta: Delta) -> Decimal:
    """The square of the RCV in percent, 2 z^2 (cv_a^2 + cv_i^2), exactly; 0 for other methods (fact sheet, 1.3)."""
    times = EXACT.multiply
    cv_a, cv_i = delta.cv_a or Decimal(0), delta.cv_i or Decimal(0)
    both = EXACT.add(times(cv_a, cv_a), times(cv_i, cv_i))
    return times(times(Decimal(2), times(delta.z, delta.z)), both)


def _ago(age_s: int) -> str:
    hours = age_s // 3600
    return f"{hours // 24} d" if hours >= 48 else f"{hours} h"  # noqa: PLR2004 two days
