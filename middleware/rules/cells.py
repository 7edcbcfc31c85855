"""The populations that the rules of a test can tell apart: one representative of each, within the scope of a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Any

from middleware.rules.rule_set import DeclaredTest, Placed, Rule
from middleware.rules.scope import NO_END, Population, Scope, Sex

CELLS_MOST = 5000
"""Of one rule or test; where rules tell more apart, so many are looked at, spread evenly over all."""
_STRIDE = 1_000_003
"""A prime, so that its multiples visit every place of a shorter circle."""
ELSEWHERE = "(elsewhere)"
"""A location or specimen type that no rule names."""


def cells(
    scope: Scope, rules: Iterable[Placed[Rule]], declared: DeclaredTest, lines: Iterable[str]
) -> Iterator[Population]:
    """One member of every population within `scope`, at most CELLS_MOST. `lines` are those that exist."""
    scopes = [rule.what.scope for rule in rules]
    axes: list[Sequence[Any]] = [
        _lines(scope, scopes, lines),
        _ages(scope, scopes),
        [scope.sex] if scope.sex else _sexes(scopes),
        _names(scope.locations, (one.locations for one in scopes), [""]),
        _specimens(scope, scopes, declared),
    ]
    count = prod(len(axis) for axis in axes)
    for number in range(min(count, CELLS_MOST)):
        place = number if count <= CELLS_MOST else number * _STRIDE % count
        chosen = []
        for axis in reversed(axes):
            place, at = divmod(place, len(axis))
            chosen.append(axis[at])
        specimen, location, sex, age, line = chosen
        yield Population(line, age, sex, location, specimen)


def _lines(scope: Scope, scopes: list[Scope], lines: Iterable[str]) -> list[str]:
    named = frozenset().union(*(one.lines for one in scopes))
    known = frozenset(lines)
    if scope.lines:
        return sorted(scope.lines & known if known else scope.lines)
    return ["", *sorted(named & known if known else named)]


def _ages(scope: Scope, scopes: list[Scope]) -> list[int]:
    edges = {one.age_from for one in scopes} | {one.age_below for one in scopes}
    edges |= {scope.age_from}
    return sorted(edge for edge in edges - {NO_END} if scope.age_from <= edge < scope.age_below)


def _sexes(scopes: list[Scope]) -> list[Sex]:
    return list(Sex) if any(one.sex for one in scopes) else [Sex.FEMALE]


def _names(asked: frozenset[str], named: Iterable[frozenset[str]], other: list[str]) -> list[str]:
    return sorted(asked) if asked else [*other, *sorted(frozenset().union(*named))]


def _specimens(scope: Scope, scopes: list[Scope], declared: DeclaredTest) -> list[str]:
    if not declared.specimens:
        return _names(scope.specimens, (one.specimens for one in scopes), [ELSEWHERE])
    return [one for one in declared.specimens if not scope.specimens or one in scope.specimens]
