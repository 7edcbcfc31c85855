"""The transaction that turns prepared messages into stored, reviewed results and outgoing messages.

Everything of a batch happens in one transaction: results, outbox rows with their rendered bytes,
and the journal's verdict,
so a crash leaves either all of a message or none (promise 3). The setup's generation is checked inside it. It is a
re-runnable job: it may be rolled back and run again, whole or message by message.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from middleware.errors import StoreError
from middleware.model import Fault, Finding, MessageKind, ReleaseState, VerdictKind
from middleware.pipeline.outgoing import Outgoing, enqueue
from middleware.pipeline.prepare import Prepared, PreparedResult
from middleware.pipeline.replay import reject_replaced
from middleware.review.release import Decision, decide
from middleware.review.repetition import (
    NEW,
    Earlier,
    Judgement,
    Occasion,
    Relation,
    duplicate_finding,
    further_finding,
    judge,
)
from middleware.routing.route import RouteTable
from middleware.setup import Setup
from middleware.store import journal, results, setups
from middleware.store.connection import Connection
from middleware.store.schema import JournalState

_NO_ROUTE = Finding(
    check="route",
    code="no_route",
    verdict=VerdictKind.HOLD,
    text="No route of the settings sends this test anywhere. Add a route, then release the result.",
)


class SetupChanged(StoreError):
    """Another setup came into force while messages were prepared under this one; they are prepared again."""

    code = "setup-changed"


@dataclass(slots=True)
class Summary:
    """What a batch did, to be counted after its commit: results by (line, release state), messages
    that hold repetitions
    by line, unreadable entries (id, line, reason), and the number of outgoing messages."""

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeated_messages: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[int, str, str]] = field(default_factory=list)
    outgoing: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store says before a wave: results by fingerprint, and released ones by (sample id, test, detail)."""

    alike: Mapping[bytes, Sequence[Earlier]]
    released: Mapping[tuple[str, str, str], Sequence[Earlier]]


def process(conn: Connection, batch: Sequence[Prepared], setup: Setup, now: float) -> Summary:
    """Store a batch in the order given; `now` is seconds since 1970 UTC. Raises SetupChanged."""
    if setups.current_generation(conn) != setup.generation:
        raise SetupChanged("the setup changed while the messages were being prepared")
    summary = Summary()
    routes = RouteTable(setup.routes, setup.connectors)
    outgoing: list[Outgoing] = []
    for one in batch:
        if one.entry.replays and not one.reason:
            now_said = {result.fingerprint for result in one.results}
            reject_replaced(conn, one.entry.id, now_said, now)
    for wave in _waves(batch):
        outgoing += _store_wave(conn, wave, (setup, routes), summary)
    summary.outgoing = len(enqueue(conn, outgoing, setup, now))
    _close_entries(conn, batch, setup.generation, now)
    for one in batch:
        if one.reason:
            summary.unreadable.append((one.entry.id, one.entry.line, one.reason))
    return summary


def _waves(batch: Sequence[Prepared]) -> Iterator[list[Prepared]]:
    """Cut the batch where a message touches a specimen of an earlier one, which must be stored before it is judged."""
    wave: list[Prepared] = []
    touched: set[str] = set()
    for one in batch:
        mine = {result.row["sample_id"] for result in one.results}
        if not touched.isdisjoint(mine):
            yield wave
            wave, touched = [], set()
        wave.append(one)
        touched |= mine
    if wave:
        yield wave


def _store_wave(
    conn: Connection,
    wave: Sequence[Prepared],
    rules: tuple[Setup, RouteTable],
    summary: Summary,
) -> list[Outgoing]:
    flat = [(one, result) for one in wave for result in one.results]
    if not flat:
        return []
    known = _look_up(conn, flat)
    kept: list[tuple[Prepared, PreparedResult]] = []
    for one in wave:
        has_repetition = False
        for result in one.results:
            state = _review(conn, one, result, known, rules)
            if state is None:
                continue
            kept.append((one, result))
            has_repetition |= state is ReleaseState.DUPLICATE
            summary.results[one.entry.line, state._value_] += 1
        summary.repeated_messages[one.entry.line] += has_repetition
    _save(conn, kept)
    return _outgoing_of(kept)


def _save(conn: Connection, kept: Sequence[tuple[Prepared, PreparedResult]]) -> None:
    """With ids written into the rows, which spares a copy of each."""
    if not kept:
        return
    first = results.allocate_ids(conn, len(kept))
    rows = [result.row for _, result in kept]
    for number, row in enumerate(rows, first):
        row["id"] = number
    results.save(conn, rows)


def _look_up(conn: Connection, flat: Sequence[tuple[Prepared, PreparedResult]]) -> _Known:
    alike = results.by_fingerprints(conn, {result.fingerprint for _, result in flat})
    released: dict[tuple[str, str, str], list[Earlier]] = {}
    sample_ids = sorted({one.row["sample_id"] for _, one in flat if one.may_follow})
    for sample_id, runs in results.runs_of_samples(conn, sample_ids).items():
        for run in runs:
            if run.release_state == ReleaseState.RELEASED:
                earlier = Earlier(run.result_id, run.journal_id, None, run.version)
                released.setdefault((sample_id, run.test_code, run.test_detail), []).append(earlier)
    return _Known(
        {
            mark: [Earlier(one.result_id, one.journal_id, one.duplicate_of) for one in found]
            for mark, found in alike.items()
        },
        released,
    )


def _review(
    conn: Connection,
    message: Prepared,
    result: PreparedResult,
    known: _Known,
    rules: tuple[Setup, RouteTable],
) -> ReleaseState | None:
    """Judge, decide and write the decision into the row; None: a replay says again what is stored."""
    setup, routes = rules
    row = result.row
    result.destinations = ()
    row["duplicate_of"] = row["supersedes"] = None
    row["version"] = 1
    findings = result.findings
    judgement = _relate(conn, message, result, known)
    earlier = judgement.earlier
    if earlier is not None and judgement.relation is Relation.DUPLICATE:
        if earlier.journal_id == message.entry.id:
            return None
        row["duplicate_of"] = earlier.result_id
        found = (*findings, duplicate_finding(earlier))
        return _write(row, Decision(VerdictKind.HOLD, ReleaseState.DUPLICATE, found))
    if earlier is not None:
        row["supersedes"] = earlier.result_id
        row["version"] = earlier.version + 1
        findings = (*findings, further_finding(earlier))
    destinations = routes.choose(message.entry.line, row["test_code"])
    if not destinations:
        findings = (*findings, _NO_ROUTE)
    decision = decide(findings, result.role, message.mode, setup.generation)
    if decision.state is ReleaseState.RELEASED:
        result.destinations = destinations
    return _write(row, decision)


def _relate(
    conn: Connection, message: Prepared, result: PreparedResult, known: _Known
) -> Judgement:
    alike = known.alike.get(result.fingerprint, ())
    released = known.released.get(result.test, ()) if known.released and result.may_follow else ()
    if not alike and not released:
        return NEW
    entry = message.entry
    occasion = Occasion(
        entry.id, result.has_time, lambda: journal.previous_of_line(conn, entry.line, entry.id)
    )
    return judge(alike, released, occasion)


def _write(row: dict[str, object], decision: Decision) -> ReleaseState:
    row["verdict"] = decision.verdict._value_
    row["release_state"] = decision.state._value_
    row["findings"] = findings_json(decision.findings)
    row["verifier"] = decision.verifier
    return decision.state


@lru_cache(maxsize=512)
def findings_json(findings: tuple[Finding, ...]) -> str | None:
    """Findings as the store keeps them; None when there are none."""
    if not findings:
        return None
    return json.dumps([one.model_dump(mode="json") for one in findings], ensure_ascii=False)


def _outgoing_of(flat: Sequence[tuple[Prepared, PreparedResult]]) -> list[Outgoing]:
    """One outgoing message for each message of the analyzer, specimen and connector, in the order of their results."""
    found: dict[tuple[int, str, str], Outgoing] = {}
    for message, result in flat:
        for connector in result.destinations:
            sample_id = result.row["sample_id"]
            key = (message.entry.id, connector, sample_id)
            one = found.get(key)
            if one is None:
                entry = message.entry
                one = found[key] = Outgoing(
                    connector, sample_id, entry.line, entry.id, entry.received_at
                )
            one.rows.append(result.row)
            one.result_ids.append(result.row["id"])
    return list(found.values())


def _close_entries(
    conn: Connection, batch: Sequence[Prepared], generation: int, now: float
) -> None:
    readable = [one for one in batch if not one.reason]
    if readable:
        journal.mark_processed(
            conn,
            [
                journal.Processed(
                    id=one.entry.id,
                    kind=one.kind,
                    state=_state_of(one),
                    analyzer=one.analyzer,
                    message_control_id=one.message_control_id,
                    faults_json=_faults_json(one.faults),
                    result_count=len(one.results),
                    generation=generation,
                    processed_at=now,
                )
                for one in readable
            ],
        )
    for one in batch:
        if one.reason:
            journal.mark_unreadable(
                conn,
                journal.Unreadable(
                    id=one.entry.id,
                    reason=one.reason,
                    generation=generation,
                    at=now,
                    record=one.reason_record,
                    field=one.reason_field,
                ),
            )


def _state_of(one: Prepared) -> JournalState:
    # Nobody answers host queries yet: they wait for the one who can see them, not for the LIS.
    is_only_asking = one.kind is MessageKind.QUERY and not one.results
    return JournalState.NOT_ANSWERED if is_only_asking else JournalState.PROCESSED


def _faults_json(faults: Sequence[Fault]) -> str | None:
    if not faults:
        return None
    return json.dumps([one.model_dump(mode="json") for one in faults], ensure_ascii=False)
