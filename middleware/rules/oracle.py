"""What must become of a result, read from the rules as they are written. Slow, plain, and apart from the evaluator.

It shares the model of the rules and nothing of the compiled form: values are sets of possible numbers, arithmetic is in
fractions, and the rule that counts is looked for each time. Generated cases get their expected outcome here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from middleware.rules.criteria import STRICTNESS, Criterion, Fate, Index, Otherwise, Outside
from middleware.rules.facts import Facts, Source, Status
from middleware.rules.oracle_delta import delta_codes
from middleware.rules.oracle_specimen import panel_code, relation_code
from middleware.rules.rule_set import STATED, DeclaredTest, Placed, Rule, RuleSet, rule_key
from middleware.rules.scope import NO_END, Sex
from middleware.rules.units import factor, in_ucum

_FAR = Fraction(10**60)
_GATES = frozenset(source.value for source in Source)
_COMPARATORS = ("", "<", "<=", ">", ">=")


class Mark(NamedTuple):
    """A finding that must be there: what found it, its code, and the rule that it names."""

    criterion: Criterion
    code: str
    rule: str
    fate: Fate = Fate.HOLD
    errand: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """The outcome of one case."""

    fate: Fate
    marks: frozenset[Mark]

    def of(self, criterion: Criterion) -> frozenset[Mark]:
        return frozenset(mark for mark in self.marks if mark.criterion is criterion)


class Possible(NamedTuple):
    """The numbers that a result may stand for: `5` is [5, 5], `<5` everything below 5."""

    least: Fraction
    is_least_out: bool
    most: Fraction
    is_most_out: bool

    def is_surely_below(self, limit: Fraction) -> bool:
        return self.most < limit or (self.most == limit and self.is_most_out)

    def is_surely_above(self, limit: Fraction) -> bool:
        return self.least > limit or (self.least == limit and self.is_least_out)

    def is_maybe_below(self, limit: Fraction) -> bool:
        return self.least < limit

    def is_maybe_above(self, limit: Fraction) -> bool:
        return self.most > limit


def possible(value: Decimal, comparator: str) -> Possible:
    """What a written result may stand for."""
    number = Fraction(value)
    if comparator.startswith("<"):
        return Possible(-_FAR, True, number, comparator == "<")
    if comparator.startswith(">"):
        return Possible(number, comparator == ">", _FAR, True)
    return Possible(number, False, number, False)


_Who = tuple[str, str, int | None, Sex | None, str | None, str | None]
_Counting = list[tuple[Criterion, Placed[Rule] | None, str]]
_REMEMBERED = 1000
"""Populations; cases of one test come one after the other and have few."""


def expect(rule_set: RuleSet, facts: Facts) -> Expected:
    """The outcome that the written rules demand for workable facts."""
    return Oracle(rule_set).expect(facts)


class Oracle:
    """The same for many facts. It remembers which rules count for a population, and nothing else."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._rule_set = rule_set
        self._counting: dict[_Who, _Counting] = {}

    def expect(self, facts: Facts) -> Expected:
        """The outcome that the written rules demand for workable facts."""
        declared = self._rule_set.tests.get(facts.test)
        if declared is None:
            mark = Mark(Criterion.RULE, "unknown_test", "")
            return Expected(Fate.HOLD, frozenset({mark}))
        if facts.comparator not in _COMPARATORS:
            facts = replace(facts, value=None, comparator="", text="")  # a doubtful number is none
        marks = _always(facts, declared.what) | self._beside(facts)
        is_ruled = False
        for criterion, rule, lacking in self._that_count(facts):
            if rule is not None and criterion not in rule.what.off:
                is_ruled = True
            if lacking and rule is not None:
                marks.add(Mark(criterion, f"{lacking}_unknown", rule_key(rule)))
            else:
                marks |= _of_criterion(criterion, rule, facts, declared.what)
        if not is_ruled:
            marks.add(Mark(Criterion.RULE, "no_rule", ""))
        fate = max((mark.fate for mark in marks), key=STRICTNESS.__getitem__, default=Fate.RELEASE)
        return Expected(fate, frozenset(marks))

    def _that_count(self, facts: Facts) -> _Counting:
        who = (
            facts.test,
            facts.line,
            facts.age_days,
            facts.sex,
            facts.location,
            facts.specimen,
        )
        found = self._counting.get(who)
        if found is None:
            found = [(one, *rule_that_counts(self._rule_set, one, facts)) for one in STATED]
            if len(self._counting) >= _REMEMBERED:
                self._counting.clear()
            self._counting[who] = found
        return found

    def _beside(self, facts: Facts) -> set[Mark]:
        """What relations and panels find."""
        marks = set()
        for relation in self._rule_set.relations_of.get(facts.test, ()):
            code = relation_code(self._rule_set, relation.what, facts)
            marks |= {Mark(Criterion.CONSISTENCY, code, relation.what.id)} if code else set()
        for panel in self._rule_set.panels_of.get(facts.test, ()):
            code = panel_code(panel.what, facts)
            marks |= {Mark(Criterion.COMPLETENESS, code, panel.what.id)} if code else set()
        return marks


def rule_that_counts(
    rule_set: RuleSet, criterion: Criterion, facts: Any
) -> tuple[Placed[Rule] | None, str]:
    """The rule for one criterion (README, Precedence), and what would have to be known to be sure of it."""
    best: Placed[Rule] | None = None
    best_lacks = ""
    for rule in rule_set.stating.get((facts.test, criterion), ()):
        lacks = _lacks(rule.what, facts)
        if lacks is not None and (best is None or _goes_before(rule, best)):
            best, best_lacks = rule, lacks
    return best, best_lacks


def _lacks(rule: Rule, facts: Any) -> str | None:
    """None: the rule is for others. Else the first property that it asks for and nobody knows."""
    unknown = []
    start, end = (rule.age.from_, rule.age.below) if rule.age else (0, NO_END)
    if rule.lines and facts.line not in rule.lines:
        return None
    if start or end < NO_END:
        if facts.age_days is None:
            unknown.append("age")
        elif facts.age_days < start or facts.age_days >= end:
            return None
    for name, asked, known in (
        ("sex", (rule.sex,) if rule.sex else (), facts.sex),
        ("location", rule.locations, facts.location),
        ("specimen", rule.specimens, facts.specimen),
    ):
        if asked and known is None:
            unknown.append(name)
        elif asked and known not in asked:
            return None
    return unknown[0] if unknown else ""


def _goes_before(one: Placed[Rule], other: Placed[Rule]) -> bool:
    """Place by place: location, age, sex, specimen, line; then the narrower band; then the later in the text."""
    first, second = one.what, other.what
    for name in ("locations", "age", "sex", "specimens", "lines"):
        asks = [bool(_asked(rule, name)) for rule in (first, second)]
        if asks[0] != asks[1]:
            return asks[0]
    widths = [rule.age.below - rule.age.from_ if rule.age else NO_END for rule in (first, second)]
    return widths[0] < widths[1] if widths[0] != widths[1] else one.number > other.number


def _asked(rule: Rule, name: str) -> Any:
    if name == "age":
        return rule.age is not None and (rule.age.from_ > 0 or rule.age.below < NO_END)
    return getattr(rule, name)


def _always(facts: Facts, declared: DeclaredTest) -> set[Mark]:
    marks = set()
    form = ""
    if facts.value is None:
        form = "" if facts.text in declared.words else "no_value"
    elif declared.decimals is None:
        form = "number"
    elif (Fraction(facts.value) * 10**declared.decimals).denominator != 1:
        form = "decimals"
    if form:
        marks.add(Mark(Criterion.FORM, form, ""))
    is_word = facts.value is None and not facts.unit
    if (
        not is_word
        and facts.unit != declared.unit
        and in_ucum(facts.unit) != in_ucum(declared.unit)
    ):
        marks.add(Mark(Criterion.UNIT, "differs", ""))
    if declared.specimens and facts.specimen not in declared.specimens:
        code = "unknown" if facts.specimen is None else "differs"
        marks.add(Mark(Criterion.SPECIMEN, code, ""))
    return marks


def _of_criterion(
    criterion: Criterion, rule: Placed[Rule] | None, facts: Facts, declared: DeclaredTest
) -> set[Mark]:
    """The findings of the settings that count; flags and sent_again are checked without any, too."""
    if rule is not None and criterion in rule.what.off:
        return set()
    settings = getattr(rule.what, criterion.value) if rule is not None else None
    key = rule_key(rule) if rule is not None else ""
    by = factor(rule.what.unit, declared.unit) if rule is not None else Fraction(1)
    if criterion is Criterion.FLAGS:
        return {Mark(criterion, *found) for found in _flags(settings, facts, key)}
    if criterion is Criterion.SENT_AGAIN:
        tolerance = Fraction(settings.tolerance) * by if settings is not None else Fraction(0)
        return {Mark(criterion, "differs", key)} if _is_different(facts, tolerance) else set()
    if settings is None:
        return set()
    if criterion.value in _GATES:
        return _gate(criterion, settings, facts, key)
    if criterion is Criterion.INDICES:
        return _indices(settings, facts, key)
    if criterion is Criterion.FIRST_POSITIVE:
        return _first_positive(settings, facts, key, by)
    return (
        set()
        if facts.value is None
        else _of_number(criterion, (settings, key, by), facts, declared)
    )


def _of_number(
    criterion: Criterion, written: tuple[Any, str, Fraction], facts: Facts, declared: DeclaredTest
) -> set[Mark]:
    settings, key, by = written
    if criterion is Criterion.DELTA:
        codes = set(delta_codes(settings, facts, declared.unit, by))
        return {Mark(criterion, code, key) for code in codes - {""}}
    if criterion is Criterion.MEASURING:
        return _measuring(settings, facts, key, by)
    code = _limits(settings, facts, by)
    is_sure = code in ("low", "high")
    fate = Fate.BLOCK if criterion is Criterion.ABSURD and is_sure else Fate.HOLD
    errand = "call" if criterion is Criterion.CRITICAL and is_sure else ""
    return {Mark(criterion, code, key, fate, errand)} if code else set()


def _flags(settings: Any, facts: Facts, key: str) -> list[tuple[str, str, Fate, str]]:
    block = set(settings.block) if settings is not None else set()
    rerun = set(settings.rerun) - block if settings is not None else set()
    ignore = set(settings.ignore) - block - rerun if settings is not None else set()
    sent = set(facts.flags)
    if sent & block:
        return [("block", key, Fate.BLOCK, "")]
    if sent & rerun:
        return [("rerun", key, Fate.RERUN, "rerun")]
    return [("unknown", key, Fate.HOLD, "")] if sent - ignore else []


def _gate(criterion: Criterion, settings: Any, facts: Facts, key: str) -> set[Mark]:
    status = facts.statuses.get(Source(criterion.value)) or Status.UNKNOWN
    if status is Status.GOOD:
        return set()
    if status is Status.WARNING and settings.warning is Otherwise.IGNORE:
        return set()
    return {Mark(criterion, status.value, key)}


def _indices(settings: Any, facts: Facts, key: str) -> set[Mark]:
    marks = set()
    for index in Index:
        limit = getattr(settings, index.value)
        if limit is None:
            continue
        level = facts.indices.get(index)
        if level is None:
            if settings.missing is Otherwise.HOLD:
                marks.add(Mark(Criterion.INDICES, f"{index.value}_missing", key))
        elif Fraction(level) > Fraction(limit.above):
            errand = "rerun" if limit.then is Fate.RERUN else ""
            marks.add(Mark(Criterion.INDICES, index.value, key, limit.then, errand))
    return marks


def _first_positive(settings: Any, facts: Facts, key: str, by: Fraction) -> set[Mark]:
    if facts.value is None:
        is_positive = facts.text in settings.words
    elif settings.at_least is None:
        is_positive = False
    else:
        # Positive when the number may reach the limit: below an open bound it never gets there.
        limit, numbers = Fraction(settings.at_least) * by, possible(facts.value, facts.comparator)
        is_positive = numbers.most > limit or (numbers.most == limit and not numbers.is_most_out)
    if not is_positive or facts.was_positive:
        return set()
    code = "first" if facts.was_positive is False else "history_unknown"
    return {Mark(Criterion.FIRST_POSITIVE, code, key)}


def _is_different(facts: Facts, tolerance: Fraction) -> bool:
    was = facts.released
    if was is None:
        return False
    if (facts.value is None) != (was.value is None):
        return True
    if facts.value is None or was.value is None:
        return facts.text != was.text
    if facts.comparator != was.comparator:
        return True
    return abs(Fraction(facts.value) - Fraction(was.value)) > tolerance


def _limits(settings: Any, facts: Facts, by: Fraction) -> str:
    assert facts.value is not None
    is_bound = settings.censored.value == "bound"
    numbers = possible(facts.value, "" if is_bound else facts.comparator)
    low = None if settings.low is None else Fraction(settings.low) * by
    high = None if settings.high is None else Fraction(settings.high) * by
    if low is not None and numbers.is_surely_below(low):
        return "low"
    if high is not None and numbers.is_surely_above(high):
        return "high"
    is_open = (low is not None and numbers.is_maybe_below(low)) or (
        high is not None and numbers.is_maybe_above(high)
    )
    return "undecided" if is_open else ""


def _measuring(settings: Any, facts: Facts, key: str, by: Fraction) -> set[Mark]:
    assert facts.value is not None
    if facts.dilution is not None:
        if facts.dilution <= 0:
            return {Mark(Criterion.MEASURING, "dilution_unknown", key)}
        by *= Fraction(facts.dilution)
    numbers, value = possible(facts.value, facts.comparator), Fraction(facts.value)
    low = None if settings.low is None else Fraction(settings.low) * by
    high = None if settings.high is None else Fraction(settings.high) * by
    code, action = "", Outside.HOLD
    if low is not None and numbers.is_maybe_below(low):
        code, action = "low", settings.below
        if action is Outside.REPORT and facts.comparator == "<" and value == low:
            return set()
    elif high is not None and numbers.is_maybe_above(high):
        code, action = "high", settings.above
        if action is Outside.REPORT and facts.comparator == ">" and value == high:
            return set()
    if not code:
        return set()
    may_rerun = action is Outside.RERUN and facts.run <= settings.reruns
    if not may_rerun:
        return {Mark(Criterion.MEASURING, code, key)}
    errand = f"dilute {settings.dilution}" if code == "high" and settings.dilution else "rerun"
    return {Mark(Criterion.MEASURING, code, key, Fate.RERUN, errand)}
