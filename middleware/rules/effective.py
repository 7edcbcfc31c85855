"""The rule in force for one test and one population: every setting with the place that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from middleware.rules.book import Slot, candidates_of
from middleware.rules.criteria import Criterion
from middleware.rules.rule_set import Location, Placed, Rule, RuleSet, RulesWrong
from middleware.rules.scope import Who


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """One setting: its key below the criterion, its value as text, and `file:line`."""

    key: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class InForce:
    """One criterion. `lacking` names the property without which nothing can be said; `is_off`: a rule puts it off.

    `overridden` names, in order, the places of the rules that would count otherwise.
    """

    criterion: Criterion
    rule: str
    place: str
    who: str
    settings: tuple[SettingInForce, ...] = ()
    lacking: str = ""
    is_off: bool = False
    overridden: tuple[str, ...] = ()


def effective(rule_set: RuleSet, test: str, who: Who) -> tuple[InForce, ...]:
    """What counts for `who`, in the order of `Criterion`. Raises RulesWrong when the test is not declared."""
    declared = rule_set.tests.get(test)
    if declared is None:
        raise RulesWrong(
            f"the test {test} is not declared", what_to_do="See `labwire rules check`."
        )
    rules = {rule.number: rule for rule in rule_set.of_test.get(test, ())}
    found = []
    for criterion, ones in candidates_of(rules.values(), test, declared.what).items():
        slot = Slot(criterion, test, ones)
        candidate, _lacking = slot.choose(who)
        if candidate is not None:
            found.append(_in_force(slot, rules[candidate.number], who))
    return tuple(found)


def _in_force(slot: Slot, rule: Placed[Rule], who: Who) -> InForce:
    criterion, ones = slot.criterion, slot.candidates
    candidate = next(one for one in ones if one.number == rule.number)
    lacking = candidate.scope.missing(who) or ""
    later = ones[ones.index(candidate) + 1 :]
    is_off = criterion in rule.what.off
    return InForce(
        criterion,
        candidate.rule,
        candidate.place,
        candidate.scope.words(),
        () if is_off else tuple(_settings(rule, criterion)),
        lacking,
        is_off,
        tuple(one.place for one in later if one.scope.missing(who) is not None),
    )


def _settings(rule: Placed[Rule], criterion: Criterion) -> Iterator[SettingInForce]:
    for path, value in leaves(getattr(rule.what, criterion.value)):
        key = ".".join(str(part) for part in path)
        yield SettingInForce(key, str(value), rule.at(criterion.value, *path))


def leaves(settings: Any, path: Location = ()) -> Iterator[tuple[Location, Any]]:
    """Every plain setting of a model with its path; what is not set is left out."""
    if isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from leaves(getattr(settings, name), (*path, name))
    elif isinstance(settings, tuple) and settings and isinstance(settings[0], BaseModel):
        for number, one in enumerate(settings):
            yield from leaves(one, (*path, number))
    elif isinstance(settings, tuple):
        if settings:
            yield path, ", ".join(str(one) for one in settings)
    elif settings is not None:
        yield path, settings
