"""Cases in which a result could slip out, or be swallowed, between two rules that are each right alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from middleware.errors import DriverError
from middleware.model import (
    MeasuredTime,
    Outcome,
    OutcomeKind,
    ReleaseMode,
    ReleaseState,
    SampleRole,
    Specimen,
)
from middleware.pipeline import prepare
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.pipeline.mend import settle_and_mend
from middleware.pipeline.prepare import Decoded
from middleware.store import journal, outbox, results
from middleware.store.outbox import OutboxFilter, Settlement
from middleware.store.results import ResultFilter
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import (
    RECEIVED_AT,
    decoded,
    journaled,
    made_connector,
    made_result,
    made_setup,
)

HOLDING = made_setup(ReleaseMode.HOLD_ALL)
NOW = RECEIVED_AT + 60


def ask(conn, verb: str, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", HOLDING, NOW)


def states(conn) -> list[str]:
    return [row["release_state"] for row in reversed(results.listing(conn, ResultFilter()))]


@pytest.mark.parametrize("role", [SampleRole.QC, SampleRole.CALIBRATOR, SampleRole.BLANK])
def test_a_repeated_control_cannot_be_released_as_a_repetition(conn, run, role) -> None:
    """A control that came twice is a repetition too, and a repetition may be sent by name: not this one."""
    control = made_result(specimen=Specimen(sample_id="QC1", role=role))
    for _ in range(2):
        run(decoded(journaled(conn), control))
    for result_id in (1, 2):
        with pytest.raises(CommandRefused):
            ask(conn, "results.release", ids=[result_id])
    assert outbox.listing(conn, OutboxFilter()) == []


@pytest.mark.parametrize(
    "measured",
    [
        MeasuredTime(text="00000000000000", mark="absent"),
        MeasuredTime(text="   ", mark="absent"),
        MeasuredTime(text="20310304", mark="date_only"),
        MeasuredTime(text="yesterday", mark="unreadable"),
    ],
)
def test_a_time_that_names_no_instant_does_not_make_a_repetition(conn, run, measured) -> None:
    """The second measurement gave the same value: it is a new result, though both times say 0000."""
    for _ in range(2):
        entry = journaled(conn)
        run(decoded(entry, made_result(measured=measured)))
        journal.confirm_ack(conn, [entry.id])
    assert ReleaseState.DUPLICATE not in states(conn)


def test_a_mapping_that_is_mended_back_brings_its_reading_back(conn, run) -> None:
    """Mended wrongly, replayed, mended back, replayed: the first reading waits for a person again."""
    entry = journaled(conn)
    run(decoded(entry, made_result(value="5.4")), setup=HOLDING)
    run(decoded(replace(entry, replays=1), made_result(value="54")), setup=HOLDING)
    assert states(conn) == ["rejected", "held"]
    run(decoded(replace(entry, replays=2), made_result(value="5.4")), setup=HOLDING)
    assert states(conn) == ["held", "rejected"]


def test_what_a_person_rejected_stays_rejected_after_a_replay(conn, run) -> None:
    """A replay that says the same again does not overrule a person."""
    entry = journaled(conn)
    run(decoded(entry, made_result()), setup=HOLDING)
    ask(conn, "results.reject", ids=[1], reason="clotted")
    run(decoded(replace(entry, replays=1), made_result()), setup=HOLDING)
    assert states(conn) == ["rejected"]


def test_a_message_whose_results_are_not_released_any_more_is_not_resent(conn, run) -> None:
    """The LIS refused one result and the other is out of date: nothing replaces it, and nobody sends both."""
    setup = made_setup()
    run(decoded(journaled(conn), made_result(test="GLU"), made_result(test="NA")), setup=setup)
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(test="GLU", value="6.1", measured=later)), setup=setup)
    ask(conn, "results.release", ids=[3])
    refused = Outcome(kind=OutcomeKind.REFUSED, code="AE", error_locations=("OBX^2",))
    assert settle_and_mend(conn, [Settlement(1, "lis", 0, 1, refused, NOW)], setup) == []
    with pytest.raises(CommandRefused, match="held"):
        ask(conn, "outbox.resend", numbers=[1])


def test_a_reason_that_no_store_takes_does_not_stop_the_others(conn, run) -> None:
    """A third party's driver quotes bytes that it could not decode: its message is unreadable, and that is all."""
    entry = journaled(conn)
    run(
        Decoded(entry, None, DriverError("field \udc80\x00 is odd")),
        decoded(journaled(conn), made_result()),
    )
    stored = journal.get(conn, entry.id)
    assert (stored["state"], "\x00" in stored["reason"]) == ("unreadable", False)
    assert states(conn) == ["released"]


def test_a_mended_message_never_overtakes_the_correction_of_its_results(conn, run) -> None:
    """The rest of a refused message goes to the end of the lane: not with a value that was corrected since."""
    setup = made_setup()
    run(decoded(journaled(conn), made_result(test="GLU"), made_result(test="NA")), setup=setup)
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(test="GLU", value="6.1", measured=later)), setup=setup)
    ask(conn, "results.release", ids=[3])
    refused = Outcome(kind=OutcomeKind.REFUSED, code="AE", error_locations=("OBX^2",))
    settle_and_mend(conn, [Settlement(1, "lis", 0, 1, refused, NOW)], setup)
    waiting = outbox.claim(conn, "lis", 0, 10, outbox.ClaimRange(specimens_once=False))
    values = [
        (obx.get("OBX-3.1"), obx.get("OBX-5"))
        for row in waiting
        for obx in parse(row.payload).segments("OBX")
    ]
    assert values == [("GLU", "6.1")]


def test_a_message_with_more_results_than_anybody_sends_does_not_stop_the_others(
    conn, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100,000 results in one message kept every other line waiting for 20 s: it is set aside for a person."""
    monkeypatch.setattr(prepare, "RESULTS_MAX", 2)
    entry = journaled(conn)
    three = [made_result(test=test) for test in ("GLU", "NA", "K")]
    run(decoded(entry, *three), decoded(journaled(conn), *three[:2]))
    assert journal.get(conn, entry.id)["state"] == "unreadable"
    assert states(conn) == ["released", "released"]


def test_what_one_lis_refused_is_not_sent_again_to_the_other_that_has_it(conn, run) -> None:
    """Two connectors: the released result goes only where it is missing, not a second time under another number."""
    both = made_setup(connectors=[made_connector("lis"), made_connector("archive")])
    run(decoded(journaled(conn), made_result(test="GLU"), made_result(test="NA")), setup=both)
    refused = Outcome(kind=OutcomeKind.REFUSED, code="AE", error_locations=("OBX^2",))
    settle_and_mend(conn, [Settlement(1, "lis", 0, 1, refused, NOW)], both)
    answer = COMMANDS["results.release"](conn, {"ids": [2]}, "ada", both, NOW)
    sent = [outbox.get(conn, number) for number in answer["messages"]]
    assert [(row["connector"], row["result_ids"]) for row in sent if row] == [("lis", [2])]


def test_the_rest_of_a_refused_message_keeps_its_statuses(conn, run) -> None:
    """What was final in the refused message is no correction in the one that replaces it."""
    unverified = made_setup(ReleaseMode.TO_LIS_UNVERIFIED)
    later = MeasuredTime(text="20310304111500")
    first = [made_result(test=test) for test in ("GLU", "NA")]
    again = [made_result(test=test, value="6.1", measured=later) for test in ("GLU", "NA")]
    run(decoded(journaled(conn), *first), setup=unverified)
    run(decoded(journaled(conn), *again), setup=unverified)
    ask(conn, "results.release", ids=[3, 4])
    refused = Outcome(kind=OutcomeKind.REFUSED, code="AE", error_locations=("OBX^2",))
    (number,) = settle_and_mend(conn, [Settlement(2, "lis", 0, 2, refused, NOW)], unverified)
    before, after = (parse(outbox.get(conn, one)["payload"]).get("OBX-11") for one in (2, number))
    assert (before, after) == ("F", "F")
