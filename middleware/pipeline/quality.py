"""Quality control in the transaction that stores results: control values judged, patients' results gated.

Without `[qc]` in the settings nothing of this is called. Control values of a message are judged first and in their
order; a patient's result of the same message must pass the gate as it was at its place and as it is at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

from middleware.model import Finding, ReleaseMode, ReleaseState, SampleRole, VerdictKind
from middleware.pipeline import quality_controls, rule_errands
from middleware.pipeline.anew import findings_of
from middleware.pipeline.culture import hold_whole
from middleware.pipeline.decision import Judge, findings_json
from middleware.pipeline.outgoing import Outgoing
from middleware.pipeline.prepare import Prepared
from middleware.pipeline.prepared import PreparedResult
from middleware.pipeline.quality_board import Board
from middleware.pipeline.quality_patients import Statistics
from middleware.review.quality import CHECK, WAITS
from middleware.setup import Setup
from middleware.store import qc as stored_qc
from middleware.store import results
from middleware.store.connection import Connection

Kept = tuple[Prepared, Sequence[PreparedResult]]
"""A message, and its results as they are to be stored."""

_GATED = frozenset(
    {ReleaseState.RELEASED.value, ReleaseState.HELD.value, ReleaseState.SHADOW.value}
)
_STORED_ALREADY = ReleaseState.DUPLICATE.value


def has_controls(message: Prepared) -> bool:
    """The message has values of controls: it is stored by itself, so that what follows from them meets stored rows."""
    return any(one.role is SampleRole.QC for one in message.results)


@dataclass(slots=True)
class Reviewed:
    """A wave after quality control. `board` is None where nothing of it is gated or a control."""

    kept: list[Kept]
    board: Board | None = None

    def after_saving(
        self, conn: Connection, setup: Setup, judge: Judge, now: float
    ) -> list[Outgoing]:
        """Results that wait, and those that waited and are decided now; answers the messages of the latter."""
        if self.board is None:
            return []
        waits = [
            (one.row["id"], one.row["line"], one.row["test_code"])
            for _, stored in self.kept
            for one in stored
            if one.row["release_state"] == ReleaseState.HELD and is_waiting(one.findings)
        ]
        stored_qc.let_wait(conn, waits)
        return decide_waiting(conn, self.board, setup, judge, now)


def review(conn: Connection, kept: list[Kept], setup: Setup, now: float) -> Reviewed:
    """Judge the controls of a wave, and ask the gates about its patients' results. The rows have their ids."""
    qc = setup.qc
    if qc is None or not any(_matters(one, setup) for _, stored in kept for one in stored):
        return Reviewed(kept)
    lines = {message.entry.line for message, _ in kept}
    board = Board(conn, qc, now, lines)
    statistics = Statistics(conn, qc, lines)
    judge = Judge(setup)
    reviewed: list[Kept] = [
        (one, _message((board, statistics), stored, one.mode, judge)) for one, stored in kept
    ]
    statistics.keep(now)
    return Reviewed(reviewed, board)


def _matters(one: PreparedResult, setup: Setup) -> bool:
    if one.role is SampleRole.QC:
        return True
    qc = setup.qc
    if qc is None:
        return False
    test = (one.row["line"], one.row["test_code"])
    return qc.is_gated(*test) or qc.patients(*test) is not None


def _message(
    by: tuple[Board, Statistics], stored: Sequence[PreparedResult], mode: ReleaseMode, judge: Judge
) -> list[PreparedResult]:
    board, statistics = by
    first: dict[int, Finding | None] = {}
    alarms: dict[int, Finding] = {}
    has_controls = False
    for one in stored:
        if one.role is SampleRole.QC and one.row["release_state"] != _STORED_ALREADY:
            quality_controls.judge(board, one.row)
            has_controls = True
        elif _is_asked(one):
            first[one.row["id"]] = board.ask(one.row)
            board.count(one.row)
            alarm = statistics.take(one.row)
            if alarm is not None:
                alarms[one.row["id"]] = alarm
    done = []
    for one in stored:
        found = first.get(one.row["id"])
        if has_controls and _is_asked(one):
            found = _stricter(found, board.ask(one.row))
        said = [each for each in (found, alarms.get(one.row["id"])) if each is not None]
        done.append(reduce(partial(_with, mode=mode, judge=judge), said, one))
    if any(one.row.get("isolate") for one in done):
        done = [replace(one, row=dict(one.row)) for one in done]
        hold_whole(done, judge, mode)
    return done


def _is_asked(one: PreparedResult) -> bool:
    return one.role is SampleRole.PATIENT and one.row["release_state"] in _GATED


def _stricter(one: Finding | None, other: Finding | None) -> Finding | None:
    """To be held is more than to wait, and that more than nothing."""
    found = [each for each in (one, other) if each is not None]
    return min(found, key=lambda each: each.code == WAITS, default=None)


def _with(one: PreparedResult, found: Finding, mode: ReleaseMode, judge: Judge) -> PreparedResult:
    """The result with the finding: held by it, or, where its gate only observes, as it was."""
    findings = (*one.findings, found)
    if found.verdict is VerdictKind.RELEASE:
        row = one.row | {"findings": findings_json((*findings_of(one.row), found))}
        return replace(one, row=row, findings=findings)
    destinations, columns = judge.decide(one.row, findings, one.role, mode)
    return replace(one, row=one.row | columns, findings=findings, destinations=destinations)


def is_waiting(findings: Sequence[Finding]) -> bool:
    """It waits for the run that closes its bracket."""
    return any(one.check == CHECK and one.code == WAITS for one in findings)


def decide_waiting(
    conn: Connection, board: Board, setup: Setup, judge: Judge, now: float
) -> list[Outgoing]:
    """Decide anew what waited at the gates that were told something; answers the messages of what is released."""
    outgoing: list[Outgoing] = []
    for line, test in sorted(board.to_decide):
        ids = stored_qc.waiting(conn, line, test)
        outgoing += rule_errands.decide_waiting(conn, ids, setup, judge, now)
        still = [row["id"] for row in results.by_ids(conn, ids) if _waits_on(row)]
        stored_qc.end_waiting(conn, line, test, still)
    board.to_decide.clear()
    return outgoing


def _waits_on(row: Mapping[str, Any]) -> bool:
    return row["release_state"] == ReleaseState.HELD and is_waiting(findings_of(row))
