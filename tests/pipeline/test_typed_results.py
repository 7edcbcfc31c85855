"""Results that people type: evidence in the journal, the same review, a second person, and no second delivery."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from middleware.model import ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.review.people import ReviewSettings
from middleware.store import journal, order_views, outbox, results
from middleware.store.order_views import StepFilter
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.orders import apply, request

SETUP = made_setup()  # release = auto
NOW = RECEIVED_AT - 60


def ask(conn, verb: str, who: str = "ada", setup=SETUP, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, who, setup, NOW)


def enter(conn, who: str = "ada", setup=SETUP, **more: Any) -> dict[str, Any]:
    typed = {"sample": "S1001", "test": "GLU", "value": "5.4", "unit": "mmol/L", "line": "chem-1"}
    said = {"reason": "analyzer down", "method": "glucometer 7", **typed, **more}
    return ask(conn, "results.enter", who, setup, **said)


def state(conn, number: int) -> str:
    return str(results.get(conn, number)["release_state"])


def test_a_typed_result_is_evidence_and_waits_for_another_person(conn) -> None:
    """Also on a line that releases by itself."""
    assert enter(conn) == {"entered": 1}
    row = results.get(conn, 1)
    assert (row["release_state"], row["is_manual"], row["manual_source"]) == ("held", True, "ada")
    assert "ada typed this result" in row["findings"]
    entry = journal.get(conn, row["journal_id"])
    assert (entry["line"], entry["kind"], entry["state"]) == ("manual", "result", "processed")
    said = json.loads(entry["text"])
    assert (said["value"], said["author"], said["method"]) == ("5.4", "ada", "glucometer 7")
    with pytest.raises(CommandRefused, match="another person must release it"):
        ask(conn, "results.release", ids=[1])
    with pytest.raises(CommandRefused, match="not an analyzer's"):
        ask(conn, "messages.replay", ids=[entry["id"]])


def test_another_person_who_types_the_same_confirms_it(conn) -> None:
    """It goes out for the order, with the confirmer as verifier and a remark of who typed it."""
    apply(conn, request("S1001", "GLU"), now=NOW - 60)
    enter(conn)
    assert enter(conn, "bob", value=" 5.40 ") == {"confirmed": 1, "messages": [1]}
    message = parse(outbox.get(conn, 1)["payload"])
    said = [message.get(one) for one in ("OBX-5", "OBX-11", "OBX-16", "OBX-18", "OBR-2")]
    assert said == ["5.4", "F", "bob", "manual", "O-S1001"]
    note = message.get("NTE-3")
    assert note == "Entered by hand by ada. Method: glucometer 7. Reason: analyzer down"
    (step,) = order_views.listing(conn, StepFilter())
    assert (step["state"], step["reportable_result_id"]) == ("resulted", 1)


def test_the_same_person_twice_confirms_nothing(conn) -> None:
    enter(conn)
    with pytest.raises(CommandRefused, match="you typed that already"):
        enter(conn, " ADA ")
    assert state(conn, 1) == ReleaseState.HELD


@pytest.mark.parametrize("other", [{"value": "5.5"}, {"value": "<5.4"}, {"unit": "mg/dL"}])
def test_what_another_person_types_otherwise_releases_nothing(conn, other) -> None:
    enter(conn)
    with pytest.raises(CommandRefused, match="ada typed another value: result 1"):
        enter(conn, "bob", **other)
    assert state(conn, 1) == ReleaseState.HELD


@pytest.mark.parametrize(
    ("tolerance", "value", "becomes"),
    [
        ("0", "5.4", ReleaseState.DUPLICATE),
        ("0", "5.5", ReleaseState.HELD),
        ("2", "5.5", ReleaseState.DUPLICATE),
        ("2", "5.6", ReleaseState.HELD),
    ],
)
def test_what_the_analyzer_sends_later_is_delivered_once(
    conn, run, tolerance: str, value: str, becomes: ReleaseState
) -> None:
    """Alike it repeats what was typed; another value is a further run that a person compares."""
    settings = ReviewSettings(manual_tolerance_percent=Decimal(tolerance))
    setup = replace(SETUP, review=settings)
    enter(conn, setup=setup)
    ask(conn, "results.release", "bob", ids=[1])
    run(decoded(journaled(conn), made_result(value=value)), setup=setup)
    assert state(conn, 2) == becomes
    assert outbox.get(conn, 2) is None


def test_a_typed_result_after_the_analyzers_own_went_out_is_not_sent(conn, run) -> None:
    """The line came back before anybody had released it."""
    enter(conn)
    run(decoded(journaled(conn), made_result()))
    assert state(conn, 2) == ReleaseState.RELEASED
    with pytest.raises(CommandRefused, match="result 2 of the same test was released"):
        ask(conn, "results.release", "bob", ids=[1])


def test_typing_it_too_is_no_look_at_what_else_holds_it(conn) -> None:
    """The second person saw the paper, not the finding."""
    enter(conn, sample="0000")
    with pytest.raises(CommandRefused, match="typed the same as ada, but result 1 is held"):
        enter(conn, "bob", sample="0000")


def test_a_placeholder_is_no_tube_also_when_it_is_typed(conn) -> None:
    """The review is the same."""
    enter(conn, sample="NOREAD")
    with pytest.raises(CommandRefused, match="sample id"):
        ask(conn, "results.release", "bob", ids=[1])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"value": "5,4"}, "is no value"),
        ({"line": "chem-9"}, "no line 'chem-9'"),
        ({"line": ""}, "several analyzers"),
        ({"reason": " "}, "needs a reason"),
        ({"sample": " "}, "sample id has 1 to"),
        ({"test": "G\nU"}, "test as typed has 1 to"),
        ({"sample": "x" * 65}, "sample id has 1 to"),
    ],
)
def test_a_typed_result_that_says_too_little_is_refused(conn, more, said: str) -> None:
    with pytest.raises(CommandRefused, match=said):
        enter(conn, **more)
    assert journal.listing(conn, journal.JournalFilter()) == []


def test_without_the_setting_the_same_person_may_release(conn) -> None:
    """A night shift of one; the audit trail still says it."""
    alone = replace(SETUP, review=ReviewSettings(second_person=()))
    enter(conn, setup=alone)
    assert ask(conn, "results.release", setup=alone, ids=[1])["messages"] == [1]
