"""Judge one result by a compiled rule set: every check, every finding; the strictest wins."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from middleware.rules.book import RuleBook
from middleware.rules.criteria import STRICTNESS, Criterion, Fate
from middleware.rules.facts import COMPARATORS, Facts, is_workable
from middleware.rules.findings import Origin, RuleFinding

_ORDER = {criterion: number for number, criterion in enumerate(Criterion)}


class Judgement(NamedTuple):
    """What becomes of a result. `checked` counts the checks that looked at it."""

    fate: Fate
    findings: tuple[RuleFinding, ...]
    checked: int


def evaluate(book: RuleBook, facts: Facts) -> Judgement:
    """Judge one result. Findings are in the order of `Criterion`. Never raises, whatever the values are."""
    plan = book.plan(facts.test, facts.line)
    if plan is None:
        return Judgement(Fate.HOLD, (_unknown_test(facts),), 0)
    if facts.comparator not in COMPARATORS or (
        facts.value is not None and not is_workable(facts.value)
    ):
        facts = replace(facts, value=None, comparator="", text="")
    finds = plan.finds(facts)
    found = [finding for find in finds if (finding := find(facts)) is not None]
    if not found:
        return Judgement(Fate.RELEASE, (), len(finds))
    found.sort(key=_place_in_order)
    fate = max((finding.fate for finding in found), key=STRICTNESS.__getitem__)
    return Judgement(fate, tuple(found), len(finds))


def _place_in_order(finding: RuleFinding) -> int:
    return _ORDER[finding.criterion]


def _unknown_test(facts: Facts) -> RuleFinding:
    origin = Origin(Criterion.RULE, test=facts.test)
    return origin.finding("unknown_test", f"The rules do not know the test {facts.test}")
