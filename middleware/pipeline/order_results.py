"""Results find the work order steps that asked for them, in the transaction that stores them.

Before they are stored they are judged against the orders (`middleware.review.ordered`); afterwards steps get their
results. The store is asked once for a batch, and again only where orders exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from middleware.model import (
    Finding,
    ReleaseMode,
    ReleaseState,
    ResultStatus,
    StepState,
)
from middleware.model.tube import Tube, TubeTest
from middleware.pipeline import whose
from middleware.pipeline.claimers import takes_work
from middleware.pipeline.decision import Judge
from middleware.pipeline.prepared import PreparedResult
from middleware.review import ordered, reflex
from middleware.review.ordered import Named, Said
from middleware.review.reflex import ReflexRule
from middleware.review.repetition import Earlier
from middleware.setup import Setup
from middleware.store import results, steps, tubes, work
from middleware.store.connection import Connection
from middleware.store.steps import Change
from middleware.store.work import Reported

_NOT_FINISHED = frozenset(
    {
        ResultStatus.PRELIMINARY.value,
        ResultStatus.PENDING.value,
        ResultStatus.PARTIAL.value,
        ResultStatus.CANNOT_OBTAIN.value,
    }
)
Row = Mapping[str, Any]
"""One row of the results table."""

# A repetition says nothing new; in shadow of another host the orders are that host's.
_BINDS_NOTHING = frozenset({ReleaseState.DUPLICATE.value, ReleaseState.SHADOW.value})


def look_up(
    conn: Connection, stored: Iterable[PreparedResult], setup: Setup
) -> OrderedResults | None:
    """What the orders know of these results; None: nothing, and no line holds what nobody ordered."""
    return look_up_rows(conn, [one.row for one in stored if _may_be_ordered(one)], setup)


def look_up_rows(conn: Connection, found: Sequence[Row], setup: Setup) -> OrderedResults | None:
    """The same of patients' rows of the results table, of lines that are in the settings."""
    if not found:
        return None
    alike = tubes.alike(conn, {row["sample_id"] for row in found})
    if not alike and not _holds_unordered(setup, found):
        return None
    living = [one.id for many in alike.values() for one in many if one.used_until is None]
    tests = tubes.tests_of(conn, living) if living else {}
    causes = {
        one.cause_result_id
        for many in tests.values()
        for one in many
        if one.cause_result_id is not None and one.state != StepState.RESULTED
    }
    rejected = {
        row["id"]
        for row in (results.by_ids(conn, causes) if causes else ())
        if row["release_state"] == ReleaseState.REJECTED
    }
    others = whose.contradictions(conn, found, alike)
    return OrderedResults(setup, alike, tests, frozenset(rejected), others)


def bind_later(conn: Connection, rows: Sequence[Row], setup: Setup, now: float) -> dict[int, int]:
    """Bind stored results that found no step when they came, in the order in which they are to be reported: they have
    a code of the LIS now, or were ordered since, or a person says whose they are. Answers the step of each."""
    known = look_up_rows(conn, [row for row in rows if row["line"] in setup.lines], setup)
    return {} if known is None else known.bind_rows(conn, rows, now)


def _may_be_ordered(one: PreparedResult) -> bool:
    return one.may_follow and one.row["release_state"] not in _BINDS_NOTHING


def _holds_unordered(setup: Setup, rows: Sequence[Row]) -> bool:
    return any(setup.lines[line].orders.holds_unordered for line in {row["line"] for row in rows})


@dataclass(frozen=True, slots=True)
class OrderedResults:
    """What the orders know of a batch's results, as the store had it before they were stored.

    `rejected` are the results that a rerun was asked for and that nobody reports any more. `others` are held because
    the analyzer names another patient than the order, by sample id.
    """

    setup: Setup
    alike: Mapping[str, Sequence[Tube]]
    tests: Mapping[int, Sequence[TubeTest]]
    rejected: frozenset[int]
    others: Mapping[str, Finding] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], Named] = field(default_factory=dict)  # most results are alike

    def reviewed(self, result: PreparedResult, judge: Judge, mode: ReleaseMode) -> PreparedResult:
        """The result, decided anew when the orders speak against it."""
        if not _may_be_ordered(result):
            return result
        more = self._findings(result.row)
        if not more:
            return result
        findings = (*result.findings, *more)
        destinations, decided = judge.decide(result.row, findings, result.role, mode)
        row = result.row | decided
        return replace(result, row=row, findings=findings, destinations=destinations)

    def bind(
        self, conn: Connection, stored: Iterable[PreparedResult], now: float
    ) -> dict[int, int]:
        """Give steps their results, and results their steps; answers the step of each result that has one.

        A result of a step that is finished is a further run of it: the step keeps all of them.
        """
        return self.bind_rows(conn, [one.row for one in stored if _may_be_ordered(one)], now)

    def bind_rows(self, conn: Connection, rows: Sequence[Row], now: float) -> dict[int, int]:
        """The same of rows of the results table; of several runs of a test the first is reported."""
        named = {row["id"]: self.tube_of(row) for row in rows if row["line"] in self.setup.lines}
        rows = [row for row in rows if row["id"] in named]
        mine = [row for row in rows if named[row["id"]] is not None]
        if not mine:
            return {}
        bound = work.note_results(conn, [reported(row) for row in mine], now)
        further: dict[int, int] = {}
        for row in mine:
            tube = named[row["id"]]
            if row["id"] not in bound and tube is not None and is_final(row):
                step = self._run_of(row, tube, bound)
                if step is not None:
                    further[row["id"]] = step
                    _note_run(conn, row, step, now)
        bound = bound | further
        results.bind_steps(conn, bound)
        return bound

    def tube_of(self, row: Row) -> Tube | None:
        """The tube in use that the row's sample id names beyond doubt."""
        return self._named(row).tube

    def _named(self, row: Row) -> Named:
        if row.get("identified_by"):
            return Named()  # its sample id is a patient's or an encounter's number
        alike = (row["sample_id"], row["order_source"], row["line"], row["measured_at"])
        known = self._known.get(alike)
        if known is None:
            known = self._known[alike] = self._name(row)
        return known

    def _name(self, row: Row) -> Named:
        said = said_of(row)
        other = self.others.get(said.sample_id)
        if other is not None:
            return Named(finding=other)
        tolerance = self.setup.lines[row["line"]].clock_tolerance_s
        return ordered.tube_of(said, tubes.of_id(self.alike, said.sample_id), tolerance)

    def _findings(self, row: Row) -> tuple[Finding, ...]:
        named = self._named(row)
        if named.finding is not None:
            return (named.finding,)
        tests = self.tests.get(named.tube.id, ()) if named.tube is not None else ()
        said = said_of(row)
        found = [ordered.rerun(said, tests, self.rejected)] if tests else []
        again = rerun_rule(self.setup, row) if tests else None
        if again is not None and ordered.may_be_rerun(said, tests):
            found.append(reflex.rerun_finding(again))
        of_line = self.setup.lines[row["line"]].orders
        if of_line.holds_unordered:
            found.append(ordered.unordered(said, tests, is_asked=of_line.asks_unordered))
        return tuple(one for one in found if one is not None)

    def _run_of(self, row: Row, tube: Tube, bound: Mapping[int, int]) -> int | None:
        said = said_of(row)
        tests = self.tests.get(tube.id, ())
        just_done = set(bound.values())
        for one in tests:
            if one.id in just_done and one.is_of(said.line, said.lis_code, said.test_code):
                return one.id
        done = ordered.further(said, tests)
        return None if done is None else done.id


def _note_run(conn: Connection, row: Row, step: int, now: float) -> None:
    change = Change(row["line"], now, f"result {row['id']}: a further run")
    if row["release_state"] == ReleaseState.RELEASED:
        steps.report(conn, step, row["id"], change)
    else:
        steps.note(conn, [step], StepState.RESULTED, change)


def note_released(conn: Connection, row: Row, change: Change) -> None:
    """A person released a result that an order asked for: it is what its step reports, and, of a rerun, what the steps
    report that it was ordered for."""
    for step in _chain(conn, row["work_order_step_id"]):
        steps.report(conn, step.id, row["id"], change)


def reported_before(conn: Connection, row: Row) -> Earlier | None:
    """The released result that the order of `row` reported until now, perhaps another analyzer's; of a rerun also that
    of the steps that it was ordered for."""
    chain = _chain(conn, row["work_order_step_id"])
    ids = {one.reportable_result_id for one in chain if one.reportable_result_id is not None}
    found = [
        Earlier(one["id"], one["journal_id"], one["duplicate_of"], one["version"])
        for one in results.by_ids(conn, ids - {row["id"]})
        if one["release_state"] == ReleaseState.RELEASED
    ]
    return max(found, key=lambda one: one.result_id, default=None)


def _chain(conn: Connection, step_id: int | None) -> list[TubeTest]:
    """A finished step, and those that it was ordered for again."""
    found: list[TubeTest] = []
    while step_id is not None:
        step = tubes.test(conn, step_id)
        if step is None or step.state != StepState.RESULTED:
            break
        found.append(step)
        step_id = step.parent_step_id if step.is_follow_up else None
    return found


def rerun_rule(setup: Setup, row: Row) -> ReflexRule | None:
    """The rule of the settings by which the analyzer measures this again; None: no rule, or it cannot be told."""
    rule = reflex.rerun_of(setup.reflexes, row) if setup.reflexes else None
    return rule if rule is not None and takes_work(setup, row["line"]) else None


def is_final(row: Row) -> bool:
    """No other result of this test is to come by itself."""
    return row["result_status"] not in _NOT_FINISHED


def said_of(row: Row) -> Said:
    """What a row of the results table says of where it belongs."""
    return Said(
        sample_id=row["sample_id"],
        order_source=row["order_source"] or "",
        line=row["line"],
        lis_code=row.get("lis_code") or "",
        test_code=row["test_code"],
        measured_at=row["measured_at"],
        is_of_culture=bool(row.get("isolate")),
    )


def reported(row: Row) -> Reported:
    """A row of the results table as steps are looked up by."""
    return Reported(
        result_id=row["id"],
        sample_id=row["sample_id"],
        test_code=row["test_code"],
        lis_code=row.get("lis_code") or "",
        line=row["line"],
        order_source=row["order_source"] or "",
        is_final=is_final(row),
        carrier=row.get("carrier") or "",
        position=row.get("position") or "",
    )
