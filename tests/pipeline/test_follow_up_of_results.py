"""Reruns, dilutions and reflex tests: new steps of the same tube with their parent, asked for by a person or a rule."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from middleware.model import ReleaseMode, StepKind
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.review.reflex import ReflexRule
from middleware.store import audit, order_views, outbox, results, tubes, work
from middleware.store.order_views import StepFilter
from middleware.store.results import ResultFilter
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, claim, claimer, request
from tests.kit.site_settings import profile

HOLDING = made_setup(ReleaseMode.HOLD_ALL)
AUTO = made_setup()
NOW = RECEIVED_AT + 60


def ask(conn, verb: str, setup=HOLDING, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", setup, NOW)


def ordered(conn, *tests: str) -> None:
    apply(conn, *[request("S1001", one) for one in tests], now=RECEIVED_AT - 3600)


def steps_of(conn) -> list[tuple[str, str, str]]:
    """Test, kind and state of each step of the tube, the oldest first."""
    rows = order_views.listing(conn, StepFilter(limit=100))[::-1]
    found = [tubes.test(conn, row["id"]) for row in rows]
    return [(one.lis_code, one.kind or "ordered", one.state) for one in found if one is not None]


def stored(conn) -> list[dict]:
    return results.listing(conn, ResultFilter())[::-1]


def why(row: dict) -> list[str]:
    return [one["code"] for one in json.loads(row["findings"] or "[]")]


def with_rule(setup=AUTO, **rule: Any):
    return replace(setup, reflexes=(ReflexRule.model_validate(rule),))


def test_a_rerun_is_given_to_the_same_analyzer_with_its_dilution(conn, run) -> None:
    ordered(conn, "GLU")
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    answer = ask(conn, "results.rerun", ids=[1], dilution="10", reason="too high")
    assert steps_of(conn) == [("GLU", "ordered", "resulted"), ("GLU", "dilution", "pending")]
    assert claim(conn, "S1001", by=claimer("chem-2")) == {}
    (given,) = work.claim(conn, work.Wanted(("S1001",)), claimer("chem-1"), NOW)
    (step,) = given.steps
    assert (step.id, step.kind, step.dilution) == (answer["steps"][0], StepKind.DILUTION, "10")
    assert audit.listing(conn)[0]["action"] == "results.rerun"


def test_the_result_of_a_rerun_waits_beside_the_first(conn, run) -> None:
    """Even on a line that releases by itself: two values stand against each other."""
    ordered(conn, "GLU")
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    ask(conn, "results.rerun", ids=[1])
    run(decoded(journaled(conn), made_result(value="5.9")))
    first, second = stored(conn)
    assert why(second) == ["rerun"]
    assert steps_of(conn)[1] == ("GLU", "rerun", "resulted")
    with pytest.raises(CommandRefused, match="runs of one ordered test"):
        ask(conn, "results.release", ids=[1, 2])
    ask(conn, "results.release", ids=[2])
    parent, rerun = order_views.listing(conn, StepFilter(limit=9))[::-1]
    assert parent["reportable_result_id"] == rerun["reportable_result_id"] == second["id"]
    ((number, _),) = outbox.for_results(conn, [second["id"]])
    assert parse(outbox.get(conn, number)["payload"]).get("OBR-2") == "O-S1001"
    assert first["release_state"] == "held"


def test_a_rerun_goes_by_itself_once_the_first_is_rejected(conn, run) -> None:
    """Nothing stands against it any more."""
    ordered(conn, "GLU")
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    ask(conn, "results.rerun", ids=[1])
    ask(conn, "results.reject", ids=[1])
    run(decoded(journaled(conn), made_result(value="5.9")))
    assert stored(conn)[1]["release_state"] == "released"


def test_a_rerun_of_what_was_released_never_goes_by_itself(conn, run) -> None:
    ordered(conn, "GLU")
    run(decoded(journaled(conn), made_result()))
    ask(conn, "results.rerun", AUTO, ids=[1])
    run(decoded(journaled(conn), made_result(value="5.9")))
    assert why(stored(conn)[1]) == ["further_run_after_release", "rerun"]


def test_the_older_run_released_last_corrects_the_newer(conn, run) -> None:
    """The LIS must not take it for a second first report."""
    ordered(conn, "GLU")
    run(decoded(journaled(conn), made_result(instrument_flags=("clot",))))
    run(decoded(journaled(conn), made_result(value="5.9")))
    ask(conn, "results.release", AUTO, ids=[1])
    first, second = stored(conn)
    assert (first["supersedes"], second["release_state"]) == (second["id"], "released")
    ((number, _),) = outbox.for_results(conn, [first["id"]])
    assert parse(outbox.get(conn, number)["payload"]).get("OBX-11") == "C"
    (step,) = order_views.listing(conn, StepFilter(limit=9))
    assert step["reportable_result_id"] == first["id"]


@pytest.mark.parametrize("factor", ["1", "0", "-10", "ten", "NaN", "1e9"])
def test_no_dilution_is_no_dilution(conn, run, factor: str) -> None:
    ordered(conn, "GLU")
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    with pytest.raises(CommandRefused, match="no factor"):
        ask(conn, "results.rerun", ids=[1], dilution=factor)


def test_what_cannot_be_rerun_is_said(conn, run) -> None:
    run(decoded(journaled(conn), made_result("S9")), setup=HOLDING)
    with pytest.raises(CommandRefused, match="nothing is ordered"):
        ask(conn, "results.rerun", ids=[1])
    ordered(conn, "GLU")
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    with pytest.raises(CommandRefused, match="not in the settings"):
        ask(conn, "results.rerun", ids=[2], line="chem-9")
    ask(conn, "results.rerun", ids=[2])
    with pytest.raises(CommandRefused, match="ordered again already"):
        ask(conn, "results.rerun", ids=[2])
    with pytest.raises(CommandRefused, match="no result 77"):
        ask(conn, "results.rerun", ids=[77])


def test_an_analyzer_that_takes_no_orders_is_not_asked_again(conn, run) -> None:
    """Nobody would ever tell it."""
    ordered(conn, "GLU")
    deaf = made_setup(ReleaseMode.HOLD_ALL, drivers={"made": object()})
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    with pytest.raises(CommandRefused, match="writes no orders"):
        ask(conn, "results.rerun", deaf, ids=[1])


def test_a_person_adds_tests_that_the_tube_does_not_have(conn, run) -> None:
    ordered(conn, "TSH", "FT3")
    run(decoded(journaled(conn), made_result(test="TSH")), setup=HOLDING)
    answer = ask(conn, "results.reflex", ids=[1], tests=["FT4", "FT3"], reason="TSH high")
    assert (len(answer["steps"]), answer["there"]) == (1, ["FT3"])
    assert steps_of(conn)[-1] == ("FT4", "reflex", "pending")


def test_a_reflex_result_goes_out_under_its_parent(conn, run) -> None:
    """The LIS did not order it: no number of its own, but the order that it follows from (OBR-11 G, OBR-29)."""
    ordered(conn, "TSH")
    sent = made_result(test="TSH", value="9")
    rule = with_rule(when={"test": "TSH", "above": 4.5}, order=["FT4"])
    run(decoded(journaled(conn), sent), setup=rule)
    assert steps_of(conn)[-1] == ("FT4", "reflex", "pending")
    run(decoded(journaled(conn), made_result(test="FT4", value="12")), setup=rule)
    ((number, _),) = outbox.for_results(conn, [2])
    message = parse(outbox.get(conn, number)["payload"])
    assert [message.get(one) for one in ("OBR-2", "OBR-3", "OBR-11", "OBR-29")] == [
        "",
        "S1001",
        "G",
        "O-S1001^S1001",
    ]
    assert steps_of(conn)[-1] == ("FT4", "reflex", "resulted")


def test_a_rule_adds_nothing_that_is_there_and_nothing_because_of_a_doubtful_result(
    conn, run
) -> None:
    ordered(conn, "TSH", "FT4")
    rule = with_rule(when={"test": "TSH", "above": 4.5}, order=["FT4", "FT3"])
    doubtful = made_result(test="TSH", value="9", instrument_flags=("clot",))
    run(decoded(journaled(conn), doubtful), setup=rule)
    assert len(steps_of(conn)) == 2
    run(decoded(journaled(conn), made_result(test="TSH", value="8")), setup=rule)
    assert steps_of(conn)[2:] == [("FT3", "reflex", "pending")]


def test_a_rule_needs_an_order(conn, run) -> None:
    """What nobody ordered has no parent, and no tube that is known."""
    rule = with_rule(when={"test": "TSH", "above": 4.5}, order=["FT4"])
    run(decoded(journaled(conn), made_result(test="TSH", value="9")), setup=rule)
    assert steps_of(conn) == []


def test_a_rule_has_a_test_measured_again_once(conn, run) -> None:
    """The first waits, the diluted one too, for a person; it is not diluted again."""
    ordered(conn, "GLU")
    rule = with_rule(when={"test": "GLU", "above": 40}, rerun=True, dilution="10")
    run(decoded(journaled(conn), made_result(value="45")), setup=rule)
    assert why(stored(conn)[0]) == ["measured_again"]
    assert steps_of(conn)[1:] == [("GLU", "dilution", "pending")]
    run(decoded(journaled(conn), made_result(value="44")), setup=rule)
    assert why(stored(conn)[1]) == ["rerun"]
    assert steps_of(conn)[1:] == [("GLU", "dilution", "resulted")]


def test_a_replay_orders_nothing_twice(conn, run) -> None:
    ordered(conn, "TSH")
    rule = with_rule(when={"test": "TSH", "above": 4.5}, order=["FT4"])
    entry = journaled(conn)
    run(decoded(entry, made_result(test="TSH", value="9")), setup=rule)
    run(decoded(entry, made_result(test="TSH", value="9")), setup=rule)
    assert len(steps_of(conn)) == 2


def test_a_rule_holds_nothing_for_a_rerun_that_cannot_be(conn, run) -> None:
    """The result would wait for ever."""
    ordered(conn, "GLU")
    deaf = made_setup(drivers={"made": SimpleNamespace(profile=profile("made"))})
    rule = with_rule(deaf, when={"test": "GLU", "above": 40}, rerun=True)
    run(decoded(journaled(conn), made_result(value="45")), setup=rule)
    assert stored(conn)[0]["release_state"] == "released"
    assert len(steps_of(conn)) == 1
