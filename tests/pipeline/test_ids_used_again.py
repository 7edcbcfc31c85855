"""A sample id that is used again is another specimen: nothing follows its earlier use, nor another system's tube."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from middleware.model import MeasuredTime, PatientAction, PatientChange
from middleware.pipeline.anew import released_before
from middleware.pipeline.commands import COMMANDS
from middleware.store import outbox, patient_updates, results
from middleware.store.relabel import relabel
from middleware.store.results import ResultFilter
from middleware.store.steps import Change
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, patient, request

DAY_S = 86400.0
EARLIER, NOW = RECEIVED_AT, RECEIVED_AT + 20 * DAY_S


def at(moment: float, value: str, **more: Any):
    """Measured and received at that moment: the entry's time, and the result."""
    time = datetime.fromtimestamp(moment, UTC)
    return made_result("17", value=value, measured=MeasuredTime(text=str(moment), at=time), **more)


def stored(conn) -> list[tuple[str, int | None, list[str]]]:
    """State, what it follows, and why it is held; the oldest first."""
    rows = results.listing(conn, ResultFilter())[::-1]
    return [
        (
            row["release_state"],
            row["supersedes"],
            [one["code"] for one in json.loads(row["findings"] or "[]")],
        )
        for row in rows
    ]


def used_before(conn, run) -> None:
    """The label was another patient's three weeks ago, and his result went out."""
    apply(conn, request("17", placer_number="OA", patient=patient("PA")), now=EARLIER - 60)
    run(decoded(journaled(conn, received_at=EARLIER), at(EARLIER, "5.4")))
    whose = patient("PB", "19800101")
    (outcome,) = apply(conn, request("17", placer_number="OB", patient=whose), now=NOW - 60)
    assert outcome.is_good


def test_the_next_patients_result_is_no_further_run_of_the_last_ones(conn, run) -> None:
    used_before(conn, run)
    run(decoded(journaled(conn, received_at=NOW), at(NOW, "9.1")))
    assert stored(conn) == [("released", None, []), ("released", None, [])]
    payload = outbox.get(conn, 2)["payload"]
    assert b"|PB^^^HOSP" in payload
    assert b"|OB|17|" in payload
    assert b"|||F|" in payload


def test_a_further_run_within_one_use_is_held_as_ever(conn, run) -> None:
    used_before(conn, run)
    run(decoded(journaled(conn, received_at=NOW), at(NOW, "9.1")))
    run(decoded(journaled(conn, received_at=NOW), at(NOW + 1, "9.9")))
    assert stored(conn)[2] == ("held", 2, ["further_run_after_release"])


def test_a_release_by_a_person_corrects_nothing_of_the_earlier_use(conn, run) -> None:
    used_before(conn, run)
    run(decoded(journaled(conn, received_at=NOW), at(NOW, "9.1", instrument_flags=("clot",))))
    assert released_before(conn, results.get(conn, 2)) is None
    COMMANDS["results.release"](conn, {"ids": [2]}, "ann", made_setup(), NOW + 5)
    assert results.get(conn, 2)["supersedes"] is None


def test_a_late_result_of_the_earlier_use_corrects_nothing_of_the_present_one(conn, run) -> None:
    """A person releases it for the patient of then; it follows what went out for that one."""
    used_before(conn, run)
    run(decoded(journaled(conn, received_at=NOW), at(NOW, "9.1")))
    run(decoded(journaled(conn, received_at=NOW + 60), at(EARLIER + 30, "5.6")))
    assert "earlier_use" in stored(conn)[2][2]
    assert released_before(conn, results.get(conn, 3)).result_id == 1


def test_a_label_that_was_taken_off_a_tube_counts_as_used_before(conn, run) -> None:
    apply(conn, request("17", placer_number="OA"), now=EARLIER - 60)
    run(decoded(journaled(conn, received_at=EARLIER), at(EARLIER, "5.4")))
    relabel(conn, "17", "N17", Change("ann", EARLIER + 60))
    apply(conn, request("17", placer_number="OB"), now=NOW - 60)
    run(decoded(journaled(conn, received_at=NOW), at(NOW, "9.1")))
    assert stored(conn)[1] == ("released", None, [])


def test_two_systems_tubes_of_one_id_are_no_runs_of_each_other(conn, run) -> None:
    run(
        decoded(journaled(conn, received_at=NOW), at(NOW, "5.4")),
        setup=made_setup(order_source="lis"),
    )
    clinic = made_setup(order_source="clinic")
    run(decoded(journaled(conn, received_at=NOW), at(NOW, "9.1")), setup=clinic)
    assert stored(conn)[1] == ("released", None, [])


def test_without_any_order_the_same_id_is_the_same_specimen(conn, run) -> None:
    """Nobody said that it is used again."""
    run(decoded(journaled(conn, received_at=EARLIER), at(EARLIER, "5.4")))
    run(decoded(journaled(conn, received_at=NOW), at(NOW, "9.1")))
    assert stored(conn)[1] == ("held", 1, ["further_run_after_release"])


def test_a_patients_number_at_the_bedside_is_no_run_of_a_tube(conn, run) -> None:
    """Nor are two results of one patient runs of each other, whoever decides on them."""
    who = PatientChange(action=PatientAction.UPDATE, patient=patient("17"))
    patient_updates.apply(conn, who, "lis", EARLIER)
    bedside = made_setup(orders={"identified_by": "patient"}, order_source="lis")
    nurse = {"operator": "NURSE7"}
    run(decoded(journaled(conn, received_at=NOW), at(NOW - 60, "5.4", **nurse)), setup=bedside)
    assert stored(conn)[0] == ("released", None, [])
    run(decoded(journaled(conn, received_at=NOW), at(NOW, "9.1")))
    assert stored(conn)[1] == ("released", None, [])
    assert released_before(conn, results.get(conn, 1)) is None
