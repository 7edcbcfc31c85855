"""Quality control in the running pipeline: control values move gates, and gates decide what goes out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from middleware.model import ReleaseState
from middleware.pipeline import quality_anew
from middleware.pipeline.anew import findings_of
from middleware.pipeline.prepare import Preparation
from middleware.pipeline.process import process
from middleware.qc.codes import GateStatus
from middleware.store import outbox, qc, qc_lists
from tests.kit.made_qc import BAD, control, made_qc, measured
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.qc_lab import Lab, codes

HELD, RELEASED = ReleaseState.HELD, ReleaseState.RELEASED


def test_a_result_goes_only_after_an_accepted_run(conn) -> None:
    lab = Lab(conn)
    before = lab.patient(0, "S1")
    assert (before["release_state"], codes(before)) == (HELD, ["unknown"])
    assert "No quality control" in before["findings"]
    lab.run(1)
    assert lab.status() == [GateStatus.IN_CONTROL]
    assert lab.patient(2, "S2")["release_state"] == RELEASED
    assert lab.row("S1")["release_state"] == HELD


def test_one_level_alone_opens_nothing(conn) -> None:
    lab = Lab(conn)
    lab.send(0, control("1", 0))
    assert lab.patient(1, "S1")["release_state"] == HELD


def test_a_failed_run_holds_what_comes_after_and_lists_what_went_out(conn) -> None:
    lab = Lab(conn)
    lab.run(0)
    assert lab.patient(1, "S1")["release_state"] == RELEASED
    lab.run(2, l1=BAD["1"])
    held = lab.patient(3, "S2")
    assert (held["release_state"], codes(held)) == (HELD, ["failed"])
    assert "1-3s" in held["findings"]
    assert [one["sample_id"] for one in qc_lists.look_back(conn)] == ["S1"]
    assert outbox.counts(conn)["lis"]["waiting"] == 1


def test_other_tests_are_not_touched(conn) -> None:
    lab = Lab(conn)
    lab.run(0, l1=BAD["1"])
    assert lab.patient(1, "S1", test="K")["release_state"] == RELEASED
    assert lab.patient(2, "S2", test="NA")["release_state"] == HELD  # gated, and no run yet


def test_without_quality_control_in_the_settings_nothing_is_asked_or_kept(conn) -> None:
    lab = Lab(conn)
    lab.setup = made_setup()
    lab.run(0, l1=BAD["1"])
    assert lab.patient(1, "S1")["release_state"] == RELEASED
    assert qc.all_gates(conn) == []


def test_with_bracketing_results_wait_for_the_next_good_run(conn) -> None:
    lab = Lab(conn, bracketing=True)
    lab.run(0)
    waiting = lab.patient(1, "S1")
    assert (waiting["release_state"], codes(waiting)) == (HELD, ["waits"])
    assert outbox.get(conn, 1) is None
    lab.run(2)
    freed = lab.row("S1")
    assert (freed["release_state"], codes(freed)) == (RELEASED, [])
    assert outbox.get(conn, 1) is not None
    assert qc.waiting(conn, "chem-1", "GLU") == []


def test_with_bracketing_a_failed_run_leaves_what_waited_to_a_person(conn) -> None:
    """For ever: a good run afterwards says nothing of what was measured before the failure."""
    lab = Lab(conn, bracketing=True)
    lab.run(0)
    lab.patient(1, "S1")
    lab.run(2, l2=BAD["2"])
    assert (lab.row("S1")["release_state"], codes(lab.row("S1"))) == (HELD, ["failed"])
    assert qc_lists.look_back(conn) == []
    lab.run(3)
    assert lab.row("S1")["release_state"] == HELD


def test_one_message_with_controls_and_patients_is_judged_by_its_worse_side(conn) -> None:
    """Nothing of it goes out on a run that the same message fails, whatever stands first."""
    lab = Lab(conn)
    lab.run(0)
    bad = [control("1", 2, BAD["1"])]
    lab.send(2, made_result("S1", measured=measured(2)), *bad)
    assert lab.row("S1")["release_state"] == HELD


def test_a_batch_with_a_failing_control_in_the_middle_is_judged_in_its_order(conn) -> None:
    lab = Lab(conn)
    lab.run(0)
    sent = [
        made_result("S1", measured=measured(1)),
        control("1", 2, BAD["1"]),
        made_result("S2", measured=measured(3)),
    ]
    preparation = Preparation(lab.setup)
    batch = [
        preparation.prepare(decoded(journaled(conn, text=bytes([65 + at])), one))
        for at, one in enumerate(sent)
    ]
    process(conn, batch, lab.setup, RECEIVED_AT + 300)
    assert lab.row("S1")["release_state"] == RELEASED
    assert lab.row("S2")["release_state"] == HELD
    assert [one["sample_id"] for one in qc_lists.look_back(conn)] == ["S1"]


def test_a_gate_that_observes_says_it_and_holds_nothing(conn) -> None:
    lab = Lab(conn, mode="observe")
    lab.run(0)
    lab.run(1, l1=BAD["1"])
    row = lab.patient(2, "S1")
    assert (row["release_state"], codes(row)) == (RELEASED, ["failed"])


def test_an_overdue_run_holds(conn) -> None:
    lab = Lab(conn, schedule={"every_h": 1})
    lab.run(0)
    assert lab.patient(59, "S1")["release_state"] == RELEASED
    late = lab.patient(61, "S2")
    assert (late["release_state"], codes(late)) == (HELD, ["overdue"])


def test_a_schedule_may_count_results(conn) -> None:
    lab = Lab(conn, schedule={"every_results": 2})
    lab.run(0)
    states = [lab.patient(at, f"S{at}")["release_state"] for at in (1, 2, 3)]
    assert states == [RELEASED, RELEASED, HELD]


@pytest.mark.parametrize(
    ("material", "why"),
    [
        ({"lot": ""}, "names no lot"),
        ({"level": ""}, "names no level"),
        ({"lot": "L78"}, "no control of lot L78 level 1 is declared"),
    ],
)
def test_a_control_that_nobody_can_name_moves_no_gate_and_is_listed(conn, material, why) -> None:
    lab = Lab(conn)
    lab.send(0, control("1", 0, BAD["1"], material=material))
    assert qc.all_gates(conn) == []
    (unknown,) = qc_lists.unknown(conn)
    assert why in unknown["reason"]


def test_a_value_in_another_unit_is_not_judged(conn) -> None:
    lab = Lab(conn)
    lab.send(0, control("1", 0, "90", unit="mg/dL"))
    (point,) = qc.points(conn, 1)
    assert (point["verdict"], point["z"]) == ("not_judged", None)
    assert "in mg/dL, the target in mmol/L" in point["reason"]


def test_the_same_control_message_again_is_judged_once(conn) -> None:
    lab = Lab(conn)
    lab.run(0)
    lab.run(0)
    assert len(qc.points(conn, 1)) == 2


def test_a_module_is_not_opened_by_its_neighbour(conn) -> None:
    lab = Lab(conn)
    for level in ("1", "2"):
        lab.send(0, control(level, 0, module="A"))
    assert lab.patient(1, "S1", module="A")["release_state"] == RELEASED
    assert lab.patient(2, "S2", module="B")["release_state"] == HELD


def test_points_are_kept_with_the_numbers_that_they_were_judged_by(conn) -> None:
    lab = Lab(conn)
    lab.run(0)
    first, second = qc.points(conn, 1)
    assert (first["material"], first["lot"], first["level"]) == ("multi", "L77", "1")
    assert (first["mean"], first["sd"], first["z"]) == ("5.0", "0.2", "0.25")
    assert (first["run"], second["run"]) == (1, 1)
    assert second["verdict"] == "accepted"


def test_a_learned_target_needs_its_start(conn) -> None:
    """Ten values for a provisional target; until then nothing is judged and the gate stays unknown."""
    learned = {"runs_min": 20, "days_min": 1, "provisional_from": 3}
    table = {"lot": "L77", "level": "1", "line": "chem-1", "test": "GLU", "learned": learned}
    lab = Lab(conn, control=[table])
    for at, value in enumerate(["5.0", "5.1", "4.9"]):
        lab.send(at, control("1", at, value))
    assert lab.status() == [GateStatus.UNKNOWN]
    lab.send(4, control("1", 4, "5.05"))
    assert lab.status() == [GateStatus.IN_CONTROL]
    assert qc.points(conn, 1)[-1]["target_kind"] == "provisional"


def test_a_crash_leaves_all_or_nothing_of_a_control(conn) -> None:
    lab = Lab(conn)
    lab.run(0)
    kept = conn.begin_nested()
    lab.run(1, l1=BAD["1"])
    kept.rollback()
    assert lab.status() == [GateStatus.IN_CONTROL]
    assert len(qc.points(conn, 1)) == 2
    lab.run(1, l1=BAD["1"])
    assert lab.status() == [GateStatus.FAILED]


def test_what_is_decided_anew_asks_the_gate_of_now(conn) -> None:
    """A result held for another reason while quality control was good does not slip out after the failure."""
    lab = Lab(conn)
    lab.run(0)
    lab.setup = replace(lab.setup, qc=made_qc())
    row = lab.patient(1, "S1")
    lab.run(2, l1=BAD["1"])
    found = quality_anew.with_quality(conn, row, findings_of(row), lab.setup, RECEIVED_AT + 200)
    assert [one.code for one in found] == ["failed"]
