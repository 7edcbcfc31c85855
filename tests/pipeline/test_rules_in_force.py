"""The laboratory's rules in the transaction that stores results: what they find, what they know, what they never do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from middleware.model import (
    EarlierResult,
    Identifier,
    ReleaseMode,
    ResultValue,
    SampleRole,
    Specimen,
    ValueKind,
)
from middleware.pipeline.commands import COMMANDS
from middleware.rules.criteria import Index
from middleware.store import outbox, prior_results, results
from middleware.store.prior_results import Origin
from middleware.store.results import ResultFilter
from middleware.store.schema import SPECIMENS
from tests.kit.made_setups import (
    RECEIVED_AT,
    decoded,
    journaled,
    made_result,
    made_setup,
)
from tests.kit.orders import apply, patient, request
from tests.kit.site_rules import GLUCOSE, glucose, with_rules

REVIEW = glucose("review = { low = 3.0, high = 8.0 }")
AUTO = made_setup()
UNVERIFIED = made_setup(ReleaseMode.TO_LIS_UNVERIFIED)
IN_FORCE = with_rules(AUTO, REVIEW)
PANEL = (
    GLUCOSE
    + GLUCOSE.replace("GLU", "NA")
    + '[[rule]]\ntests = ["GLU", "NA"]\nqc = {}\noff = ["qc"]\n'
    "review = { low = 1, high = 200 }\n"
)


def stored(conn) -> list[dict]:
    """Every result, the oldest first."""
    return results.listing(conn, ResultFilter())[::-1]


def why(row: dict) -> list[str]:
    return [f"{one['check']}/{one['code']}" for one in json.loads(row["findings"] or "[]")]


def place(conn, *tests: str, sample_id: str = "S1001", **more: Any) -> None:
    orders = [request(sample_id, test, patient=patient(), **more) for test in tests]
    apply(conn, *orders, now=RECEIVED_AT - 3600)


def test_what_is_inside_the_limits_goes_out_by_the_rules(conn, run) -> None:
    """And says who released it: the rules of this setup."""
    run(decoded(journaled(conn), made_result()), setup=IN_FORCE)
    (row,) = stored(conn)
    assert (row["release_state"], row["verifier"]) == ("released", "auto:rules@setup 1")


def test_what_is_outside_is_held_with_the_rule_the_place_and_the_numbers(conn, run) -> None:
    run(decoded(journaled(conn), made_result(value="9.1")), setup=IN_FORCE)
    (row,) = stored(conn)
    assert (row["release_state"], why(row)) == ("held", ["rules.review[g]/high"])
    (finding,) = json.loads(row["findings"])
    assert "9.1" in finding["text"]
    assert "8.0" in finding["text"]
    assert "rules.toml:" in finding["text"]


def test_what_is_impossible_is_held_and_never_vanishes(conn, run) -> None:
    """Rejecting is a person's."""
    setup = with_rules(AUTO, glucose("absurd = { high = 50 }"))
    run(decoded(journaled(conn), made_result(value="99.0")), setup=setup)
    (row,) = stored(conn)
    assert (row["release_state"], why(row)) == ("held", ["rules.absurd[g]/high"])


def test_one_held_result_does_not_delay_its_neighbour(conn, run) -> None:
    setup = with_rules(AUTO, PANEL.replace("high = 200", "high = 8"))
    run(
        decoded(journaled(conn), made_result(value="9.1"), made_result(test="NA", value="5.0")),
        setup=setup,
    )
    assert [row["release_state"] for row in stored(conn)] == ["held", "released"]


def test_a_test_that_the_rules_do_not_know_is_never_released_by_itself(conn, run) -> None:
    """No rules never means release; where the LIS verifies, the line's mode decides as before."""
    run(decoded(journaled(conn), made_result(test="K")), setup=IN_FORCE)
    run(
        decoded(journaled(conn), made_result("S2", test="K")),
        setup=with_rules(UNVERIFIED, REVIEW),
    )
    first, second = stored(conn)
    assert (first["release_state"], why(first)) == ("held", ["rules.rule/unknown_test"])
    assert (second["release_state"], why(second)) == ("released", [])


def test_a_line_that_holds_everything_still_does(conn, run) -> None:
    """Rules never release what the mode of the line holds."""
    run(
        decoded(journaled(conn), made_result()),
        setup=with_rules(made_setup(ReleaseMode.HOLD_ALL), REVIEW),
    )
    (row,) = stored(conn)
    assert (row["release_state"], why(row)) == ("held", ["release_mode/hold_all"])


def test_controls_are_none_of_the_rules_business(conn, run) -> None:
    control = Specimen(sample_id="QC1", role=SampleRole.QC)
    run(decoded(journaled(conn), made_result(specimen=control)), setup=IN_FORCE)
    (row,) = stored(conn)
    assert not any(one.startswith("rules.") for one in why(row))


def test_flags_are_the_rules_where_there_are_rules(conn, run) -> None:
    """A flag that the laboratory ignores does not hold; one that nobody lists does, by name of the rule."""
    setup = with_rules(AUTO, glucose('flags = { ignore = ["N"] }\nreview = { high = 8.0 }'))
    for sample, flag in (("S1", "N"), ("S2", "CLOT")):
        run(
            decoded(journaled(conn), made_result(sample, instrument_flags=(flag,))),
            setup=setup,
        )
    first, second = stored(conn)
    assert (first["release_state"], why(first)) == ("released", [])
    assert (second["release_state"], why(second)) == ("held", ["rules.flags[g]/unknown"])


# -- what they know -------------------------------------------------------------------------------

BY_AGE = (
    REVIEW
    + '[[rule]]\nid = "old"\ntest = "GLU"\nage = { from = "60 a" }\nreview = { high = 12.0 }\n'
)


def test_age_is_that_of_the_ordered_patient_at_collection(conn, run) -> None:
    """Born on 1 January 1970: 61 in March 2031."""
    place(conn, "GLU", specimen_type="serum", collected_at=None)
    run(decoded(journaled(conn), made_result(value="9.1")), setup=with_rules(AUTO, BY_AGE))
    (row,) = stored(conn)
    assert (row["release_state"], why(row)) == ("released", [])


def test_where_the_age_is_not_known_the_result_is_held(conn, run) -> None:
    run(decoded(journaled(conn), made_result()), setup=with_rules(AUTO, BY_AGE))
    (row,) = stored(conn)
    assert why(row) == ["rules.review[old]/age_unknown"]


@pytest.mark.parametrize(("location", "state"), [("DIALYSIS", "released"), ("ICU", "held")])
def test_a_rule_of_a_ward_counts_there_only(conn, run, location: str, state: str) -> None:
    """The location is the order's."""
    ward = '[[rule]]\nid = "d"\ntest = "GLU"\nlocations = ["DIALYSIS"]\nreview = { high = 20 }\n'
    place(conn, "GLU", location=location)
    run(decoded(journaled(conn), made_result(value="9.1")), setup=with_rules(AUTO, REVIEW + ward))
    assert stored(conn)[0]["release_state"] == state


DELTA = glucose('delta = [{ method = "absolute", limit = 2.0, within = "30 d" }]')


def earlier(conn, value: str, days: float = 3.0) -> None:
    """An earlier result of the patient, from the time before this node."""
    at = datetime.fromtimestamp(RECEIVED_AT - days * 86400, UTC)
    one = EarlierResult(
        identifiers=(Identifier(id="P1", authority="HOSP"),),
        lis_code="GLU",
        value=ResultValue(kind=ValueKind.NUMBER, raw=value, number=Decimal(value)),
        unit="mmol/L",
        measured_at=at,
    )
    prior_results.save(conn, [one], Origin("lis", "file"), RECEIVED_AT - 3600)


@pytest.mark.parametrize(("before", "state"), [("5.0", "released"), ("3.3", "held")])
def test_a_change_since_the_earlier_result_of_the_patient_is_seen(
    conn, run, before: str, state: str
) -> None:
    earlier(conn, before)
    place(conn, "GLU")
    run(decoded(journaled(conn), made_result()), setup=with_rules(AUTO, DELTA))
    assert stored(conn)[0]["release_state"] == state


def test_an_earlier_run_of_the_same_tube_is_no_earlier_result(conn, run) -> None:
    """It is what this one is compared with as a further run."""
    setup = with_rules(AUTO, DELTA)
    earlier(conn, "5.0")
    place(conn, "GLU")
    run(decoded(journaled(conn), made_result()), setup=setup)
    run(decoded(journaled(conn), made_result(value="7.1")), setup=setup)
    findings = why(stored(conn)[1])
    assert "rules.delta[g]/absolute" in findings  # against 5.0 of three days ago, not 5.4
    assert "rules.sent_again/differs" in findings


POSITIVE = (
    '[test.HIV]\nwords = ["POS", "NEG"]\n'
    '[[rule]]\nid = "h"\ntest = "HIV"\nfirst_positive = { words = ["POS"] }\n'
)


def hiv(sample: str, word: str) -> Any:
    value = ResultValue(kind=ValueKind.TEXT, raw=word, text=word)
    return made_result(sample, test="HIV", value=value, unit="")


def test_the_first_positive_result_waits_and_the_second_goes(conn, run) -> None:
    setup = with_rules(AUTO, POSITIVE)
    place(conn, "HIV", sample_id="S1")
    place(conn, "HIV", sample_id="S2")
    run(decoded(journaled(conn), hiv("S1", "POS")), setup=setup)
    assert why(stored(conn)[0]) == ["rules.first_positive[h]/first"]
    COMMANDS["results.release"](
        conn, {"ids": [1], "reason": "confirmed"}, "ada", setup, RECEIVED_AT + 2
    )
    conn.execute(update(SPECIMENS).values(changed_at=RECEIVED_AT))
    later = made_result("S2").measured.model_copy(
        update={"at": made_result().measured.at.replace(minute=20)}
    )
    second = hiv("S2", "POS").model_copy(update={"measured": later})
    run(decoded(journaled(conn), second), setup=setup)
    assert (stored(conn)[1]["release_state"], why(stored(conn)[1])) == ("released", [])


def test_serum_indices_are_results_of_the_same_tube(conn, run) -> None:
    """By the codes that the settings name, from this message or an earlier one."""
    text = glucose("indices = { haemolysis = { above = 50 } }")
    text += '[test.H]\ndecimals = 0\n[[rule]]\ntest = "H"\nreview = { high = 1000 }\n'
    setup = with_rules(AUTO, text, {"H": Index.HAEMOLYSIS})
    index = made_result(test="H", value="80", unit="")
    run(decoded(journaled(conn), index, made_result()), setup=setup)
    run(decoded(journaled(conn), made_result("S2")), setup=setup)
    assert [why(row) for row in stored(conn)] == [
        [],
        ["rules.indices[g]/haemolysis"],
        ["rules.indices[g]/haemolysis_missing"],
    ]


# -- waiting for others ----------------------------------------------------------------------------

IONS = PANEL + '[[panel]]\nid = "ions"\ntests = ["GLU", "NA"]\n'


def test_a_result_waits_for_the_other_that_was_ordered_and_then_goes_after_it(conn, run) -> None:
    """In the transaction in which the other comes, and behind it in the lane."""
    setup = with_rules(AUTO, IONS)
    place(conn, "GLU", "NA")
    run(decoded(journaled(conn), made_result()), setup=setup)
    assert why(stored(conn)[0]) == ["rules.completeness[ions]/incomplete"]
    run(decoded(journaled(conn), made_result(test="NA", value="5.0")), setup=setup)
    first, second = stored(conn)
    assert (first["release_state"], second["release_state"]) == ("released", "released")
    assert first["decision_reason"] == "what it waited for has come"
    bodies = [outbox.get(conn, number)["payload"] for number in (1, 2)]
    assert b"|NA^" in bodies[0] or b"NA" in bodies[0]
    assert b"GLU" in bodies[1]


def test_what_is_held_for_another_reason_too_stays_held(conn, run) -> None:
    setup = with_rules(AUTO, IONS.replace("high = 200", "high = 5.2"))
    place(conn, "GLU", "NA")
    run(decoded(journaled(conn), made_result()), setup=setup)
    run(decoded(journaled(conn), made_result(test="NA", value="5.0")), setup=setup)
    assert [row["release_state"] for row in stored(conn)] == ["held", "released"]


def test_two_that_contradict_each_other_are_both_held(conn, run) -> None:
    """Also the one that came first and waited."""
    relation = '[[consistency]]\nid = "gap"\nkind = "difference"\ntests = ["GLU", "NA"]\nlow = -1\nhigh = 1\n'
    setup = with_rules(AUTO, PANEL + relation)
    place(conn, "GLU", "NA")
    run(decoded(journaled(conn), made_result()), setup=setup)
    assert why(stored(conn)[0]) == ["rules.consistency[gap]/awaited"]
    run(decoded(journaled(conn), made_result(test="NA", value="9.0")), setup=setup)
    assert [why(row) for row in stored(conn)] == [["rules.consistency[gap]/low"]] * 2


def test_a_result_of_another_tube_with_the_same_id_long_ago_is_not_of_this_one(conn, run) -> None:
    """Where nothing is ordered, only what came within a day is of the same tube."""
    setup = with_rules(
        AUTO, PANEL + '[[panel]]\nid = "ions"\ntests = ["GLU", "NA"]\nwhole = "all"\n'
    )
    long_ago = RECEIVED_AT - 3 * 86400
    run(
        decoded(journaled(conn, received_at=long_ago), made_result(test="NA", value="5.0")),
        setup=with_rules(AUTO, PANEL),
    )
    run(decoded(journaled(conn), made_result()), setup=setup)
    assert why(stored(conn)[1]) == ["rules.completeness[ions]/incomplete"]


def test_results_of_one_message_are_there_for_each_other(conn, run) -> None:
    place(conn, "GLU", "NA")
    message = decoded(journaled(conn), made_result(), made_result(test="NA", value="5.0"))
    run(message, setup=with_rules(AUTO, IONS))
    assert [row["release_state"] for row in stored(conn)] == ["released", "released"]
