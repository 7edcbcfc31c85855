"""Statistics over patients' own results: they move with every usable result, and an alarm holds what comes after it."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import ReleaseState
from middleware.monitor.quality_watch import judge_quality
from middleware.observe.health import Health, WarnableCode
from middleware.pipeline import quality_view
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.qc.patient_based import patient_qc_from
from middleware.rules.facts import Source, Status
from middleware.store import audit, qc_patients
from tests.kit.fake_clock import FakeClock
from tests.kit.made_qc import BAD
from tests.kit.made_setups import RECEIVED_AT
from tests.kit.qc_lab import Lab, codes

HELD, RELEASED = ReleaseState.HELD, ReleaseState.RELEASED
TABLE = {
    "line": "chem-1",
    "test": "GLU",
    "unit": "mmol/L",
    "method": "mean",
    "size": 3,
    "target": "5",
    "limits": "absolute",
    "low": "4",
    "high": "6",
}


def lab_of(conn, **more: Any) -> Lab:
    return Lab(conn, control=[], patients=[TABLE | more])


def send(lab: Lab, *values: str) -> list[str]:
    rows = [lab.patient(at, f"S{at}-{value}", value=value) for at, value in enumerate(values)]
    return [row["release_state"] for row in rows]


def test_a_shift_of_patients_results_holds_from_the_result_that_shows_it(conn) -> None:
    lab = lab_of(conn)
    assert send(lab, "5.0", "6.5", "7.0", "6.9") == [RELEASED, RELEASED, HELD, HELD]
    row = lab.row("S2-7.0")
    assert codes(row) == ["patients_alarm"]
    assert "It stands at 6.1667" in row["findings"]


def test_the_state_is_that_of_the_store(conn) -> None:
    lab = lab_of(conn)
    send(lab, "5.0", "5.2")
    (one,) = qc_patients.everything(conn)
    assert (one.status, patient_qc_from(one.state).count) == ("starting", 2)
    kept = conn.begin_nested()
    lab.patient(9, "S9")
    kept.rollback()
    (one,) = qc_patients.everything(conn)
    assert patient_qc_from(one.state).count == 2


@pytest.mark.parametrize(
    "more", [{"unit": "mg/dL"}, {"instrument_flags": ("A",)}, {"run": 2}, {"dilution_factor": "5"}]
)
def test_only_plain_results_count(conn, more: dict[str, Any]) -> None:
    lab = lab_of(conn)
    lab.patient(0, "S1", **more)
    assert qc_patients.everything(conn) == []


def test_an_alarm_that_only_warns_holds_nothing(conn) -> None:
    lab = lab_of(conn, holds=False)
    assert send(lab, "7.0", "7.0", "7.0") == [RELEASED] * 3
    found = quality_view.troubles(conn, lab.setup.qc, RECEIVED_AT)
    assert found.alarms == ["chem-1 GLU"]
    health = Health(FakeClock())
    judge_quality(found, health)
    assert health.is_raised(WarnableCode.QC_PATIENTS)


def test_a_person_ends_the_alarm_with_cause_and_action(conn) -> None:
    lab = lab_of(conn)
    send(lab, "7.0", "7.0", "7.0")
    told = {"ids": [1], "cause": "lamp", "action": "replaced"}
    assert COMMANDS["qc.patients_clear"](conn, told, "ada", lab.setup, RECEIVED_AT) == {
        "cleared": [1]
    }
    assert audit.listing(conn)[0]["action"] == "qc.patients_clear"
    assert lab.patient(20, "S20")["release_state"] == RELEASED
    with pytest.raises(CommandRefused, match="no alarm 1"):
        COMMANDS["qc.patients_clear"](conn, told, "ada", lab.setup, RECEIVED_AT)


def test_rules_are_told_of_gates_and_of_moving_averages(conn) -> None:
    lab = Lab(conn, patients=[TABLE])
    lab.run(0)
    row = lab.patient(1, "S1", value="7")
    qc = lab.setup.qc
    assert qc is not None
    key = ("chem-1", "Chemist 9", "", "GLU")
    said = quality_view.statuses(conn, qc, [row], RECEIVED_AT)
    assert said == {key: {Source.QC: Status.GOOD, Source.MOVING_AVERAGE: Status.UNKNOWN}}
    lab.patient(2, "S2", value="7")
    lab.patient(3, "S3", value="7")
    lab.run(4, l1=BAD["1"])
    said = quality_view.statuses(conn, qc, [row], RECEIVED_AT)
    assert said == {key: {Source.QC: Status.BAD, Source.MOVING_AVERAGE: Status.BAD}}


def test_what_is_wrong_is_a_warning_until_it_is_over(conn) -> None:
    lab = Lab(conn, schedule={"every_h": 1})
    lab.run(0)
    lab.patient(1, "S1")
    health = Health(FakeClock())
    raised = {
        "qc-holds": WarnableCode.QC_HOLDS,
        "qc-overdue": WarnableCode.QC_OVERDUE,
        "qc-look-back": WarnableCode.QC_LOOK_BACK,
    }

    def look(minute: float) -> set[str]:
        found = quality_view.troubles(conn, lab.setup.qc, RECEIVED_AT + 60 * minute)
        judge_quality(found, health)
        return {name for name, code in raised.items() if health.is_raised(code)}

    assert look(2) == {"qc-holds"}  # NA was declared and had no run
    assert look(70) == {"qc-holds", "qc-overdue"}
    lab.run(75, l1=BAD["1"])
    assert look(76) == {"qc-holds", "qc-look-back"}
    judge_quality(quality_view.troubles(conn, None, RECEIVED_AT), health)
    assert not health.is_raised(WarnableCode.QC_HOLDS)
