"""Many results released at once are counted by the person, and none of them is one to look at by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from middleware.model import AbnormalFlag, MeasuredTime, ReleaseMode, ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.review.people import ReviewSettings
from middleware.store import results
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup

SETUP = replace(
    made_setup(ReleaseMode.HOLD_ALL), review=ReviewSettings(release_at_once=2, second_person=())
)


def ask(conn, verb: str, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", SETUP, RECEIVED_AT + 60)


def three(conn, run, **of_the_last: Any) -> None:
    tests = [made_result(test=one) for one in ("GLU", "NA")]
    run(decoded(journaled(conn), *tests, made_result(test="K", **of_the_last)), setup=SETUP)


def test_few_results_need_no_count(conn, run) -> None:
    three(conn, run)
    assert ask(conn, "results.release", ids=[1, 2])["released"] == [1, 2]


@pytest.mark.parametrize("count", [None, 2, 4])
def test_many_results_must_be_counted(conn, run, count: int | None) -> None:
    """A list that grew since it was looked at is not the one that was looked at."""
    three(conn, run)
    with pytest.raises(CommandRefused, match="release 3 results at once"):
        ask(conn, "results.release", ids=[1, 2, 3], count=count)
    assert results.held_count(conn) == 3
    assert ask(conn, "results.release", ids=[1, 2, 3], count=3)["released"] == [1, 2, 3]


def test_a_critical_result_is_released_by_itself(conn, run) -> None:
    three(conn, run, abnormal_flags=(AbnormalFlag.CRITICAL_LOW,))
    with pytest.raises(CommandRefused, match="result 3 cannot be released among many: the analyz"):
        ask(conn, "results.release", ids=[1, 2, 3], count=3)
    assert ask(conn, "results.release", ids=[3])["released"] == [3]


def test_a_further_run_and_a_typed_value_are_released_by_themselves(conn, run) -> None:
    """Somebody must compare both values."""
    three(conn, run)
    ask(conn, "results.release", ids=[1])
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(value="6.1", measured=later)), setup=SETUP)
    with pytest.raises(CommandRefused, match="result 4 cannot be released among many: This test"):
        ask(conn, "results.release", ids=[2, 3, 4], count=3)
    ask(conn, "results.reject", ids=[4])
    edited = ask(conn, "results.edit", id=1, value="6.4", reason="clot")["edited"]
    with pytest.raises(CommandRefused, match="among many: ada corrected the value"):
        ask(conn, "results.release", ids=[2, 3, edited], count=3)
    assert results.get(conn, 2)["release_state"] == ReleaseState.HELD


def test_a_count_is_a_number(conn, run) -> None:
    three(conn, run)
    with pytest.raises(CommandRefused, match="must be a whole number"):
        ask(conn, "results.release", ids=[1, 2, 3], count="3")
