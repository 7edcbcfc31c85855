"""The data of a Levey-Jennings chart: points, lines by segment, events and the numbers below. No drawing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum, unique
from itertools import groupby

from middleware.qc.codes import PointVerdict
from middleware.qc.statistics import Summary, summary
from middleware.qc.targets import Target


@unique
class EventKind(StrEnum):
    """What a vertical line on the chart stands for."""

    LOT_CHANGE = "lot_change"
    REAGENT_LOT = "reagent_lot"
    CALIBRATION = "calibration"
    MAINTENANCE = "maintenance"
    TARGET_CHANGE = "target_change"
    CLEARING = "clearing"


@dataclass(frozen=True, slots=True)
class ChartEvent:
    """Something that happened between two points: `order` is its number in the store."""

    kind: EventKind
    order: int
    at: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One control value as it was judged. `excluded_because` is the documented cause of leaving it out of the
    numbers."""

    order: int
    at: datetime
    lot: str
    value: Decimal
    target: Target | None
    verdict: PointVerdict
    rules: tuple[str, ...] = ()
    excluded_because: str = ""
    is_repeat: bool = False

    @property
    def z(self) -> Decimal | None:
        """Distance from the mean in SD; None without a target."""
        if self.target is None:
            return None
        return (self.value - self.target.mean) / self.target.sd

    @property
    def counts(self) -> bool:
        """It is part of the numbers: accepted or warned of, and not left out by a person."""
        is_good = self.verdict in (PointVerdict.ACCEPTED, PointVerdict.WARNING)
        return is_good and not self.excluded_because


@dataclass(frozen=True, slots=True)
class Segment:
    """Points that share a lot and a target: the lines of mean and 1, 2, 3 SD are drawn over these. `lines` go from
    -3 SD to +3 SD, the mean in the middle; empty without a target."""

    lot: str
    target: Target | None
    points: tuple[ChartPoint, ...]
    lines: tuple[Decimal, ...]
    numbers: Summary | None


@dataclass(frozen=True, slots=True)
class Chart:
    """One level of one test on one module, in the order in which the values came."""

    segments: tuple[Segment, ...]
    events: tuple[ChartEvent, ...]


def levey_jennings(points: Iterable[ChartPoint], events: Iterable[ChartEvent] = ()) -> Chart:
    """Order everything, and begin a segment wherever lot, mean or SD change."""
    ordered = sorted(points, key=lambda point: point.order)
    segments = [
        _segment(tuple(group))
        for _, group in groupby(ordered, key=lambda point: (point.lot, point.target))
    ]
    return Chart(tuple(segments), tuple(sorted(events, key=lambda event: event.order)))


def _segment(points: Sequence[ChartPoint]) -> Segment:
    target = points[0].target
    lines: tuple[Decimal, ...] = ()
    if target is not None:
        lines = tuple(target.mean + step * target.sd for step in range(-3, 4))
    numbers = summary([point.value for point in points if point.counts])
    return Segment(points[0].lot, target, tuple(points), lines, numbers)
