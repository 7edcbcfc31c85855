"""The gate: what a failed or missing control run does to patients' results, and what opens it again."""

from __future__ import annotations

from itertools import product

import pytest

from middleware.qc.codes import (
    Admission,
    GateInput,
    GateMode,
    GateStatus,
    GateStep,
    PointVerdict,
)
from middleware.qc.gate import WHY_HELD, admit
from middleware.qc.gate_model import (
    Cleared,
    ControlJudged,
    ExternalTold,
    GateState,
    LookBack,
    Mark,
    Moved,
    Refused,
)
from middleware.qc.tables import IS_GOOD, TRANSITIONS
from tests.kit.qc_bench import GOOD, WARNED, Bench, at, mark, of_kind


def test_the_table_has_a_row_for_every_status_and_input() -> None:
    """No combination is left to chance."""
    assert set(TRANSITIONS) == set(product(GateStatus, GateInput))
    assert set(IS_GOOD) == set(WHY_HELD) == set(GateStatus)
    assert {step for step, _ in TRANSITIONS.values()} == set(GateStep)


def test_only_a_run_or_another_system_or_a_documented_action_leads_to_a_good_status() -> None:
    """No passing of time and no change of conditions opens a gate."""
    openers = {
        told
        for (status, told), (step, following) in TRANSITIONS.items()
        if IS_GOOD[following] and not IS_GOOD[status]
    }
    assert openers == {
        GateInput.RUN_ACCEPTED,
        GateInput.RUN_WARNED,
        GateInput.EXTERNAL_GOOD,
        GateInput.EXTERNAL_WARNING,
        GateInput.PERSON_CLEARED,
    }


def test_out_of_a_failure_both_a_run_and_an_action_are_needed() -> None:
    """Neither alone ever leads from FAILED to a good status, in any order of inputs."""
    own = [told for told in GateInput if not told.value.startswith("external")]
    without_action = [told for told in own if not told.value.startswith("person")]
    runs = (GateInput.RUN_ACCEPTED, GateInput.RUN_WARNED)
    without_run = [told for told in own if told not in runs]
    for allowed in (without_action, without_run):
        reached, seen = {GateStatus.FAILED}, set()
        while reached - seen:
            status = (reached - seen).pop()
            seen.add(status)
            reached |= {TRANSITIONS[(status, told)][1] for told in allowed}
        assert not any(IS_GOOD[status] or status is GateStatus.OVERDUE for status in reached)


def test_before_the_first_accepted_run_everything_is_held() -> None:
    """Missing information holds."""
    bench = Bench()
    assert bench.ask() is Admission.HOLD
    bench.good_run()
    assert bench.ask() is Admission.PASS


def test_a_run_counts_when_all_its_levels_are_good() -> None:
    """One level alone is no run; a second level of another run does not complete it."""
    bench = Bench()
    bench.level("L1", GOOD, is_new_run=True)
    assert bench.state.status is GateStatus.UNKNOWN
    bench.level("L2", GOOD, is_new_run=True)
    assert bench.state.status is GateStatus.UNKNOWN
    bench.level("L1", GOOD)
    assert bench.state.status is GateStatus.IN_CONTROL


def test_a_rejected_level_fails_at_once_and_its_run_can_never_be_good() -> None:
    """The other level of a failed run, and a repeat inside it, change nothing."""
    bench = Bench()
    bench.failed_run()
    bench.level("L2", GOOD)
    bench.level("L1", GOOD)
    assert bench.state.status is GateStatus.FAILED
    bench.clear()
    bench.good_run()
    assert bench.state.status is GateStatus.IN_CONTROL


def test_a_warning_lets_results_pass_and_is_shown() -> None:
    """1-2s asks for inspection; it holds nothing by itself."""
    bench = Bench()
    bench.level("L1", WARNED, is_new_run=True)
    bench.level("L2", GOOD)
    assert bench.state.status is GateStatus.WARNING
    assert bench.ask() is Admission.PASS
    bench.good_run()
    assert bench.state.status is GateStatus.IN_CONTROL


def test_a_value_that_was_not_judged_moves_nothing() -> None:
    """A lot that runs in parallel, or has no target yet, says nothing of patients' results."""
    bench = Bench()
    bench.level("L1", PointVerdict.NOT_JUDGED, is_new_run=True)
    bench.level("L2", PointVerdict.NOT_JUDGED)
    assert bench.state == GateState()


def test_a_failed_run_holds_and_lists_what_was_released_since_the_last_good_one() -> None:
    """The look-back begins at the first value of the last good run, where nothing is certain any more."""
    bench = Bench()
    bench.good_run()
    bench.good_run()
    decided = bench.failed_run()
    assert of_kind(decided, LookBack) == [LookBack(mark(3), mark(5))]
    assert of_kind(decided, Moved)[0].now is GateStatus.FAILED
    assert bench.ask() is Admission.HOLD


def test_a_look_back_lists_by_arrival_by_release_and_by_time_of_measurement() -> None:
    """A result that came earlier but was released, or measured, later belongs to it too."""
    look_back = LookBack(mark(10), mark(20))
    assert look_back.lists(mark(11), 11)
    assert look_back.lists(mark(9), 11)
    assert look_back.lists(Mark(order=9, measured_at=at(10)), 9)
    assert not look_back.lists(mark(9), 9)
    assert not look_back.lists(Mark(order=9), 9)
    assert LookBack(None, mark(20)).lists(mark(1), 1)


def test_after_a_failure_a_good_run_alone_is_not_enough() -> None:
    """Repeating until it fits is no corrective action."""
    bench = Bench()
    bench.failed_run()
    taken = bench.order
    bench.good_run()
    assert bench.state.status is GateStatus.RECOVERED
    assert bench.ask() is Admission.HOLD
    bench.clear(taken)
    assert bench.state.status is GateStatus.IN_CONTROL
    assert bench.state.clearing is not None
    assert bench.state.clearing.by == "m.rossi"
    assert bench.ask() is Admission.PASS


def test_after_a_failure_an_action_alone_is_not_enough() -> None:
    """New reagent is believed when a run has shown it."""
    bench = Bench()
    bench.failed_run()
    bench.clear()
    assert bench.state.status is GateStatus.CLEARED
    assert bench.ask() is Admission.HOLD
    bench.good_run()
    assert bench.ask() is Admission.PASS


def test_a_good_run_from_before_the_action_does_not_show_that_it_helped() -> None:
    """Calibrated after the run that was good: another run is needed, however late the older one comes in."""
    bench = Bench()
    bench.failed_run()
    bench.good_run()
    bench.clear()
    assert bench.state.status is GateStatus.CLEARED
    taken = bench.order
    for order, level in ((20, "L1"), (21, "L2")):
        early = Mark(order=order, measured_at=at(taken))
        bench.tell(ControlJudged(level, 9, GOOD, early, at(order)))
    assert bench.state.status is GateStatus.CLEARED
    bench.run, bench.order = 10, 30
    bench.good_run()
    assert bench.state.status is GateStatus.IN_CONTROL


def test_an_action_at_the_very_time_of_the_run_is_not_before_it() -> None:
    """A clock that shows minutes cannot tell which came first."""
    for earlier, status in ((0, GateStatus.CLEARED), (1, GateStatus.IN_CONTROL)):
        bench = Bench()
        bench.failed_run()
        began = bench.order + 1
        bench.good_run()
        bench.clear(began - earlier)
        assert bench.state.status is status


def test_an_action_of_the_future_is_taken_as_one_of_now() -> None:
    """A slip of the pen must not hold the gate until next year."""
    bench = Bench()
    bench.failed_run()
    bench.clear(500_000)
    bench.good_run()
    assert bench.state.status is GateStatus.IN_CONTROL


def test_a_further_failure_asks_for_a_further_action() -> None:
    """The action that did not help is not the one that helped."""
    bench = Bench()
    bench.failed_run()
    bench.clear()
    bench.failed_run()
    bench.good_run()
    assert bench.state.status is GateStatus.RECOVERED


@pytest.mark.parametrize(("by", "action"), [("", "calibrated"), ("m.rossi", "  ")])
def test_a_clearing_without_person_or_action_is_refused(by: str, action: str) -> None:
    """It is a document."""
    bench = Bench()
    bench.failed_run()
    decided = bench.tell(Cleared(by, action, at(9)))
    assert of_kind(decided, Refused)
    assert bench.state.status is GateStatus.FAILED


def test_there_is_nothing_to_clear_while_nothing_failed() -> None:
    """An unknown or overdue gate needs a run, not a signature."""
    bench = Bench()
    assert of_kind(bench.clear(), Refused)
    bench.good_run()
    assert of_kind(bench.clear(), Refused)


def test_results_measured_before_the_good_run_are_held_though_they_come_after_it() -> None:
    """An analyzer that sends late must not pass its results off as those of a good period."""
    bench = Bench()
    bench.failed_run()
    bench.clear()
    bench.order += 5
    bench.good_run()
    bench.order += 1
    late = Mark(order=bench.order, measured_at=at(3))
    assert admit(bench.gate, bench.state, late, at(bench.order)).admission is Admission.HOLD
    unknown = Mark(order=bench.order)
    assert admit(bench.gate, bench.state, unknown, at(bench.order)).admission is Admission.PASS


def test_a_good_value_that_was_measured_before_the_failed_one_recovers_nothing() -> None:
    """Controls that were stored in the analyzer and come late say nothing of now."""
    bench = Bench()
    bench.order = 10
    bench.failed_run()
    bench.clear()
    for order, level in ((12, "L1"), (13, "L2")):
        old = Mark(order=order, measured_at=at(5))
        assert of_kind(bench.tell(ControlJudged(level, 9, GOOD, old, at(order))), Refused)
    assert bench.state.status is GateStatus.CLEARED


def test_observe_judges_and_holds_nothing() -> None:
    """A laboratory looks on before it lets a gate act."""
    bench = Bench(mode=GateMode.OBSERVE)
    assert of_kind(bench.failed_run(), LookBack)
    assert bench.state.status is GateStatus.FAILED
    assert bench.ask() is Admission.PASS


def test_an_external_gate_follows_the_other_system_and_nothing_else() -> None:
    """Our own control values are charted; they do not move it, and nobody clears it here."""
    bench = Bench(mode=GateMode.EXTERNAL)
    bench.good_run()
    assert bench.ask() is Admission.HOLD
    bench.tell(ExternalTold(GateInput.EXTERNAL_GOOD, mark(bench.order), at(bench.order)))
    assert bench.ask() is Admission.PASS
    bench.failed_run()
    assert bench.ask() is Admission.PASS
    bad = ExternalTold(GateInput.EXTERNAL_BAD, mark(bench.order), at(bench.order), "Unity: 1-3s")
    decided = bench.tell(bad)
    assert of_kind(decided, LookBack)
    assert of_kind(decided, Moved)[0].why == "Unity: 1-3s"
    assert of_kind(bench.clear(), Refused)
    bench.tell(ExternalTold(GateInput.EXTERNAL_WARNING, mark(bench.order), at(bench.order)))
    assert bench.state.status is GateStatus.WARNING


def test_a_status_from_elsewhere_is_refused_where_nobody_expects_one() -> None:
    """A misrouted message must not open a gate; nor may a status that nobody may send."""
    told = ExternalTold(GateInput.EXTERNAL_GOOD, mark(1), at(1))
    assert of_kind(Bench().tell(told), Refused)
    strange = ExternalTold(GateInput.RUN_ACCEPTED, mark(1), at(1))
    assert of_kind(Bench(mode=GateMode.EXTERNAL).tell(strange), Refused)
