"""Test codes in the pipeline: what a result becomes when it comes in, and the release of those that waited for a row.

A release decides as processing does, under the setup in force: the findings of the codes fall away, all others stay,
and of two runs that waited only the first goes out by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from middleware.model import Fault, Finding, ReleaseState
from middleware.pipeline import rules_anew
from middleware.pipeline.anew import findings_of, released_before
from middleware.pipeline.asked import Asking
from middleware.pipeline.culture import INCOMPLETE
from middleware.pipeline.decision import Judge
from middleware.pipeline.order_results import bind_later
from middleware.pipeline.outgoing import Outgoing, enqueue, only_true_corrections
from middleware.pipeline.prepared import PreparedResult
from middleware.review import ordered
from middleware.review.repetition import further_finding
from middleware.routing.code_row import CodeFate
from middleware.routing.codes import CHECK, LineCodes
from middleware.setup import Setup
from middleware.store import audit, codes, suspensions
from middleware.store.connection import Connection

AT_ONCE_MAX = 1000
"""Results looked at in one transaction, so that no analyzer waits for it long."""

_NAMED_MAX = 20
# What the decision itself says anew.
_DECIDED_ANEW = frozenset({CHECK, "release_mode", "route"})


def code_findings(
    codes_of_line: LineCodes, row: dict[str, Any], findings: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """Write into `row` what a patient's result becomes for the LIS; its findings, with that of its code."""
    translation = codes_of_line.translate(row)
    row.update(translation.columns)
    if translation.finding is None:
        return findings
    return (*findings, translation.finding)


def without_ignored(
    prepared: list[PreparedResult], faults: tuple[Fault, ...]
) -> tuple[list[PreparedResult], tuple[Fault, ...]]:
    """The results that are stored, and a remark about those that the table ignores: the message still has them."""
    ignored = [one.row for one in prepared if one.row["code_fate"] == CodeFate.IGNORE]
    if not ignored:
        return prepared, faults
    named = list(dict.fromkeys(row["test_code"] for row in ignored))
    more = " …" if len(named) > _NAMED_MAX else ""
    said = f"{len(ignored)} results are not kept, for the table of codes ignores their tests: "
    remark = Fault(code="ignored_codes", text=said + ", ".join(named[:_NAMED_MAX]) + more)
    kept = [one for one in prepared if one.row["code_fate"] != CodeFate.IGNORE]
    return kept, (*faults, remark)


def release_mapped(
    conn: Connection, line: str | None, after: int, asking: Asking
) -> dict[str, Any]:
    """Decide anew over held results that waited for a row and have one now: of AT_ONCE_MAX that wait, after an id.

    Answers `released`, `held` (for other reasons) and `kept` (the table sends them nowhere): ids; `messages`: outbox
    numbers; `left`: how many have no row yet; `next`: the id to go on after, 0 at the end. Nothing is asked of the
    analyzer, and nothing goes out twice: a result that went out is not held any more.
    """
    judge = Judge(asking.setup, suspensions.in_force(conn), asking.now)
    decided: dict[int, dict[str, Any]] = {}
    outgoing: dict[tuple[int, str, str], Outgoing] = {}
    waiting = codes.waiting(conn, line, after, AT_ONCE_MAX)
    for row in waiting:
        decision = _decide(conn, row, judge, asking)
        if decision is None:
            continue
        columns, destinations = decision
        codes.give(conn, {row["id"]: columns})
        decided[row["id"]] = columns
        _add(outgoing, row | columns, destinations)
    answer = _answer(decided, _queue(conn, outgoing, asking), len(waiting) - len(decided))
    if decided:
        _audit(conn, answer, line, asking)
    return answer | {"next": waiting[-1]["id"] if len(waiting) == AT_ONCE_MAX else 0}


def _decide(
    conn: Connection, row: dict[str, Any], judge: Judge, asking: Asking
) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """The columns that change, and the connectors; None while no row of the table fits, or one still holds it."""
    settings = asking.setup.lines.get(row["line"])
    codes_of_line = asking.setup.codes.get(row["line"])
    if settings is None or codes_of_line is None:
        return None
    translation = codes_of_line.translate(row)
    if translation.finding is not None:
        return None
    columns: dict[str, Any] = dict(translation.columns)
    findings = _other_findings(row)
    if row["work_order_step_id"] is None and not any(one.check == "identity" for one in findings):
        # Only now it is known which ordered test it answers.
        bound = bind_later(conn, [row | columns], asking.setup, asking.now)
        if bound:
            columns["work_order_step_id"] = bound[row["id"]]
            findings = tuple(one for one in findings if one.code not in ordered.UNORDERED)
    earlier = released_before(conn, row)
    if earlier is not None and not any(one.check == "repetition" for one in findings):
        findings = (*findings, further_finding(earlier))
        columns |= {"supersedes": earlier.result_id, "version": earlier.version + 1}
    if row["isolate"]:  # half a culture misleads; its other results wait for a person
        findings = (*findings, INCOMPLETE)
    destinations, decision = rules_anew.decide(conn, row | columns, findings, asking.setup, judge)
    generation = asking.setup.generation
    columns |= decision | {"setup_generation": generation, "release_mode": settings.release.value}
    columns |= {"decided_at": asking.now, "decision_reason": asking.reason or "codes released"}
    return columns, destinations


def _other_findings(row: Mapping[str, Any]) -> tuple[Finding, ...]:
    return tuple(one for one in findings_of(row) if one.check not in _DECIDED_ANEW)


def _add(
    outgoing: dict[tuple[int, str, str], Outgoing], row: dict[str, Any], to: Sequence[str]
) -> None:
    for connector in to:
        key = (row["journal_id"], connector, row["sample_id"])
        if key not in outgoing:
            outgoing[key] = Outgoing(
                connector, row["sample_id"], row["line"], row["journal_id"], row["received_at"]
            )
        outgoing[key].rows.append(row)
        outgoing[key].result_ids.append(row["id"])


def _queue(
    conn: Connection, outgoing: Mapping[tuple[int, str, str], Outgoing], asking: Asking
) -> list[int]:
    messages = list(outgoing.values())
    for one in messages:
        rows = [dict(row) for row in one.rows]
        only_true_corrections(conn, rows)
        one.rows = list(rows)
    return enqueue(conn, messages, asking.setup, asking.now)


def _answer(
    decided: Mapping[int, Mapping[str, Any]], messages: list[int], left: int
) -> dict[str, Any]:
    by_state: dict[str, list[int]] = {}
    for result_id, columns in decided.items():
        by_state.setdefault(columns["release_state"], []).append(result_id)
    released = by_state.pop(ReleaseState.RELEASED.value, [])
    held = by_state.pop(ReleaseState.HELD.value, [])
    kept = sorted(one for ids in by_state.values() for one in ids)
    return {"released": released, "held": held, "kept": kept, "messages": messages, "left": left}


def _audit(conn: Connection, answer: dict[str, Any], line: str | None, asking: Asking) -> None:
    subject = f"line {line}" if line is not None else "every line"
    detail = {**answer, "reason": asking.reason, "setup_generation": asking.setup.generation}
    audit.append(
        conn, audit.AuditEntry(asking.author, "codes.release", subject, asking.now, detail)
    )


def translated_now(row: dict[str, Any], setup: Setup) -> Finding | None:
    """For a release by a person: write into a stored `row` what it becomes under the setup in force. Answers why it
    cannot go out (None: it can). A table that holds the code for a person does not hinder that person."""
    codes_of_line = setup.codes.get(row["line"])
    if codes_of_line is None:
        return None
    translation = codes_of_line.translate(row)
    row.update(translation.columns)
    return translation.finding if translation.fate is CodeFate.UNMAPPED else None
