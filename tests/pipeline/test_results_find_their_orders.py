"""Results finish the work order steps of their sample id and test, in the transaction that stores them."""

from __future__ import annotations

import pytest

from middleware.model import ReleaseMode, ResultStatus, SampleRole, Specimen
from middleware.store import expiry, outbox, results, work
from middleware.store.expiry import Terms
from middleware.store.results import ResultFilter
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import NOW, apply, claim, ids, request, states


def test_a_result_and_its_step_know_each_other(conn, run) -> None:
    """Whoever looks at one finds the other."""
    apply(conn, request("S1001", "GLU"), request("S1001", "NA"))
    claim(conn, "S1001")
    run(decoded(journaled(conn), made_result(test="GLU")))
    assert states(conn, "S1001") == {"GLU": "resulted", "NA": "claimed"}
    (row,) = results.listing(conn, ResultFilter())
    assert results.by_ids(conn, [row["id"]])[0]["work_order_step_id"] == ids(conn, "S1001")[0]


def test_a_preliminary_result_is_not_the_end(conn, run) -> None:
    """The final one follows, and finishes it."""
    apply(conn, request("S1001", "GLU"))
    run(decoded(journaled(conn), made_result(status=ResultStatus.PRELIMINARY)))
    assert states(conn, "S1001") == {"GLU": "in_process"}
    run(decoded(journaled(conn), made_result(value="5.6")))
    assert states(conn, "S1001") == {"GLU": "resulted"}


def test_controls_and_placeholders_finish_no_order(conn, run) -> None:
    """Their ids are no tubes, whatever is ordered under the same letters."""
    apply(conn, request("S1001", "GLU"))
    control = Specimen(sample_id="S1001", role=SampleRole.QC)
    run(decoded(journaled(conn), made_result(specimen=control)))
    assert states(conn, "S1001") == {"GLU": "pending"}


def test_a_held_result_is_a_result(conn, run) -> None:
    """The analyzer has done its work; a person has not."""
    apply(conn, request("S1001", "GLU"))
    run(decoded(journaled(conn), made_result()), setup=made_setup(ReleaseMode.HOLD_ALL))
    assert states(conn, "S1001") == {"GLU": "resulted"}


def test_a_repetition_binds_nothing_again(conn, run) -> None:
    apply(conn, request("S1001", "GLU"))
    run(decoded(journaled(conn), made_result()))
    apply(conn, request("S1001", "GLU", placer_number="O-2"))
    run(decoded(journaled(conn), made_result()))
    assert states(conn, "S1001")["GLU"] == "pending"


@pytest.mark.parametrize("line", ["chem-1", "chem-2"])
def test_what_an_analyzer_refused_gets_its_result_all_the_same(conn, run, line: str) -> None:
    """Somebody programmed it by hand, there or at another analyzer: it is the test that the LIS waits for."""
    apply(conn, request("S1001", "GLU"))
    claim(conn, "S1001")
    work.refuse(conn, ids(conn, "S1001"), "chem-1", "no reagent", NOW)
    holding = made_setup(orders={"unordered": "hold"})
    run(decoded(journaled(conn, line=line), made_result()), setup=holding)
    assert states(conn, "S1001") == {"GLU": "resulted"}
    assert b"|O-S1001|S1001|" in outbox.get(conn, 1)["payload"]


def test_a_test_that_expired_gets_its_late_result(conn, run) -> None:
    apply(conn, request("S1001", "GLU"), now=RECEIVED_AT - 86400)
    expiry.expire(conn, RECEIVED_AT, Terms(3600, 1e9), "node")
    assert states(conn, "S1001") == {"GLU": "expired"}
    run(decoded(journaled(conn), made_result()))
    assert states(conn, "S1001") == {"GLU": "resulted"}


def test_an_open_step_goes_before_one_that_was_refused(conn, run) -> None:
    apply(conn, request("S1001", "GLU"))
    claim(conn, "S1001")
    (first,) = ids(conn, "S1001")
    work.refuse(conn, [first], "chem-1", "no reagent", NOW)
    apply(conn, request("S1001", "GLU", placer_number="O2"))
    run(decoded(journaled(conn), made_result()))
    assert b"|O2|S1001|" in outbox.get(conn, 1)["payload"]
