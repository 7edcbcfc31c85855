"""A rejection ends as a rerun, as "cannot be obtained" at the LIS, on a list, or as nothing more; and remarks."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import MeasuredTime, ReleaseMode, ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.store import order_views, outbox, results
from middleware.store.order_views import StepFilter
from middleware.store.results import ResultFilter
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, request

SETUP = made_setup()
HOLDING = made_setup(ReleaseMode.HOLD_ALL)
NOW = RECEIVED_AT + 60


def ask(conn, verb: str, who: str = "ada", setup=HOLDING, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, who, setup, NOW)


def states(conn) -> list[str]:
    return [row["release_state"] for row in results.by_ids(conn, range(1, 20))]


def sent(conn, number: int):
    return parse(outbox.get(conn, number)["payload"])


def pending(conn) -> list[int]:
    return [row["id"] for row in results.listing(conn, ResultFilter(is_pending=True))]


def test_the_lis_is_told_that_there_will_be_no_result(conn, run) -> None:
    """X without a value, the reason beside it, and who said so; for the order that asked for it, which ends."""
    apply(conn, request("S1001", "GLU"), now=RECEIVED_AT - 60)
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    answer = ask(conn, "results.reject", ids=[1], ends="cannot_obtain", words="clotted")
    assert answer == {"rejected": [1], "messages": [1]}
    message = sent(conn, 1)
    said = [message.get(one) for one in ("OBX-5", "OBX-11", "OBX-16", "OBR-2")]
    assert said == ["", "X", "ada", "O-S1001"]
    assert message.get("NTE-3") == "Cannot be obtained: clotted (ada)"
    assert states(conn) == [ReleaseState.REJECTED, ReleaseState.RELEASED]
    (step,) = order_views.listing(conn, StepFilter())
    assert (step["state"], step["reportable_result_id"]) == ("resulted", 2)


def test_none_is_not_said_of_a_test_that_the_lis_has(conn, run) -> None:
    """The value that it has would still be true, or must be withdrawn."""
    run(decoded(journaled(conn), made_result()))
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(value="6.1", measured=later)))
    with pytest.raises(CommandRefused, match="the LIS has a result of this test: 1"):
        ask(conn, "results.reject", ids=[2], ends="cannot_obtain", words="clotted")


def test_a_value_that_comes_after_all_waits_for_a_person(conn, run) -> None:
    """And then corrects what was said."""
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    ask(conn, "results.reject", ids=[1], ends="cannot_obtain", words="clotted")
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(value="6.1", measured=later)))
    assert states(conn)[2] == ReleaseState.HELD
    ask(conn, "results.release", ids=[3])
    assert sent(conn, 2).get("OBX-11") == "C"


def test_pending_tests_are_listed_until_a_result_goes_out(conn, run) -> None:
    run(decoded(journaled(conn), made_result(), made_result(test="NA")), setup=HOLDING)
    ask(conn, "results.reject", ids=[1, 2], ends="pending", reason="reagent is out")
    assert pending(conn) == [2, 1]
    assert results.pending_count(conn) == 2
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(value="6.1", measured=later)))
    assert pending(conn) == [2]


def test_what_is_pending_can_end_in_another_way(conn, run) -> None:
    run(decoded(journaled(conn), made_result(), made_result(test="NA")), setup=HOLDING)
    ask(conn, "results.reject", ids=[1, 2], ends="pending")
    ask(conn, "results.reject", ids=[1], ends="cannot_obtain", words="sample used up")
    ask(conn, "results.reject", ids=[2])
    assert pending(conn) == []
    assert sent(conn, 1).get("OBX-11") == "X"
    with pytest.raises(CommandRefused, match="is rejected"):
        ask(conn, "results.reject", ids=[2])


def test_a_rejection_with_a_rerun_that_cannot_be_ordered_rejects_nothing(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    savepoint = conn.begin_nested()
    with pytest.raises(CommandRefused, match="nothing is ordered"):
        ask(conn, "results.reject", ids=[1], ends="rerun")
    savepoint.rollback()
    assert states(conn) == [ReleaseState.HELD]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"ends": "someday"}, "does not end as 'someday'"),
        ({"ends": "cannot_obtain"}, "a remark has 1 to"),
        ({"ends": "cannot_obtain", "words": "x" * 501}, "a remark has 1 to"),
    ],
)
def test_an_end_that_nobody_understands_is_refused(conn, run, arguments, said: str) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    with pytest.raises(CommandRefused, match=said):
        ask(conn, "results.reject", ids=[1], **arguments)


def test_a_remark_goes_out_with_the_result(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    answer = ask(conn, "results.comment", who="ben", ids=[1], text="slightly\nhaemolytic")
    assert answer == {"commented": [1], "messages": []}
    ask(conn, "results.release", ids=[1])
    assert sent(conn, 1).get("NTE-3") == "slightly haemolytic (ben)"


def test_a_remark_on_a_released_result_is_a_corrected_report(conn, run) -> None:
    """The released row stays as it is; a version of it carries the remark."""
    run(decoded(journaled(conn), made_result()))
    before = results.get(conn, 1)
    answer = ask(conn, "results.comment", ids=[1], text="haemolytic")
    assert answer == {"commented": [1, 2], "messages": [2]}
    assert results.get(conn, 1) == before
    message = sent(conn, 2)
    said = [message.get(one) for one in ("OBX-5", "OBX-11", "OBX-16", "NTE-3")]
    assert said == ["5.4", "C", "ada", "haemolytic (ada)"]


def test_a_remark_for_nobody_is_refused(conn, run) -> None:
    unverified = made_setup(ReleaseMode.TO_LIS_UNVERIFIED)
    run(decoded(journaled(conn), made_result()), setup=unverified)
    with pytest.raises(CommandRefused, match="the LIS verifies it"):
        ask(conn, "results.comment", ids=[1], text="x")
    with pytest.raises(CommandRefused, match="a remark has"):
        ask(conn, "results.comment", ids=[1], text=" ")
