"""A critical result opens a call in the transaction that stores it; it ends when people say who was told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from middleware.model import AbnormalFlag, ReleaseMode, SampleRole, Specimen
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.commands import COMMANDS
from middleware.review.people import ReviewSettings
from middleware.store import audit, calls
from tests.kit.made_setups import RECEIVED_AT, decoded, journaled, made_result, made_setup

SETUP = replace(made_setup(), review=ReviewSettings(call_on_critical_flag=True))
NOW = RECEIVED_AT + 60
CRITICAL = {"abnormal_flags": (AbnormalFlag.HIGH, AbnormalFlag.CRITICAL_HIGH)}


def ask(conn, verb: str, **arguments: Any) -> dict[str, Any]:
    return COMMANDS[verb](conn, arguments, "ada", SETUP, NOW)


def test_a_result_flagged_as_critical_opens_a_call(conn, run) -> None:
    """Released by itself or held: the physician needs it now."""
    holding = replace(made_setup(ReleaseMode.HOLD_ALL), review=SETUP.review)
    run(decoded(journaled(conn), made_result(**CRITICAL), made_result(test="NA")), setup=SETUP)
    run(decoded(journaled(conn), made_result("S2", **CRITICAL)), setup=holding)
    found = [(one["result_id"], one["why"], one["opened_at"]) for one in calls.listing(conn)]
    assert found == [(1, "critical_high", RECEIVED_AT + 1), (3, "critical_high", RECEIVED_AT + 1)]


def test_a_repetition_and_a_control_are_not_called(conn, run) -> None:
    control = Specimen(sample_id="QC1", role=SampleRole.QC)
    run(decoded(journaled(conn), made_result(specimen=control, **CRITICAL)), setup=SETUP)
    for _ in range(2):
        run(decoded(journaled(conn), made_result(**CRITICAL)), setup=SETUP)
    assert calls.open_since(conn) == (1, RECEIVED_AT + 1)


def test_without_the_setting_no_call_opens(conn, run) -> None:
    run(decoded(journaled(conn), made_result(**CRITICAL)))
    assert calls.open_since(conn) == (0, None)


def test_who_was_told_by_whom_is_written_down(conn, run) -> None:
    run(decoded(journaled(conn), made_result(**CRITICAL)), setup=SETUP)
    said = {"told": "Dr Lang", "by": "bob", "read_back": True}
    assert ask(conn, "calls.done", ids=[1], **said) == {"done": [1]}
    (row,) = calls.listing(conn, with_ended=True)
    assert (row["told"], row["caller"], row["is_read_back"]) == ("Dr Lang", "bob", True)
    (entry,) = audit.listing(conn)
    assert (entry["action"], entry["author"]) == ("calls.done", "ada")
    with pytest.raises(CommandRefused, match="no open call 1"):
        ask(conn, "calls.done", ids=[1], **said)


def test_a_call_opens_once_for_a_result(conn) -> None:
    """A rule and a flag may both ask for it; and it does not open again after it ended."""
    wanted = [calls.NewCall(7, "S1", "chem-1", "K", "rule"), calls.NewCall(7, "S1", "c", "K", "x")]
    assert calls.open_calls(conn, wanted, NOW) == [1]
    ask(conn, "calls.drop", ids=[1], reason="rejected: clotted")
    assert calls.open_calls(conn, wanted, NOW) == []


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        ("calls.done", {"told": "", "by": "bob"}, "`told` must be a name"),
        ("calls.done", {"told": "Dr Lang", "by": " "}, "`by` must be a name"),
        ("calls.done", {"told": "x" * 201, "by": "bob"}, "`told` must be a name"),
        ("calls.drop", {}, "needs a reason"),
    ],
)
def test_a_call_does_not_end_without_saying_how(conn, run, verb: str, arguments, said: str) -> None:
    run(decoded(journaled(conn), made_result(**CRITICAL)), setup=SETUP)
    with pytest.raises(CommandRefused, match=said):
        ask(conn, verb, ids=[1], **arguments)
    assert calls.open_since(conn)[0] == 1
