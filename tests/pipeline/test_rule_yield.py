"""What each rule was worth, from what people did with the results that it held."""

from __future__ import annotations

from middleware.model import ReleaseMode
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.rule_yield import without_catch, worth_of
from middleware.store import results, rule_history
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.site_rules import glucose, with_rules

SETUP = with_rules(made_setup(), glucose("review = { high = 8.0 }\nabsurd = { high = 50.0 }"))


def decide(conn, verb: str, number: int, after_s: float = 600.0) -> None:
    arguments = {"ids": [number], "reason": "looked at"}
    COMMANDS[verb](conn, arguments, "ada", SETUP, RECEIVED_AT + after_s)


def held(conn, run, *values: str, setup=SETUP) -> None:
    for number, value in enumerate(values, 1):
        run(decoded(journaled(conn), made_result(f"S{number}", value=value)), setup=setup)


def worth(conn, since: float = 0.0) -> dict[str, tuple[int, ...]]:
    return {
        one.criterion: (one.held, one.alone, one.released, one.edited, one.rejected, one.waiting)
        for one in worth_of(rule_history.held_by_rules(conn, since))
    }


def test_each_rule_is_told_with_what_people_did(conn, run) -> None:
    held(conn, run, "5.0", "9.0", "9.5", "10.0", "60.0")
    decide(conn, "results.release", 2)
    results.decide(
        conn,
        [3],
        results.ReleaseState.REJECTED,
        results.Decision("ada", "clotted", RECEIVED_AT + 60),
    )
    assert worth(conn) == {"review": (4, 3, 1, 0, 1, 2), "absurd": (1, 0, 0, 0, 0, 1)}


def test_an_edited_value_was_caught(conn, run) -> None:
    held(conn, run, "9.0")
    arguments = {"id": 1, "value": "4.1", "unit": None, "reason": "read from the screen"}
    COMMANDS["results.edit"](conn, arguments, "ada", SETUP, RECEIVED_AT + 60)
    assert worth(conn)["review"][3] == 1


def test_the_wait_is_that_until_a_person_decided(conn, run) -> None:
    held(conn, run, "9.0", "9.5", "9.9")
    for number, after in ((1, 60.0), (2, 600.0), (3, 6000.0)):
        decide(conn, "results.release", number, after)
    (one,) = worth_of(rule_history.held_by_rules(conn, 0.0))
    assert one.median_wait_s == 600.0


def test_a_rule_that_only_ever_held_good_results_is_named(conn, run) -> None:
    held(conn, run, "9.0", "9.5")
    for number in (1, 2):
        decide(conn, "results.release", number)
    found = worth_of(rule_history.held_by_rules(conn, 0.0))
    assert [one.rule for one in without_catch(found, 2)] == ["g"]
    assert without_catch(found, 3) == []


def test_what_the_line_holds_is_no_rules_doing(conn, run) -> None:
    holding = with_rules(made_setup(ReleaseMode.HOLD_ALL), glucose("review = { high = 8.0 }"))
    held(conn, run, "5.0", setup=holding)
    assert worth(conn) == {}
