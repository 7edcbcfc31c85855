"""What follows from the rules beside a decision: reruns, calls, decisions anew, and a candidate that is only tried."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from middleware.model import (
    ReleaseMode,
)
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.early_results import bind_early
from middleware.rules.criteria import Index
from middleware.store import calls, order_views, results, rule_history, tubes
from middleware.store.order_views import StepFilter
from middleware.store.results import ResultFilter
from tests.kit.code_tables import codes_of
from tests.kit.made_qc import control, made_qc, qc_setup
from tests.kit.made_setups import (
    RECEIVED_AT,
    decoded,
    journaled,
    made_result,
    made_setup,
)
from tests.kit.orders import apply, patient, request
from tests.kit.site_rules import glucose, site_rules, with_rules

REVIEW = glucose("review = { low = 3.0, high = 8.0 }")
AUTO = made_setup()
UNVERIFIED = made_setup(ReleaseMode.TO_LIS_UNVERIFIED)
IN_FORCE = with_rules(AUTO, REVIEW)


def stored(conn) -> list[dict]:
    """Every result, the oldest first."""
    return results.listing(conn, ResultFilter())[::-1]


def why(row: dict) -> list[str]:
    return [f"{one['check']}/{one['code']}" for one in json.loads(row["findings"] or "[]")]


def place(conn, *tests: str, sample_id: str = "S1001", **more: Any) -> None:
    orders = [request(sample_id, test, patient=patient(), **more) for test in tests]
    apply(conn, *orders, now=RECEIVED_AT - 3600)


BY_AGE = (
    REVIEW
    + '[[rule]]\nid = "old"\ntest = "GLU"\nage = { from = "60 a" }\nreview = { high = 12.0 }\n'
)


DILUTED = 'measuring = { low = 1.0, high = 30.0, above = "rerun", dilution = 5 }'


def steps_of(conn) -> list[tuple[str, str, str]]:
    """Test, kind and state of each step, the oldest first."""
    rows = order_views.listing(conn, StepFilter(limit=100))[::-1]
    found = [tubes.test(conn, row["id"]) for row in rows]
    return [(one.lis_code, one.kind or "ordered", one.state) for one in found if one is not None]


def test_a_result_above_the_measuring_interval_is_measured_again_diluted(conn, run) -> None:
    """The first one waits; the order goes to the same analyzer, once."""
    place(conn, "GLU")
    run(
        decoded(journaled(conn), made_result(value="31.0")),
        setup=with_rules(AUTO, glucose(DILUTED)),
    )
    assert why(stored(conn)[0]) == ["rules.measuring[g]/high"]
    assert steps_of(conn) == [("GLU", "ordered", "resulted"), ("GLU", "dilution", "pending")]


def test_nothing_is_ordered_again_where_nothing_was_ordered(conn, run) -> None:
    run(
        decoded(journaled(conn), made_result(value="31.0")),
        setup=with_rules(AUTO, glucose(DILUTED)),
    )
    assert steps_of(conn) == []
    assert stored(conn)[0]["release_state"] == "held"


def test_what_a_flag_asks_for_is_done_once(conn, run) -> None:
    """The rerun of a clotted tube is clotted too."""
    setup = with_rules(AUTO, glucose('flags = { rerun = ["CLOT"] }'))
    place(conn, "GLU")
    for value in ("5.4", "5.5"):
        flagged = made_result(value=value, instrument_flags=("CLOT",))
        run(decoded(journaled(conn), flagged), setup=setup)
    assert [kind for _, kind, _ in steps_of(conn)] == ["ordered", "rerun"]


def test_codes_that_get_a_row_later_are_judged_by_the_rules_then(conn, run) -> None:
    """A release by `codes.release` asks the rules as processing does."""
    unmapped = replace(IN_FORCE, codes={"chem-1": codes_of("test_code,lis_code\nNA,NA\n")})
    run(decoded(journaled(conn), made_result(value="9.1")), setup=unmapped)
    assert not any(one.startswith("rules.") for one in why(stored(conn)[0]))
    mapped = replace(IN_FORCE, codes={"chem-1": codes_of("test_code,lis_code\nGLU,GLU\n")})
    COMMANDS["codes.release"](conn, {"line": None, "after": 0}, "ada", mapped, RECEIVED_AT + 2)
    assert why(stored(conn)[0]) == ["rules.review[g]/high"]


def test_a_result_that_came_before_its_order_is_judged_with_it(conn, run) -> None:
    """Only then its patient's age is known."""
    holding = made_setup(orders={"unordered": "hold"})
    setup = with_rules(holding, BY_AGE)
    run(decoded(journaled(conn), made_result(value="9.1")), setup=setup)
    assert "rules.review[old]/age_unknown" in why(stored(conn)[0])
    place(conn, "GLU")
    bind_early(conn, ["S1001"], 0.0, setup, RECEIVED_AT + 2)
    assert (stored(conn)[0]["release_state"], why(stored(conn)[0])) == ("released", [])


def test_a_candidate_is_tried_without_effect_and_only_differences_are_kept(conn, run) -> None:
    """What it would have done otherwise stands on the result; what becomes of it is for the rules in force."""
    stricter = site_rules(glucose("review = { low = 3.0, high = 6.0 }"))
    setup = replace(IN_FORCE, candidate=stricter)
    message = decoded(journaled(conn), made_result(value="7.0"), made_result("S2", value="5.0"))
    run(message, setup=setup)
    first, second = stored(conn)
    assert (first["release_state"], why(first)) == ("released", [])
    assert first["candidate_says"] == "release -> hold: rules.review[g]/high"
    assert second["candidate_says"] is None
    (one,) = rule_history.judged_otherwise(conn, 0.0, 10)
    assert one["id"] == first["id"]
    assert rule_history.otherwise_counts(conn, 0.0) == {"release -> hold": 1}


def test_a_critical_value_opens_a_call_and_waits(conn, run) -> None:
    """Once, and with the rule that asked for it."""
    setup = with_rules(AUTO, glucose("critical = { low = 2.5, high = 25.0 }"))
    run(decoded(journaled(conn), made_result(value="26.0"), made_result("S2")), setup=setup)
    (one,) = calls.listing(conn)
    assert (one["result_id"], one["why"]) == (1, "rules.critical[g]/high")
    assert [row["release_state"] for row in stored(conn)] == ["held", "released"]


def test_a_rule_asks_quality_control_where_it_gates_the_test(conn, run) -> None:
    """In control it goes; where nothing is known of it, it waits."""
    setup = replace(with_rules(qc_setup(made_qc(("GLU",))), glucose("qc = {}")))
    run(decoded(journaled(conn), control("1", 0), control("2", 0)), setup=setup)
    run(decoded(journaled(conn), made_result()), setup=setup)
    without = with_rules(AUTO, glucose("qc = {}"))
    run(decoded(journaled(conn), made_result("S2")), setup=without)
    first, second = [row for row in stored(conn) if row["sample_role"] == "patient"]
    assert "rules.qc[g]/unknown" not in why(first)
    assert why(second) == ["rules.qc[g]/unknown"]


def test_an_index_that_comes_later_and_stays_here_lets_the_others_go(conn, run) -> None:
    """It is never sent, and the rules know no test of that name."""
    text = glucose("indices = { haemolysis = { above = 50 } }")
    setup = with_rules(AUTO, text, {"H": Index.HAEMOLYSIS})
    setup = replace(
        setup, codes={"chem-1": codes_of("test_code,lis_code,fate\nGLU,GLU,\nH,,keep\n")}
    )
    run(decoded(journaled(conn), made_result()), setup=setup)
    assert why(stored(conn)[0]) == ["rules.indices[g]/haemolysis_missing"]
    run(decoded(journaled(conn), made_result(test="H", value="10", unit="")), setup=setup)
    assert [row["release_state"] for row in stored(conn)] == ["released", "not_for_lis"]
