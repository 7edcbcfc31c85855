"""Checks of a number against limits: absurd, critical, review; and the measuring interval."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from middleware.rules.criteria import Censored, Criterion, Fate, Outside
from middleware.rules.facts import Facts, is_workable
from middleware.rules.findings import Origin, RuleFinding, Task, plain, shown
from middleware.rules.units import EXACT

Compare = Callable[[Decimal, Decimal], bool]
_NAMES = {
    Criterion.ABSURD: "what is possible",
    Criterion.CRITICAL: "the critical limit",
    Criterion.REVIEW: "the review limit",
}
_FATES = {
    Criterion.ABSURD: (Fate.BLOCK, Task.NONE),
    Criterion.CRITICAL: (Fate.HOLD, Task.CALL),
    Criterion.REVIEW: (Fate.HOLD, Task.NONE),
}


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """Absurd, critical or review. The limits belong to the inside (fact sheet, 1.2)."""

    origin: Origin
    low: Decimal | None
    high: Decimal | None
    censored: Censored = Censored.HOLD
    below: Compare = operator.lt
    above: Compare = operator.gt

    def find(self, facts: Facts) -> RuleFinding | None:
        value, low, high = facts.value, self.low, self.high
        if value is None:
            return None  # what has no number is judged by its form
        if facts.comparator and self.censored is Censored.HOLD:
            return self._censored(facts, value)
        if low is not None and self.below(value, low):
            return self._outside(facts, "low", low)
        if high is not None and self.above(value, high):
            return self._outside(facts, "high", high)
        return None

    def _censored(self, facts: Facts, value: Decimal) -> RuleFinding | None:
        is_less, is_open = facts.comparator[0] == "<", len(facts.comparator) == 1
        if self.low is not None and is_less:
            if self.below(value, self.low) or (is_open and value == self.low):
                return self._outside(facts, "low", self.low)
            return self._undecided(facts, self.low)
        if self.high is not None and not is_less:
            if self.above(value, self.high) or (is_open and value == self.high):
                return self._outside(facts, "high", self.high)
            return self._undecided(facts, self.high)
        # `<8` may be above 5 or below it, and `>3` below 5 or above.
        if self.high is not None and is_less and self.above(value, self.high):
            return self._undecided(facts, self.high)
        if self.low is not None and not is_less and self.below(value, self.low):
            return self._undecided(facts, self.low)
        return None

    def _outside(self, facts: Facts, side: str, limit: Decimal) -> RuleFinding:
        origin = self.origin
        fate, task = _FATES[origin.criterion]
        way = "below" if side == "low" else "above"
        text = (
            f"{shown(facts)} is {way} {plain(limit)}, {_NAMES[origin.criterion]}{origin.for_whom}"
        )
        return origin.finding(side, text, fate, task)

    def _undecided(self, facts: Facts, limit: Decimal) -> RuleFinding:
        origin = self.origin
        text = (
            f"{shown(facts)} does not say on which side of {plain(limit)}, "
            f"{_NAMES[origin.criterion]}{origin.for_whom}, the value lies"
        )
        return origin.finding("undecided", text)


@dataclass(frozen=True, slots=True)
class MeasuringCheck:
    """The measuring interval, and whether the result is measured again. Never more often than `reruns`."""

    origin: Origin
    low: Decimal | None
    high: Decimal | None
    on_low: Outside
    on_high: Outside
    dilution: Decimal | None
    reruns: int
    below: Compare = operator.lt
    above: Compare = operator.gt

    def find(self, facts: Facts) -> RuleFinding | None:
        value = facts.value
        if value is None:
            return None
        by = facts.dilution
        if by is not None and (not is_workable(by) or by <= 0):
            return self.origin.finding("dilution_unknown", f"{by} is no dilution")
        low, high = _times(self.low, by), _times(self.high, by)
        if low is not None and self._is_below(facts, value, low):
            return self._low(facts, value, low)
        if high is not None and self._is_above(facts, value, high):
            return self._high(facts, value, high)
        return None

    def _is_below(self, facts: Facts, value: Decimal, low: Decimal) -> bool:
        """`<low` is what a method says below its interval; `<8` in the middle of it may be below too."""
        return self.below(value, low) or facts.comparator.startswith("<")

    def _is_above(self, facts: Facts, value: Decimal, high: Decimal) -> bool:
        return self.above(value, high) or facts.comparator.startswith(">")

    def _low(self, facts: Facts, value: Decimal, low: Decimal) -> RuleFinding | None:
        if self.on_low is Outside.REPORT and facts.comparator == "<" and value == low:
            return None
        text = f"{shown(facts)} is below {plain(low)}, where the measuring interval begins"
        if facts.comparator and not self.below(value, low) and value != low:
            text = f"{shown(facts)} may be below {plain(low)}, where the measuring interval begins"
        return self._finding(facts, "low", text, self.on_low)

    def _high(self, facts: Facts, value: Decimal, high: Decimal) -> RuleFinding | None:
        if self.on_high is Outside.REPORT and facts.comparator == ">" and value == high:
            return None
        text = f"{shown(facts)} is above {plain(high)}, where the measuring interval ends"
        if facts.comparator and not self.above(value, high) and value != high:
            text = f"{shown(facts)} may be above {plain(high)}, where the measuring interval ends"
        return self._finding(facts, "high", text, self.on_high)

    def _finding(self, facts: Facts, code: str, text: str, outside: Outside) -> RuleFinding:
        if outside is not Outside.RERUN:
            return self.origin.finding(code, text)
        if facts.run > self.reruns:
            return self.origin.finding(code, f"{text}, after {facts.run} runs")
        if code == "high" and self.dilution is not None:
            text = f"{text}: it is measured again, diluted 1:{plain(self.dilution)}"
            found = self.origin.finding(code, text, Fate.RERUN, Task.DILUTE)
            return found._replace(dilution=self.dilution)
        text = f"{text}: it is measured again"
        return self.origin.finding(code, text, Fate.RERUN, Task.RERUN)


def _times(limit: Decimal | None, by: Decimal | None) -> Decimal | None:
    return limit if limit is None or by is None else EXACT.multiply(limit, by)
