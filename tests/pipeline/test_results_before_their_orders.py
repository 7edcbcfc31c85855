"""An order that comes after its result finds it, and lets it go when nothing but the order was missing."""

from __future__ import annotations

import json

from sqlalchemy import update

from middleware.model import Identifier, Patient, ReleaseState, Specimen
from middleware.pipeline.early_results import bind_early
from middleware.store import order_views, outbox, results
from middleware.store.order_schema import SPECIMENS
from middleware.store.order_views import StepFilter
from middleware.store.results import ResultFilter
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, patient, request, states

LATER = RECEIVED_AT + 60
HOLDING = made_setup(orders={"unordered": "hold"})


def ordered(conn, *tests: str, setup=HOLDING, sample_id="S1001", now=LATER, **more) -> dict:
    apply(conn, *[request(sample_id, one, **more) for one in tests], now=now)
    return bind_early(conn, [sample_id], now - 7 * 86400, setup, now)


def only(conn) -> dict:
    (row,) = results.listing(conn, ResultFilter())
    return row


def test_a_result_that_waited_for_its_order_goes_with_the_orders_number(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    assert only(conn)["release_state"] == "held"
    bound = ordered(conn, "GLU")
    row = only(conn)
    assert (row["release_state"], row["work_order_step_id"]) == ("released", bound[row["id"]])
    assert states(conn, "S1001") == {"GLU": "resulted"}
    ((number, _),) = outbox.for_results(conn, [row["id"]])
    assert b"\rOBR|1|O-S1001|S1001|GLU" in outbox.get(conn, number)["payload"]


def test_a_result_that_is_held_for_more_stays_held(conn, run) -> None:
    run(decoded(journaled(conn), made_result(instrument_flags=("clot",))), setup=HOLDING)
    ordered(conn, "GLU")
    row = only(conn)
    assert row["release_state"] == ReleaseState.HELD
    assert [one["code"] for one in json.loads(row["findings"])] == ["instrument_flags"]
    assert states(conn, "S1001") == {"GLU": "resulted"}


def test_a_result_that_went_out_unordered_is_not_sent_again(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    ordered(conn, "GLU", setup=made_setup())
    assert states(conn, "S1001") == {"GLU": "resulted"}
    assert len(outbox.for_results(conn, [only(conn)["id"]])) == 1


def test_another_test_stays_where_it_is(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    assert ordered(conn, "NA") == {}
    assert only(conn)["release_state"] == "held"


def test_another_patients_result_is_not_given_to_the_order(conn, run) -> None:
    """The id was used for somebody else, whatever the store knows of it."""
    other = Patient(identifiers=(Identifier(id="P9", authority="HOSP"),), birth_date="19500505")
    specimen = Specimen(sample_id="S1001", patient=other)
    run(decoded(journaled(conn), made_result(specimen=specimen)), setup=HOLDING)
    assert ordered(conn, "GLU", patient=patient()) == {}
    assert only(conn)["release_state"] == "held"


def test_a_result_of_an_earlier_use_of_the_id_is_not_given_to_the_order(conn, run) -> None:
    apply(conn, request("S1001", "NA"), now=RECEIVED_AT - 3600)
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    conn.execute(update(SPECIMENS).values(used_until=RECEIVED_AT + 30))
    assert ordered(conn, "GLU") == {}


def test_an_old_result_is_left_alone(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    assert ordered(conn, "GLU", now=RECEIVED_AT + 8 * 86400) == {}


def test_a_like_id_is_left_alone(conn, run) -> None:
    run(decoded(journaled(conn), made_result("0S1001")), setup=HOLDING)
    assert ordered(conn, "GLU") == {}


def test_of_two_runs_the_first_is_reported_and_both_belong_to_the_step(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    run(decoded(journaled(conn), made_result(value="5.9")), setup=HOLDING)
    bound = ordered(conn, "GLU")
    assert len(bound) == 2
    (step,) = order_views.listing(conn, StepFilter(limit=9))
    assert step["reportable_result_id"] == min(bound)
    both = results.listing(conn, ResultFilter())
    assert [row["release_state"] for row in both] == ["held", "released"]
