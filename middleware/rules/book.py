"""A rule set compiled once: per test and line the slots of all criteria, and per population the checks in force."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from middleware.rules.build import always, checks_of, panel_check, relation_check, unstated
from middleware.rules.criteria import Criterion
from middleware.rules.facts import Facts
from middleware.rules.findings import Check, Origin, RuleFinding
from middleware.rules.rule_set import (
    STATED,
    DeclaredTest,
    Placed,
    Rule,
    RuleSet,
    RulesWrong,
    rule_key,
)
from middleware.rules.scope import NO_END, Scope, Who

OTHER_LINE = ""
REMEMBERED = 10_000
"""Populations of one plan; more than the rules of a real test tell apart."""
_OTHER = "\0other"  # stands for every location or specimen that no rule of the test names
Find = Callable[[Facts], RuleFinding | None]
_Key = tuple[int, object, object, object]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one rule states for one criterion of one test. No checks: the rule puts the criterion off."""

    scope: Scope
    number: int
    rule: str
    place: str
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class DoubtCheck:
    """Which rule counts depends on something that is not known."""

    origin: Origin
    lacking: str

    def find(self, facts: Facts) -> RuleFinding | None:
        text = (
            f"The {self.lacking} is not known, and {self.origin.criterion.value.replace('_', ' ')} "
            f"of {facts.test} depends on it"
        )
        return self.origin.finding(f"{self.lacking}_unknown", text)


@dataclass(frozen=True, slots=True)
class NoRuleCheck:
    """No rules never means release (DESIGN 1.1)."""

    origin: Origin

    def find(self, facts: Facts) -> RuleFinding | None:
        text = f"No rule says when {facts.test} may be released without a person"
        return self.origin.finding("no_rule", text)


@dataclass(frozen=True, slots=True)
class Slot:
    """One criterion of one test on one line; `candidates` in the order of precedence."""

    criterion: Criterion
    test: str
    candidates: tuple[Candidate, ...]

    def choose(self, who: Who) -> tuple[Candidate | None, str]:
        """The first candidate whose scope fits; or which property is lacking to know it."""
        for candidate in self.candidates:
            lacking = candidate.scope.missing(who)
            if lacking == "":
                return candidate, ""
            if lacking is not None:
                return candidate, lacking
        return None, ""

    def checks(self, who: Who) -> tuple[Check, ...]:
        """The checks in force for somebody."""
        candidate, lacking = self.choose(who)
        if candidate is None:
            return unstated(self.criterion, self.test)
        if lacking:
            origin = Origin(self.criterion, candidate.rule, candidate.place, test=self.test)
            return (DoubtCheck(origin, lacking),)
        return candidate.checks


def in_order(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The most specific scope first; of equal ones the one that was read last (README, Precedence)."""
    return tuple(sorted(candidates, key=lambda one: (one.scope.rank(), one.number), reverse=True))


@dataclass(slots=True)
class Plan:
    """All that is checked of one test on one line."""

    test: str
    slots: tuple[Slot, ...]
    always: tuple[Check, ...]
    edges: tuple[int, ...] = ()
    by_sex: bool = False
    locations: frozenset[str] = frozenset()
    specimens: frozenset[str] = frozenset()
    _memo: dict[_Key, tuple[Find, ...]] = field(default_factory=dict)

    def finds(self, who: Who) -> tuple[Find, ...]:
        """The checks for this population, chosen once and remembered: there are as many as the rules can tell apart."""
        age, where, what = who.age_days, who.location, who.specimen
        band = 0
        if self.edges:
            band = -1 if age is None else bisect_right(self.edges, age)
        key = (
            band,
            who.sex if self.by_sex else None,
            where if where in self.locations or where is None else _OTHER,
            what if what in self.specimens or what is None else _OTHER,
        )
        found = self._memo.get(key)
        if found is None:
            if len(self._memo) >= REMEMBERED:
                self._memo.clear()
            found = self._memo[key] = tuple(check.find for check in self._checks(who))
        return found

    def _checks(self, who: Who) -> tuple[Check, ...]:
        chosen: list[Check] = []
        has_rule = False
        for slot in self.slots:
            candidate, _lacking = slot.choose(who)
            has_rule = has_rule or (candidate is not None and bool(candidate.checks))
            chosen.extend(slot.checks(who))
        if not has_rule:
            chosen.append(NoRuleCheck(Origin(Criterion.RULE, test=self.test)))
        return (*self.always, *chosen)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A compiled rule set."""

    name: str
    version: str
    digest: str
    plans: Mapping[tuple[str, str], Plan]

    def plan(self, test: str, line: str) -> Plan | None:
        """The plan of a test on a line; None when the rules do not declare the test."""
        return self.plans.get((test, line)) or self.plans.get((test, OTHER_LINE))


def compiled(rule_set: RuleSet) -> RuleBook:
    """Compile a rule set that `check` found no error in. Raises RulesWrong."""
    plans: dict[tuple[str, str], Plan] = {}
    beside = _beside(rule_set)
    for test, declared in rule_set.tests.items():
        rules = rule_set.of_test.get(test, ())
        made = candidates_of(rules, test, declared.what)
        lines = {line for rule in rules for line in rule.what.lines}
        for line in (OTHER_LINE, *sorted(lines)):
            plans[test, line] = plan_of(test, declared.what, made, line, beside.get(test, ()))
    unknown = sorted(set(rule_set.of_test) - set(rule_set.tests))
    if unknown:
        raise RulesWrong(
            f"{rule_set.of_test[unknown[0]][0].at()}: the test {unknown[0]} is not declared"
        )
    return RuleBook(rule_set.name, rule_set.version, rule_set.digest, plans)


def candidates_of(
    rules: Iterable[Placed[Rule]], test: str, declared: DeclaredTest
) -> Mapping[Criterion, tuple[Candidate, ...]]:
    """What the rules state for a test, per criterion in the order of precedence. Raises RulesWrong."""
    found: dict[Criterion, list[Candidate]] = {one: [] for one in STATED}
    for rule in rules:
        for criterion in rule.what.stated():
            checks = checks_of(rule, criterion, test, declared)
            place = rule.at(criterion.value)
            one = Candidate(rule.what.scope, rule.number, rule_key(rule), place, checks)
            found[criterion].append(one)
    return {criterion: in_order(ones) for criterion, ones in found.items()}


def plan_of(
    test: str,
    declared: DeclaredTest,
    candidates: Mapping[Criterion, tuple[Candidate, ...]],
    line: str,
    beside: tuple[Check, ...],
) -> Plan:
    """The plan of one test on one line, from the candidates of all lines."""
    slots = tuple(
        Slot(criterion, test, tuple(one for one in ones if _is_on(one.scope, line)))
        for criterion, ones in candidates.items()
    )
    scopes = {one.scope for slot in slots for one in slot.candidates}
    edges = {scope.age_from for scope in scopes} | {scope.age_below for scope in scopes}
    return Plan(
        test,
        slots,
        (*always(test, declared), *beside),
        tuple(sorted(edges - {0, NO_END})) if any(one.has_age for one in scopes) else (),
        any(scope.sex for scope in scopes),
        frozenset().union(*(scope.locations for scope in scopes)),
        frozenset().union(*(scope.specimens for scope in scopes)),
    )


def _is_on(scope: Scope, line: str) -> bool:
    return not scope.lines or line in scope.lines


def _beside(rule_set: RuleSet) -> Mapping[str, tuple[Check, ...]]:
    """The relations and panels of each test."""
    found: dict[str, tuple[Check, ...]] = {}
    checks: list[tuple[tuple[str, ...], Check]] = []
    checks += [(one.what.tests, relation_check(one, rule_set)) for one in rule_set.relations]
    checks += [(one.what.tests, panel_check(one)) for one in rule_set.panels]
    for tests, check in checks:
        for test in tests:
            found[test] = (*found.get(test, ()), check)
    return found
