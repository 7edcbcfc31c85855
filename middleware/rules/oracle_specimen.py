"""The part of the oracle that judges a result beside the others of its specimen."""

from __future__ import annotations

from fractions import Fraction

from middleware.rules.facts import Facts, Neighbour
from middleware.rules.rule_set import Panel, PanelWhole, Relation, RelationKind, RuleSet
from middleware.rules.units import in_ucum


def relation_code(rule_set: RuleSet, relation: Relation, facts: Facts) -> str:
    """The code of the finding of a relation, "" for none."""
    if facts.test not in relation.tests:
        return ""
    values = []
    for test in relation.tests:
        one = (
            Neighbour(facts.value, facts.unit, facts.comparator)
            if test == facts.test
            else facts.others.get(test)
        )
        if one is None:
            if facts.awaited is None:
                return "orders_unknown"
            return "awaited" if test in facts.awaited else ""
        unit = rule_set.tests[test].what.unit
        if one.value is None or one.comparator or in_ucum(one.unit) != in_ucum(unit):
            return "not_comparable"
        values.append(Fraction(one.value))
    number = _number(relation, values)
    if number is None:
        return "no_ratio"
    is_part = relation.kind is RelationKind.PART
    low = Fraction(relation.low or 0) if relation.low is not None or is_part else None
    if low is not None and number < low:
        return "low"
    return "high" if relation.high is not None and number > Fraction(relation.high) else ""


def _number(relation: Relation, values: list[Fraction]) -> Fraction | None:
    if relation.kind is RelationKind.RATIO:
        return values[0] / values[1] if values[1] > 0 else None
    if relation.kind is RelationKind.SUM:
        factors = [Fraction(one) for one in relation.factors] or [Fraction(1)] * len(values)
        return sum((a * b for a, b in zip(values, factors, strict=True)), Fraction(0))
    return values[0] - sum(values[1:], Fraction(0))


def panel_code(panel: Panel, facts: Facts) -> str:
    """The code of the finding of a panel, "" for none."""
    if facts.test not in panel.tests:
        return ""
    needed = set(panel.tests) - {facts.test} - set(facts.others)
    if panel.whole is PanelWhole.ALL:
        return "incomplete" if needed else ""
    if facts.awaited is None:
        return "orders_unknown" if needed else ""
    return "incomplete" if needed & facts.awaited else ""
