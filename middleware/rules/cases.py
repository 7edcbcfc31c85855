"""Generated cases of one test: boundaries of criteria, edges of scopes, pairs, and what is always checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, NamedTuple

from middleware.rules.cells import ELSEWHERE, cells
from middleware.rules.clean import clean_facts
from middleware.rules.criteria import Criterion, Flags, SentAgain
from middleware.rules.facts import Facts
from middleware.rules.oracle import Expected, Oracle, rule_that_counts
from middleware.rules.rule_set import STATED, Placed, Rule, RuleSet, rule_key
from middleware.rules.scope import NO_END, Population, Scope, Sex
from middleware.rules.units import factor
from middleware.rules.variants import Ground, Kind, Variant, variants
from middleware.rules.variants_beside import beside_variants

UNSTATED: Mapping[Criterion, Any] = {
    Criterion.FLAGS: Flags(),
    Criterion.SENT_AGAIN: SentAgain(),
}
"""What counts where no rule states the criterion."""
NAMES_MOST = 5
"""Lines, locations or specimen types of one rule that get cases of their own."""


class Subject(NamedTuple):
    """What a case is about: one criterion that a rule states for a test."""

    test: str
    rule: str
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class Case:
    """One case and what must come out, as the written rules say."""

    subject: Subject
    kind: Kind
    at: str
    facts: Facts
    expected: Expected

    @property
    def name(self) -> str:
        test, rule, criterion = self.subject
        return f"{test} / {rule} / {criterion.value}: {self.kind.value} {self.at}"


@dataclass(slots=True)
class CasesOfTest:
    """All cases of one test, those of each subject by themselves; `unreached` never count for anybody."""

    test: str
    by_subject: dict[Subject, list[Case]] = field(default_factory=dict)
    pairs: list[Case] = field(default_factory=list)
    possible_pairs: set[frozenset[Criterion]] = field(default_factory=set)
    unreached: list[Subject] = field(default_factory=list)

    def all(self) -> Iterator[Case]:
        for cases in self.by_subject.values():
            yield from cases
        yield from self.pairs


def cases_of(rule_set: RuleSet, test: str) -> CasesOfTest:
    """Every generated case of a test. The rule set has no errors."""
    making = _Making(rule_set, test, CasesOfTest(test), Oracle(rule_set))
    for rule in rule_set.of_test.get(test, ()):
        for criterion in rule.what.stated():
            making.subject(rule, criterion)
    making.pairs()
    making.beside()
    return making.found


@dataclass(slots=True)
class _Making:
    rule_set: RuleSet
    test: str
    found: CasesOfTest
    oracle: Oracle
    clean: dict[Population, Facts] = field(default_factory=dict)
    off_by: dict[str, tuple[Criterion, ...]] = field(default_factory=dict)

    def subject(self, rule: Placed[Rule], criterion: Criterion) -> None:
        subject = Subject(self.test, rule_key(rule), criterion)
        self.off_by[subject.rule] = rule.what.off
        who = self._witness(rule, criterion)
        if who is None:
            self.found.unreached.append(subject)
            return
        tries = self._variants(rule, criterion, who)
        cases = [self._case(subject, self._facts(who), Variant(Kind.CLEAN, "", {}))]
        cases += [self._case(subject, self._facts(who), one) for one in tries]
        firing = next((one for one in cases if self._is_loud(one)), None)
        if firing is not None:
            cases += self._scope_cases(subject, rule, firing)
        self.found.by_subject.setdefault(subject, []).extend(cases)

    def _is_loud(self, case: Case) -> bool:
        """A case in which the criterion finds something; where a rule puts it off, one that would be found without."""
        if case.kind is Kind.CLEAN:
            return False
        if case.subject.criterion in self.off_by.get(case.subject.rule, ()):
            return case.kind in (Kind.OUTSIDE, Kind.STATE)
        return bool(case.expected.of(case.subject.criterion))

    def _witness(self, rule: Placed[Rule], criterion: Criterion) -> Population | None:
        """Somebody for whom the rule counts."""
        for who in self._cells(rule.what.scope):
            chosen, lacking = rule_that_counts(self.rule_set, criterion, self._facts(who))
            if chosen is not None and chosen.number == rule.number and not lacking:
                return who
        return None

    def _cells(self, scope: Scope) -> Iterator[Population]:
        rules = self.rule_set.of_test.get(self.test, ())
        return cells(scope, rules, self.rule_set.tests[self.test].what, ())

    def _facts(self, who: Population) -> Facts:
        facts = self.clean.get(who)
        if facts is None:
            facts = self.clean[who] = clean_facts(self.rule_set, self.test, who)
        return facts

    def _variants(self, rule: Placed[Rule], criterion: Criterion, who: Population) -> list[Variant]:
        """Those of the rule; of a rule that puts the criterion off, those of a rule that states it."""
        declared = self.rule_set.tests[self.test].what
        stating = rule
        if criterion in rule.what.off:
            others = [
                one
                for one in self.rule_set.of_test[self.test]
                if getattr(one.what, criterion.value) is not None
            ]
            if not others and criterion not in UNSTATED:
                return []
            stating = others[0] if others else rule
        by = factor(stating.what.unit, declared.unit)
        settings = getattr(stating.what, criterion.value) or UNSTATED[criterion]
        return variants(criterion, settings, Ground(self._facts(who), declared, by))

    def _case(self, subject: Subject, facts: Facts, variant: Variant) -> Case:
        changed = replace(facts, **variant.changes) if variant.changes else facts
        expected = self.oracle.expect(changed)
        return Case(subject, variant.kind, variant.at, changed, expected)

    def _scope_cases(self, subject: Subject, rule: Placed[Rule], firing: Case) -> Iterator[Case]:
        for word, changes in scope_changes(rule.what):
            facts = replace(firing.facts, **changes)
            yield Case(subject, Kind.SCOPE, word, facts, self.oracle.expect(facts))

    def pairs(self) -> None:
        """For every combination of rules that is in force together: each two of its criteria at once."""
        seen: set[tuple[int, ...]] = set()
        for who in self._cells(Scope()):
            facts = self._facts(who)
            chosen = [rule_that_counts(self.rule_set, one, facts)[0] for one in STATED]
            key = tuple(rule.number if rule is not None else 0 for rule in chosen)
            if key in seen:
                continue
            seen.add(key)
            self._pairs_of(
                who,
                {
                    criterion: rule
                    for criterion, rule in zip(STATED, chosen, strict=True)
                    if rule is not None and criterion not in rule.what.off
                },
            )

    def beside(self) -> None:
        """What no rule states: form, unit, specimen type, relations and panels."""
        who = next(self._cells(Scope()))
        for criterion, key, variant in beside_variants(self.rule_set, self._facts(who)):
            subject = Subject(self.test, key, criterion)
            if subject not in self.found.by_subject:
                clean = self._case(subject, self._facts(who), Variant(Kind.CLEAN, "", {}))
                self.found.by_subject[subject] = [clean]
            self.found.by_subject[subject].append(self._case(subject, self._facts(who), variant))

    def _pairs_of(self, who: Population, rules: Mapping[Criterion, Placed[Rule]]) -> None:
        loud: dict[Criterion, list[Mapping[str, Any]]] = {}
        for criterion, rule in rules.items():
            kinds = (Kind.OUTSIDE, Kind.STATE)
            tries = self._variants(rule, criterion, who)
            loud[criterion] = [one.changes for one in tries if one.kind in kinds][:2]
        for one, other in combinations(rules, 2):
            changes = _joined(loud[one], loud[other])
            if changes is None:
                continue
            self.found.possible_pairs.add(frozenset((one, other)))
            subject = Subject(self.test, rule_key(rules[one]), one)
            at = f"with {other.value} ({rule_key(rules[other])})"
            self.found.pairs.append(
                self._case(subject, self._facts(who), Variant(Kind.PAIR, at, changes))
            )


def _joined(
    first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """Both changes at once where they touch different facts; statuses and indices are joined."""
    for one in first:
        for other in second:
            common = set(one) & set(other)
            if not common:
                return {**one, **other}
            if common == {"statuses"}:
                bad = {
                    key: value for key, value in one["statuses"].items() if value.value != "good"
                }
                return {"statuses": {**other["statuses"], **bad}}
    return None


def scope_changes(rule: Rule) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every edge of a scope, on both sides, and each property not known."""
    scope = rule.scope
    if scope.has_age:
        edges = {scope.age_from - 1, scope.age_from, scope.age_below - 1, scope.age_below}
        for age in sorted(edge for edge in edges if 0 <= edge < NO_END - 1):
            yield f"age {age} d", {"age_days": age}
        yield "age not known", {"age_days": None}
    if scope.sex:
        for sex in (*Sex, None):
            yield f"sex {sex.value if sex else 'not known'}", {"sex": sex}
    for field_name, names in (("location", rule.locations), ("specimen", rule.specimens)):
        for name in (*names[:NAMES_MOST], ELSEWHERE, None) if names else ():
            yield f"{field_name} {name or 'not known'}", {field_name: name}
    for line in (*rule.lines[:NAMES_MOST], "") if rule.lines else ():
        yield f"line {line or 'any other'}", {"line": line}
