"""Blood gas and point of care: the id names a patient or an encounter. Exactly one that lives, or a person decides."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import (
    Identifier,
    MeasuredTime,
    Patient,
    PatientAction,
    PatientChange,
    Specimen,
)
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.early_results import bind_early
from middleware.store import outbox, patient_updates, results
from middleware.wire.hl7 import Message, parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, request, states

NOW = RECEIVED_AT + 60


def bedside(kind: str = "patient"):
    return made_setup(orders={"identified_by": kind}, order_source="lis")


def ids(*values: str, authority: str = "HOSP") -> tuple[Identifier, ...]:
    return tuple(Identifier(id=one, authority=authority) for one in values)


def tell(conn, number: str = "P1", action=PatientAction.UPDATE, **more: Any) -> None:
    authority = more.pop("authority", "HOSP")
    who = Patient(
        identifiers=ids(number, authority=authority),
        name="Sample^Ann",
        birth_date="19700101",
        sex="F",
    )
    change = PatientChange(action=action, patient=who, **more)
    patient_updates.apply(conn, change, "lis", RECEIVED_AT - 60)


def measured(sample_id: str = "P1", **more: Any):
    more.setdefault("operator", "NURSE7")
    return made_result(sample_id, **more)


def held_for(conn, result_id: int = 1) -> str:
    row = results.get(conn, result_id)
    assert row["release_state"] == "held"
    return str(row["findings"])


def sent(conn, number: int = 1) -> Message:
    return parse(outbox.get(conn, number)["payload"])


def test_a_known_patients_result_goes_out_as_unsolicited(conn, run) -> None:
    """No order number, no sample id of a tube that never was, and the patient as the LIS knows him."""
    tell(conn)
    run(decoded(journaled(conn), measured()), setup=bedside())
    message = sent(conn)
    assert message.get("PID-3") == "P1^^^HOSP"
    assert (message.get("PID-5"), message.get("PID-7")) == ("Sample^Ann", "19700101")
    assert (message.get("OBR-2"), message.get("SPM-2")) == ("", "")
    assert message.get("OBR-3").startswith("test-lab-1-")
    assert message.get("OBX-3.1") == "GLU"


def test_an_encounter_leads_to_its_patient(conn, run) -> None:
    tell(conn, encounters=ids("V7"))
    run(decoded(journaled(conn), measured("V7")), setup=bedside("encounter"))
    assert sent(conn).get("PID-3.1") == "P1"


def test_a_patient_id_is_no_encounter(conn, run) -> None:
    tell(conn, encounters=ids("V7"))
    run(decoded(journaled(conn), measured("P1")), setup=bedside("encounter"))
    assert "patient_not_known" in held_for(conn)


def test_the_patient_record_serves_where_the_analyzer_sends_no_sample_id(conn, run) -> None:
    tell(conn)
    specimen = Specimen(patient=Patient(identifiers=ids("P1", authority="")))
    run(decoded(journaled(conn), measured(specimen=specimen)), setup=bedside())
    assert sent(conn).get("PID-3.1") == "P1"


def test_the_id_of_before_a_merge_leads_to_the_patient_of_now(conn, run) -> None:
    tell(conn, "P1")
    tell(conn, "P2", PatientAction.MERGE, prior=ids("P1"))
    run(decoded(journaled(conn), measured("P1")), setup=bedside())
    assert sent(conn).get("PID-3.1") == "P2"


def test_nobody_known_holds(conn, run) -> None:
    run(decoded(journaled(conn), measured("P404")), setup=bedside())
    assert "patient_not_known" in held_for(conn)


def test_a_number_that_two_patients_have_holds(conn, run) -> None:
    tell(conn, authority="HOSP")
    tell(conn, authority="CLINIC")
    run(decoded(journaled(conn), measured()), setup=bedside())
    assert "several have it" in held_for(conn)


def test_an_encounter_that_ended_holds(conn, run) -> None:
    tell(conn, encounters=ids("V7"))
    tell(conn, action=PatientAction.END, encounters=ids("V7"))
    run(decoded(journaled(conn), measured("V7")), setup=bedside("encounter"))
    assert "nobody has it now" in held_for(conn)


@pytest.mark.parametrize(
    ("lacking", "code"),
    [
        ({"operator": ""}, "no_operator"),
        ({"measured": MeasuredTime(mark="absent")}, "no_measured_time"),
    ],
)
def test_without_operator_or_time_it_is_held(conn, run, lacking: dict[str, Any], code: str) -> None:
    tell(conn)
    run(decoded(journaled(conn), measured(**lacking)), setup=bedside())
    assert code in held_for(conn)


@pytest.mark.parametrize(
    "said",
    [
        Patient(birth_date="19991231"),
        Patient(identifiers=ids("P2", authority="")),
    ],
)
def test_a_message_that_says_another_patient_is_held(conn, run, said: Patient) -> None:
    tell(conn, "P1", encounters=ids("V7"))
    tell(conn, "P2")
    specimen = Specimen(sample_id="V7", patient=said)
    run(decoded(journaled(conn), measured(specimen=specimen)), setup=bedside("encounter"))
    assert "other_patient_than_known" in held_for(conn)


def test_the_next_result_of_the_same_patient_is_no_rerun(conn, run) -> None:
    """Every four hours another blood gas: each goes out by itself, and none corrects another."""
    tell(conn)
    run(decoded(journaled(conn), measured()), setup=bedside())
    later = MeasuredTime(text="20310304141500", at=measured().measured.at.replace(hour=13))
    entry = journaled(conn, received_at=RECEIVED_AT + 4 * 3600)
    run(decoded(entry, measured(value="6.1", measured=later)), setup=bedside())
    assert (sent(conn, 2).get("OBX-5"), sent(conn, 2).get("OBX-11")) == ("6.1", "F")
    assert sent(conn, 1).get("OBR-3") != sent(conn, 2).get("OBR-3")


def test_a_repetition_is_still_one(conn, run) -> None:
    tell(conn)
    for _ in range(2):
        run(decoded(journaled(conn), measured()), setup=bedside())
    assert results.get(conn, 2)["release_state"] == "duplicate"
    assert outbox.get(conn, 2) is None


def test_it_finishes_no_order_of_a_tube_with_the_same_letters(conn, run) -> None:
    tell(conn)
    apply(conn, request("P1", "GLU"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), measured()), setup=bedside())
    assert states(conn, "P1") == {"GLU": "pending"}


def release(conn) -> dict[str, Any]:
    return COMMANDS["results.release"](conn, {"ids": [1]}, "ada", bedside(), NOW)


def test_a_person_cannot_release_what_nobody_is_known_for(conn, run) -> None:
    """The LIS could give it to anybody."""
    run(decoded(journaled(conn), measured("P404")), setup=bedside())
    with pytest.raises(CommandRefused, match="names no one patient"):
        release(conn)


def test_when_the_patient_comes_later_it_can_be_released(conn, run) -> None:
    run(decoded(journaled(conn), measured()), setup=bedside())
    tell(conn)
    release(conn)
    assert sent(conn).get("PID-3.1") == "P1"
    assert results.get(conn, 1)["patient_name"] == "Sample^Ann"


def test_lines_of_tubes_ask_for_no_patient(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    assert results.get(conn, 1)["release_state"] == "released"
    assert results.get(conn, 1)["identified_by"] is None


def test_a_tube_whose_sample_id_is_a_patients_number_gets_none_of_his_results(conn, run) -> None:
    """Numbers of patients and of tubes meet: neither an order that comes later nor a release binds one to the other."""
    tell(conn, "4711")
    setup = bedside()
    run(decoded(journaled(conn), measured("4711"), measured("4712", test="NA")), setup=setup)
    apply(conn, request("4711", "GLU"), request("4712", "NA"), now=NOW)
    assert bind_early(conn, ["4711", "4712"], NOW - 7 * 86400, setup, NOW) == {}
    tell(conn, "4712")
    COMMANDS["results.release"](conn, {"ids": [2]}, "ann", setup, NOW)
    assert (states(conn, "4711"), states(conn, "4712")) == ({"GLU": "pending"}, {"NA": "pending"})
    assert sent(conn, 2).get("OBR-2") == ""


def test_nothing_is_ordered_again_on_a_tube_because_of_a_patients_number(conn, run) -> None:
    tell(conn, "4711")
    setup = bedside()
    run(decoded(journaled(conn), measured("4711")), setup=setup)
    apply(conn, request("4711", "GLU"), now=NOW)
    with pytest.raises(CommandRefused, match="nothing is ordered on the tube"):
        COMMANDS["results.rerun"](conn, {"ids": [1]}, "ann", setup, NOW)


def test_a_corrected_value_corrects_its_own_result_and_no_other(conn, run) -> None:
    """Of a patient's number several results of a test stand side by side."""
    tell(conn)
    run(decoded(journaled(conn), measured()), setup=bedside())
    later = MeasuredTime(text="20310304141500", at=measured().measured.at.replace(hour=13))
    entry = journaled(conn, received_at=RECEIVED_AT + 4 * 3600)
    run(decoded(entry, measured(value="9.9", measured=later)), setup=bedside())
    typed = {"id": 1, "value": "5.9", "reason": "typed wrongly"}
    COMMANDS["results.edit"](conn, typed, "ada", bedside(), NOW)
    COMMANDS["results.release"](conn, {"ids": [3]}, "bob", bedside(), NOW)
    assert results.get(conn, 3)["supersedes"] == 1
    assert (sent(conn, 3).get("OBX-5"), sent(conn, 3).get("OBX-11")) == ("5.9", "C")
