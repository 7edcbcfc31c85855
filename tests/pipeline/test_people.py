"""What people decide: release, reject, replay, resend; each is audited, and half a decision is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from middleware.errors import DriverError
from middleware.model import (
    MeasuredTime,
    MessageKind,
    Outcome,
    OutcomeKind,
    ReleaseMode,
    ReleaseState,
    ResultValue,
    ValueKind,
)
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import AT_ONCE_MAX, COMMANDS, Request, note_refusal, perform
from middleware.pipeline.prepare import Decoded
from middleware.store import audit, journal, outbox, results
from middleware.store import commands as stored
from middleware.store.outbox import Settlement
from middleware.store.results import ResultFilter
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup

HOLDING = made_setup(ReleaseMode.HOLD_ALL)
NOW = RECEIVED_AT + 60


def ask(conn, verb: str, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", HOLDING, NOW)


def actions(conn) -> list[str]:
    return [row["action"] for row in reversed(audit.listing(conn))]


def test_a_released_result_goes_out_with_its_verifier(conn, run) -> None:
    """The person who released it stands in OBX-16, and in the audit trail."""
    run(decoded(journaled(conn), made_result(), made_result(test="NA")), setup=HOLDING)
    answer = ask(conn, "results.release", ids=[2, 1], reason="compared")
    assert answer == {"released": [1, 2], "messages": [1]}
    message = parse(outbox.get(conn, 1)["payload"])
    assert [obx.get("OBX-16") for obx in message.segments("OBX")] == ["ada", "ada"]
    assert message.get("OBX-11") == "F"
    assert actions(conn) == ["results.released"]


def test_a_rejected_result_is_never_sent(conn, run) -> None:
    """Rejected is the end; a later release is refused."""
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    assert ask(conn, "results.reject", ids=[1]) == {"rejected": [1]}
    with pytest.raises(CommandRefused, match="rejected"):
        ask(conn, "results.reject", ids=[1])


def test_a_release_with_one_mistake_releases_nothing(conn, run) -> None:
    """The whole decision is made again, with open eyes. (The writer rolls back what raised.)"""
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    savepoint = conn.begin_nested()
    with pytest.raises(CommandRefused, match="no result 9"):
        ask(conn, "results.release", ids=[1, 9])
    savepoint.rollback()
    assert results.get(conn, 1)["release_state"] == ReleaseState.HELD


@pytest.mark.parametrize("sample_id", ["", "NOREAD"])
def test_what_belongs_to_nobody_cannot_be_released(conn, run, sample_id: str) -> None:
    """Not even by a person: the LIS could give it to anybody."""
    run(decoded(journaled(conn), made_result(sample_id)), setup=HOLDING)
    with pytest.raises(CommandRefused, match="sample id"):
        ask(conn, "results.release", ids=[1])


def test_a_correction_is_sent_as_one(conn, run) -> None:
    """A further run that a person released after a verified one has status C."""
    run(decoded(journaled(conn), made_result()))
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(value="6.1", measured=later)))
    ask(conn, "results.release", ids=[2])
    assert parse(outbox.get(conn, 2)["payload"]).get("OBX-11") == "C"


def test_the_first_verified_result_after_a_preliminary_one_is_final(conn, run) -> None:
    """What was sent unverified was no final result that could be corrected."""
    unverified = made_setup(ReleaseMode.TO_LIS_UNVERIFIED)
    run(decoded(journaled(conn), made_result()), setup=unverified)
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(value="6.1", measured=later)), setup=unverified)
    ask(conn, "results.release", ids=[2])
    assert parse(outbox.get(conn, 2)["payload"]).get("OBX-11") == "F"


def test_a_repetition_can_be_sent_by_name(conn, run) -> None:
    """A person may re-deliver what was recognised as a repetition."""
    for _ in range(2):
        run(decoded(journaled(conn), made_result()))
    assert ask(conn, "results.release", ids=[2])["messages"] == [2]


def test_an_unreadable_message_is_replayed_after_the_mapping_was_mended(conn, run) -> None:
    """It was accepted, so it must not be lost; after the replay it goes its way."""
    entry = journaled(conn)
    run(Decoded(entry, None, DriverError("no test code")))
    assert ask(conn, "messages.replay", ids=[entry.id]) == {"replayed": [entry.id]}
    (waiting,) = journal.to_process(conn, 0, 10)
    assert (waiting.id, waiting.replays) == (entry.id, 1)
    run(decoded(waiting, made_result()))
    assert journal.get(conn, entry.id)["state"] == "processed"
    assert results.get(conn, 1)["release_state"] == ReleaseState.RELEASED
    assert actions(conn) == ["messages.replay"]


def test_a_replay_sends_nothing_twice_and_replaces_what_was_held(conn, run) -> None:
    """What comes out the same is not stored again; an old reading of a value cannot be released beside the new one."""
    masked = ResultValue(kind=ValueKind.UNEXPLAINED, raw="5.4*", reason="unknown mark")
    entry = journaled(conn)
    run(decoded(entry, made_result(test="NA"), made_result(value=masked)))
    ask(conn, "messages.replay", ids=[entry.id])
    again = replace(entry, replays=1)
    run(decoded(again, made_result(test="NA"), made_result(value="5.4")))
    rows = reversed(results.listing(conn, ResultFilter()))
    assert [(row["test_code"], row["release_state"]) for row in rows] == [
        ("NA", "released"),
        ("GLU", "rejected"),
        ("GLU", "released"),
    ]


def test_an_incomplete_message_is_never_processed(conn) -> None:
    """DESIGN 5.3: it broke off, so `12.4` may stand there as `1`; the analyzer has the whole of it."""
    cut = journal.JournalEntry(
        line="chem-1",
        driver="made",
        kind=MessageKind.RESULT,
        received_at=RECEIVED_AT,
        text=b"H|\\^&\rO|1|S1001\rR|1|^^^GLU|1",
        wire=b"",
        state=journal.JournalState.INCOMPLETE,
        reason="terminator_missing",
    )
    entry_id = journal.append(conn, cut)
    with pytest.raises(CommandRefused, match="incomplete"):
        ask(conn, "messages.replay", ids=[entry_id])
    assert journal.to_process(conn, 0, 10) == []


def test_a_message_that_still_waits_is_not_replayed(conn) -> None:
    """It will be processed anyway."""
    entry = journaled(conn)
    with pytest.raises(CommandRefused, match="still waits"):
        ask(conn, "messages.replay", ids=[entry.id])


def test_a_refused_message_is_resent_with_the_same_bytes(conn, run) -> None:
    """Same control id, same payload: a LIS that has it after all knows it again."""
    run(decoded(journaled(conn), made_result()))
    before = outbox.get(conn, 1)
    outcome = Outcome(kind=OutcomeKind.REFUSED, code="AE", text="unknown patient")
    outbox.settle(conn, [Settlement(1, "lis", 0, 1, outcome, NOW)])
    assert ask(conn, "outbox.resend", numbers=[1]) == {"resent": [1]}
    after = outbox.get(conn, 1)
    assert after["state"] == "waiting"
    assert (after["payload"], after["control_id"]) == (before["payload"], before["control_id"])
    with pytest.raises(CommandRefused, match="waiting"):
        ask(conn, "outbox.resend", numbers=[1])


def test_a_waiting_message_can_be_held_and_let_go(conn, run) -> None:
    """Both are audited."""
    run(decoded(journaled(conn), made_result()))
    assert ask(conn, "outbox.hold", numbers=[1]) == {"held": [1]}
    assert ask(conn, "outbox.release", numbers=[1]) == {"released": [1]}
    assert ask(conn, "outbox.release") == {"released": []}
    assert actions(conn) == ["outbox.hold", "outbox.release"]


@pytest.mark.parametrize(
    "ids",
    [None, [], ["1"], [0], [-1], [2**63], [True], "1", list(range(1, AT_ONCE_MAX + 2))],
    ids=str,
)
def test_anything_but_a_list_of_numbers_is_refused(conn, ids: Any) -> None:
    """A command comes from outside the process."""
    with pytest.raises(CommandRefused, match="whole numbers"):
        ask(conn, "results.release", ids=ids)


def test_what_was_asked_is_kept_with_its_answer_also_when_it_was_refused(conn, run) -> None:
    """An inspector sees who asked for what and when, and what became of it."""
    run(decoded(journaled(conn), made_result()), setup=HOLDING)
    good = Request("results.release", {"ids": [1], "reason": "compared"}, "ada", HOLDING, NOW)
    assert perform(conn, good) == {"released": [1], "messages": [1]}
    undone = conn.begin_nested()
    with pytest.raises(CommandRefused) as refused:
        perform(conn, good)
    undone.rollback()
    note_refusal(conn, good, refused.value)
    newest, oldest = stored.listing(conn)
    assert (oldest["state"], oldest["author"], oldest["answer"]["released"]) == ("done", "ada", [1])
    assert newest["state"] == "failed"
    assert "released" in newest["answer"]["error"]
