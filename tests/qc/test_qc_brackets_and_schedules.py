"""Brackets, look-backs, schedules, restarts, and which gates one result has to pass."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from middleware.qc.codes import (
    Admission,
    GateStatus,
)
from middleware.qc.gate import admit
from middleware.qc.gate_model import (
    ConditionsChanged,
    ControlJudged,
    FreeWaiting,
    GateState,
    HoldWaiting,
    Mark,
    Moved,
    ResultCounted,
    TimeCame,
    gate_from,
    gate_text,
)
from middleware.qc.gates import NO_GATE, gates_of, strictest
from middleware.qc.materials import Place
from middleware.qc.schedule import Schedule, due_after
from tests.kit.qc_bench import GOOD, START, Bench, at, mark, of_kind


def test_with_bracketing_results_wait_and_the_next_good_run_frees_them() -> None:
    """Both sides of the bracket are good."""
    bench = Bench(bracketing=True)
    bench.good_run()
    assert bench.ask() is Admission.WAIT
    waiting = mark(bench.order)
    (free,) = of_kind(bench.good_run(), FreeWaiting)
    assert free.covers(waiting)
    assert bench.ask() is Admission.WAIT
    assert not free.covers(mark(bench.order))


def test_a_bracket_covers_what_came_and_was_measured_inside_it() -> None:
    """A result that came before the closing run but was measured after it waits for the next."""
    free = FreeWaiting(mark(10), mark(20))
    assert free.covers(mark(15))
    assert free.covers(Mark(order=15))
    assert not free.covers(Mark(order=15, measured_at=at(21)))
    assert not free.covers(Mark(order=15, measured_at=at(20)))
    assert not free.covers(Mark(order=15, measured_at=at(9)))
    assert not free.covers(Mark(order=15, measured_at=at(10)))
    assert not free.covers(mark(20))
    assert not free.covers(Mark(order=20))
    assert not free.covers(Mark(order=10))
    assert not free.covers(mark(10))


def test_results_between_two_levels_of_a_run_wait_for_the_next_run() -> None:
    """The run closes the bracket at its first value."""
    bench = Bench(bracketing=True)
    bench.good_run()
    bench.level("L1", GOOD, is_new_run=True)
    assert bench.ask() is Admission.WAIT
    between = mark(bench.order)
    (free,) = of_kind(bench.level("L2", GOOD), FreeWaiting)
    assert not free.covers(between)
    (free,) = of_kind(bench.good_run(), FreeWaiting)
    assert free.covers(between)


def test_a_failed_run_turns_waiting_into_held_and_no_later_run_frees_them() -> None:
    """The bracket cannot be closed over a failure."""
    bench = Bench(bracketing=True)
    bench.good_run()
    assert bench.ask() is Admission.WAIT
    waiting = mark(bench.order)
    assert of_kind(bench.failed_run(), HoldWaiting)
    bench.clear()
    assert not of_kind(bench.good_run(), FreeWaiting)
    (free,) = of_kind(bench.good_run(), FreeWaiting)
    assert not free.covers(waiting)


def test_a_change_of_conditions_ends_the_bracket_and_asks_for_a_run() -> None:
    """After calibration the last good run says nothing any more."""
    bench = Bench(bracketing=True)
    bench.good_run()
    decided = bench.tell(ConditionsChanged("calibration", at(9)))
    assert of_kind(decided, HoldWaiting)
    assert bench.state.status is GateStatus.UNKNOWN
    assert bench.ask() is Admission.HOLD


def test_half_a_run_from_before_a_change_does_not_complete_one_after_it() -> None:
    """Both levels must be of now, whatever the gate's status was."""
    for prepare in (Bench.good_run, Bench.failed_run):
        bench = Bench()
        prepare(bench)
        bench.level("L1", GOOD, is_new_run=True)
        bench.tell(ConditionsChanged("calibration", at(9)))
        before = bench.state.status
        bench.level("L2", GOOD)
        assert bench.state.status is before


def test_a_good_run_from_before_a_change_does_not_recover_a_failure() -> None:
    """It was of other conditions."""
    bench = Bench()
    bench.failed_run()
    bench.good_run()
    bench.tell(ConditionsChanged("new reagent lot", at(9)))
    bench.clear(1)
    assert bench.state.status is GateStatus.CLEARED


def test_overdue_by_time_holds_even_if_no_timer_ever_fired() -> None:
    """The answer to a result looks at the clock itself."""
    bench = Bench(schedule=Schedule(every_h=8, grace_min=30))
    bench.good_run()
    due = at(1) + timedelta(hours=8, minutes=30)
    assert bench.state.due_at == due
    early = due - timedelta(microseconds=1)
    assert admit(bench.gate, bench.state, mark(9), early).admission is Admission.PASS
    answer = admit(bench.gate, bench.state, mark(9), due)
    assert answer.admission is Admission.HOLD
    assert answer.reason == "Quality control is overdue."
    assert of_kind(bench.tell(TimeCame(due)), Moved)[0].now is GateStatus.OVERDUE
    assert of_kind(bench.tell(TimeCame(due)), Moved) == []


def test_a_run_is_due_a_time_after_it_was_measured_not_after_it_came() -> None:
    """A control that the analyzer sends six hours late is six hours old; a clock that is ahead gains nothing."""
    for measured, began in ((0, 0), (600, 360)):
        bench = Bench(levels=("L1",), schedule=Schedule(every_h=8))
        where = Mark(order=1, measured_at=at(measured))
        bench.tell(ControlJudged("L1", 1, GOOD, where, at(360)))
        assert bench.state.due_at == at(began) + timedelta(hours=8)


def test_overdue_by_results_lets_exactly_so_many_pass() -> None:
    """Every 3 results: the fourth is held until the next run."""
    bench = Bench(schedule=Schedule(every_results=3))
    bench.good_run()
    answers = []
    for _ in range(4):
        answers.append(bench.ask())
        bench.tell(ResultCounted(at(bench.order)))
    assert answers == [Admission.PASS] * 3 + [Admission.HOLD]
    bench.good_run()
    assert bench.ask() is Admission.PASS


def test_a_late_run_closes_the_bracket_of_what_waited_before_it_was_overdue() -> None:
    """Both sides are good; what came while it was overdue was held for a person and stays so."""
    bench = Bench(bracketing=True, schedule=Schedule(every_h=1))
    bench.good_run()
    assert bench.ask() is Admission.WAIT
    waiting = mark(bench.order)
    bench.order += 60
    assert bench.ask() is Admission.HOLD
    (free,) = of_kind(bench.good_run(), FreeWaiting)
    assert free.covers(waiting)


def test_a_recovered_gate_that_waits_too_long_for_its_action_needs_another_run() -> None:
    """The run that was to open it is overdue itself."""
    bench = Bench(schedule=Schedule(every_h=1))
    bench.failed_run()
    taken = bench.order
    bench.good_run()
    bench.order += 90
    bench.clear(taken)
    assert bench.state.status is GateStatus.CLEARED


def test_shifts_begin_by_local_time_also_when_the_clocks_change() -> None:
    """06:00 in Berlin is 05:00 UTC in winter and 04:00 UTC in summer (from 29 March 2026)."""
    schedule = Schedule(shifts=(time(6), time(14), time(22)))
    berlin = ZoneInfo("Europe/Berlin")

    def due(*when: int) -> datetime | None:
        return due_after(schedule, datetime(2026, 3, *when, tzinfo=UTC), berlin)

    assert due(2, 8) == datetime(2026, 3, 2, 13, tzinfo=UTC)
    assert due(2, 13) == datetime(2026, 3, 2, 21, tzinfo=UTC)
    assert due(28, 21) == datetime(2026, 3, 29, 4, tzinfo=UTC)
    assert due_after(Schedule(), START, berlin) is None


def test_whatever_comes_first_of_hours_and_shifts_counts() -> None:
    """The nearer end is the end."""
    schedule = Schedule(every_h=2, shifts=(time(9, 30),))
    assert due_after(schedule, START, UTC) == at(90)
    assert due_after(schedule, at(100), UTC) == at(220)


def test_a_shift_with_a_time_zone_of_its_own_is_refused() -> None:
    """The line has one."""
    with pytest.raises(ValueError, match="without a time zone"):
        Schedule(shifts=(time(6, tzinfo=UTC),))


def test_the_state_survives_a_restart_whatever_it_holds() -> None:
    """It is stored as text and read again."""
    bench = Bench(bracketing=True, schedule=Schedule(every_h=8))
    for step in (bench.good_run, bench.failed_run, bench.good_run, bench.clear, bench.failed_run):
        step()
        assert gate_from(gate_text(bench.state)) == bench.state


def _place(module: str, test: str = "GLU", analyzer: str = "") -> Place:
    return Place(line="chem-1", analyzer=analyzer, module=module, test=test)


def test_a_module_is_judged_by_its_own_gate_and_by_that_of_the_whole_line() -> None:
    """A failed run whose module nobody can tell holds all of them."""
    known = [_place("A"), _place("B"), _place(""), _place("A", "NA")]
    assert gates_of(_place("A"), known) == (_place("A"), _place(""))
    assert gates_of(_place(""), known) == (_place("A"), _place("B"), _place(""))
    assert gates_of(_place("A"), [_place("")]) == (_place(""),)


def test_a_good_run_on_one_module_says_nothing_of_its_neighbour() -> None:
    """A module that never had a run is held, also beside a gate of the whole line."""
    assert gates_of(_place("C"), [_place("A"), _place("")]) == ()
    assert gates_of(_place("A", analyzer="c701"), [_place("A", analyzer="c702")]) == ()
    assert strictest(()) == NO_GATE


def test_the_strictest_gate_answers() -> None:
    """Hold over wait over pass."""
    bench = Bench(bracketing=True)
    bench.good_run()
    waits = admit(bench.gate, bench.state, mark(9), at(9))
    holds = admit(bench.gate, GateState(), mark(9), at(9))
    assert strictest([waits, holds]) is holds
    assert strictest([waits]) is waits
