"""A result of a test that no rule has anything against: what generated cases start from."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from middleware.rules.criteria import Criterion, Index
from middleware.rules.facts import Facts, Neighbour, Previous, Source, Status
from middleware.rules.oracle import rule_that_counts
from middleware.rules.rule_set import DeclaredTest, PanelWhole, RuleSet
from middleware.rules.scope import Population
from middleware.rules.units import EXACT, factor

NOON = 1_700_000_000
"""When every made-up specimen was collected; seconds since 1970."""
_RANGES = (Criterion.MEASURING, Criterion.ABSURD, Criterion.CRITICAL, Criterion.REVIEW)
_STEPS = 100


def clean_facts(rule_set: RuleSet, test: str, who: Population) -> Facts:
    """The facts with which nothing should be found; where limits exclude each other something is, all the same."""
    declared = rule_set.tests[test].what
    facts = Facts(
        test,
        who.line,
        unit=declared.unit,
        indices=dict.fromkeys(Index, Decimal(0)),
        age_days=who.age_days,
        sex=who.sex,
        location=who.location,
        specimen=who.specimen,
        collected_at=NOON,
        awaited=frozenset(),
        was_positive=False,
        others=_panel_mates(rule_set, test),
        statuses=dict.fromkeys(Source, Status.GOOD),
    )
    if declared.decimals is None:
        return replace(facts, text=_word(rule_set, facts, declared), unit="")
    value = _inside(rule_set, facts, declared)
    return replace(facts, value=value, previous=_previous(rule_set, facts, value))


def grid(number: Fraction, resolution: Decimal, steps: int = 0) -> Decimal:
    """The result at or below a number, and so many results on."""
    count = number / Fraction(resolution)
    whole = count.numerator // count.denominator
    return EXACT.multiply(Decimal(whole + steps), resolution)


def _word(rule_set: RuleSet, facts: Facts, declared: DeclaredTest) -> str:
    rule, _lacking = rule_that_counts(rule_set, Criterion.FIRST_POSITIVE, facts)
    settings = rule.what.first_positive if rule is not None else None
    positive = settings.words if settings is not None else ()
    quiet = [word for word in declared.words if word not in positive]
    return (quiet or list(declared.words) or [""])[0]


def _inside(rule_set: RuleSet, facts: Facts, declared: DeclaredTest) -> Decimal:
    """A value in the middle of all limits that count."""
    lows: list[Fraction] = []
    highs: list[Fraction] = []
    for criterion in (*_RANGES, Criterion.FIRST_POSITIVE):
        rule, _lacking = rule_that_counts(rule_set, criterion, facts)
        settings: Any = getattr(rule.what, criterion.value) if rule is not None else None
        if rule is None or settings is None:
            continue
        by = factor(rule.what.unit, declared.unit)
        low = getattr(settings, "low", None)
        high = getattr(settings, "high", getattr(settings, "at_least", None))
        lows += [] if low is None else [Fraction(low) * by]
        highs += [] if high is None else [Fraction(high) * by]
    step = Fraction(declared.resolution)
    if lows and highs:
        return grid((max(lows) + min(highs)) / 2, declared.resolution)
    if lows:
        return grid(max(lows) + _STEPS * step, declared.resolution)
    if highs:
        return grid(
            min(highs) / 2 if min(highs) > 0 else min(highs) - _STEPS * step, declared.resolution
        )
    return grid(_STEPS * step, declared.resolution)


def _previous(rule_set: RuleSet, facts: Facts, value: Decimal) -> Previous:
    """The same value, recent enough for every delta check."""
    rule, _lacking = rule_that_counts(rule_set, Criterion.DELTA, facts)
    deltas = rule.what.delta if rule is not None and rule.what.delta else ()
    age_s = min((one.within for one in deltas), default=86400) // 2
    return Previous(value, facts.unit, NOON - age_s)


def _panel_mates(rule_set: RuleSet, test: str) -> dict[str, Neighbour]:
    """The others of a panel that waits for all, each with some number."""
    return {
        other: Neighbour(Decimal(100), rule_set.tests[other].what.unit)
        for panel in rule_set.panels_of.get(test, ())
        if panel.what.whole is PanelWhole.ALL
        for other in panel.what.tests
        if other != test and other in rule_set.tests
    }
