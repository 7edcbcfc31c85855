"""The stop switch: while automatic release is stopped for a line, a test or all, nothing goes out by itself there.

Processing asks in its transaction, so a stop counts for the next batch, also for messages that were prepared before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from middleware.model import Finding, ReleaseMode, ReleaseState
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.culture import INCOMPLETE
from middleware.pipeline.decision import Judge
from middleware.pipeline.prepared import PreparedResult
from middleware.setup import Setup
from middleware.store import suspensions
from middleware.store.connection import Connection

LONGEST_REASON = 500
_RELEASED = ReleaseState.RELEASED.value


def stop(conn: Connection, line: str, test: str, asking: Asking) -> dict[str, Any]:
    """Stop automatic release; `line` and `test` may be empty: every one. Answers `stopped`: the number of the stop.

    Raises CommandRefused.
    """
    _check_reason(asking)
    _check_scope(line, test, asking.setup)
    for one in suspensions.in_force(conn):
        if (one.line, one.test_code) == (line, test):
            raise CommandRefused(
                f"that is stopped already, by {one.author} (stop {one.id}: {one.reason})",
                what_to_do="Let it go on with `labwire resume-release` when the cause is gone.",
            )
    made = suspensions.suspend(conn, (line, test), asking.author, asking.reason, asking.now)
    return {"stopped": made.id}


def resume(conn: Connection, ids: Sequence[int], asking: Asking) -> dict[str, Any]:
    """End stops. Answers `resumed`: their numbers. What was held meanwhile stays held. Raises CommandRefused."""
    done = suspensions.resume(conn, ids, asking.author, asking.reason, asking.now)
    missing = sorted(set(ids) - set(done))
    if missing:
        raise CommandRefused(
            f"there is no stop {missing[0]} in force",
            what_to_do="`labwire stop-release --list` names those in force; nothing was changed.",
        )
    return {"resumed": done}


def hold_stopped(
    stored: Sequence[PreparedResult], mode: ReleaseMode, judge: Judge
) -> list[PreparedResult]:
    """One message's results, held where a stop that `judge` knows of fits; of a culture then all of its isolates."""
    decided = [_again(one, one.findings, mode, judge) for one in stored]
    halved = {
        one.row["sample_id"]
        for one, before in zip(decided, stored, strict=True)
        if one is not before and one.row.get("isolate")
    }
    if not halved:
        return decided
    return [
        _again(one, (*one.findings, INCOMPLETE), mode, judge)
        if one.row.get("isolate") and one.row["sample_id"] in halved
        else one
        for one in decided
    ]


def _again(
    one: PreparedResult, findings: tuple[Finding, ...], mode: ReleaseMode, judge: Judge
) -> PreparedResult:
    """Decided anew when it was to go out and does not any more."""
    if one.row["release_state"] != _RELEASED:
        return one
    destinations, columns = judge.decide(one.row, findings, one.role, mode)
    if columns["release_state"] == _RELEASED:
        return one
    return replace(one, row=one.row | columns, findings=findings, destinations=destinations)


def _check_reason(asking: Asking) -> None:
    if not 0 < len(asking.reason.strip()) <= LONGEST_REASON:
        raise CommandRefused(
            "a stop needs a reason",
            what_to_do=f"Say why with --reason, in {LONGEST_REASON} letters.",
        )


def _check_scope(line: str, test: str, setup: Setup) -> None:
    """A misspelt word would stop nothing, and everybody would believe it did."""
    if line and line not in setup.lines:
        raise CommandRefused(
            f"there is no line {line!r}", what_to_do=f"Name one of {', '.join(setup.lines)}."
        )
    known: set[str] = set()
    for one in [line] if line else setup.lines:
        if one not in setup.codes:
            return  # an analyzer without a table may do any test
        rows = setup.codes[one].table.rows
        known |= {row.test_code for row in rows} | {row.lis_code for row in rows}
    if test and test not in known:
        raise CommandRefused(
            f"no table of codes has the test {test!r}",
            what_to_do="Write the analyzer's code or the LIS's, as the table has it.",
        )
