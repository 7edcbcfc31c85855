"""Mutants of what no `[[rule]]` states: relations between tests, and panels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from middleware.rules.build import panel_check, relation_check
from middleware.rules.findings import Check
from middleware.rules.mutants import swapped
from middleware.rules.rule_set import Panel, Placed, Relation, RuleSet
from middleware.rules.specimen_checks import RelationCheck


def relation_mutants(relation: Placed[Relation], rule_set: RuleSet) -> Iterator[tuple[str, Check]]:
    """Each operator swapped, each limit moved as far as results of its tests can show, each sign of a sum turned."""
    check = relation_check(relation, rule_set)
    for words, (changed,) in swapped((check,)):
        yield words, changed
    for side, limit in (("low", check.low), ("high", check.high)):
        if limit is None:
            continue
        step = _step(check, limit, rule_set)
        for other in (limit - step, limit + step):
            moved = replace(check, low=other) if side == "low" else replace(check, high=other)
            yield f"{side} {limit} -> {other}", moved
    if not check.is_ratio:
        for number, test in enumerate(check.tests):
            factors = [-one if at == number else one for at, one in enumerate(check.factors)]
            yield f"sign of {test}", replace(check, factors=tuple(factors))


def _step(check: RelationCheck, limit: Decimal, rule_set: RuleSet) -> Decimal:
    digit = Decimal(1).scaleb(int(limit.as_tuple().exponent))
    if check.is_ratio:
        return digit
    results = [
        abs(factor) * rule_set.tests[test].what.resolution
        for test, factor in zip(check.tests, check.factors, strict=True)
    ]
    return max(digit, *results)


def panel_mutants(panel: Placed[Panel], test: str) -> Iterator[tuple[str, Check]]:
    """Each other member left out, and waiting for all in place of those that are ordered."""
    check = panel_check(panel)
    for other in check.tests:
        if other != test:
            rest = tuple(one for one in check.tests if one != other)
            yield f"without {other}", replace(check, tests=rest)
    yield "whole", replace(check, needs_all=not check.needs_all)
