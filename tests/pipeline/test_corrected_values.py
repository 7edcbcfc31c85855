"""A person corrects a value: the measured one stays, the new version waits for (another) person, and goes out as C."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from middleware.model import AbnormalFlag, MeasuredTime, ReleaseMode, ReleaseState
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.review.people import ReviewSettings
from middleware.store import audit, outbox, results
from middleware.wire.hl7.parse import parse
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup
from tests.kit.store_rows import ACCEPTED, settle_all

SETUP = made_setup(ReleaseMode.HOLD_ALL)
NOW = RECEIVED_AT + 60


def ask(conn, verb: str, who: str = "ada", setup=SETUP, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, who, setup, NOW)


def correct(conn, number: int = 1, value: str = "6.1", **more: Any) -> int:
    more = {"reason": "clot seen", **more}
    return int(ask(conn, "results.edit", id=number, value=value, **more)["edited"])


def state(conn, number: int) -> str:
    return str(results.get(conn, number)["release_state"])


def sent(conn, number: int):
    return parse(outbox.get(conn, number)["payload"])


def test_the_measured_result_stays_as_it_is(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    before = results.get(conn, 1)
    assert correct(conn) == 2
    assert results.get(conn, 1) == before
    version = results.get(conn, 2)
    assert (version["value_raw"], version["value_number"], version["unit"]) == (
        "6.1",
        "6.1",
        "mmol/L",
    )
    assert (version["edit_of"], version["manual_source"], version["version"]) == (1, "ada", 2)
    assert (version["is_manual"], version["release_state"]) == (True, "held")
    assert outbox.get(conn, 2) is None
    (entry,) = audit.listing(conn)
    assert (entry["action"], entry["author"]) == ("results.edited", "ada")
    assert '"is":"6.1 mmol/L"' in entry["detail"]
    assert '"was":"5.4 mmol/L"' in entry["detail"]


def test_a_corrected_value_of_a_released_result_goes_out_as_a_correction(conn, run) -> None:
    """With a remark of what it replaces, who typed it and why, and the releaser as verifier."""
    run(decoded(journaled(conn), made_result()))
    correct(conn)
    assert ask(conn, "results.release", who="bob", ids=[2]) == {"released": [2], "messages": [2]}
    message = sent(conn, 2)
    assert (message.get("OBX-5"), message.get("OBX-11"), message.get("OBX-16")) == (
        "6.1",
        "C",
        "bob",
    )
    note = message.get("NTE-3")
    assert "Corrected by ada: replaces the reported value 5.4 mmol/L. Reason: clot seen" in note
    assert results.get(conn, 2)["supersedes"] == 1


def test_a_corrected_value_of_a_held_result_is_the_only_one_that_goes(conn, run) -> None:
    """The LIS had nothing before: it is final, not a correction; the measured one ends."""
    run(decoded(journaled(conn), made_result()), setup=SETUP)
    correct(conn)
    with pytest.raises(CommandRefused, match="its new version 2 waits"):
        ask(conn, "results.release", who="bob", ids=[1])
    ask(conn, "results.release", who="bob", ids=[2])
    assert (state(conn, 1), state(conn, 2)) == (ReleaseState.REJECTED, ReleaseState.RELEASED)
    assert sent(conn, 1).get("OBX-11") == "F"
    assert "result 2 takes its place" in results.get(conn, 1)["decision_reason"]


def test_who_typed_it_cannot_release_it(conn, run) -> None:
    """Also when the name is written in another way."""
    run(decoded(journaled(conn), made_result()))
    correct(conn)
    for name in ("ada", " Ada "):
        with pytest.raises(CommandRefused, match="another person must release"):
            ask(conn, "results.release", who=name, ids=[2])
    assert state(conn, 2) == ReleaseState.HELD


@pytest.mark.parametrize(
    ("asked", "flag", "is_alone_enough"),
    [
        ((), AbnormalFlag.CRITICAL_HIGH, True),
        (("critical",), AbnormalFlag.HIGH, True),
        (("critical",), AbnormalFlag.CRITICAL_HIGH, False),
        (("edit",), AbnormalFlag.NORMAL, False),
    ],
)
def test_the_settings_say_when_a_second_person_is_needed(
    conn, run, asked, flag, is_alone_enough: bool
) -> None:
    run(decoded(journaled(conn), made_result(abnormal_flags=(flag,))))
    setup = replace(SETUP, review=ReviewSettings(second_person=asked))
    ask(conn, "results.edit", setup=setup, id=1, value="6.1", reason="typo")
    if is_alone_enough:
        assert ask(conn, "results.release", setup=setup, ids=[2])["messages"] == [2]
    else:
        with pytest.raises(CommandRefused, match="another person"):
            ask(conn, "results.release", setup=setup, ids=[2])


def test_what_belonged_to_the_old_value_does_not_go_with_the_new_one(conn, run) -> None:
    """Flags judge the measured value; a range is in its unit."""
    high = made_result(abnormal_flags=(AbnormalFlag.HIGH,), reference_range="3-5")
    run(decoded(journaled(conn), high))
    correct(conn, value="97", unit="mg/dL")
    version = results.get(conn, 2)
    assert (version["abnormal_flags"], version["reference_range"]) == (None, None)
    assert (version["unit"], version["unit_ucum"]) == ("mg/dL", "mg/dL")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("5,4", "is no value"),
        ("", "is no value"),
        ("NaN", "is no value"),
        ("high", "is no value"),  # a word where a number with a unit is expected
        ("5.4\x00", "is no value"),
        ("9" * 300, "is no value"),
        ("5.4", "says that already"),
    ],
)
def test_a_typed_value_is_read_as_strictly_as_a_sent_one(conn, run, value: str, said: str) -> None:
    run(decoded(journaled(conn), made_result()))
    with pytest.raises(CommandRefused, match=said):
        correct(conn, value=value)
    assert results.get(conn, 2) is None


def test_a_result_has_one_waiting_correction_at_a_time(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    correct(conn)
    for number in (1, 2):
        with pytest.raises(CommandRefused, match="waits"):
            correct(conn, number, "7.0")
    ask(conn, "results.reject", ids=[2])
    assert correct(conn, 1, "7.0") == 3


def test_a_correction_of_what_was_rejected_meanwhile_is_refused(conn, run) -> None:
    """Somebody decided that the measurement itself is worth nothing."""
    run(decoded(journaled(conn), made_result()), setup=SETUP)
    correct(conn)
    ask(conn, "results.reject", ids=[1])
    with pytest.raises(CommandRefused, match="is rejected now"):
        ask(conn, "results.release", who="bob", ids=[2])


def test_a_reason_must_be_given(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    with pytest.raises(CommandRefused, match="needs a reason"):
        correct(conn, reason=" ")


def test_a_correction_can_be_corrected_again(conn, run) -> None:
    """Each names the one that the LIS has."""
    run(decoded(journaled(conn), made_result()))
    correct(conn)
    ask(conn, "results.release", who="bob", ids=[2])
    correct(conn, 2, "6.3")
    ask(conn, "results.release", who="bob", ids=[3])
    assert results.get(conn, 3)["supersedes"] == 2
    assert sent(conn, 3).get("OBX-11") == "C"


def test_what_a_correction_replaced_cannot_be_resent(conn, run) -> None:
    """The old value would arrive last, and be the one that the LIS shows."""
    run(decoded(journaled(conn), made_result()))
    (row,) = outbox.claim(conn, "lis", 0, 1)
    settle_all(conn, [row], ACCEPTED)
    correct(conn)
    ask(conn, "results.release", who="bob", ids=[2])
    with pytest.raises(CommandRefused, match="result 1, which result 2 corrected since"):
        ask(conn, "outbox.resend", numbers=[1])


def test_a_replay_leaves_a_waiting_correction_alone(conn, run) -> None:
    """The analyzer's message does not say it, and never did."""
    entry = journaled(conn)
    run(decoded(entry, made_result()), setup=SETUP)
    correct(conn)
    run(decoded(replace(entry, replays=1), made_result()), setup=SETUP)
    assert state(conn, 2) == ReleaseState.HELD


def test_a_later_run_after_a_correction_waits_beside_it(conn, run) -> None:
    run(decoded(journaled(conn), made_result()))
    correct(conn)
    ask(conn, "results.release", who="bob", ids=[2])
    later = MeasuredTime(text="20310304111500")
    run(decoded(journaled(conn), made_result(value="5.9", measured=later)))
    row = results.get(conn, 3)
    assert (row["release_state"], row["supersedes"], row["version"]) == ("held", 2, 3)
