"""The stop switch: from the next transaction on nothing goes out by itself, also what was prepared before it."""

from __future__ import annotations

from typing import Any

import pytest

from middleware.model import ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.prepare import Preparation
from middleware.pipeline.process import process
from middleware.store import audit, outbox, results, suspensions
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup

SETUP = made_setup()
NOW = RECEIVED_AT + 60


def ask(conn, verb: str, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", SETUP, NOW)


def states(conn) -> dict[int, str]:
    rows = results.by_ids(conn, range(1, 20))
    return {row["id"]: row["release_state"] for row in rows}


def test_a_stop_counts_for_what_was_prepared_before_it(conn) -> None:
    """Messages are prepared outside the transaction: it is the transaction that must know."""
    prepared = Preparation(SETUP).prepare(decoded(journaled(conn), made_result()))
    ask(conn, "release.stop", reason="the controls drift")
    process(conn, [prepared], SETUP, NOW)
    assert states(conn) == {1: ReleaseState.HELD}
    assert outbox.get(conn, 1) is None
    findings = results.get(conn, 1)["findings"]
    assert "by ada (stop 1, every test of every line): the controls drift" in findings
    # The batch may be run again: what was prepared is as it was.
    assert prepared.results[0].row["release_state"] == ReleaseState.RELEASED


def test_only_what_the_stop_is_for_waits(conn, run) -> None:
    ask(conn, "release.stop", line="chem-1", test="GLU", reason="reagent")
    run(decoded(journaled(conn), made_result(), made_result(test="NA")))
    run(decoded(journaled(conn, line="chem-2"), made_result("S2")))
    held, released = ReleaseState.HELD, ReleaseState.RELEASED
    assert states(conn) == {1: held, 2: released, 3: released}


def test_after_the_end_of_the_stop_results_go_by_themselves_again(conn, run) -> None:
    """What was held meanwhile is not let go by that: nobody has looked at it."""
    stop = ask(conn, "release.stop", reason="leak")["stopped"]
    run(decoded(journaled(conn), made_result()))
    assert ask(conn, "release.resume", ids=[stop], reason="mended") == {"resumed": [stop]}
    run(decoded(journaled(conn), made_result("S2")))
    assert states(conn) == {1: ReleaseState.HELD, 2: ReleaseState.RELEASED}
    actions = [row["action"] for row in reversed(audit.listing(conn))]
    assert actions == ["release.stop", "release.resume"]
    assert suspensions.listing(conn)[0]["ended_by"] == "ada"


def test_a_person_may_release_what_a_stop_holds(conn, run) -> None:
    ask(conn, "release.stop", reason="leak")
    run(decoded(journaled(conn), made_result()))
    assert ask(conn, "results.release", ids=[1])["messages"] == [1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"reason": " "}, "needs a reason"),
        ({"line": "chem-9", "reason": "x"}, "no line 'chem-9'"),
        ({"line": 7, "reason": "x"}, "must be a text"),
    ],
)
def test_a_stop_that_would_stop_nothing_is_refused(conn, arguments, said: str) -> None:
    """A misspelt word would leave everybody in the belief that nothing goes out."""
    with pytest.raises(CommandRefused, match=said):
        ask(conn, "release.stop", **arguments)
    assert suspensions.in_force(conn) == []


def test_the_same_stop_twice_names_the_first(conn) -> None:
    ask(conn, "release.stop", test="GLU", reason="leak")
    with pytest.raises(CommandRefused, match=r"already, by ada \(stop 1: leak\)"):
        ask(conn, "release.stop", test="GLU", reason="again")


def test_a_stop_that_is_not_in_force_cannot_be_ended(conn) -> None:
    with pytest.raises(CommandRefused, match="no stop 3"):
        ask(conn, "release.resume", ids=[3])
