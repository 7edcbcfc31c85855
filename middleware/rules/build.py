"""From the settings of one criterion to its compiled checks: units converted, limits exact, words as sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from middleware.routing.ucum import UnknownUnit
from middleware.rules.criteria import (
    Criterion,
    Delta,
    DeltaMethod,
    Fate,
    Index,
    IndexLimit,
    Otherwise,
)
from middleware.rules.delta_checks import DeltaCheck, rcv_square
from middleware.rules.facts import Source, Status
from middleware.rules.findings import Check, Origin
from middleware.rules.limit_checks import LimitCheck, MeasuringCheck
from middleware.rules.rule_set import (
    DeclaredTest,
    Panel,
    PanelWhole,
    Placed,
    Relation,
    RelationKind,
    Rule,
    RuleSet,
    RulesWrong,
    rule_key,
)
from middleware.rules.specimen_checks import PanelCheck, RelationCheck
from middleware.rules.state_checks import (
    FirstPositiveCheck,
    FlagCheck,
    FormCheck,
    GateCheck,
    IndexCheck,
    SentAgainCheck,
    SpecimenCheck,
    UnitCheck,
)
from middleware.rules.units import converted, factor, spellings

_PER_UNIT = (DeltaMethod.ABSOLUTE, DeltaMethod.ABSOLUTE_RATE)


class Ground:
    """What every check of one rule for one test needs: where it comes from, and how its limits become the test's."""

    def __init__(
        self, rule: Placed[Rule], criterion: Criterion, test: str, declared: DeclaredTest
    ) -> None:
        what = rule.what
        self.origin = Origin(
            criterion,
            rule_key(rule),
            rule.at(criterion.value),
            what.scope.words(),
            test,
            declared.unit,
        )
        self.units = spellings(declared.unit)
        try:
            self._by = factor(what.unit, declared.unit)
        except UnknownUnit as error:
            raise RulesWrong(f"{rule.at('unit')}: {error}") from error

    def limit(self, number: Decimal | None) -> Decimal | None:
        """A limit in the unit of the test. Raises RulesWrong."""
        if number is None:
            return None
        try:
            return converted(number, self._by)
        except ValueError as error:
            raise RulesWrong(f"{self.origin.place}: {number} {error}") from error


def _limits(ground: Ground, settings: Any) -> tuple[Check, ...]:
    low, high = ground.limit(settings.low), ground.limit(settings.high)
    return (LimitCheck(ground.origin, low, high, settings.censored),)


def _measuring(ground: Ground, settings: Any) -> tuple[Check, ...]:
    low, high = ground.limit(settings.low), ground.limit(settings.high)
    check = MeasuringCheck(
        ground.origin,
        low,
        high,
        settings.below,
        settings.above,
        settings.dilution,
        settings.reruns,
    )
    return (check,)


def _delta(ground: Ground, settings: tuple[Delta, ...]) -> tuple[Check, ...]:
    return tuple(
        DeltaCheck(
            ground.origin,
            one,
            ground.limit(one.limit) if one.method in _PER_UNIT else one.limit,
            ground.units,
            _code(settings, number),
            rcv_square(one),
        )
        for number, one in enumerate(settings)
    )


def _code(deltas: tuple[Delta, ...], number: int) -> str:
    """The method; numbered where it is used again."""
    method = deltas[number].method
    before = sum(1 for one in deltas[:number] if one.method is method)
    return f"{method.value}_{before + 1}" if before else method.value


def _gate(ground: Ground, settings: Any) -> tuple[Check, ...]:
    warns = {Status.WARNING} if settings.warning is Otherwise.IGNORE else set()
    source = Source(ground.origin.criterion.value)
    return (GateCheck(ground.origin, source, frozenset({Status.GOOD} | warns)),)


def _indices(ground: Ground, settings: Any) -> tuple[Check, ...]:
    return tuple(
        IndexCheck(ground.origin, index, limit, settings.missing)
        for index, limit in index_limits(settings)
    )


def index_limits(settings: Any) -> list[tuple[Index, IndexLimit]]:
    """The indices that are limited, with their limits."""
    pairs = [(index, getattr(settings, index.value)) for index in Index]
    return [(index, limit) for index, limit in pairs if limit is not None]


def flag_fates(settings: Any) -> Mapping[str, Fate]:
    """What each listed flag leads to; the strictest where one is listed twice."""
    return {
        **dict.fromkeys(settings.ignore, Fate.RELEASE),
        **dict.fromkeys(settings.rerun, Fate.RERUN),
        **dict.fromkeys(settings.block, Fate.BLOCK),
    }


def _flags(ground: Ground, settings: Any) -> tuple[Check, ...]:
    return (FlagCheck(ground.origin, flag_fates(settings)),)


def _first_positive(ground: Ground, settings: Any) -> tuple[Check, ...]:
    at_least = ground.limit(settings.at_least)
    return (FirstPositiveCheck(ground.origin, frozenset(settings.words), at_least),)


def _sent_again(ground: Ground, settings: Any) -> tuple[Check, ...]:
    return (SentAgainCheck(ground.origin, ground.limit(settings.tolerance) or Decimal(0)),)


_BUILDERS: Mapping[Criterion, Callable[[Ground, Any], tuple[Check, ...]]] = {
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


def checks_of(
    rule: Placed[Rule], criterion: Criterion, test: str, declared: DeclaredTest
) -> tuple[Check, ...]:
    """The checks of one criterion that a rule states for a test; none where it is put off. Raises RulesWrong."""
    settings = getattr(rule.what, criterion.value)
    if criterion in rule.what.off or settings is None:
        return ()
    return _BUILDERS[criterion](Ground(rule, criterion, test, declared), settings)


def always(test: str, declared: DeclaredTest) -> tuple[Check, ...]:
    """Form, unit and specimen type, which no rule can put off."""
    resolution = None if declared.decimals is None else declared.resolution
    form = Origin(Criterion.FORM, test=test)
    unit = Origin(Criterion.UNIT, test=test, unit=declared.unit)
    checks: tuple[Check, ...] = (
        FormCheck(form, resolution, frozenset(declared.words)),
        UnitCheck(unit, spellings(declared.unit)),
    )
    if declared.specimens:
        origin = Origin(Criterion.SPECIMEN, test=test)
        checks = (*checks, SpecimenCheck(origin, frozenset(declared.specimens)))
    return checks


def unstated(criterion: Criterion, test: str) -> tuple[Check, ...]:
    """What is checked where no rule states the criterion: any flag holds, and so does any difference."""
    origin = Origin(criterion, test=test)
    if criterion is Criterion.FLAGS:
        return (FlagCheck(origin, {}),)
    if criterion is Criterion.SENT_AGAIN:
        return (SentAgainCheck(origin, Decimal(0)),)
    return ()


def relation_check(placed: Placed[Relation], rule_set: RuleSet) -> RelationCheck:
    """A relation for any of its tests."""
    what = placed.what
    one = Decimal(1)
    factors = what.factors or tuple(one for _ in what.tests)
    low, high = what.low, what.high
    if what.kind in (RelationKind.DIFFERENCE, RelationKind.PART):
        factors = (one, *(-one for _ in what.tests[1:]))
    if what.kind is RelationKind.PART and low is None:
        low = Decimal(0)
    units = [
        rule_set.tests[test].what.unit if test in rule_set.tests else "" for test in what.tests
    ]
    origin = Origin(Criterion.CONSISTENCY, what.id, placed.at())
    return RelationCheck(
        origin,
        what.id,
        what.tests,
        factors,
        what.kind is RelationKind.RATIO,
        low,
        high,
        tuple(spellings(unit) for unit in units),
    )


def panel_check(placed: Placed[Panel]) -> PanelCheck:
    """A panel for any of its tests."""
    what = placed.what
    origin = Origin(Criterion.COMPLETENESS, what.id, placed.at())
    return PanelCheck(origin, what.id, what.tests, what.whole is PanelWhole.ALL)
