"""Why an ordered test has no result: what the person who asks is told."""

from __future__ import annotations

from sqlalchemy import Connection

from middleware.model import Patient, Specimen
from middleware.pipeline.claimers import claimers_of
from middleware.pipeline.order_reasons import Asking, why
from middleware.store import work
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, claim, ids, patient, request


def told(conn: Connection) -> list[str]:
    (one,) = why(conn, "S1001", Asking(claimers_of(made_setup()), str))
    return list(one.reasons)


def test_a_result_that_came_and_is_held_is_named_instead_of_being_awaited(conn, run) -> None:
    """The analyzer named another patient: the step stays open, and nothing more will come by itself."""
    apply(conn, request("S1001", patient=patient()), now=RECEIVED_AT - 60)
    claim(conn, "S1001")
    work.mark_sent(conn, ids(conn, "S1001"), "chem-1", RECEIVED_AT - 50)
    assert "its result is awaited" in told(conn)[0]
    other = Specimen(sample_id="S1001", patient=Patient(birth_date="19500505"))
    run(decoded(journaled(conn), made_result(specimen=other), made_result("S2", "NA")))
    (reason,) = told(conn)
    assert reason.startswith("result ")
    assert "is held" in reason


def test_after_a_restart_it_says_what_it_waits_for(conn: Connection) -> None:
    """It was on its way when the node died: nobody refused it."""
    apply(conn, request("S1001"), now=RECEIVED_AT - 60)
    claim(conn, "S1001")
    work.free_all(conn, "node", RECEIVED_AT)
    words = "; ".join(told(conn))
    assert "the node was restarted" in words
    assert f"sent again unasked from {RECEIVED_AT + work.RESULTS_FIRST_S}" in words
    assert "None" not in words


def test_a_test_that_was_ordered_twice_waits_for_the_other_order(conn: Connection) -> None:
    apply(conn, request("S1001", placer_number="A"), request("S1001", placer_number="B"))
    claim(conn, "S1001")
    asking = Asking(claimers_of(made_setup()), str)
    on_its_way, waiting = why(conn, "S1001", asking)
    assert on_its_way.reasons == ("it is on its way to chem-1",)
    assert waiting.reasons[0] == "chem-1 was given the same test by order A: one at a time"
