"""Scopes that cannot be meant: gaps and overlaps of age bands, rules that never count, rules shadowed by another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from middleware.rules.book import Candidate, Slot, in_order
from middleware.rules.cells import CELLS_MOST, cells
from middleware.rules.criteria import Criterion
from middleware.rules.problems import Code, RuleProblem, Weight
from middleware.rules.rule_set import STATED, DeclaredTest, Placed, Rule, RuleSet, rule_key
from middleware.rules.scope import NO_END, Population, Scope, Sex, age_words


def bare_candidates(
    rules: Iterable[Placed[Rule]],
) -> Mapping[Criterion, tuple[Candidate, ...]]:
    """Who states what, without compiled checks: rules with mistakes can be examined too."""
    found: dict[Criterion, list[Candidate]] = {one: [] for one in STATED}
    for rule in rules:
        for criterion in rule.what.stated():
            place = rule.at(criterion.value)
            one = Candidate(rule.what.scope, rule.number, rule_key(rule), place, ())
            found[criterion].append(one)
    return {criterion: in_order(ones) for criterion, ones in found.items() if ones}


def of_test(rule_set: RuleSet, test: str, lines: frozenset[str]) -> Iterator[RuleProblem]:
    """What is wrong with the scopes of the rules of one test."""
    rules = rule_set.of_test[test]
    slots = {
        criterion: Slot(criterion, test, ones) for criterion, ones in bare_candidates(rules).items()
    }
    for slot in slots.values():
        yield from _bands(slot)
    known = {rule.number: rule for rule in rules}
    for rule in rules:
        yield from _reach(rule, slots, known, _Ground(test, rule_set.tests[test].what, lines))


@dataclass(frozen=True, slots=True)
class _Ground:
    test: str
    declared: DeclaredTest
    lines: frozenset[str]


@dataclass(slots=True)
class _Reach:
    """Where one criterion of a rule is in force: never, or who wins instead."""

    is_reached: bool = False
    winners: set[int] = field(default_factory=set)

    def look(self, slot: Slot, who: Population, number: int) -> None:
        """Who wins at one population; once the rule has won, nothing more is asked."""
        winner = None if self.is_reached else slot.choose(who)[0]
        if winner is not None:
            self.is_reached = winner.number == number
            self.winners.add(winner.number)


def _reach(
    rule: Placed[Rule],
    slots: Mapping[Criterion, Slot],
    known: Mapping[int, Placed[Rule]],
    ground: _Ground,
) -> Iterator[RuleProblem]:
    scope, key = rule.what.scope, rule_key(rule)
    if scope.age_from >= scope.age_below:
        message = (
            f"no age is from {age_words(scope.age_from)} and below {age_words(scope.age_below)}"
        )
        place = rule.at("age")
        yield RuleProblem(Code.EMPTY_BAND, place, message, "swap them", key, ground.test)
        return
    stated = {one: _Reach() for one in rule.what.stated()}
    looked = 0
    for who in cells(scope, known.values(), ground.declared, ground.lines):
        looked += 1
        for criterion, reach in stated.items():
            reach.look(slots[criterion], who, rule.number)
        if all(reach.is_reached for reach in stated.values()):
            break
    yield from _off_without_effect(rule, slots, ground.test)
    if not looked or not stated:
        message = f"the scope of {key} never fits a result of {ground.test}"
        if looked:
            message = f"{key} states nothing"
        yield RuleProblem(Code.DEAD_RULE, rule.at(), message, "remove it", key, ground.test)
        return
    if looked < CELLS_MOST:  # else somebody may be among those that were not looked at
        yield from _unreached(rule, stated, known, ground.test)


def _unreached(
    rule: Placed[Rule],
    stated: Mapping[Criterion, _Reach],
    known: Mapping[int, Placed[Rule]],
    test: str,
) -> Iterator[RuleProblem]:
    dead = {criterion: reach for criterion, reach in stated.items() if not reach.is_reached}
    winners = {number for reach in dead.values() for number in reach.winners}
    if not dead:
        return
    key = rule_key(rule)
    names = ", ".join(criterion.value for criterion in dead)
    others = ", ".join(f"{rule_key(known[one])} ({known[one].at()})" for one in sorted(winners))
    code = Code.SHADOWED_RULE if len(winners) == 1 else Code.DEAD_RULE
    message = f"{key} never counts for {names} of {test}: {others} always go first"
    if len(winners) == 1:
        message = f"{key} is shadowed for {names} of {test} by {others}"
    cure = "remove one of them, or narrow the other's scope"
    yield RuleProblem(code, rule.at(next(iter(dead)).value), message, cure, key, test)


def _off_without_effect(
    rule: Placed[Rule], slots: Mapping[Criterion, Slot], test: str
) -> Iterator[RuleProblem]:
    for criterion in rule.what.off:
        if len(slots[criterion].candidates) == 1 and criterion not in _ALWAYS:
            message = f"no rule of {test} states {criterion.value}, so there is nothing to put off"
            place = rule.at("off")
            yield RuleProblem(Code.OFF_WITHOUT_EFFECT, place, message, "", rule_key(rule), test)


_ALWAYS = (Criterion.FLAGS, Criterion.SENT_AGAIN)
_Group = tuple[frozenset[str], object, frozenset[str], frozenset[str]]


def _bands(slot: Slot) -> Iterator[RuleProblem]:
    """Bands of one criterion that differ in nothing but age: no partial overlap, and no age between them left out."""
    groups: dict[_Group, list[Candidate]] = {}
    for one in slot.candidates:
        scope = one.scope
        if scope.has_age and scope.age_from < scope.age_below:
            key = (scope.lines, scope.sex, scope.locations, scope.specimens)
            groups.setdefault(key, []).append(one)
    for ones in groups.values():
        ones.sort(key=lambda one: (one.scope.age_from, one.scope.age_below))
        yield from _overlaps(ones, slot)
        yield from _gaps(ones, slot)


def _overlaps(ones: list[Candidate], slot: Slot) -> Iterator[RuleProblem]:
    """Bands that overlap in part are an error; one inside another is a way to override it, and a note."""
    for number, one in enumerate(ones):
        for other in ones[number + 1 :]:
            start = other.scope.age_from
            end = min(one.scope.age_below, other.scope.age_below)
            if start >= end or one.scope == other.scope:
                continue  # apart, or shadowed, which is told where that is looked for
            is_nested = other.scope.age_below <= one.scope.age_below or one.scope.age_from == start
            message = (
                f"{slot.criterion.value} of {slot.test}: the bands of {one.rule} ({one.place}) and "
                f"{other.rule} both hold {age_words(start)} to below {age_words(end)}"
            )
            cure = "end one where the other begins"
            if is_nested:
                message, cure = f"{message}; the narrower goes first", "make sure that it is meant"
            weight = Weight.NOTE if is_nested else Weight.ERROR
            yield RuleProblem(
                Code.OVERLAPPING_BANDS, other.place, message, cure, other.rule, slot.test, weight
            )


def _gaps(ones: list[Candidate], slot: Slot) -> Iterator[RuleProblem]:
    """Ages that no band holds: an error between bands, a warning outside, a note where a rule without age fills it."""
    reached = 0
    for one in [*ones, None]:
        start = NO_END if one is None else one.scope.age_from
        if start > reached:
            filling = _filling(ones[0].scope, slot, reached)
            yield from _gap(slot, one or ones[-1], (reached, start), filling)
        if one is not None:
            reached = max(reached, one.scope.age_below)


def _gap(
    slot: Slot, near: Candidate, ages: tuple[int, int], filling: Candidate | None
) -> Iterator[RuleProblem]:
    start, end = ages
    is_between = start > 0 and end < NO_END
    upto = f"to below {age_words(end)}" if end < NO_END else "and older"
    message = f"{slot.criterion.value} of {slot.test}: no rule for {age_words(start)} {upto}"
    cure = "widen a band, or write a rule without age"
    code = Code.GAP_BETWEEN_BANDS if is_between else Code.OUTSIDE_BANDS
    weight = Weight.ERROR if is_between else Weight.WARNING
    if filling is not None:
        if not is_between:
            return  # bands for some ages and a rule for the rest: nothing to tell
        message = (
            f"{slot.criterion.value} of {slot.test}: between the bands, {age_words(start)} {upto}, "
            f"{filling.rule} ({filling.place}) counts"
        )
        cure, weight = "make sure that it is meant", Weight.NOTE
    yield RuleProblem(code, near.place, message, cure, near.rule, slot.test, weight)


def _filling(scope: Scope, slot: Slot, age: int) -> Candidate | None:
    """Who states the criterion at this age for a member of the group; nobody in a gap."""
    who = Population(
        min(scope.lines, default=""),
        age,
        scope.sex or Sex.OTHER,
        min(scope.locations, default=""),
        min(scope.specimens, default=""),
    )

    return slot.choose(who)[0]
