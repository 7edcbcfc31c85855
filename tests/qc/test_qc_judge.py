"""One control value from the driver to the gate, and a year of them through restarts."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from middleware.qc.codes import GateStatus, PointVerdict, TargetKind
from middleware.qc.gate_model import Cleared, ConditionsChanged, Gate, GateSettings, LookBack, Mark
from middleware.qc.judge import (
    ControlValue,
    JudgedValue,
    Memory,
    TestQc,
    judge,
    memory_from,
    memory_text,
    tell,
)
from middleware.qc.materials import Control, ControlLot, Controls, Place
from middleware.qc.rules import RULES, TWO_LEVELS, rule_set
from middleware.qc.targets import FixedTarget, LearnedTarget

D = Decimal
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PLACE = Place(line="chem-1", analyzer="c702", module="A", test="GLU")
FIXED = FixedTarget(mean=D(100), sd=D(5))


class Bench:
    """One test with two levels; `measure` is told lot, level and value, hour by hour."""

    def __init__(self, *lots: ControlLot, target=FIXED, rules=TWO_LEVELS) -> None:
        lots = lots or (self.lot("4711", "L1"), self.lot("4711", "L2"))
        controls = [Control(lot=lot, place=PLACE, unit="mg/dL", target=target) for lot in lots]
        gate = Gate(GateSettings(levels=("L1", "L2")), UTC)
        self.qc = TestQc(Controls(controls), rule_set(rules), gate)
        self.memory = Memory()
        self.hour = 0
        self.order = 0

    @staticmethod
    def lot(lot: str, level: str, **dates) -> ControlLot:
        return ControlLot(material="multi", lot=lot, level=level, **dates)

    def measure(
        self, level: str, value: str | None, lot: str = "4711", unit="mg/dL"
    ) -> JudgedValue:
        self.order += 1
        at = START + timedelta(hours=self.hour, minutes=self.order % 2)
        judged = judge(
            self.qc,
            self.memory,
            ControlValue(
                place=PLACE,
                lot=lot,
                level=level,
                value=None if value is None else D(value),
                unit=unit,
                mark=Mark(order=self.order, measured_at=at),
                now=at,
                day=at.date(),
            ),
        )
        self.memory = memory_from(memory_text(judged.memory))
        assert self.memory == judged.memory
        return judged

    def run(self, first: str, second: str, lot: str = "4711") -> list[JudgedValue]:
        self.hour += 4
        return [self.measure("L1", first, lot), self.measure("L2", second, lot)]

    @property
    def now(self) -> datetime:
        return START + timedelta(hours=self.hour, minutes=30)

    def clear(self, taken_at: datetime | None = None) -> None:
        event = Cleared("m.rossi", "calibrated", self.now, taken_at)
        self.memory, _ = tell(self.qc, self.memory, event)


def test_a_good_run_opens_the_gate_and_a_bad_value_closes_it() -> None:
    """With the z-score, the rule in words, and the look-back."""
    bench = Bench()
    bench.run("101", "99")
    assert bench.memory.gate.status is GateStatus.IN_CONTROL
    first, second = bench.run("116", "99")
    assert first.z == D("3.2")
    assert [one.rule for one in first.violations] == ["1-2s", "1-3s"]
    assert first.verdict is PointVerdict.REJECTED
    assert [one for one in first.decisions if isinstance(one, LookBack)]
    assert bench.memory.gate.rules == ("1-2s", "1-3s")
    assert second.verdict is PointVerdict.ACCEPTED
    assert bench.memory.gate.status is GateStatus.FAILED


NOT_JUDGED = [
    ({"level": "L3", "value": "100"}, "no control of lot 4711 level L3"),
    ({"level": "L1", "value": "100", "lot": ""}, "no control of lot  level L1"),
    ({"level": "L1", "value": None}, "not a number"),
    ({"level": "L1", "value": "5.5", "unit": "mmol/L"}, "in mmol/L, the target in mg/dL"),
]


@pytest.mark.parametrize(("measured", "reason"), NOT_JUDGED)
def test_what_cannot_be_judged_says_why_and_moves_nothing(measured, reason: str) -> None:
    """It opens no gate; that a run is missing is found by the schedule."""
    bench = Bench()
    judged = bench.measure(**measured)
    assert judged.verdict is PointVerdict.NOT_JUDGED
    assert reason in judged.reason
    assert bench.memory == Memory()


def test_lots_before_their_day_and_after_their_last_are_not_judged() -> None:
    """An expired control says nothing."""
    day = START.date()
    bench = Bench(
        Bench.lot("old", "L1", used_until=day - timedelta(days=1)),
        Bench.lot("new", "L1", used_from=day + timedelta(days=1)),
    )
    assert bench.measure("L1", "100", "old").reason == "the lot is expired or no longer in use"
    assert bench.measure("L1", "100", "new").reason == "the lot is not in use yet"


def test_a_lot_that_runs_in_parallel_learns_and_moves_no_gate() -> None:
    """Its wild values neither close the gate nor enter the sequences; they teach its target."""
    day = START.date()
    lots = [Bench.lot("4711", level) for level in ("L1", "L2")]
    new = Bench.lot("4712", "L1", parallel_from=day, used_from=day + timedelta(days=60))
    bench = Bench(*lots, new, target=LearnedTarget(until_then=FIXED))
    bench.run("101", "99")
    judged = bench.measure("L1", "150", "4712")
    assert judged.verdict is PointVerdict.NOT_JUDGED
    assert judged.z == 10
    assert bench.memory.gate.status is GateStatus.IN_CONTROL
    assert bench.memory.learned["4712|L1"].count == 1
    assert bench.memory.learned["4711|L1"].count == 1


def test_when_a_lot_takes_over_its_sequence_begins_anew() -> None:
    """A value of +2.1 SD of the old lot and one of the new are no 2-2s."""
    day = START.date()
    old = [Bench.lot("4711", "L1"), Bench.lot("4711", "L2")]
    new = Bench.lot("4712", "L1", parallel_from=day, used_from=day)
    for lot, verdict in (("4711", PointVerdict.REJECTED), ("4712", PointVerdict.WARNING)):
        bench = Bench(*old, new)
        bench.run("110.5", "99")
        bench.hour += 4
        assert bench.measure("L1", "110.5", lot).verdict is verdict


@pytest.mark.slow
def test_a_target_is_learned_from_accepted_values_only() -> None:
    """What the rules reject teaches nothing; the kind of the target is told with each value."""
    bench = Bench(target=LearnedTarget(until_then=FIXED))
    chance = random.Random(7)
    for _ in range(70):
        for judged in bench.run(*(str(round(chance.gauss(103, 2), 1)) for _ in "12")):
            assert judged.target is not None
        if bench.memory.gate.status is not GateStatus.IN_CONTROL:
            bench.clear()
    assert judged.target.kind is TargetKind.LEARNED
    assert abs(judged.target.mean - 103) < 1
    before = bench.memory.learned["4711|L1"].count
    bench.run("200", "103")
    assert bench.memory.learned["4711|L1"].count == before


def test_after_the_action_a_sequence_rule_does_not_fire_on_what_was_before() -> None:
    """Ten on one side failed the gate; after calibration the first good run opens it, on whichever side it is."""
    bench = Bench(rules=["1-3s", "10x"])
    for _ in range(5):
        last = bench.run("101", "101")[-1]
    assert [one.rule for one in last.violations] == ["10x"]
    bench.run("101", "101")
    assert bench.memory.gate.status is GateStatus.FAILED
    bench.clear()
    bench.run("101", "101")
    assert bench.memory.gate.status is GateStatus.IN_CONTROL


def test_an_action_that_is_documented_in_the_middle_of_a_run_lets_it_be_completed() -> None:
    """Calibrated, the first level measured, documented, the second level measured: that is one run."""
    bench = Bench()
    bench.run("120", "99")
    taken_at = bench.now
    bench.hour += 4
    bench.measure("L1", "101")
    bench.clear(taken_at)
    bench.measure("L2", "99")
    assert bench.memory.gate.status is GateStatus.IN_CONTROL


def test_an_action_between_two_levels_of_a_run_does_not_let_it_be_completed() -> None:
    """The first level was measured before it."""
    bench = Bench()
    bench.run("120", "99")
    bench.hour += 4
    bench.measure("L1", "101")
    bench.clear()
    bench.measure("L2", "99")
    assert bench.memory.gate.status is GateStatus.CLEARED


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+31", "1E-31", "1" * 31, "1E+999999"])
def test_a_number_that_no_measurement_has_is_not_judged(value: str) -> None:
    """It would leave the range of the arithmetic, or fill the memory."""
    judged = Bench().measure("L1", value)
    assert judged.verdict is PointVerdict.NOT_JUDGED
    assert "not a number" in judged.reason


@pytest.mark.parametrize("value", ["0", "-1E+30", "1E-30", "1" * 30])
def test_a_number_at_the_edge_of_what_is_believed_is_judged(value: str) -> None:
    """Rejected, but by the rules."""
    assert Bench(rules=tuple(RULES)).measure("L1", value).verdict is PointVerdict.REJECTED


def test_a_refused_clearing_breaks_no_sequence() -> None:
    """Nobody resets the rules by signing for nothing."""
    bench = Bench()
    bench.run("110.5", "99")
    bench.clear()
    bench.hour += 4
    assert bench.measure("L1", "110.5").verdict is PointVerdict.REJECTED


def test_a_change_of_conditions_breaks_sequences_and_asks_for_a_run() -> None:
    """Calibration."""
    bench = Bench()
    bench.run("110.5", "99")
    bench.memory, _ = tell(bench.qc, bench.memory, ConditionsChanged("calibration", bench.now))
    assert bench.memory.gate.status is GateStatus.UNKNOWN
    assert bench.run("110.5", "99")[0].verdict is PointVerdict.WARNING
    assert bench.memory.gate.status is GateStatus.WARNING


def test_a_text_that_is_no_memory_is_refused() -> None:
    """A damaged row is an error, not an empty memory that forgets a failure."""
    for text in ("", "{", '{"gate": {"status": "fine"}}', '{"series": 5}'):
        with pytest.raises(ValidationError):
            memory_from(text)
