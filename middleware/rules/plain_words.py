"""A rule in plain language, for the director who approves it and the inspector who reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from middleware.rules.build import index_limits
from middleware.rules.criteria import Criterion, Delta, DeltaMethod, Direction, Otherwise, Outside
from middleware.rules.rule_set import (
    Panel,
    PanelWhole,
    Placed,
    Relation,
    RelationKind,
    Rule,
    RuleSet,
)

_GATES = {
    Criterion.QC: "quality control",
    Criterion.CALIBRATION: "the calibration",
    Criterion.REAGENT: "the reagent lot",
    Criterion.MOVING_AVERAGE: "the moving average of patients",
}
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def rule_words(rule: Placed[Rule], rule_set: RuleSet) -> list[str]:
    """One sentence for each criterion of a rule."""
    what = rule.what
    who = what.scope.words()
    tests = ", ".join(what.tests)
    units = {rule_set.tests[test].what.unit for test in what.tests if test in rule_set.tests}
    unit = what.unit or (units.pop() if len(units) == 1 else "")
    about = f"{tests}{f' ({who})' if who else ''}"
    found = []
    for criterion in what.stated():
        if criterion in what.off:
            found.append(f"{about}: {_name(criterion)} does not count.")
            continue
        settings = getattr(what, criterion.value)
        found.append(f"{about}: {_WORDS[criterion](criterion, settings, unit)}.")
    return found


def relation_words(relation: Placed[Relation]) -> str:
    """One sentence for a relation between tests."""
    what = relation.what
    if what.kind is RelationKind.SUM:
        factors = what.factors or tuple(Decimal(1) for _ in what.tests)
        terms = " + ".join(f"{a} x {b}" for a, b in zip(factors, what.tests, strict=True))
    elif what.kind is RelationKind.RATIO:
        terms = f"{what.tests[0]} / {what.tests[1]}"
    else:
        terms = " - ".join(what.tests)
    low = 0 if what.kind is RelationKind.PART and what.low is None else what.low
    return f"{what.id}: {terms} outside {_range(low, what.high)} is held."


def panel_words(panel: Placed[Panel]) -> str:
    """One sentence for a panel."""
    which = "all" if panel.what.whole is PanelWhole.ALL else "those that are ordered"
    return f"{panel.what.id}: {', '.join(panel.what.tests)} wait for each other, for {which}."


def span_words(seconds: int) -> str:
    """A length of time in its largest whole unit."""
    size, unit = next(one for one in _SPANS if seconds % one[0] == 0)
    return f"{seconds // size} {unit}"


def _name(criterion: Criterion) -> str:
    return criterion.value.replace("_", " ")


def _range(low: Any, high: Any, unit: str = "") -> str:
    after = f" {unit}" if unit else ""
    if low is None:
        return f"up to {high}{after}"
    return f"from {low}{after}" if high is None else f"{low} to {high}{after}"


def _limits(criterion: Criterion, settings: Any, unit: str) -> str:
    what = {
        Criterion.ABSURD: "is impossible, and blocked",
        Criterion.CRITICAL: "is critical: held, and called",
        Criterion.REVIEW: "is held for review",
    }[criterion]
    doubt = "compared as its bound" if settings.censored.value == "bound" else "held if in doubt"
    return f"outside {_range(settings.low, settings.high, unit)} {what}; a comparator is {doubt}"


def _measuring(_criterion: Criterion, settings: Any, unit: str) -> str:
    sides = []
    for side, number, action in (
        ("below", settings.low, settings.below),
        ("above", settings.high, settings.above),
    ):
        if number is not None:
            words = {
                Outside.HOLD: "held",
                Outside.RERUN: f"measured again, at most {settings.reruns} times",
                Outside.REPORT: "released if sent with the comparator, else held",
            }[action]
            is_diluted = side == "above" and action is Outside.RERUN and settings.dilution
            more = f", diluted 1:{settings.dilution}" if is_diluted else ""
            sides.append(f"{side} it a result is {words}{more}")
    return (
        f"the measuring interval is {_range(settings.low, settings.high, unit)}; {'; '.join(sides)}"
    )


def _delta(_criterion: Criterion, settings: tuple[Delta, ...], unit: str) -> str:
    return "; ".join(_one_delta(one, unit) for one in settings)


def _one_delta(delta: Delta, unit: str) -> str:
    limit = {
        DeltaMethod.ABSOLUTE: f"by {delta.limit} {unit}".rstrip() + " or more",
        DeltaMethod.PERCENT: f"by {delta.limit} % or more",
        DeltaMethod.ABSOLUTE_RATE: f"by {delta.limit} {unit}".rstrip() + " a day or more",
        DeltaMethod.PERCENT_RATE: f"by {delta.limit} % a day or more",
        DeltaMethod.RCV: f"by more than the RCV of CVa {delta.cv_a} %, CVi {delta.cv_i} %, z {delta.z}",
    }[delta.method]
    way = {
        Direction.BOTH: "change",
        Direction.RISE: "rise",
        Direction.FALL: "fall",
    }[delta.direction]
    lonely = "held" if delta.without_previous is Otherwise.HOLD else "let by"
    return (
        f"a {way} within {span_words(delta.within)} {limit} is held; "
        f"without a previous result it is {lonely}"
    )


def _indices(_criterion: Criterion, settings: Any, _unit: str) -> str:
    limits = ", ".join(
        f"{index.value} above {limit.above} ({limit.then.value})"
        for index, limit in index_limits(settings)
    )
    lacking = "held" if settings.missing is Otherwise.HOLD else "let by"
    return f"disturbed by {limits}; without an index it is {lacking}"


def _flags(_criterion: Criterion, settings: Any, _unit: str) -> str:
    parts = [
        f"{', '.join(flags)} {word}"
        for flags, word in (
            (settings.ignore, "change nothing"),
            (settings.rerun, "lead to a rerun"),
            (settings.block, "block"),
        )
        if flags
    ]
    return f"of the analyzer's flags {'; '.join([*parts, 'all others hold'])}"


def _gate(criterion: Criterion, settings: Any, _unit: str) -> str:
    warns = " or gives a warning" if settings.warning is Otherwise.IGNORE else ""
    return f"held unless {_GATES[criterion]} is good{warns}"


def _first_positive(_criterion: Criterion, settings: Any, _unit: str) -> str:
    what = [*settings.words]
    if settings.at_least is not None:
        what.append(f"{settings.at_least} and more")
    return f"the first positive result of a patient ({', '.join(what)}) is held"


def _sent_again(_criterion: Criterion, settings: Any, unit: str) -> str:
    by = f"{settings.tolerance} {unit}".rstrip()
    return f"what is sent again and differs by more than {by} is held"


_WORDS: Mapping[Criterion, Callable[[Criterion, Any, str], str]] = {
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
