"""Judges one control value against the values before it: incremental, exact, pure.

A `Series` is what the rules need to remember of one test on one module: the run that is being measured and at most
`LOOK_BACK` values before it, of each level and across. Order comes from arrival; inside a run the levels stand in the
order of their names, whichever came first. A value joins the current run by its run id, else when its level is not
in the run yet and it was measured within the window of the run's first value. Rules for several runs of one level
look only at values up to the new one; rules across levels also find a sequence into which a late level fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Context, Decimal
from itertools import pairwise

from middleware.qc.codes import Action, PointVerdict, RuleKind, Scope
from middleware.qc.rules import LOOK_BACK, ActiveRule, RuleSet
from middleware.qc.targets import Target

RUN_WINDOW = timedelta(minutes=60)
"""Levels that were measured within this time of the first belong to one run, unless a run id says so."""
LEVELS_MAX = 12
"""Levels of one series; more are no quality control but a fault of the settings."""

# z-scores have 28 digits; differences of two are compared without dividing, so that 4 SD is exactly 4 SD.
_EXACT = Context(prec=120)


@dataclass(frozen=True, slots=True)
class Point:
    """One control value with the target it is judged by. `order` is its number in the store, `at` when it was
    measured."""

    level: str
    value: Decimal
    target: Target
    z: Decimal
    at: datetime
    order: int
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """A control value as it comes: level, value, when measured, its number in the store, and the analyzer's run id."""

    level: str
    value: Decimal
    at: datetime
    order: int
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """What the rules remember. `run` is the current run in level order, `earlier` the values before it across levels,
    `levels` the last values of each level, oldest first."""

    run_number: int = 0
    run_id: str = ""
    run_started: datetime | None = None
    run: tuple[Point, ...] = ()
    earlier: tuple[Point, ...] = ()
    levels: tuple[tuple[str, tuple[Point, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that the new value breaks, and the values that break it together, in their order."""

    rule: str
    scope: Scope
    action: Action
    points: tuple[Point, ...]

    @property
    def text(self) -> str:
        """One sentence with the numbers."""
        shown = ", ".join(f"{point.level} {point.z:+.2f} SD" for point in self.points)
        where = "" if self.scope is Scope.POINT else f" {self.scope.value}"
        return f"Rule {self.rule}{where} is broken: {shown}."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of one value, the run it belongs to, and the series to go on with."""

    series: Series
    point: Point
    violations: tuple[Violation, ...]
    verdict: PointVerdict

    @property
    def run_number(self) -> int:
        """The run of the value; numbers rise inside one series."""
        return self.series.run_number


def point_of(measured: Measured, target: Target) -> Point:
    """The value with its z-score."""
    return Point(
        measured.level,
        measured.value,
        target,
        (measured.value - target.mean) / target.sd,
        measured.at,
        measured.order,
        measured.run_id,
    )


def evaluate(
    series: Series, point: Point, rules: RuleSet, window: timedelta = RUN_WINDOW
) -> Judgement:
    """Judge one value and put it into the series. Raises ValueError when there are more than LEVELS_MAX levels."""
    placed = _place(series, point, window)
    look = _Look(point, placed.run, placed.earlier, _history(placed, point))
    broken = []
    for active in rules.active:
        points = _FINDERS[active.rule.kind](look, active)
        if points:
            broken.append(Violation(active.rule.name, active.scope, active.action, points))
    return Judgement(placed, point, tuple(broken), _verdict(broken))


def restarted(series: Series, since: datetime | None = None) -> Series:
    """After a rejection that was resolved, a calibration or new reagent: values before it do not count any more.

    A run that began after `since` is of the time after it, and stays.
    """
    if since is None or series.run_started is None or series.run_started <= since:
        return Series(run_number=series.run_number)
    return replace(
        series, earlier=(), levels=tuple((point.level, (point,)) for point in series.run)
    )


def without_level(series: Series, level: str) -> Series:
    """After a change of one level's lot: its values before the change do not count any more."""
    return Series(
        run_number=series.run_number,
        run_id=series.run_id,
        run_started=series.run_started,
        run=tuple(point for point in series.run if point.level != level),
        earlier=tuple(point for point in series.earlier if point.level != level),
        levels=tuple(pair for pair in series.levels if pair[0] != level),
    )


def _verdict(broken: Sequence[Violation]) -> PointVerdict:
    if not broken:
        return PointVerdict.ACCEPTED
    if any(one.action is Action.REJECT for one in broken):
        return PointVerdict.REJECTED
    return PointVerdict.WARNING


def _place(series: Series, point: Point, window: timedelta) -> Series:
    levels = _with_history(series.levels, point)
    if _joins(series, point, window):
        run = tuple(sorted((*series.run, point), key=_level_of))
        return Series(
            series.run_number, series.run_id, series.run_started, run, series.earlier, levels
        )
    earlier = (series.earlier + series.run)[-LOOK_BACK:]
    return Series(series.run_number + 1, point.run_id, point.at, (point,), earlier, levels)


def _level_of(point: Point) -> str:
    return point.level


def _joins(series: Series, point: Point, window: timedelta) -> bool:
    """The same level again is never the same run: it is a repeat."""
    if series.run_started is None or any(one.level == point.level for one in series.run):
        return False
    if series.run_id or point.run_id:
        return series.run_id == point.run_id
    return abs(point.at - series.run_started) <= window


def _with_history(
    levels: tuple[tuple[str, tuple[Point, ...]], ...], point: Point
) -> tuple[tuple[str, tuple[Point, ...]], ...]:
    for index, (level, history) in enumerate(levels):
        if level == point.level:
            pair = (level, (*history, point)[-LOOK_BACK:])
            return (*levels[:index], pair, *levels[index + 1 :])
    if len(levels) == LEVELS_MAX:
        raise ValueError(f"a series has at most {LEVELS_MAX} levels")
    return (*levels, (point.level, (point,)))


def _history(series: Series, point: Point) -> tuple[Point, ...]:
    for level, history in series.levels:
        if level == point.level:
            return history
    return (point,)


@dataclass(slots=True)
class _Look:
    """What all rules look at for one new point. `rows` keeps the row found for a limit and scope: several rules ask."""

    point: Point
    run: tuple[Point, ...]
    earlier: tuple[Point, ...]
    history: tuple[Point, ...]
    rows: dict[tuple[Decimal, Scope], tuple[Point, ...]] = field(default_factory=dict)


def _is_beyond(point: Point, limit: Decimal, is_above: bool) -> bool:
    return point.z > limit if is_above else point.z < -limit


def _limit(look: _Look, active: ActiveRule) -> tuple[Point, ...]:
    return (look.point,) if abs(look.point.z) > active.rule.limit else ()


def _row(look: _Look, active: ActiveRule) -> tuple[Point, ...]:
    rule = active.rule
    key = (rule.limit, active.scope)
    row = look.rows.get(key)
    if row is None:
        row = look.rows[key] = _find_row(look, rule.limit, active.scope)
    return row if len(row) >= rule.count else ()


def _find_row(look: _Look, limit: Decimal, scope: Scope) -> tuple[Point, ...]:
    """The values in a row beyond the limit on one side, the new one among them; empty when it is not beyond."""
    if abs(look.point.z) <= limit:
        return ()
    values, at = look.history, len(look.history) - 1
    if scope is Scope.ACROSS:
        values, at = look.earlier + look.run, len(look.earlier)
        while values[at] is not look.point:
            at += 1
    is_above = look.point.z > 0
    first = at
    while first > 0 and _is_beyond(values[first - 1], limit, is_above):
        first -= 1
    after = at + 1
    while after < len(values) and _is_beyond(values[after], limit, is_above):
        after += 1
    return values[max(first, after - LOOK_BACK) : after]


def _share(look: _Look, active: ActiveRule) -> tuple[Point, ...]:
    """So many beyond the limit on one side: among the last ones of the level, or in the run."""
    rule = active.rule
    if abs(look.point.z) <= rule.limit:
        return ()
    values = look.history[-rule.of :] if active.scope is Scope.WITHIN else look.run
    is_above = look.point.z > 0
    beyond = tuple(one for one in values if _is_beyond(one, rule.limit, is_above))
    return beyond if len(beyond) >= rule.count else ()


def _opposite(look: _Look, active: ActiveRule) -> tuple[Point, ...]:
    limit, point = active.rule.limit, look.point
    if abs(point.z) <= limit:
        return ()
    is_above = point.z > 0
    others = [one for one in look.run if _is_beyond(one, limit, not is_above)]
    return tuple(sorted((*others, point), key=_level_of)) if others else ()


def _range(look: _Look, active: ActiveRule) -> tuple[Point, ...]:
    limit, point = active.rule.limit, look.point
    if len(look.run) == 1:
        return ()
    apart = [one for one in look.run if one is not point and _are_apart(one, point, limit)]
    return tuple(sorted((*apart, point), key=_level_of)) if apart else ()


def _are_apart(one: Point, other: Point, limit: Decimal) -> bool:
    """|z1 - z2| >= limit, multiplied by both SDs."""
    first, second = one.target, other.target
    left = _EXACT.multiply(_EXACT.subtract(one.value, first.mean), second.sd)
    right = _EXACT.multiply(_EXACT.subtract(other.value, second.mean), first.sd)
    width = _EXACT.multiply(_EXACT.multiply(limit, first.sd), second.sd)
    return abs(_EXACT.subtract(left, right)) >= width


def _trend(look: _Look, active: ActiveRule) -> tuple[Point, ...]:
    last = look.history[-active.rule.count :]
    if len(last) < active.rule.count or last[-1].z == last[-2].z:
        return ()
    is_rising = last[-2].z < last[-1].z
    for one, following in pairwise(last):
        if one.z == following.z or (one.z < following.z) is not is_rising:
            return ()
    return last


_Finder = Callable[[_Look, ActiveRule], tuple[Point, ...]]
_FINDERS: Mapping[RuleKind, _Finder] = {
    RuleKind.LIMIT: _limit,
    RuleKind.CONSECUTIVE: _row,
    RuleKind.SHARE: _share,
    RuleKind.OPPOSITE: _opposite,
    RuleKind.RANGE: _range,
    RuleKind.TREND: _trend,
}
