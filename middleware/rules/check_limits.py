"""Limits that cannot be meant: swapped, missing, finer than a result, and criteria that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from middleware.routing.ucum import UnknownUnit
from middleware.rules.book import Candidate, Slot
from middleware.rules.cells import cells
from middleware.rules.check_scopes import bare_candidates
from middleware.rules.criteria import Criterion, DeltaMethod, Outside
from middleware.rules.problems import Code, RuleProblem, Weight
from middleware.rules.rule_set import DeclaredTest, Placed, Rule, RuleSet, rule_key
from middleware.rules.scope import Population, Scope, age_words
from middleware.rules.units import EXACT, converted, factor

LIMITED = (Criterion.MEASURING, Criterion.ABSURD, Criterion.CRITICAL, Criterion.REVIEW)


@dataclass(frozen=True, slots=True)
class _Written:
    """One number of a rule: the keys that lead to it; `in_unit` when it is converted with the rule's unit."""

    path: tuple[str | int, ...]
    number: Decimal
    in_unit: bool = True


def of_rule(rule: Placed[Rule], rule_set: RuleSet) -> Iterator[RuleProblem]:
    """What is wrong with the settings of one rule by themselves."""
    what = rule.what
    for criterion in LIMITED:
        yield from _pair(rule, criterion)
    yield from _without_effect(rule)
    for test in what.tests:
        declared = rule_set.tests.get(test)
        if declared is not None:
            yield from _numbers(rule, test, declared.what)


def _problem(code: Code, rule: Placed[Rule], path: tuple[str | int, ...], text: str) -> RuleProblem:
    return RuleProblem(code, rule.at(*path), text, rule=rule_key(rule))


def _pair(rule: Placed[Rule], criterion: Criterion) -> Iterator[RuleProblem]:
    limits = getattr(rule.what, criterion.value)
    name = criterion.value
    if limits is None:
        return
    if limits.low is None and limits.high is None:
        yield _problem(Code.NO_LIMIT, rule, (name,), f"{name} has neither low nor high")
    elif limits.low is not None and limits.high is not None and limits.low > limits.high:
        text = f"{name}: low {limits.low} is above high {limits.high}"
        found = _problem(Code.SWAPPED_LIMITS, rule, (name, "low"), text)
        yield replace(found, cure="swap them")


def _without_effect(rule: Placed[Rule]) -> Iterator[RuleProblem]:
    what = rule.what
    yield from _reruns_without_effect(rule)
    if what.age is not None and not what.scope.has_age:
        yield _problem(Code.SETTING_WITHOUT_EFFECT, rule, ("age",), "age: every age is inside")
    if what.indices is not None:
        limits = (what.indices.haemolysis, what.indices.icterus, what.indices.lipaemia)
        if not any(limits):
            yield _problem(Code.NO_LIMIT, rule, ("indices",), "indices limits no index")
    positive = what.first_positive
    if positive is not None and not positive.words and positive.at_least is None:
        text = "first_positive says of nothing that it is positive"
        yield _problem(Code.NO_LIMIT, rule, ("first_positive",), text)
    if what.flags is not None:
        listed = [*what.flags.ignore, *what.flags.rerun, *what.flags.block]
        for flag in sorted({flag for flag in listed if listed.count(flag) > 1}):
            text = f"flags: {flag} is listed twice"
            yield _problem(Code.NAME_TWICE, rule, ("flags",), text)
    for criterion in what.off:
        if getattr(what, criterion.value) is not None:
            text = f"{criterion.value} is stated and put off by the same rule"
            yield _problem(Code.SETTING_WITHOUT_EFFECT, rule, ("off",), text)


def _reruns_without_effect(rule: Placed[Rule]) -> Iterator[RuleProblem]:
    measuring = rule.what.measuring
    if measuring is None:
        return
    if measuring.dilution is not None and measuring.above is not Outside.RERUN:
        text = 'measuring: a dilution needs above = "rerun"'
        yield _problem(Code.SETTING_WITHOUT_EFFECT, rule, ("measuring", "dilution"), text)
    is_rerun = Outside.RERUN in (measuring.below, measuring.above)
    if "reruns" in measuring.model_fields_set and not is_rerun:
        text = 'measuring: reruns need below = "rerun" or above = "rerun"'
        yield _problem(Code.SETTING_WITHOUT_EFFECT, rule, ("measuring", "reruns"), text)


def _numbers(rule: Placed[Rule], test: str, declared: DeclaredTest) -> Iterator[RuleProblem]:
    key = rule_key(rule)
    words = rule.what.first_positive.words if rule.what.first_positive else ()
    for word in words:
        if word not in declared.words:
            message = f"{test} never says {word!r}"
            place = rule.at("first_positive", "words")
            yield RuleProblem(Code.SETTING_WITHOUT_EFFECT, place, message, "", key, test)
    written = list(_written(rule.what))
    if not written:
        return
    if declared.decimals is None:
        message = f"{test} has no numbers that a limit could be compared with"
        yield RuleProblem(Code.NO_NUMBERS, rule.at(*written[0].path), message, "", key, test)
        return
    for one in written:
        if one.in_unit:
            yield from _number(rule, test, declared, one)


def _number(
    rule: Placed[Rule], test: str, declared: DeclaredTest, one: _Written
) -> Iterator[RuleProblem]:
    key, place = rule_key(rule), rule.at(*one.path)
    try:
        limit = converted(one.number, factor(rule.what.unit, declared.unit))
    except UnknownUnit:
        return  # told by name where units are checked
    except ValueError as error:
        message = f"{one.number} {rule.what.unit} {error}"
        cure = f"write it in {declared.unit}"
        yield RuleProblem(Code.LIMIT_NOT_EXACT, place, message, cure, key, test)
        return
    if EXACT.remainder(limit, declared.resolution) != 0:
        message = (
            f"{limit} lies between two results of {test}, which has {declared.decimals} decimals"
        )
        cure = "write the limit as a result"
        yield RuleProblem(Code.FINER_THAN_RESULT, place, message, cure, key, test, Weight.WARNING)


def _written(rule: Rule) -> Iterator[_Written]:
    """Every number that is compared with the result or its change."""
    for criterion in LIMITED:
        limits = getattr(rule, criterion.value)
        for side in ("low", "high"):
            number = getattr(limits, side, None)
            if number is not None:
                yield _Written((criterion.value, side), number)
    for number, delta in enumerate(rule.delta or ()):
        in_unit = delta.method is DeltaMethod.ABSOLUTE
        yield _Written(("delta", number, "limit"), delta.limit or Decimal(1), in_unit)
    if rule.first_positive is not None and rule.first_positive.at_least is not None:
        yield _Written(("first_positive", "at_least"), rule.first_positive.at_least)


_Range = tuple[Decimal | None, Decimal | None]


def of_test(rule_set: RuleSet, test: str, lines: frozenset[str]) -> Iterator[RuleProblem]:
    """Criteria that contradict each other where they are in force together."""
    declared = rule_set.tests[test].what
    rules = rule_set.of_test[test]
    by_number = {rule.number: rule for rule in rules}
    slots = [
        Slot(criterion, test, ones)
        for criterion, ones in bare_candidates(rules).items()
        if criterion in LIMITED
    ]
    seen: set[tuple[int, ...]] = set()
    bare: Population | None = None
    for who in cells(Scope(), rules, declared, lines):
        chosen = [slot.choose(who)[0] for slot in slots]
        key = tuple(one.number if one else 0 for one in chosen)
        if key in seen:
            continue
        seen.add(key)
        ranges = {
            slot.criterion: (by_number[one.number], limits)
            for slot, one in zip(slots, chosen, strict=True)
            if one and (limits := _range(by_number[one.number], slot.criterion, declared, one))
        }
        yield from _contradictions(ranges, test)
        if declared.decimals is not None and not _is_limited(slots, chosen, by_number):
            bare = bare or who
    if bare is not None:
        yield _without_limits(rule_set, test, bare)


def _is_limited(
    slots: list[Slot], chosen: list[Candidate | None], rules: Mapping[int, Placed[Rule]]
) -> bool:
    """Whether a critical or review limit counts."""
    return any(
        slot.criterion in (Criterion.CRITICAL, Criterion.REVIEW)
        and one is not None
        and slot.criterion not in rules[one.number].what.off
        for slot, one in zip(slots, chosen, strict=True)
    )


def _without_limits(rule_set: RuleSet, test: str, who: Population) -> RuleProblem:
    words = f"{age_words(who.age_days or 0)}, {who.sex.value if who.sex else 'any sex'}"
    message = f"{test} has neither critical nor review limits for everybody, as {words}"
    cure = "a number of any size may be released; write review limits"
    place = rule_set.tests[test].at()
    return RuleProblem(Code.WITHOUT_LIMITS, place, message, cure, "", test, Weight.WARNING)


def _range(
    rule: Placed[Rule], criterion: Criterion, declared: DeclaredTest, _one: Candidate
) -> _Range | None:
    limits: Any = getattr(rule.what, criterion.value)
    if limits is None or criterion in rule.what.off:
        return None
    try:
        by = factor(rule.what.unit, declared.unit)
        low, high = (
            None if number is None else converted(number, by)
            for number in (limits.low, limits.high)
        )
    except ValueError:
        return None  # told by name where the number is checked
    return low, high


_Ranges = Mapping[Criterion, tuple[Placed[Rule], _Range]]
_PAIRS = (
    (Criterion.CRITICAL, Criterion.REVIEW, Code.CRITICAL_INSIDE_REVIEW, Weight.ERROR),
    (Criterion.ABSURD, Criterion.CRITICAL, Code.OUTSIDE_ABSURD, Weight.ERROR),
    (Criterion.ABSURD, Criterion.REVIEW, Code.OUTSIDE_ABSURD, Weight.ERROR),
    (Criterion.MEASURING, Criterion.CRITICAL, Code.OUTSIDE_MEASURING, Weight.WARNING),
    (Criterion.MEASURING, Criterion.REVIEW, Code.OUTSIDE_MEASURING, Weight.WARNING),
)


def _contradictions(ranges: _Ranges, test: str) -> Iterator[RuleProblem]:
    for outer, inner, code, weight in _PAIRS:
        if outer in ranges and inner in ranges:
            yield from _outside(
                ranges, (outer, inner), RuleProblem(code, "", "", "", "", test, weight)
            )
    lows = [low for _rule, (low, _high) in ranges.values() if low is not None]
    highs = [high for _rule, (_low, high) in ranges.values() if high is not None]
    if lows and highs and max(lows) > min(highs):
        rule = next(iter(ranges.values()))[0]
        message = f"no value of {test} lies inside all limits: every result is held"
        names = ", ".join(criterion.value for criterion in ranges)
        cure = f"compare {names}"
        yield RuleProblem(Code.NOTHING_RELEASED, rule.at(), message, cure, rule_key(rule), test)


def _outside(
    ranges: _Ranges, pair: tuple[Criterion, Criterion], problem: RuleProblem
) -> Iterator[RuleProblem]:
    """Where the inner range reaches beyond the outer one."""
    (outer_rule, outer), (inner_rule, inner) = ranges[pair[0]], ranges[pair[1]]
    for side, number in (("low", 0), ("high", 1)):
        far, near = outer[number], inner[number]
        if far is None or near is None:
            continue
        if (near < far) if side == "low" else (near > far):
            names = f"{pair[1].value} {side} {near} lies outside {pair[0].value} {side} {far}"
            yield replace(
                problem,
                place=inner_rule.at(pair[1].value, side),
                message=f"{problem.test}: {names} ({outer_rule.at(pair[0].value, side)})",
                rule=rule_key(inner_rule),
            )
