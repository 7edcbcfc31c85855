"""Results are judged against the orders before they go anywhere: confusable, former and reused ids, and what nobody
ordered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from middleware.model import MeasuredTime, OrderAction, ReleaseMode
from middleware.model.sample_id import SampleIdSteps
from middleware.pipeline.claimers import claimers_of
from middleware.store import order_views, results, work
from middleware.store.order_schema import SPECIMEN_NAMES, SPECIMENS
from middleware.store.order_views import StepFilter
from middleware.store.relabel import relabel
from middleware.store.results import ResultFilter
from middleware.store.steps import Change
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, claim, claimer, request, states

DAY_S = 86400.0
HOLD = {"orders": {"unordered": "hold"}}


def stored(conn) -> list[dict]:
    """Every result, the oldest first."""
    return results.listing(conn, ResultFilter())[::-1]


def why(row: dict) -> list[str]:
    return [one["code"] for one in json.loads(row["findings"] or "[]")]


def place(conn, *ids: str, test: str = "GLU", source: str = "lis") -> None:
    apply(conn, *[request(one, test) for one in ids], now=RECEIVED_AT - 3600, source=source)


def test_an_ordered_result_is_released_as_ever(conn, run) -> None:
    place(conn, "S1001")
    run(decoded(journaled(conn), made_result()))
    (row,) = stored(conn)
    assert (row["release_state"], why(row)) == ("released", [])


@pytest.mark.parametrize("sent", ["12", "0012", " 012"])
def test_an_id_that_differs_from_the_tubes_by_zeros_alone_is_held(conn, run, sent: str) -> None:
    """It is either that tube, read by an analyzer that strips zeros, or another one: a person must look."""
    place(conn, "00012")
    run(decoded(journaled(conn), made_result(sent)))
    (row,) = stored(conn)
    assert (row["release_state"], why(row)) == ("held", ["confusable_sample_id"])
    assert states(conn, "00012") == {"GLU": "pending"}


def test_of_two_tubes_that_are_alike_neither_gets_a_result_by_itself(conn, run) -> None:
    place(conn, "A1", "a1")
    run(decoded(journaled(conn), made_result("A1")))
    (row,) = stored(conn)
    assert why(row) == ["confusable_sample_id"]
    assert row["work_order_step_id"] is None


def test_an_id_of_two_systems_is_held_unless_the_line_says_whose(conn, run) -> None:
    place(conn, "S1001")
    place(conn, "S1001", source="clinic")
    run(decoded(journaled(conn), made_result()))
    run(
        decoded(journaled(conn, line="chem-2"), made_result()),
        setup=made_setup(order_source="clinic"),
    )
    first, second = stored(conn)
    assert why(first) == ["several_order_sources"]
    assert why(second) == []


def test_a_rule_gives_the_zeros_back(conn, run) -> None:
    """Declared, the same id finds its tube, and what was sent stays visible."""
    place(conn, "00012")
    setup = made_setup(sample_ids=SampleIdSteps(pad_zeros_to=5).model_dump())
    run(decoded(journaled(conn), made_result("12")), setup=setup)
    (row,) = stored(conn)
    assert (row["release_state"], row["sample_id"]) == ("released", "00012")
    assert row["instrument_sample_id"] == "12"
    assert states(conn, "00012") == {"GLU": "resulted"}


def test_an_id_with_a_wrong_check_digit_finds_no_tube(conn, run) -> None:
    place(conn, "79927398710", "7992739871")
    steps = {"check_digit": "luhn", "strip_check_digit": True}
    run(decoded(journaled(conn), made_result("79927398710")), setup=made_setup(sample_ids=steps))
    (row,) = stored(conn)
    assert why(row) == ["wrong_check_digit"]
    assert row["work_order_step_id"] is None
    run(decoded(journaled(conn), made_result("79927398713")), setup=made_setup(sample_ids=steps))
    assert states(conn, "7992739871") == {"GLU": "resulted"}


def test_a_former_id_is_held(conn, run) -> None:
    """The tube has another label now: which of the two was measured, a person finds out."""
    place(conn, "S2002")
    specimen = conn.execute(select(SPECIMENS.c.id)).scalar_one()
    conn.execute(
        insert(SPECIMEN_NAMES).values(
            specimen_id=specimen,
            order_source="lis",
            sample_id="S1001",
            sample_id_normal="S1001",
            used_until=RECEIVED_AT,
            author="ann",
            reason="wrong label",
        )
    )
    run(decoded(journaled(conn), made_result()))
    (row,) = stored(conn)
    assert why(row) == ["former_sample_id"]
    assert states(conn, "S2002") == {"GLU": "pending"}


def test_a_former_id_is_an_id_again_when_its_tube_is_over(conn, run) -> None:
    """A label that is printed again is the new tube's; what was measured before is the earlier one's."""
    month_ago = RECEIVED_AT - 30 * DAY_S
    apply(conn, request("S1001"), now=month_ago)
    relabel(conn, "S1001", "S2002", Change("ann", month_ago))
    (step,) = order_views.listing(conn, StepFilter(sample_id="S2002"))
    work.cancel(conn, [step["id"]], Change("ann", month_ago))
    place(conn, "S1001", test="GLU")
    run(decoded(journaled(conn), made_result()))
    assert why(stored(conn)[0]) == []
    assert states(conn, "S1001") == {"GLU": "resulted"}
    place(conn, "S1001", test="NA")
    long_ago = datetime.fromtimestamp(month_ago, UTC)
    late = made_result(test="NA", measured=MeasuredTime(text="x", at=long_ago))
    run(decoded(journaled(conn), late))
    assert why(stored(conn)[1]) == ["earlier_use"]


def test_what_was_measured_before_the_present_use_of_an_id_is_held(conn, run) -> None:
    """An old result that arrives late is the earlier patient's."""
    place(conn, "S1001")
    conn.execute(update(SPECIMENS).values(used_until=RECEIVED_AT - 10, used_from=0.0))
    apply(conn, request("S1001", "GLU", placer_number="O-2"), now=RECEIVED_AT - 5)
    long_ago = datetime.fromtimestamp(RECEIVED_AT, UTC) - timedelta(days=1)
    measured = MeasuredTime(text="x", at=long_ago)
    run(decoded(journaled(conn), made_result(measured=measured)))
    (row,) = stored(conn)
    assert why(row) == ["earlier_use"]
    assert row["work_order_step_id"] is None


def test_measured_before_its_order_is_no_fault_where_the_id_has_one_use(conn, run) -> None:
    apply(conn, request("S1001", "GLU"), now=RECEIVED_AT + 3600)
    run(decoded(journaled(conn), made_result()))
    assert why(stored(conn)[0]) == []


def test_a_line_may_hold_what_nobody_ordered(conn, run) -> None:
    """Test by test: what was ordered goes on its way."""
    place(conn, "S1001")
    results_sent = (made_result(test="GLU"), made_result(test="NA"), made_result("S9", test="GLU"))
    run(decoded(journaled(conn), *results_sent), setup=made_setup(**HOLD))
    assert [(row["test_code"], why(row)) for row in stored(conn)] == [
        ("GLU", []),
        ("NA", ["not_ordered"]),
        ("GLU", ["not_ordered"]),
    ]


def test_forwarding_is_the_default(conn, run) -> None:
    place(conn, "S1001", test="NA")
    run(decoded(journaled(conn), made_result(test="GLU")))
    assert why(stored(conn)[0]) == []


def test_a_cancelled_test_is_not_ordered(conn, run) -> None:
    place(conn, "S1001")
    apply(conn, request("S1001", "GLU", OrderAction.CANCEL), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), made_result()), setup=made_setup(**HOLD))
    (row,) = stored(conn)
    assert why(row) == ["not_ordered"]
    assert "was cancelled" in row["findings"]


def test_the_work_of_another_line_is_not_this_ones(conn, run) -> None:
    place(conn, "S1001")
    claim(conn, "S1001", by=claimer("chem-2"))
    run(decoded(journaled(conn), made_result()), setup=made_setup(**HOLD))
    assert "the work of the line chem-2" in stored(conn)[0]["findings"]


def test_another_run_of_a_finished_test_belongs_to_the_same_step(conn, run) -> None:
    """It is ordered, whatever `unordered` says; it is held for it was released before; the step keeps both."""
    place(conn, "S1001")
    run(decoded(journaled(conn), made_result()), setup=made_setup(**HOLD))
    run(decoded(journaled(conn), made_result(value="5.9")), setup=made_setup(**HOLD))
    first, second = stored(conn)
    assert why(second) == ["further_run_after_release"]
    assert second["work_order_step_id"] == first["work_order_step_id"]
    (step,) = order_views.listing(conn, _all())
    assert step["reportable_result_id"] == first["id"]


def test_a_run_that_is_released_after_one_that_was_held_is_reported(conn, run) -> None:
    place(conn, "S1001")
    run(decoded(journaled(conn), made_result(instrument_flags=("clot",))))
    run(decoded(journaled(conn), made_result(value="5.9")))
    first, second = stored(conn)
    assert (first["release_state"], second["release_state"]) == ("held", "released")
    (step,) = order_views.listing(conn, _all())
    assert step["reportable_result_id"] == second["id"]


def test_hold_all_stays_the_reason_where_nothing_else_is(conn, run) -> None:
    place(conn, "S1001")
    run(decoded(journaled(conn), made_result()), setup=made_setup(ReleaseMode.HOLD_ALL, **HOLD))
    assert why(stored(conn)[0]) == ["hold_all"]


def _all() -> order_views.StepFilter:
    return order_views.StepFilter(limit=1000)


def test_queries_go_by_the_same_rules_as_results(conn) -> None:
    """The tube is found by the ordered id, and called as the analyzer calls it."""
    place(conn, "0000012")
    setup = made_setup(sample_ids={"strip_prefix": "L", "pad_zeros_to": 7})
    given = work.claim(conn, work.Wanted(("L12",)), claimers_of(setup)["chem-1"], RECEIVED_AT)
    assert [one.sample_id for one in given] == ["L12"]
    assert states(conn, "0000012") == {"GLU": "claimed"}


def test_a_query_with_a_wrong_check_digit_gets_nothing(conn) -> None:
    place(conn, "7992739871")
    setup = made_setup(sample_ids={"check_digit": "luhn", "strip_check_digit": True})
    asking = claimers_of(setup)["chem-1"]
    assert work.claim(conn, work.Wanted(("79927398710",)), asking, RECEIVED_AT) == []
    assert len(work.claim(conn, work.Wanted(("79927398713",)), asking, RECEIVED_AT)) == 1
