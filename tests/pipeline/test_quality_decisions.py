"""What people decide about quality control, and what follows from it for results."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.qc.codes import GateStatus
from middleware.store import audit, outbox, qc, qc_lists
from tests.kit.made_qc import BAD, GOOD, control
from tests.kit.made_setups import RECEIVED_AT
from tests.kit.qc_lab import Lab, codes

HELD, RELEASED = ReleaseState.HELD, ReleaseState.RELEASED


def ask(lab: Lab, verb: str, minute: float = 30, **arguments: Any) -> dict[str, Any]:
    now = RECEIVED_AT + 60 * minute
    return COMMANDS[verb](lab.conn, arguments, "ada", lab.setup, now)


def failed_lab(conn, **head: Any) -> Lab:
    lab = Lab(conn, **head)
    lab.run(0)
    lab.patient(1, "S1")
    lab.run(2, l1=BAD["1"])
    return lab


def test_after_a_failure_a_good_run_alone_releases_nothing(conn) -> None:
    lab = failed_lab(conn)
    lab.run(5)
    assert lab.status() == [GateStatus.RECOVERED]
    assert lab.patient(6, "S2")["release_state"] == HELD


def test_a_documented_action_and_a_run_after_it_open_the_gate(conn) -> None:
    lab = failed_lab(conn)
    ask(lab, "qc.clear", 4, ids=[1], cause="old reagent", action="replaced it")
    assert lab.patient(5, "S2")["release_state"] == HELD
    lab.run(6)
    assert lab.patient(8, "S3")["release_state"] == RELEASED
    assert [one["action"] for one in audit.listing(conn)] == ["qc.clear"]
    (action,) = qc_lists.actions(conn, 1)
    assert (action["author"], action["cause"], action["action"]) == (
        "ada",
        "old reagent",
        "replaced it",
    )


def test_an_action_taken_before_the_good_run_may_be_documented_after_it(conn) -> None:
    lab = failed_lab(conn)
    lab.run(5)
    taken_at = RECEIVED_AT + 60 * 4
    ask(lab, "qc.clear", 7, ids=[1], cause="bubble", action="primed", taken_at=taken_at)
    assert lab.patient(8, "S2")["release_state"] == RELEASED


def test_a_value_of_before_the_action_counts_for_no_rule_after_it(conn) -> None:
    """Else 2-2s would fail the first run after the repair together with the value that led to it."""
    lab = Lab(conn)
    lab.run(0)
    lab.run(1, l1="5.65")  # 3.25 SD
    ask(lab, "qc.clear", 2, ids=[1], cause="bubble", action="primed")
    lab.run(5, l1="5.45")  # 2.25 SD
    assert lab.status() == [GateStatus.WARNING]


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        ("qc.clear", {"ids": [1], "cause": "", "action": "x"}, "`cause` must be said"),
        ("qc.clear", {"ids": [1], "cause": "x", "action": " "}, "`action` must be said"),
        ("qc.clear", {"ids": [9], "cause": "x", "action": "y"}, "no gate 9"),
        ("qc.clear", {"ids": [1], "cause": "x", "action": "y", "taken_at": "now"}, "a time"),
        ("qc.changed", {"ids": [1], "what": ""}, "`what` must be said"),
        ("qc.exclude", {"ids": [99], "reason": "x"}, "99 is no control value"),
        ("qc.exclude", {"ids": [1], "reason": ""}, "`reason` must be said"),
        ("qc.seen", {"ids": [77], "reason": "x"}, "77 is not on the list"),
        ("qc.status", {"line": "chem-1", "test": "GLU", "status": "fine"}, "'fine' is no status"),
        ("qc.status", {"line": "chem-1", "test": "XX", "status": "good"}, "has no gate"),
        ("qc.status", {"line": "chem-1", "test": "GLU", "status": "good"}, "mode is not external"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(conn, verb, arguments, said: str) -> None:
    lab = failed_lab(conn)
    with pytest.raises(CommandRefused, match=said):
        ask(lab, verb, **arguments)


def test_there_is_nothing_to_clear_where_nothing_failed(conn) -> None:
    lab = Lab(conn)
    lab.run(0)
    with pytest.raises(CommandRefused, match="nothing to clear"):
        ask(lab, "qc.clear", ids=[1], cause="x", action="y")


def test_a_new_reagent_lot_asks_for_a_new_run(conn) -> None:
    lab = Lab(conn, bracketing=True)
    lab.run(0)
    lab.patient(1, "S1")
    ask(lab, "qc.changed", 2, ids=[1], what="reagent lot 4711")
    assert codes(lab.row("S1")) == ["unknown"]
    lab.run(3)
    assert lab.row("S1")["release_state"] == HELD  # its bracket was never closed
    assert codes(lab.patient(4, "S2")) == ["waits"]


def test_a_value_left_out_is_in_no_number_and_moves_no_gate(conn) -> None:
    lab = failed_lab(conn)
    bad = next(one for one in qc.points(conn, 1) if one["verdict"] == "rejected")
    ask(lab, "qc.exclude", ids=[bad["id"]], reason="wrong bottle")
    assert lab.status() == [GateStatus.FAILED]
    kept = qc.point(conn, bad["id"])
    assert kept is not None
    assert (kept["excluded_by"], kept["excluded_because"]) == ("ada", "wrong bottle")


def test_a_learned_target_forgets_a_value_that_is_left_out(conn) -> None:
    learned = {"runs_min": 20, "days_min": 1, "provisional_from": 3}
    table = {"lot": "L77", "level": "1", "line": "chem-1", "test": "GLU", "learned": learned}
    lab = Lab(conn, control=[table])
    for at, value in enumerate(["5.0", "9.9", "5.1", "4.9"]):
        lab.send(at, control("1", at, value))
    ask(lab, "qc.exclude", ids=[2], reason="wrong bottle")
    lab.send(9, control("1", 9, "5.05"))
    point = qc.points(conn, 1)[-1]
    assert (point["mean"], point["sd"]) == ("5.0", "0.1")


def test_another_systems_word_opens_and_shuts_an_external_gate(conn) -> None:
    gate = {"lines": ["chem-1"], "tests": ["GLU"], "mode": "external"}
    lab = Lab(conn, gate=[gate], control=[])
    assert lab.patient(1, "S1")["release_state"] == HELD
    told = {"line": "chem-1", "test": "GLU"}
    ask(lab, "qc.status", 2, status="good", **told)
    assert lab.patient(3, "S2")["release_state"] == RELEASED
    ask(lab, "qc.status", 4, status="bad", reason="QC system", **told)
    assert codes(lab.patient(5, "S3")) == ["failed"]
    assert [one["sample_id"] for one in qc_lists.look_back(conn)] == ["S2"]


def test_an_external_word_closes_brackets_too(conn) -> None:
    gate = {"lines": ["chem-1"], "tests": ["GLU"], "mode": "external", "bracketing": True}
    lab = Lab(conn, gate=[gate], control=[])
    told = {"line": "chem-1", "test": "GLU", "status": "good"}
    ask(lab, "qc.status", 1, **told)
    assert codes(lab.patient(2, "S1")) == ["waits"]
    answer = ask(lab, "qc.status", 3, **told)
    assert lab.row("S1")["release_state"] == RELEASED
    assert [outbox.get(conn, number) is not None for number in answer["messages"]] == [True]


def test_the_look_back_ends_with_a_person_who_looked(conn) -> None:
    lab = failed_lab(conn)
    (one,) = qc_lists.look_back(conn)
    ask(lab, "qc.seen", ids=[one["result_id"]], reason="measured again, the same")
    assert qc_lists.look_back(conn) == []
    assert qc_lists.look_back(conn, with_ended=True)[0]["ended_by"] == "ada"


def test_a_person_may_release_what_a_gate_holds_and_the_next_failure_lists_it(conn) -> None:
    """It came before the last good run and was let go after it: nobody can say that it is right."""
    lab = failed_lab(conn)
    held = lab.patient(3, "S2")["id"]
    ask(lab, "qc.clear", 4, ids=[1], cause="bubble", action="primed")
    lab.run(5)
    ask(lab, "results.release", 7, ids=[held], reason="looked at")
    lab.run(8, l1=BAD["1"])
    assert [one["sample_id"] for one in qc_lists.look_back(conn)] == ["S1", "S2"]


def test_a_new_lot_is_judged_beside_the_old_one_without_its_history(conn) -> None:
    lab = Lab(conn)
    lab.run(0, l1="5.45")  # 2.25 SD: a warning
    lots = [
        {"material": "multi", "lot": lot, "level": level}
        for lot in ("L77", "L78")
        for level in ("1", "2")
    ]
    controls = [
        {"lot": one["lot"], "level": one["level"], "line": "chem-1", "test": "GLU"}
        | {"unit": "mmol/L", "mean": {"1": "5.0", "2": "15.0"}[one["level"]], "sd": "0.2"}
        for one in lots
    ]
    lab.setup = Lab(conn, lot=lots, control=controls).setup
    for level in ("1", "2"):
        value = "5.45" if level == "1" else GOOD["2"]
        lab.send(90, control(level, 90, value, material={"lot": "L78"}))
    assert lab.status() == [GateStatus.WARNING]  # with the old lot's value it would be 2-2s
