"""A patient changes while results are on their way: what was delivered is listed, what was not is held again."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.delivery.connector import ReceivedOrders
from middleware.model import (
    ChangeKind,
    Identifier,
    Outcome,
    OutcomeKind,
    Patient,
    PatientAction,
    PatientChange,
    ReleaseMode,
    Specimen,
)
from middleware.pipeline import changed, patients
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.changed import Occasion
from middleware.pipeline.commands import COMMANDS
from middleware.store import outbox, patient_changes, results
from middleware.store.outbox import Settlement
from middleware.wire.hl7 import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, patient, request, states

NOW = RECEIVED_AT + 60


def said(number: str = "P1", birth_date: str = "19700101") -> Patient:
    return Patient(
        identifiers=(Identifier(id=number, authority="HOSP"),), birth_date=birth_date, sex="F"
    )


def hear(conn, change: PatientChange) -> str:
    received = ReceivedOrders("lis", "lis", b"", b"", changes=(change,))
    return patients.take(conn, received, 7, NOW)


def update(conn, **more: Any) -> str:
    return hear(conn, PatientChange(action=PatientAction.UPDATE, patient=said(**more)))


def merge(conn, into: str, prior: str) -> str:
    ids = (Identifier(id=prior, authority="HOSP"),)
    return hear(conn, PatientChange(action=PatientAction.MERGE, patient=said(into), prior=ids))


def order(conn, *tests: str) -> None:
    for test in tests or ("GLU",):
        apply(conn, request("S1001", test, patient=patient("P1")), now=RECEIVED_AT - 60)


def accepted(conn, number: int) -> None:
    row = outbox.get(conn, number)
    outcome = Outcome(kind=OutcomeKind.ACCEPTED, code="AA")
    outbox.settle(conn, [Settlement(number, "lis", row["lane"], row["lane_seq"], outcome, NOW)])


def ask(conn, verb: str, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", made_setup(ReleaseMode.HOLD_ALL), NOW)


def codes(conn, result_id: int = 1) -> str:
    return results.get(conn, result_id)["findings"] or ""


def test_what_waits_is_stopped_and_says_why(conn, run) -> None:
    order(conn)
    run(decoded(journaled(conn), made_result()))
    update(conn, birth_date="19800101")
    assert results.get(conn, 1)["release_state"] == "held"
    assert outbox.get(conn, 1)["state"] == "held"
    assert '"patient_changed"' in codes(conn)
    (row,) = patient_changes.listing(conn)
    assert (row["sample_id"], row["held"], row["delivered"]) == ("S1001", [1], [])
    assert (row["journal_id"], row["kind"]) == (7, "patient_changed")


def test_what_is_delivered_is_only_listed(conn, run) -> None:
    order(conn)
    run(decoded(journaled(conn), made_result()))
    accepted(conn, 1)
    merge(conn, "P2", "P1")
    assert results.get(conn, 1)["release_state"] == "released"
    (row,) = patient_changes.listing(conn)
    assert (row["kind"], row["held"], row["delivered"]) == ("patients_merged", [], [1])


def test_a_released_result_goes_as_a_new_message_and_the_old_one_never(conn, run) -> None:
    order(conn)
    run(decoded(journaled(conn), made_result()))
    merge(conn, "P2", "P1")
    with pytest.raises(CommandRefused, match="held now"):
        ask(conn, "outbox.release", numbers=[1])
    assert ask(conn, "results.release", ids=[1])["messages"] == [2]
    assert (outbox.get(conn, 1)["state"], outbox.get(conn, 2)["replaces"]) == ("held", 1)
    sent = [parse(outbox.get(conn, number)["payload"]).get("PID-3.1") for number in (1, 2)]
    assert sent == ["P1", "P2"]
    for verb in ("outbox.release", "outbox.resend"):
        with pytest.raises(CommandRefused, match="replaced"):
            ask(conn, verb, numbers=[1])


def test_a_message_that_was_under_way_and_accepted_is_not_sent_again(conn, run) -> None:
    """The LIS answered it while it was being stopped: a release only ends the hold."""
    order(conn)
    run(decoded(journaled(conn), made_result()))
    update(conn, birth_date="19800101")
    accepted(conn, 1)
    assert ask(conn, "results.release", ids=[1])["messages"] == []


def test_a_result_that_is_held_already_says_it_too(conn, run) -> None:
    order(conn)
    run(decoded(journaled(conn), made_result()), setup=made_setup(ReleaseMode.HOLD_ALL))
    update(conn, birth_date="19800101")
    update(conn, birth_date="19800102")
    assert '"hold_all"' in codes(conn)
    assert codes(conn).count('"patient_changed"') == 1


def test_a_name_or_a_ward_stops_nothing(conn, run) -> None:
    order(conn)
    run(decoded(journaled(conn), made_result()))
    renamed = said().model_copy(update={"name": "Other^Ann"})
    hear(conn, PatientChange(action=PatientAction.UPDATE, patient=renamed, location="ICU"))
    assert results.get(conn, 1)["release_state"] == "released"
    assert patient_changes.listing(conn) == []


def test_results_of_an_earlier_use_of_the_sample_id_are_left_alone(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    apply(conn, request("S1001", patient=patient("P1")), now=RECEIVED_AT + 10)
    update(conn, birth_date="19800101")
    assert results.get(conn, 1)["release_state"] == "released"


def test_a_result_that_came_before_its_order_is_looked_at_too(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    apply(conn, request("S1001", patient=patient("P1")), now=RECEIVED_AT + 10)
    results.bind_steps(conn, {1: 1})
    update(conn, birth_date="19800101")
    assert results.get(conn, 1)["release_state"] == "held"


def test_a_relabelled_tube_is_looked_at_again(conn, run) -> None:
    order(conn)
    run(decoded(journaled(conn), made_result()))
    looked = changed.look_again(conn, ChangeKind.RELABELLED, [1], Occasion("ada", NOW))
    assert (looked.held, looked.delivered) == ((1,), ())
    assert '"relabelled"' in codes(conn)


def test_what_a_person_has_seen_leaves_the_list(conn, run) -> None:
    order(conn)
    run(decoded(journaled(conn), made_result()))
    update(conn, birth_date="19800101")
    assert ask(conn, "patients.seen", ids=[1], reason="told the ward") == {"seen": [1]}
    assert patient_changes.listing(conn) == []
    assert patient_changes.listing(conn, with_seen=True)[0]["seen_by"] == "ada"
    with pytest.raises(CommandRefused, match="no open change"):
        ask(conn, "patients.seen", ids=[1])


# -- what the analyzer says of the patient ---------------------------------------------------------


def of(number: str = "", birth_date: str = "", **more: Any) -> Specimen:
    ids = (Identifier(id=number, authority=more.pop("authority", "")),) if number else ()
    who = Patient(identifiers=ids, birth_date=birth_date, **more)
    return Specimen(sample_id="S1001", patient=who)


@pytest.mark.parametrize(
    "specimen",
    [of("P2"), of("P2", authority="HOSP"), of("P1", "19800101"), of(birth_date="19800101")],
)
def test_another_patient_than_ordered_holds_the_whole_specimen(conn, run, specimen) -> None:
    """And finishes no step: the order waits for its own patient's result."""
    order(conn, "GLU", "NA")
    run(decoded(journaled(conn), made_result(specimen=specimen), made_result(test="NA")))
    for result_id in (1, 2):
        assert results.get(conn, result_id)["release_state"] == "held"
        assert '"other_patient_than_ordered"' in codes(conn, result_id)
    assert states(conn, "S1001") == {"GLU": "pending", "NA": "pending"}


@pytest.mark.parametrize(
    "specimen",
    [
        of("P1"),
        of("P1", "19700101", authority="HOSP"),
        of("X7", authority="ICU"),
        of("P1", "1970"),
        of(name="Somebody^Else"),
    ],
)
def test_the_same_patient_or_too_little_to_tell_is_no_contradiction(conn, run, specimen) -> None:
    """A name alone never decides, nor does a number of another authority."""
    order(conn)
    run(decoded(journaled(conn), made_result(specimen=specimen)))
    assert results.get(conn, 1)["release_state"] == "released"


def test_the_id_of_before_a_merge_is_still_the_patients(conn, run) -> None:
    order(conn)
    merge(conn, "P2", "P1")
    run(decoded(journaled(conn), made_result(specimen=of("P1"))))
    assert results.get(conn, 1)["release_state"] == "released"
