"""Static analysis of a rule set: every mistake by name, with file, line and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from middleware.routing.ucum import UnknownUnit
from middleware.rules import check_limits, check_scopes
from middleware.rules.problems import Code, RuleProblem, Weight
from middleware.rules.rule_set import (
    Placed,
    Relation,
    RelationKind,
    Rule,
    RuleSet,
    rule_key,
)
from middleware.rules.units import factor, in_ucum, is_known


@dataclass(frozen=True, slots=True)
class House:
    """What the site has. Empty: not known, so nothing is said about it."""

    lines: frozenset[str] = frozenset()
    locations: frozenset[str] = frozenset()


def check(rule_set: RuleSet, house: House | None = None) -> list[RuleProblem]:
    """Everything that is wrong or suspicious; with an ERROR the rule set must not be used."""
    house = house or House()
    problems = [*_tests(rule_set), *_relations(rule_set)]
    for rule in rule_set.rules:
        problems += _names(rule, rule_set, house)
        problems += check_limits.of_rule(rule, rule_set)
    for test in rule_set.of_test:
        if test in rule_set.tests:
            problems += check_scopes.of_test(rule_set, test, house.lines)
            problems += check_limits.of_test(rule_set, test, house.lines)
    return problems


def errors_in(problems: list[RuleProblem]) -> list[RuleProblem]:
    """Those for which the rule set is refused."""
    return [problem for problem in problems if problem.weight is Weight.ERROR]


def _tests(rule_set: RuleSet) -> Iterator[RuleProblem]:
    for code, test in rule_set.tests.items():
        what = test.what
        if what.unit and not is_known(what.unit):
            message = f"{what.unit} is not a UCUM unit that we know, so no limit can be converted"
            yield RuleProblem(
                Code.UNKNOWN_UNIT, test.at("unit"), message, test=code, weight=Weight.WARNING
            )
        if what.decimals is None and not what.words:
            message = f"{code} may be neither a number nor a word: every result is held"
            cure = "write decimals, or words"
            yield RuleProblem(Code.NOTHING_RELEASED, test.at(), message, cure, test=code)
        if code not in rule_set.of_test:
            message = f"{code} has no rule: every result is held"
            yield RuleProblem(
                Code.WITHOUT_RULE, test.at(), message, test=code, weight=Weight.WARNING
            )


def _names(rule: Placed[Rule], rule_set: RuleSet, house: House) -> Iterator[RuleProblem]:
    """Tests, lines, locations, specimens and units that a rule names and nobody knows."""
    what, key = rule.what, rule_key(rule)
    for test in what.tests:
        declared = rule_set.tests.get(test)
        if declared is None:
            message = f"the test {test} is not declared"
            cure = f"write [test.{test}], or correct the code"
            yield RuleProblem(Code.UNKNOWN_TEST, rule.at("test"), message, cure, key, test)
            continue
        yield from _units(rule, test, declared.what.unit)
        for specimen in what.specimens:
            if declared.what.specimens and specimen not in declared.what.specimens:
                message = f"{test} is not declared for {specimen}"
                place = rule.at("specimens")
                yield RuleProblem(Code.UNKNOWN_SPECIMEN, place, message, "", key, test)
    for code, names, known, word in (
        (Code.UNKNOWN_LINE, what.lines, house.lines, "line"),
        (Code.UNKNOWN_LOCATION, what.locations, house.locations, "location"),
    ):
        for name in names:
            if known and name not in known:
                message = f"there is no {word} {name}"
                yield RuleProblem(code, rule.at(f"{word}s"), message, "correct its name", key)


def _units(rule: Placed[Rule], test: str, unit: str) -> Iterator[RuleProblem]:
    written, key = rule.what.unit, rule_key(rule)
    if not written:
        return
    if not unit or (not is_known(written) and in_ucum(written) != in_ucum(unit)):
        message = f"limits in {written} cannot be compared with {test} in {unit or 'no unit'}"
        yield RuleProblem(Code.UNKNOWN_UNIT, rule.at("unit"), message, "", key, test)
        return
    try:
        factor(written, unit)
    except UnknownUnit as error:
        message = f"limits of {test} in {written}: {error}"
        cure = f"write the limits in {unit}"
        yield RuleProblem(Code.WRONG_UNIT, rule.at("unit"), message, cure, key, test)


def _relations(rule_set: RuleSet) -> Iterator[RuleProblem]:
    for tests, place, key in (
        *((one.what.tests, one.at("tests"), one.what.id) for one in rule_set.relations),
        *((one.what.tests, one.at("tests"), one.what.id) for one in rule_set.panels),
    ):
        for test in tests:
            if test not in rule_set.tests:
                message = f"the test {test} is not declared"
                yield RuleProblem(Code.UNKNOWN_TEST, place, message, "declare it", key, test)
    for relation in rule_set.relations:
        yield from _relation(relation, rule_set)


def _relation(relation: Placed[Relation], rule_set: RuleSet) -> Iterator[RuleProblem]:
    what = relation.what
    if what.low is None and what.high is None and what.kind is not RelationKind.PART:
        message = "neither low nor high is written, so it finds nothing"
        yield RuleProblem(Code.NO_LIMIT, relation.at(), message, "write one", what.id)
    low = Decimal(0) if what.kind is RelationKind.PART and what.low is None else what.low
    if low is not None and what.high is not None and low > what.high:
        message = f"low {low} is above high {what.high}"
        yield RuleProblem(Code.SWAPPED_LIMITS, relation.at("low"), message, "swap them", what.id)
    units = [rule_set.tests[test].what.unit for test in what.tests if test in rule_set.tests]
    is_plain = what.kind in (RelationKind.DIFFERENCE, RelationKind.PART) or (
        what.kind is RelationKind.SUM and not what.factors
    )
    if is_plain and len({in_ucum(unit) for unit in units}) > 1:
        message = f"{', '.join(sorted(set(units)))} cannot be added"
        cure = "write a sum with factors"
        yield RuleProblem(Code.WRONG_UNIT, relation.at("tests"), message, cure, what.id)
    for test in what.tests:
        declared = rule_set.tests.get(test)
        if declared is not None and declared.what.decimals is None:
            message = f"{test} has no numbers that could be compared"
            yield RuleProblem(Code.NO_NUMBERS, relation.at("tests"), message, "", what.id, test)
