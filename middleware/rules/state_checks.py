"""Checks of form and circumstance: form, unit, flags, gates, serum indices, first positive, sent again."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from middleware.rules.criteria import Criterion, Fate, Index, IndexLimit, Otherwise
from middleware.rules.facts import Facts, Released, Source, Status, is_workable
from middleware.rules.findings import Origin, RuleFinding, Task, plain, short, shown
from middleware.rules.limit_checks import Compare
from middleware.rules.units import EXACT

_GATE_NAMES = {
    Criterion.QC: "Quality control",
    Criterion.CALIBRATION: "The calibration",
    Criterion.REAGENT: "The reagent lot",
    Criterion.MOVING_AVERAGE: "The moving average of patients' results",
}


@dataclass(frozen=True, slots=True)
class FormCheck:
    """A number with the declared decimals, or one of the declared words."""

    origin: Origin
    resolution: Decimal | None
    words: frozenset[str]

    def find(self, facts: Facts) -> RuleFinding | None:
        value = facts.value
        if value is None:
            if facts.text in self.words:
                return None
            text = f"{facts.test} has no result of a form that the rules know"
            return self.origin.finding("no_value", text)
        if self.resolution is None:
            text = f"{shown(facts)} is a number, and the rules know only words for it"
            return self.origin.finding("number", text)
        if EXACT.remainder(value, self.resolution) != 0:
            text = f"{shown(facts)} has more decimals than {plain(self.resolution)} allows"
            return self.origin.finding("decimals", text)
        return None


@dataclass(frozen=True, slots=True)
class UnitCheck:
    """The unit is the declared one, in any of its spellings. Words have no unit."""

    origin: Origin
    units: frozenset[str]

    def find(self, facts: Facts) -> RuleFinding | None:
        if facts.unit in self.units or (facts.value is None and not facts.unit):
            return None
        wanted = self.origin.unit or "no unit"
        got = short(facts.unit) or "no unit"
        text = f"{shown(facts)} has {got}, and the rules are written for {wanted}"
        return self.origin.finding("differs", text)


@dataclass(frozen=True, slots=True)
class SpecimenCheck:
    """The specimen type is one of those that the test is declared for."""

    origin: Origin
    specimens: frozenset[str]

    def find(self, facts: Facts) -> RuleFinding | None:
        if facts.specimen in self.specimens:
            return None
        if facts.specimen is None:
            return self.origin.finding("unknown", f"The specimen type of {facts.test} is not known")
        wanted = " or ".join(sorted(self.specimens))
        text = (
            f"{facts.test} was measured in {short(facts.specimen)}, and the rules are for {wanted}"
        )
        return self.origin.finding("differs", text)


@dataclass(frozen=True, slots=True)
class FlagCheck:
    """The analyzer's own flags. Unknown ones hold; the strictest of several counts."""

    origin: Origin
    fates: Mapping[str, Fate]

    def find(self, facts: Facts) -> RuleFinding | None:
        if not facts.flags:
            return None
        for fate, code in ((Fate.BLOCK, "block"), (Fate.RERUN, "rerun"), (Fate.HOLD, "unknown")):
            found = [flag for flag in facts.flags if self.fates.get(flag, Fate.HOLD) is fate]
            if found:
                task = Task.RERUN if fate is Fate.RERUN else Task.NONE
                text = f"{shown(facts)} came with the analyzer's flag {short(', '.join(found))}"
                return self.origin.finding(code, text, fate, task)
        return None


@dataclass(frozen=True, slots=True)
class GateCheck:
    """A status from elsewhere: good lets by, warning if so set, all else and nothing at all holds."""

    origin: Origin
    source: Source
    passing: frozenset[Status]

    def find(self, facts: Facts) -> RuleFinding | None:
        status = facts.statuses.get(self.source, Status.UNKNOWN)
        if status in self.passing:
            return None
        state = "is not known" if status is Status.UNKNOWN else f"is {status.value}"
        text = f"{_GATE_NAMES[self.origin.criterion]} of {facts.test} {state}"
        return self.origin.finding(status.value, text)


@dataclass(frozen=True, slots=True)
class IndexCheck:
    """One serum index against one test."""

    origin: Origin
    index: Index
    limit: IndexLimit
    missing: Otherwise
    above: Compare = operator.gt

    def find(self, facts: Facts) -> RuleFinding | None:
        level = facts.indices.get(self.index)
        if level is None or not is_workable(level):
            if self.missing is Otherwise.IGNORE:
                return None
            text = f"{shown(facts)} came without an index of {self.index.value}"
            return self.origin.finding(f"{self.index.value}_missing", text)
        if not self.above(level, self.limit.above):
            return None
        task = Task.RERUN if self.limit.then is Fate.RERUN else Task.NONE
        text = (
            f"{shown(facts)}: the index of {self.index.value} is {plain(level)}, "
            f"above {plain(self.limit.above)} that {facts.test} bears{self.origin.for_whom}"
        )
        return self.origin.finding(self.index.value, text, self.limit.then, task)


@dataclass(frozen=True, slots=True)
class FirstPositiveCheck:
    """A patient's first positive result waits for a person."""

    origin: Origin
    words: frozenset[str]
    at_least: Decimal | None
    reaches: Compare = operator.ge

    def find(self, facts: Facts) -> RuleFinding | None:
        if not self._is_positive(facts) or facts.was_positive:
            return None
        if facts.was_positive is None:
            text = f"{shown(facts)} is positive, and whether it is the first time is not known"
            return self.origin.finding("history_unknown", text)
        text = f"{shown(facts)} is this patient's first positive result"
        return self.origin.finding("first", text)

    def _is_positive(self, facts: Facts) -> bool:
        if facts.value is None:
            return facts.text in self.words
        if self.at_least is None:
            return False
        # `<5` may reach 3; `<3` cannot reach it.
        if facts.comparator == "<":
            return facts.value > self.at_least
        return facts.comparator.startswith(">") or self.reaches(facts.value, self.at_least)


@dataclass(frozen=True, slots=True)
class SentAgainCheck:
    """A result that differs from the one that was released for the same order."""

    origin: Origin
    tolerance: Decimal
    exceeds: Compare = operator.gt

    def find(self, facts: Facts) -> RuleFinding | None:
        released = facts.released
        if released is None or self._is_same(facts, released):
            return None
        was = short(released.text) if released.value is None else plain(released.value)
        text = f"{shown(facts)} was sent again and differs from the released {released.comparator}{was}"
        return self.origin.finding("differs", text)

    def _is_same(self, facts: Facts, released: Released) -> bool:
        if facts.value is None or released.value is None:
            return facts.value is released.value and facts.text == released.text
        if facts.comparator != released.comparator or not is_workable(released.value):
            return False
        return not self.exceeds(
            EXACT.abs(EXACT.subtract(facts.value, released.value)), self.tolerance
        )
