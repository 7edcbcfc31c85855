"""Results finish the work order steps of their sample id and test, in the transaction that stores them."""

from __future__ import annotations

from middleware.model import ReleaseMode, ResultStatus, SampleRole, Specimen
from middleware.store import results
from middleware.store.results import ResultFilter
from tests.kit.made_setups import decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, claim, ids, request, states


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
