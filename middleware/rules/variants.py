"""Boundary cases of each criterion, as changes of a clean result: inside, on, just outside, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple

from middleware.rules.clean import NOON, grid
from middleware.rules.criteria import Criterion, Index
from middleware.rules.facts import Facts, Released, Source, Status
from middleware.rules.rule_set import DeclaredTest
from middleware.rules.units import EXACT
from middleware.rules.variants_delta import delta_variants

UNHEARD = "UNHEARD-OF"
"""A flag or word that no rule lists."""


class Kind(StrEnum):
    """What a case tries; coverage is told by these."""

    CLEAN = "clean"
    INSIDE = "inside"
    ON = "on"
    OUTSIDE = "outside"
    CENSORED = "censored"
    MISSING = "missing"
    STATE = "state"
    RUN = "run"
    SCOPE = "scope"
    PAIR = "pair"


class Variant(NamedTuple):
    """`changes` are fields of `Facts`; `at` names the setting that is tried, in words."""

    kind: Kind
    at: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ground:
    """What variants are made from: the clean result, its test, and the factor of the rule's unit."""

    facts: Facts
    declared: DeclaredTest
    by: Fraction

    def around(
        self, limit: Decimal, by: Fraction | None = None
    ) -> tuple[Decimal, Decimal, Decimal]:
        """The results just below a limit, on it (or the nearest below), and just above."""
        exact = Fraction(limit) * (self.by if by is None else by)
        on = grid(exact, self.declared.resolution)
        below = on if on != exact else grid(exact, self.declared.resolution, -1)
        return below, on, grid(exact, self.declared.resolution, 1)


def variants(criterion: Criterion, settings: Any, ground: Ground) -> list[Variant]:
    """All of one criterion. What fires comes with what does not."""
    return list(_MAKERS[criterion](criterion, settings, ground))


def _limits(_criterion: Criterion, settings: Any, ground: Ground) -> Iterator[Variant]:
    yield from _sides(settings, ground, Fraction(1))
    middle = ground.facts.value
    for comparator in ("<", ">"):
        changes = {"value": middle, "comparator": comparator}
        yield Variant(Kind.CENSORED, f"{comparator} in the middle", changes)
    yield Variant(Kind.MISSING, "no value", {"value": None, "text": ""})


def _sides(settings: Any, ground: Ground, by: Fraction) -> Iterator[Variant]:
    for side in ("low", "high"):
        limit = getattr(settings, side)
        if limit is None:
            continue
        below, on, above = ground.around(limit, ground.by * by)
        inner, outer = (above, below) if side == "low" else (below, above)
        yield Variant(Kind.OUTSIDE, side, {"value": outer})
        yield Variant(Kind.ON, side, {"value": on})
        yield Variant(Kind.INSIDE, side, {"value": inner})
        for comparator in ("<", "<=", ">", ">="):
            changes = {"value": on, "comparator": comparator}
            yield Variant(Kind.CENSORED, f"{side} {comparator}", changes)
        for comparator, value in (("<=", below), ("<", above), (">=", above), (">", below)):
            changes = {"value": value, "comparator": comparator}
            yield Variant(Kind.CENSORED, f"beside {side} {comparator}", changes)


def _measuring(_criterion: Criterion, settings: Any, ground: Ground) -> Iterator[Variant]:
    yield from _limits(_criterion, settings, ground)
    for side in ("low", "high"):
        limit = getattr(settings, side)
        if limit is None:
            continue
        below, _on, above = ground.around(limit)
        value = below if side == "low" else above
        for run in range(1, settings.reruns + 2):
            yield Variant(Kind.RUN, f"{side}, run {run}", {"value": value, "run": run})
    by = settings.dilution or Decimal(2)
    for one in _sides(settings, ground, Fraction(by)):
        if one.kind is not Kind.CENSORED:
            yield Variant(Kind.RUN, f"{one.at}, diluted", {**one.changes, "dilution": by})
    yield Variant(Kind.MISSING, "a dilution of 0", {"dilution": Decimal(0)})


def _gate(criterion: Criterion, _settings: Any, ground: Ground) -> Iterator[Variant]:
    source = Source(criterion.value)
    for status in (Status.BAD, Status.EXPIRED, Status.UNKNOWN, Status.WARNING, Status.GOOD):
        statuses = {**ground.facts.statuses, source: status}
        yield Variant(Kind.STATE, status.value, {"statuses": statuses})
    lacking = {key: value for key, value in ground.facts.statuses.items() if key is not source}
    yield Variant(Kind.MISSING, "no status", {"statuses": lacking})


def _indices(_criterion: Criterion, settings: Any, ground: Ground) -> Iterator[Variant]:
    for index in Index:
        limit = getattr(settings, index.value)
        if limit is None:
            continue
        step = Decimal(1).scaleb(min(0, int(limit.above.as_tuple().exponent)))
        for kind, level in (
            (Kind.OUTSIDE, EXACT.add(limit.above, step)),
            (Kind.ON, limit.above),
            (Kind.INSIDE, EXACT.subtract(limit.above, step)),
        ):
            indices = {**ground.facts.indices, index: level}
            yield Variant(kind, index.value, {"indices": indices})
        lacking = {key: value for key, value in ground.facts.indices.items() if key is not index}
        yield Variant(Kind.MISSING, index.value, {"indices": lacking})


def _flags(_criterion: Criterion, settings: Any, _ground: Ground) -> Iterator[Variant]:
    yield Variant(Kind.STATE, "a flag that is not listed", {"flags": (UNHEARD,)})
    for flag in dict.fromkeys((*settings.block, *settings.rerun, *settings.ignore)):
        yield Variant(Kind.STATE, flag, {"flags": (flag,)})
        yield Variant(Kind.STATE, f"{flag} and another", {"flags": (flag, UNHEARD)})
    yield Variant(Kind.MISSING, "no flag", {"flags": ()})


def _first_positive(_criterion: Criterion, settings: Any, ground: Ground) -> Iterator[Variant]:
    positives: list[tuple[str, dict[str, Any]]] = [
        (word, {"value": None, "text": word, "unit": ""}) for word in settings.words
    ]
    if settings.at_least is not None:
        below, on, above = ground.around(settings.at_least)
        positives += [("on", {"value": on}), ("above", {"value": above})]
        yield Variant(Kind.INSIDE, "below", {"value": below})
        for comparator in ("<", ">", "<=", ">="):
            for value in (below, on, above):
                changes = {"value": value, "comparator": comparator}
                yield Variant(Kind.CENSORED, f"at_least {comparator}", changes)
    for name, changes in positives:
        yield Variant(Kind.OUTSIDE, name, {**changes, "was_positive": False})
        yield Variant(Kind.STATE, f"{name}, positive before", {**changes, "was_positive": True})
        yield Variant(Kind.MISSING, f"{name}, unknown before", {**changes, "was_positive": None})


def _sent_again(_criterion: Criterion, settings: Any, ground: Ground) -> Iterator[Variant]:
    value, text = ground.facts.value, ground.facts.text
    if value is None:
        yield Variant(Kind.OUTSIDE, "another word", {"released": Released(None, UNHEARD)})
        yield Variant(Kind.INSIDE, "the same", {"released": Released(None, text)})
        return
    tolerance = Fraction(settings.tolerance) * ground.by
    resolution = ground.declared.resolution
    for kind, steps in ((Kind.ON, 0), (Kind.OUTSIDE, 1)):
        was = EXACT.add(value, grid(tolerance, resolution, steps))
        yield Variant(kind, "tolerance", {"released": Released(was)})
    yield Variant(Kind.OUTSIDE, "another comparator", {"released": Released(value, "", "<")})
    yield Variant(Kind.MISSING, "a word before", {"released": Released(None, UNHEARD)})
    yield Variant(Kind.INSIDE, "the same", {"released": Released(value)})


def _delta(_criterion: Criterion, settings: Any, ground: Ground) -> Iterator[Variant]:
    for number, one in enumerate(settings):
        for name, word, changes in delta_variants(one, ground.facts, ground.declared, ground.by):
            yield Variant(Kind(name), f"{number + 1}: {word}", changes)
    late = {"collected_at": NOON}
    yield Variant(Kind.MISSING, "no previous result", {**late, "previous": None})
    yield Variant(Kind.MISSING, "no time of collection", {"collected_at": None})


_Maker = Callable[[Criterion, Any, Ground], Iterator[Variant]]
_MAKERS: Mapping[Criterion, _Maker] = {
    Criterion.FLAGS: _flags,
    Criterion.QC: _gate,
    Criterion.CALIBRATION: _gate,
    Criterion.REAGENT: _gate,
    Criterion.INDICES: _indices,
    Criterion.MEASURING: _measuring,
    Criterion.ABSURD: _limits,
    Criterion.CRITICAL: _limits,
    Criterion.REVIEW: _limits,
    Criterion.DELTA: _delta,
    Criterion.FIRST_POSITIVE: _first_positive,
    Criterion.MOVING_AVERAGE: _gate,
    Criterion.SENT_AGAIN: _sent_again,
}
