"""Cases of what no `[[rule]]` states: form, unit and specimen type of a test, relations between tests, panels."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from middleware.rules.clean import grid
from middleware.rules.criteria import Criterion
from middleware.rules.facts import Facts, Neighbour
from middleware.rules.rule_set import Panel, Relation, RelationKind, RuleSet
from middleware.rules.units import EXACT
from middleware.rules.variants import UNHEARD, Kind, Variant

_Beside = tuple[Criterion, str, Variant]
_ANCHOR = 1000
"""Results; where the partners of a relation stand before one is moved to the limit."""


def beside_variants(rule_set: RuleSet, facts: Facts) -> Iterator[_Beside]:
    """All for one test, with the criterion and the id of the relation or panel."""
    for criterion, variant in _form(rule_set, facts):
        yield criterion, "", variant
    for relation in rule_set.relations_of.get(facts.test, ()):
        if facts.value is not None:
            for variant in _relation(rule_set, relation.what, facts):
                yield Criterion.CONSISTENCY, relation.what.id, variant
    for panel in rule_set.panels_of.get(facts.test, ()):
        for variant in _panel(rule_set, panel.what, facts):
            yield Criterion.COMPLETENESS, panel.what.id, variant


def _form(rule_set: RuleSet, facts: Facts) -> Iterator[tuple[Criterion, Variant]]:
    declared = rule_set.tests[facts.test].what
    form = Criterion.FORM
    nothing = {"value": None, "text": "", "comparator": ""}
    yield form, Variant(Kind.MISSING, "no value", nothing)
    yield form, Variant(Kind.STATE, "a word not listed", {**nothing, "text": UNHEARD})
    for word in declared.words:
        yield form, Variant(Kind.INSIDE, word, {"value": None, "text": word, "unit": ""})
    if facts.value is None:
        number = {"value": Decimal(1), "unit": declared.unit}
        yield form, Variant(Kind.OUTSIDE, "a number", number)
        yield Criterion.UNIT, Variant(Kind.STATE, "a unit", {"unit": "{another}"})
    else:
        finer = EXACT.add(facts.value, declared.resolution.scaleb(-1))
        yield form, Variant(Kind.OUTSIDE, "a decimal more", {"value": finer})
        yield form, Variant(Kind.STATE, "a comparator not known", {"comparator": "~"})
        yield Criterion.UNIT, Variant(Kind.STATE, "another unit", {"unit": "{another}"})
        yield Criterion.UNIT, Variant(Kind.MISSING, "no unit", {"unit": ""})
    if declared.specimens:
        yield Criterion.SPECIMEN, Variant(Kind.STATE, "another", {"specimen": UNHEARD})
        yield Criterion.SPECIMEN, Variant(Kind.MISSING, "not known", {"specimen": None})
        for specimen in declared.specimens:
            yield Criterion.SPECIMEN, Variant(Kind.INSIDE, specimen, {"specimen": specimen})


def _panel(rule_set: RuleSet, panel: Panel, facts: Facts) -> Iterator[Variant]:
    mates = [test for test in panel.tests if test != facts.test]
    there = {test: _neighbour(rule_set, test, Decimal(1)) for test in mates}
    yield Variant(Kind.INSIDE, "all there", {"others": there, "awaited": frozenset()})
    yield Variant(Kind.INSIDE, "none ordered", {"others": {}, "awaited": frozenset()})
    yield Variant(Kind.MISSING, "orders not known", {"others": {}, "awaited": None})
    for test in mates:
        rest = {name: one for name, one in there.items() if name != test}
        changes = {"others": rest, "awaited": frozenset({test})}
        yield Variant(Kind.MISSING, f"{test} awaited", changes)
        yield Variant(Kind.MISSING, f"{test} not ordered", {"others": rest, "awaited": frozenset()})


def _neighbour(rule_set: RuleSet, test: str, value: Decimal | None) -> Neighbour:
    declared = rule_set.tests.get(test)
    return Neighbour(value, declared.what.unit if declared is not None else "")


def _relation(rule_set: RuleSet, relation: Relation, facts: Facts) -> Iterator[Variant]:
    """The last partner is moved so that the relation lies on each limit, and one result beside it on both sides."""
    partners = [test for test in relation.tests if test != facts.test]
    low = relation.low
    if low is None and relation.kind is RelationKind.PART:
        low = Decimal(0)
    for side, limit in (("low", low), ("high", relation.high)):
        if limit is None:
            continue
        for kind, steps in ((Kind.OUTSIDE, -1), (Kind.ON, 0), (Kind.OUTSIDE, 1), (Kind.OUTSIDE, 2)):
            changes = _on_limit(rule_set, relation, facts, Fraction(limit), steps)
            yield Variant(kind, f"{side} {steps:+d}", changes)
    whole = {test: _neighbour(rule_set, test, _anchor(rule_set, test)) for test in partners}
    for test in partners:
        rest = {name: one for name, one in whole.items() if name != test}
        yield Variant(
            Kind.MISSING, f"{test} awaited", {"others": rest, "awaited": frozenset({test})}
        )
        yield Variant(Kind.MISSING, f"{test} not ordered", {"others": rest})
        none = {**whole, test: _neighbour(rule_set, test, None)}
        yield Variant(Kind.MISSING, f"{test} without number", {"others": none})
        foreign = {**whole, test: Neighbour(_anchor(rule_set, test), "{another}")}
        yield Variant(Kind.MISSING, f"{test} in another unit", {"others": foreign})
    yield Variant(Kind.MISSING, "orders not known", {"others": {}, "awaited": None})
    zero = {test: _neighbour(rule_set, test, Decimal(0)) for test in partners}
    yield Variant(Kind.STATE, "partners are 0", {"others": zero})


def _anchor(rule_set: RuleSet, test: str) -> Decimal:
    return EXACT.multiply(rule_set.tests[test].what.resolution, Decimal(_ANCHOR))


def _on_limit(
    rule_set: RuleSet, relation: Relation, facts: Facts, limit: Fraction, steps: int
) -> dict[str, Any]:
    assert facts.value is not None
    moved = next(test for test in reversed(relation.tests) if test != facts.test)
    values = {test: _anchor(rule_set, test) for test in relation.tests}
    values[facts.test] = facts.value
    resolution = rule_set.tests[moved].what.resolution
    values[moved] = grid(_solved(relation, values, moved, limit), resolution, steps)
    others = {
        test: _neighbour(rule_set, test, value)
        for test, value in values.items()
        if test != facts.test
    }
    return {"others": others}


def _solved(
    relation: Relation, values: dict[str, Decimal], moved: str, limit: Fraction
) -> Fraction:
    """The value of `moved` with which the relation is exactly `limit`."""
    place = relation.tests.index(moved)
    if relation.kind is RelationKind.RATIO:
        first, second = (Fraction(values[test]) for test in relation.tests)
        if place == 0:
            return limit * second
        return first / limit if limit else first
    factors = [Fraction(one) for one in relation.factors] or [Fraction(1)] * len(relation.tests)
    if relation.kind is not RelationKind.SUM:
        factors = [Fraction(1), *(Fraction(-1) for _ in relation.tests[1:])]
    rest = sum(
        (
            Fraction(values[test]) * factor
            for test, factor in zip(relation.tests, factors, strict=True)
            if test != moved
        ),
        Fraction(0),
    )
    return (limit - rest) / factors[place] if factors[place] else Fraction(0)
