"""A candidate's rules over stored results: the facts are those that the pipeline would gather."""

from __future__ import annotations

from dataclasses import replace

from middleware.pipeline.rule_replay import Passing
from middleware.rules.criteria import Fate, Index
from middleware.rules.replay import Replay
from middleware.rules.replay import replay as judged
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, patient, request
from tests.kit.site_rules import glucose, site_rules

SETUP = made_setup()
WIDE, NARROW = glucose("review = { high = 10.0 }"), glucose("review = { high = 6.0 }")


def replayed(conn, before: str, after: str, since: float = 0.0, **more) -> Replay:
    rules = (site_rules(before, **more), site_rules(after, **more))
    found = Passing(SETUP, rules).facts(conn, since)
    return judged(found, rules[0].book, rules[1].book)


def measured(conn, run, *values: str, at: float = RECEIVED_AT, first: int = 1) -> None:
    for number, value in enumerate(values, first):
        run(decoded(journaled(conn, received_at=at), made_result(f"S{number}", value=value)))


def test_every_result_whose_fate_changes_is_listed_with_the_reasons(conn, run) -> None:
    measured(conn, run, "5.0", "7.5", "12.0")
    found = replayed(conn, WIDE, NARROW)
    assert (found.total, found.held_before, found.held_after) == (3, 1, 2)
    (one,) = found.changed
    assert (one.key, one.before, one.after) == (2, Fate.RELEASE, Fate.HOLD)
    assert "7.5" in one.why_after[0]


def test_what_came_before_the_time_is_not_counted(conn, run) -> None:
    measured(conn, run, "7.5", at=RECEIVED_AT - 86400)
    measured(conn, run, "7.5", first=2)
    assert replayed(conn, WIDE, NARROW, since=RECEIVED_AT - 3600).total == 1


def test_tests_that_no_rule_knows_and_repetitions_are_left_out(conn, run) -> None:
    run(decoded(journaled(conn), made_result(test="K")))
    measured(conn, run, "5.0")
    run(decoded(journaled(conn), made_result("S1", value="5.0")))  # said again
    assert replayed(conn, WIDE, NARROW).total == 1


def test_age_and_sex_are_those_of_the_order(conn, run) -> None:
    """Born in 1970, and not what the analyzer says."""
    orders = [request(f"S{number}", "GLU", patient=patient()) for number in (1, 2)]
    apply(conn, *orders, now=RECEIVED_AT - 3600)
    measured(conn, run, "7.5", "5.0")
    old = '[[rule]]\nid = "old"\ntest = "GLU"\nage = { from = "60 a" }\nsex = "female"\nreview = { high = 20 }\n'
    found = replayed(conn, NARROW, NARROW + old)
    assert (found.held_before, found.held_after) == (1, 0)


def test_what_the_patient_had_before_is_what_passed_before(conn, run) -> None:
    """Also when it was before the time that is asked about."""
    orders = [request(f"S{number}", "GLU", patient=patient()) for number in (1, 2)]
    apply(conn, *orders, now=RECEIVED_AT - 7200)
    delta = glucose('delta = [{ method = "absolute", limit = 2.0, within = "30 d" }]')
    first = made_result("S1", value="5.0")
    sooner = first.measured.model_copy(update={"at": first.measured.at.replace(hour=8)})
    before = first.model_copy(update={"measured": sooner})
    run(decoded(journaled(conn, received_at=RECEIVED_AT - 3600), before))
    run(decoded(journaled(conn), made_result("S2", value="8.0")))
    found = replayed(conn, WIDE, delta, since=RECEIVED_AT - 60)
    assert [(one.key, one.after) for one in found.changed] == [(2, Fate.HOLD)]


def test_indices_are_results_of_the_same_tube(conn, run) -> None:
    rule = glucose("indices = { haemolysis = { above = 50 } }")
    index = made_result("S1", test="H", value="80", unit="")
    run(decoded(journaled(conn), made_result("S1"), index))
    found = replayed(conn, WIDE, rule, indices={"H": Index.HAEMOLYSIS})
    assert [one.key for one in found.changed] == [1]


def test_a_line_that_is_gone_still_has_its_results(conn, run) -> None:
    measured(conn, run, "7.5")
    rules = (site_rules(WIDE), site_rules(NARROW))
    found = Passing(replace(SETUP, lines={}), rules).facts(conn, 0.0)
    assert judged(found, rules[0].book, rules[1].book).changed_count == 1
