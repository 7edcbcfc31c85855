"""Which control a value belongs to, what it should give, and the numbers and charts made of it."""

from __future__ import annotations

import csv
import io
import statistics
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.qc.chart import ChartEvent, ChartPoint, EventKind, levey_jennings
from middleware.qc.codes import LotUse, PointVerdict, TargetKind
from middleware.qc.materials import Control, ControlLot, Controls, Place, unit_fault
from middleware.qc.statistics import (
    PEER_COLUMNS,
    PeerRow,
    bias_percent,
    peer_csv,
    sigma,
    summary,
    total_error_percent,
)
from middleware.qc.targets import (
    FixedTarget,
    Learned,
    LearnedTarget,
    Target,
    learn,
    learned_from,
    target_of,
)

D = Decimal
DAY = date(2026, 3, 2)
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def control(lot: str = "4711", level: str = "L1", module: str = "", **dates) -> Control:
    return Control(
        lot=ControlLot(material="multi", lot=lot, level=level, **dates),
        place=Place(line="chem-1", module=module, test="GLU"),
        unit="mmol/L",
        target=FixedTarget(mean=D("5.5"), sd=D("0.2")),
    )


PLACE = Place(line="chem-1", analyzer="c702", module="A", test="GLU")


def test_a_control_value_is_found_by_lot_and_level_and_by_nothing_else() -> None:
    """Another lot, level, test or line is another control."""
    one = control()
    controls = Controls([one])
    assert controls.find(PLACE, "4711", "L1", DAY).control is one
    for place, lot, level in (
        (PLACE, "4712", "L1"),
        (PLACE, "4711", "L2"),
        (PLACE, "", ""),
        (PLACE.model_copy(update={"test": "NA"}), "4711", "L1"),
        (PLACE.model_copy(update={"line": "chem-2"}), "4711", "L1"),
    ):
        found = controls.find(place, lot, level, DAY)
        assert found.control is None
        assert found.reason == f"no control of lot {lot} level {level} is declared here"


def test_a_control_of_the_module_goes_before_one_of_the_whole_line() -> None:
    """Modules may have targets of their own."""
    line, module = control(), control(module="A")
    controls = Controls([line, module])
    assert controls.find(PLACE, "4711", "L1", DAY).control is module
    other = PLACE.model_copy(update={"module": "B"})
    assert controls.find(other, "4711", "L1", DAY).control is line
    with pytest.raises(ValueError, match="lot 4711 level L1 of test GLU stands twice on chem-1"):
        Controls([line, control()])


def test_a_new_lot_runs_beside_the_old_one_before_it_is_used() -> None:
    """Day by day: not yet, in parallel, in use, retired; an expired lot is retired whatever else is said."""
    lot = ControlLot(
        material="multi",
        lot="4712",
        level="L1",
        parallel_from=DAY,
        used_from=DAY + timedelta(days=10),
        used_until=DAY + timedelta(days=20),
        expires=DAY + timedelta(days=15),
    )
    found = [lot.use_on(DAY + timedelta(days=days)) for days in (-1, 0, 9, 10, 15, 16)]
    assert found == [
        LotUse.NOT_YET,
        LotUse.IN_PARALLEL,
        LotUse.IN_PARALLEL,
        LotUse.IN_USE,
        LotUse.IN_USE,
        LotUse.RETIRED,
    ]
    longer = lot.model_copy(update={"expires": None})
    assert longer.use_on(DAY + timedelta(days=20)) is LotUse.IN_USE
    assert longer.use_on(DAY + timedelta(days=21)) is LotUse.RETIRED


def test_only_lots_in_use_make_a_run_complete() -> None:
    """While two lots of a level overlap, the new one is not waited for."""
    controls = Controls(
        [
            control("4711", "L1"),
            control("4711", "L2"),
            control("4712", "L3", parallel_from=DAY, used_from=DAY + timedelta(days=10)),
            control("4711", "L4", module="B"),
        ]
    )
    assert controls.levels_of(PLACE, DAY) == ("L1", "L2")
    assert controls.levels_of(PLACE, DAY + timedelta(days=10)) == ("L1", "L2", "L3")


def test_more_levels_than_a_series_keeps_are_refused_with_the_settings() -> None:
    """Not when the thirteenth is measured."""
    twelve = [control(level=f"L{number}") for number in range(12)]
    assert Controls(twelve)
    with pytest.raises(ValueError, match="test GLU has more than 12 levels on chem-1"):
        Controls([*twelve, control(level="L12")])


def test_dates_of_a_lot_come_in_their_order() -> None:
    """A lot that is used before it is there is a slip of the pen."""
    with pytest.raises(ValueError, match="not in this order"):
        ControlLot(
            material="m", lot="1", level="1", used_from=DAY, parallel_from=DAY + timedelta(days=1)
        )


def test_a_control_value_in_another_unit_or_without_a_number_is_not_judged() -> None:
    """A factor of 18 would look like a failure, or hide one."""
    assert unit_fault(control(), "mmol/L", D(5)) == ""
    assert "in mg/dL, the target in mmol/L" in unit_fault(control(), "mg/dL", D(99))
    assert "in no unit" in unit_fault(control(), "", D(5))
    assert "not a number" in unit_fault(control(), "mmol/L", None)


def learned(count: int, days: int, wish: LearnedTarget) -> Learned:
    """So many values over so many days: 9, 11, 9, 11 ..."""
    found = Learned()
    for at in range(count):
        found = learn(found, wish, D(9 + 2 * (at % 2)), DAY + timedelta(days=at * days // count))
    return found


def test_a_target_is_learned_when_both_values_and_days_are_enough() -> None:
    """20 values over 10 days; before that provisional, and flagged as such."""
    wish = LearnedTarget()
    kinds = {
        (19, 10): TargetKind.PROVISIONAL,
        (20, 9): TargetKind.PROVISIONAL,
        (20, 10): TargetKind.LEARNED,
        (10, 1): TargetKind.PROVISIONAL,
    }
    for (count, days), kind in kinds.items():
        target = target_of(wish, learned(count, days, wish))
        assert target is not None
        assert target.kind is kind
    assert target_of(wish, learned(9, 9, wish)) is None
    established = target_of(wish, learned(20, 10, wish))
    assert established is not None
    assert established.mean == 10
    assert abs(established.sd - (D(20) / 19).sqrt()) < D("1e-25")


def test_until_a_target_is_learned_a_given_one_may_stand_in() -> None:
    """The manufacturer's, decided by the laboratory; it is marked as provisional."""
    wish = LearnedTarget(until_then=FixedTarget(mean=D(10), sd=D(3)))
    assert target_of(wish, Learned()) == Target(D(10), D(3), TargetKind.PROVISIONAL)
    assert target_of(wish, learned(20, 10, wish)).kind is TargetKind.LEARNED


def test_a_frozen_target_stays_and_an_open_one_goes_on() -> None:
    """The laboratory decides which; a frozen one takes in nothing after its start-up."""
    for is_frozen, count in ((True, 20), (False, 21)):
        wish = LearnedTarget(is_frozen=is_frozen)
        more = learn(learned(20, 10, wish), wish, D(99), DAY + timedelta(days=30))
        assert more.count == count


def test_values_that_never_differ_give_no_target() -> None:
    """An SD of zero would reject every value."""
    wish = LearnedTarget()
    found = Learned()
    for at in range(30):
        found = learn(found, wish, D("5.5"), DAY + timedelta(days=at))
    assert target_of(wish, found) is None


def test_a_late_value_of_an_earlier_day_adds_no_day() -> None:
    """Days are counted when they change."""
    wish = LearnedTarget()
    found = Learned()
    for offset in (0, 1, 0, 1, 1):
        found = learn(found, wish, D(5), DAY + timedelta(days=offset))
    assert (found.count, found.days) == (5, 2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"runs_min": 19}, "greater than or equal to 20"),
        ({"provisional_from": 21}, "provisional_from is greater"),
        ({"until_then": {"mean": 1, "sd": 0}}, "greater than 0"),
    ],
)
def test_a_start_up_that_is_too_short_is_refused(settings, expected: str) -> None:
    """Twenty values are the least."""
    with pytest.raises(ValueError, match=expected):
        LearnedTarget.model_validate(settings)


VALUES = st.lists(st.integers(-(10**9), 10**9).map(lambda n: D(n) / 1000), min_size=2, max_size=40)


@pytest.mark.slow
@given(VALUES)
def test_mean_and_sd_are_those_of_the_standard_library(values: list[Decimal]) -> None:
    """Learned one by one, the same as over all at once; no digit is lost in sums of squares."""
    found = learned_from(values)
    assert abs(found.mean - statistics.mean(values)) < D("1e-15")
    assert abs(found.sd - statistics.stdev(values)) < D("1e-12")


def test_sums_of_squares_lose_nothing_to_a_large_mean() -> None:
    """1,000,000.1 and 1,000,000.2 differ by 0.1, and so does their spread."""
    found = learned_from([D("1000000.1"), D("1000000.2")])
    assert found.sd == D("0.005").sqrt()


def test_the_numbers_below_a_chart() -> None:
    """The example of the fact sheet: TEa 10, bias 1.5, CV 2.1 gives a Sigma of 4.05."""
    assert round(sigma(D(10), D("1.5"), D("2.1")), 2) == D("4.05")
    assert sigma(D(10), D("-1.5"), D("2.1")) == sigma(D(10), D("1.5"), D("2.1"))
    assert total_error_percent(D("-1.5"), D(2)) == D("4.80")
    assert bias_percent(D(98), D(100)) == -2
    for call in (lambda: sigma(D(10), D(1), D(0)), lambda: bias_percent(D(1), D(0))):
        with pytest.raises(ValueError, match="needs a"):
            call()
    assert summary([]) is None
    alone = summary([D(5)])
    assert (alone.count, alone.mean, alone.sd, alone.cv_percent) == (1, 5, None, None)
    assert summary([D(9), D(11)]).cv_percent == D(10) * D(2).sqrt()


def test_peers_get_a_table_that_a_machine_can_read() -> None:
    """Lot, level, test, n, mean, SD, CV; names with commas and quotes stay whole."""
    rows = [
        PeerRow('Multi, "high"', "4711", "L1", "GLU", "mmol/L", summary([D(9), D(11), D(10)])),
        PeerRow("multi", "4711", "L2", "NA", "mmol/L", summary([D("123456.789")])),
        PeerRow("multi", "4711", "L3", "TSH", "", summary([D("0.0000012"), D("0.0000012")])),
    ]
    read = list(csv.DictReader(io.StringIO(peer_csv(rows), newline="")))
    assert tuple(read[0]) == PEER_COLUMNS
    assert read[0]["material"] == 'Multi, "high"'
    assert [read[0][name] for name in ("n", "mean", "sd", "cv_percent")] == ["3", "10", "1", "10"]
    assert [read[1][name] for name in ("n", "mean", "sd")] == ["1", "123457", ""]
    assert [read[2][name] for name in ("mean", "sd", "cv_percent")] == ["0.0000012", "0", "0"]


def point(order: int, value: str, target: Target | None, lot: str = "4711", **more) -> ChartPoint:
    fields = {"verdict": PointVerdict.ACCEPTED, **more}
    return ChartPoint(order, START + timedelta(hours=order), lot, D(value), target, **fields)


def test_a_chart_has_a_segment_for_every_lot_and_target() -> None:
    """Lines are drawn piecewise; the order is that of arrival, whatever the clock says."""
    old, new = Target(D(10), D(1)), Target(D(20), D(2))
    chart = levey_jennings(
        [
            point(4, "21", new, "4712"),
            point(1, "11", old),
            point(2, "9", old),
            point(3, "20", None, "4712"),
        ],
        [
            ChartEvent(EventKind.LOT_CHANGE, 3, START),
            ChartEvent(EventKind.CALIBRATION, 2, START),
        ],
    )
    assert [[one.order for one in segment.points] for segment in chart.segments] == [
        [1, 2],
        [3],
        [4],
    ]
    assert chart.segments[0].lines == tuple(D(line) for line in (7, 8, 9, 10, 11, 12, 13))
    assert chart.segments[1].lines == ()
    assert chart.segments[2].points[0].z == D("0.5")
    assert [event.kind for event in chart.events] == [EventKind.CALIBRATION, EventKind.LOT_CHANGE]


def test_the_numbers_of_a_chart_are_of_the_points_that_count() -> None:
    """A rejected value, and one that a person left out with its cause, are drawn and not counted."""
    target = Target(D(10), D(1))
    (segment,) = levey_jennings(
        [
            point(1, "9", target),
            point(2, "11", target, verdict=PointVerdict.WARNING, rules=("1-2s",)),
            point(3, "99", target, verdict=PointVerdict.REJECTED, rules=("1-3s",)),
            point(4, "50", target, excluded_because="wrong bottle"),
            point(5, "50", target, verdict=PointVerdict.NOT_JUDGED),
        ]
    ).segments
    assert len(segment.points) == 5
    assert segment.numbers == summary([D(9), D(11)])
