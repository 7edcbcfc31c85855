"""Rules with one thing changed: a limit, an operator, a setting, a scope. Good cases notice each of them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from decimal import ROUND_UP, Decimal
from enum import Enum
from fractions import Fraction
from math import isqrt
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from middleware.rules.book import Candidate, Slot, in_order
from middleware.rules.build import checks_of
from middleware.rules.cases import Case
from middleware.rules.criteria import Criterion, Delta, DeltaMethod, Outside
from middleware.rules.delta_checks import DeltaCheck
from middleware.rules.effective import leaves
from middleware.rules.findings import Check, RuleFinding
from middleware.rules.limit_checks import LimitCheck, MeasuringCheck
from middleware.rules.rule_set import DeclaredTest, Location, Placed, Rule, RulesWrong
from middleware.rules.scope import NO_END, Scope, Sex
from middleware.rules.specimen_checks import RelationCheck
from middleware.rules.state_checks import FirstPositiveCheck
from middleware.rules.units import EXACT, factor

_SWAPPED: Mapping[Any, Any] = {
    operator.lt: operator.le,
    operator.le: operator.lt,
    operator.gt: operator.ge,
    operator.ge: operator.gt,
}


class Mutant(NamedTuple):
    """A changed candidate of one slot. `words` say what was changed; None drops the candidate."""

    words: str
    candidate: Candidate | None


Marks = frozenset[tuple[str, str]]


def mutants_of(
    candidate: Candidate,
    rule: Placed[Rule],
    criterion: Criterion,
    declared: DeclaredTest,
    test: str,
) -> Iterator[Mutant]:
    """Every mutant of what one rule states for one criterion of a test."""
    yield Mutant("dropped", None)
    for words, scope in _scopes(candidate.scope):
        yield Mutant(words, replace(candidate, scope=scope))
    if criterion in rule.what.off:
        return
    for words, checks in swapped(candidate.checks):
        yield Mutant(words, replace(candidate, checks=checks))
    for words, changed in _settings(rule, criterion, declared):
        try:
            checks = checks_of(changed, criterion, test, declared)
        except RulesWrong:
            continue  # it could not be compiled, so nobody could have meant it
        yield Mutant(words, replace(candidate, checks=checks))


def is_noticed(mutant: Mutant, slot: Slot, original: Candidate, cases: Iterable[Case]) -> bool:
    """Whether any case comes out otherwise than the written rules demand."""
    rest = [one for one in slot.candidates if one is not original]
    ones = in_order(rest if mutant.candidate is None else [*rest, mutant.candidate])
    changed = Slot(slot.criterion, slot.test, ones)
    return any(_marks(changed.checks(case.facts), case) != expected(case) for case in cases)


def expected(case: Case) -> Marks:
    """What the case demands of its own criterion."""
    of_criterion = case.expected.of(case.subject.criterion)
    return frozenset((f"{mark.code}:{mark.fate}:{mark.errand}", mark.rule) for mark in of_criterion)


def found_marks(findings: Iterable[RuleFinding | None]) -> Marks:
    """The same of findings."""
    return frozenset(
        (f"{finding.code}:{finding.fate}:{finding.errand}", finding.rule)
        for finding in findings
        if finding is not None
    )


def _marks(checks: tuple[Check, ...], case: Case) -> Marks:
    return found_marks(check.find(case.facts) for check in checks)


def swapped(checks: tuple[Check, ...]) -> Iterator[tuple[str, tuple[Check, ...]]]:
    """Each operator of each check on the other side of its limit: `<` for `<=`, `>=` for `>`."""
    for number, check in enumerate(checks):
        for field in fields(check):  # type: ignore[arg-type]
            other = _SWAPPED.get(_hashable(getattr(check, field.name)))
            if other is not None and _counts(check, field.name):
                changed = replace(check, **{field.name: other})  # type: ignore[type-var]
                words = f"operator {field.name} {number + 1}"
                yield words, (*checks[:number], changed, *checks[number + 1 :])


def _hashable(value: Any) -> Any:
    return value if callable(value) else None


def _counts(check: Check, name: str) -> bool:
    """An operator without its limit, or of a method that does not use it, is none."""
    if isinstance(check, LimitCheck | MeasuringCheck | RelationCheck):
        return (check.low if name == "below" else check.high) is not None
    if isinstance(check, DeltaCheck) and name != "is_older":
        is_rcv = check.delta.method is DeltaMethod.RCV
        return _is_rational(check.delta) if name == "exceeds" else not is_rcv
    return not isinstance(check, FirstPositiveCheck) or check.at_least is not None


def _is_rational(delta: Delta) -> bool:
    """Only then can a change be exactly the RCV, so that `>` and `>=` are two different things."""
    if delta.method is not DeltaMethod.RCV or delta.cv_a is None or delta.cv_i is None:
        return False
    square = 2 * (Fraction(delta.cv_a) ** 2 + Fraction(delta.cv_i) ** 2)
    return all(isqrt(one) ** 2 == one for one in (square.numerator, square.denominator))


def _scopes(scope: Scope) -> Iterator[tuple[str, Scope]]:
    if scope.age_from > 0:
        for by in (-1, 1):
            yield f"age from {by:+d} d", replace(scope, age_from=scope.age_from + by)
    if scope.age_below < NO_END:
        for by in (-1, 1):
            yield f"age below {by:+d} d", replace(scope, age_below=scope.age_below + by)
    if scope.has_age:
        yield "age dropped", replace(scope, age_from=0, age_below=NO_END)
    yield from _names_of_scope(scope)


def _names_of_scope(scope: Scope) -> Iterator[tuple[str, Scope]]:
    if scope.sex:
        other = Sex.MALE if scope.sex is Sex.FEMALE else Sex.FEMALE
        yield f"sex {other.value}", replace(scope, sex=other)
        yield "sex dropped", replace(scope, sex=None)
    for name in ("lines", "locations", "specimens"):
        asked: frozenset[str] = getattr(scope, name)
        if asked:
            yield f"{name} dropped", _named(scope, name, frozenset())
        if len(asked) > 1:
            for one in sorted(asked):
                yield f"{name} without {one}", _named(scope, name, asked - {one})


def _named(scope: Scope, name: str, names: frozenset[str]) -> Scope:
    if name == "lines":
        return replace(scope, lines=names)
    return (
        replace(scope, locations=names) if name == "locations" else replace(scope, specimens=names)
    )


def _settings(
    rule: Placed[Rule], criterion: Criterion, declared: DeclaredTest
) -> Iterator[tuple[str, Placed[Rule]]]:
    """Each setting of the criterion with another value."""
    settings = getattr(rule.what, criterion.value)
    step = _step(rule, declared)
    for path, _value in leaves(settings):
        value = _at(settings, path)
        if path[-1] == "reruns" and Outside.RERUN not in (settings.below, settings.above):
            continue  # a number that nothing asks for
        for other in _others(value, _least(settings, path, step)):
            try:
                changed = _changed(settings, path, other)
            except ValidationError:
                continue  # no such rule can be written
            name = ".".join(str(part) for part in path)
            words = f"{name} {_words(value)} -> {_words(other)}"
            what = rule.what.model_copy(update={criterion.value: changed})
            yield words, replace(rule, what=what)


def _step(rule: Placed[Rule], declared: DeclaredTest) -> Decimal:
    """One result in the unit of the rule: no limit between two results is another limit."""
    by = factor(rule.what.unit, declared.unit)
    return EXACT.divide(
        EXACT.multiply(declared.resolution, Decimal(by.denominator)), Decimal(by.numerator)
    )


def _least(settings: Any, path: Location, step: Decimal) -> Decimal | None:
    """The smallest change of a number that another result can show; None: any."""
    if path[-1] in ("low", "high", "at_least", "tolerance"):
        return step
    if path[-1] != "limit":
        return None
    delta: Delta = settings[path[0]]
    if delta.method is DeltaMethod.ABSOLUTE_RATE:
        days = EXACT.divide(Decimal(delta.within), Decimal(86400))
        return EXACT.divide(step, days).quantize(step, ROUND_UP) if days > 1 else step
    return step if delta.method is DeltaMethod.ABSOLUTE else None


def _others(value: Any, least: Decimal | None) -> Iterator[Any]:
    if isinstance(value, Enum):
        yield from (
            one for one in type(value) if one is not value and not isinstance(value, DeltaMethod)
        )
    elif isinstance(value, Decimal):
        step = Decimal(1).scaleb(int(value.as_tuple().exponent))
        step = step if least is None else max(step, least)
        yield value - step
        yield value + step
    elif isinstance(value, int):
        yield type(value)(value - 1)
        yield type(value)(value + 1)
    elif isinstance(value, tuple):
        yield from (tuple(one for one in value if one != gone) for gone in value)


def _at(settings: Any, path: Location) -> Any:
    for part in path:
        settings = settings[part] if isinstance(part, int) else getattr(settings, part)
    return settings


def _changed(settings: Any, path: Location, value: Any) -> Any:
    """The settings with one value changed. Raises ValidationError when that is not allowed."""
    first, rest = path[0], path[1:]
    if isinstance(first, int):
        inner = _changed(settings[first], rest, value)
        return (*settings[:first], inner, *settings[first + 1 :])
    inner = _changed(getattr(settings, first), rest, value) if rest else value
    model: type[BaseModel] = type(settings)
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return model.model_validate({**given, first: inner})


def _words(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return ", ".join(value) if isinstance(value, tuple) else str(value)
