"""The transaction that turns prepared messages into stored, reviewed results and outgoing messages.

Everything of a batch happens in one transaction: results, outbox rows with their rendered bytes,
and the journal's verdict,
so a crash leaves either all of a message or none (promise 3). The setup's generation is checked inside it. It is a
re-runnable job: it may be rolled back and run again, whole or message by message.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from middleware.errors import StoreError
from middleware.model import Fault, MessageKind, ReleaseState, VerdictKind
from middleware.pipeline import (
    calls,
    follow_up,
    order_results,
    quality,
    rule_errands,
    rules_anew,
    rules_review,
    suspension,
    whom,
    withdraw,
)
from middleware.pipeline.culture import link_parents
from middleware.pipeline.decision import Judge, columns_of
from middleware.pipeline.outgoing import Outgoing, enqueue
from middleware.pipeline.prepare import Prepared
from middleware.pipeline.prepared import PreparedResult
from middleware.pipeline.replay import reject_replaced
from middleware.pipeline.rule_facts import About
from middleware.pipeline.same_use import released_before
from middleware.pipeline.typed_before import typed_before
from middleware.review.release import Decision
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
from middleware.setup import Setup
from middleware.store import journal, results, setups, suspensions
from middleware.store.connection import Connection
from middleware.store.schema import JournalState
from middleware.store.suspensions import Suspension

Kept = tuple[Prepared, Sequence[PreparedResult]]
"""A message, and its results as they are stored."""


class SetupChanged(StoreError):
    """Another setup came into force while messages were prepared under this one; they are prepared again."""

    code = "setup-changed"


@dataclass(slots=True)
class Summary:
    """What a batch did, to be counted after its commit: results by (line, release state), messages that hold
    repetitions by line, unreadable entries (id, line, reason), tolerances by (line, name), the number of outgoing
    messages, and that of results that answer an ordered test."""

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeated_messages: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[int, str, str]] = field(default_factory=list)
    quirks: Counter[tuple[str, str]] = field(default_factory=Counter)
    outgoing: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store says before a wave: results by fingerprint, and released ones by (sample id, test, detail)."""

    alike: Mapping[bytes, Sequence[Earlier]]
    released: Mapping[tuple[str, str, str], Sequence[Earlier]]
    tolerance: Decimal  # of an analyzer's number from a typed one, in percent


def process(conn: Connection, batch: Sequence[Prepared], setup: Setup, now: float) -> Summary:
    """Store a batch in the order given; `now` is seconds since 1970 UTC. Raises SetupChanged."""
    in_force = setups.in_force(conn)
    if in_force.generation != setup.generation:
        raise SetupChanged("the setup changed while the messages were being prepared")
    stops = suspensions.in_force(conn) if in_force.is_stopped else ()
    ground = _Ground(setup, now, stops, in_force.has_withdrawn)
    summary = Summary()
    outgoing: list[Outgoing] = []
    steps: dict[int, int] = {}
    for one in batch:
        if one.entry.replays and not one.reason:
            now_said = {result.fingerprint for result in one.results}
            reject_replaced(conn, one.entry.id, now_said, now)
    for wave in _waves(batch, setup):
        stored = _store_wave(conn, wave, ground)
        _count(stored.kept, summary)
        outgoing += [*_outgoing_of(stored.kept), *stored.waited]
        steps |= stored.bound
    summary.steps = len(steps)
    summary.outgoing = len(enqueue(conn, outgoing, setup, now, steps))
    _close_entries(conn, batch, setup.generation, now)
    for one in batch:
        if one.reason:
            summary.unreadable.append((one.entry.id, one.entry.line, one.reason))
        elif one.quirks:
            summary.quirks.update((one.entry.line, name) for name in one.quirks)
    return summary


@dataclass(frozen=True, slots=True)
class _Ground:
    """What is in force for a batch."""

    setup: Setup
    now: float
    stops: Sequence[Suspension]
    has_withdrawn: bool


@dataclass(frozen=True, slots=True)
class _Stored:
    """A wave as it was stored; the step of each result that answers one; and messages of earlier results that had
    waited for these."""

    kept: list[Kept]
    bound: Mapping[int, int]
    waited: Sequence[Outgoing]


def _store_wave(conn: Connection, wave: Sequence[Prepared], ground: _Ground) -> _Stored:
    """Judge a wave against the store, and store it."""
    setup, now = ground.setup, ground.now
    kept = whom.identify(conn, _review_wave(conn, wave, setup), setup)
    ordered = order_results.look_up(conn, _all_of(kept), setup)
    if ordered is not None:
        kept = _against_orders(kept, ordered, Judge(setup))
    ruled: rules_review.Reviewed | None = None
    if setup.rules is not None:
        about = About(setup, now)
        ruled = rules_review.review(conn, kept, rules_anew.ground_of(ordered), about)
        kept = ruled.kept
    _number(conn, kept)
    controlled = quality.review(conn, kept, setup, now)
    kept = controlled.kept
    if ground.stops:
        by_stops = Judge(setup, ground.stops)
        kept = [(one, suspension.hold_stopped(mine, one.mode, by_stops)) for one, mine in kept]
    if ground.has_withdrawn:
        kept = [(one, withdraw.hold_late(conn, stored, one.mode, setup)) for one, stored in kept]
    _save(conn, kept)
    if setup.review.call_on_critical_flag:
        calls.open_by_flags(conn, [one.row for one in _all_of(kept)], now)
    bound = {} if ordered is None else ordered.bind(conn, _all_of(kept), now)
    if bound and setup.reflexes:
        follow_up.by_rules(conn, [one.row for one in _all_of(kept)], bound, setup, now)
    waited = [] if ruled is None else _after_rules(conn, ruled, bound, ground)
    if controlled.board is not None:
        judge = Judge(setup, ground.stops, now)
        waited += controlled.after_saving(conn, setup, judge, now)
    return _Stored(kept, bound, waited)


def _after_rules(
    conn: Connection, ruled: rules_review.Reviewed, bound: Mapping[int, int], ground: _Ground
) -> list[Outgoing]:
    """Open calls, order again what is to be measured again, and decide what had waited for these results."""
    rule_errands.call(conn, ruled.errands, ground.now)
    rule_errands.order_again(conn, ruled.errands, bound, ground.setup, ground.now)
    waiting = rules_anew.waiting(ruled.stored.values())
    if not waiting:
        return []
    judge = Judge(ground.setup, ground.stops, ground.now)
    return rule_errands.decide_waiting(conn, waiting, ground.setup, judge, ground.now)


def _waves(batch: Sequence[Prepared], setup: Setup) -> Iterator[list[Prepared]]:
    """Cut the batch where a message touches a specimen of an earlier one, which must be stored before it is judged;
    and, with quality control, around each message with controls."""
    wave: list[Prepared] = []
    touched: set[str] = set()
    for one in batch:
        mine = {result.row["sample_id"] for result in one.results}
        is_apart = setup.qc is not None and quality.has_controls(one)
        if wave and (is_apart or not touched.isdisjoint(mine)):
            yield wave
            wave, touched = [], set()
        wave.append(one)
        touched |= mine
        if is_apart:
            yield wave
            wave, touched = [], set()
    if wave:
        yield wave


def _review_wave(conn: Connection, wave: Sequence[Prepared], setup: Setup) -> list[Kept]:
    """Each message with its results as they are to be stored: as prepared, unless the store knows related ones."""
    known = _look_up(conn, wave, setup)
    if known is None:
        return [(one, one.results) for one in wave]
    decisions = Judge(setup)
    kept: list[Kept] = []
    for one in wave:
        reviewed = [_review(conn, one, result, known, decisions) for result in one.results]
        kept.append((one, [result for result in reviewed if result is not None]))
    return kept


def _look_up(conn: Connection, wave: Sequence[Prepared], setup: Setup) -> _Known | None:
    """What the store holds of the wave's specimens; None: nothing that matters.

    Of a sample id that names one specimen all its results are read. Controls and placeholders repeat for ever: of those
    only results with the same fingerprint.
    """
    runs = results.runs_of_samples(
        conn,
        {result.row["sample_id"] for one in wave for result in one.results if result.may_follow},
    )
    alike: dict[bytes, list[Earlier]] = {}
    for stored in runs.values():
        for run in stored:
            earlier = Earlier(run.result_id, run.journal_id, run.duplicate_of, run.version)
            alike.setdefault(bytes(run.fingerprint), []).append(earlier)
    released = released_before(conn, (one for message in wave for one in message.results), runs)
    others: dict[str, list[bytes]] = {}
    for one in wave:
        for result in one.results:
            if not result.may_follow and result.row["sample_id"] not in runs:
                others.setdefault(result.row["sample_id"], []).append(result.fingerprint)
    for sample_id, prints in others.items():
        for mark, found in results.by_fingerprints(conn, sample_id, prints).items():
            alike[mark] = [
                Earlier(one.result_id, one.journal_id, one.duplicate_of) for one in found
            ]
    return _Known(alike, released, setup.review.manual_tolerance_percent) if alike else None


def _review(
    conn: Connection,
    message: Prepared,
    result: PreparedResult,
    known: _Known,
    decisions: Judge,
) -> PreparedResult | None:
    """Judge a result against what is stored; None: a replay says again what is stored."""
    judgement = _relate(conn, message, result, known)
    earlier = judgement.earlier
    if earlier is None:
        return result
    if judgement.relation is Relation.DUPLICATE:
        if earlier.journal_id == message.entry.id:
            return None
        found = (*result.findings, duplicate_finding(earlier))
        decision = Decision(VerdictKind.HOLD, ReleaseState.DUPLICATE, found)
        row = result.row | columns_of(decision) | {"duplicate_of": earlier.result_id}
        return replace(result, row=row, destinations=())
    typed = typed_before(conn, earlier, result, known.tolerance)
    if typed is not None:
        return typed
    findings = (*result.findings, further_finding(earlier))
    destinations, decided = decisions.decide(result.row, findings, result.role, message.mode)
    relation = {"supersedes": earlier.result_id, "version": earlier.version + 1}
    row = result.row | decided | relation
    return replace(result, row=row, findings=findings, destinations=destinations)


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


def _against_orders(
    kept: Sequence[Kept], ordered: order_results.OrderedResults, judge: Judge
) -> list[Kept]:
    return [
        (one, [ordered.reviewed(result, judge, one.mode) for result in stored])
        for one, stored in kept
    ]


def _all_of(kept: Sequence[Kept]) -> Iterator[PreparedResult]:
    return (result for _, stored in kept for result in stored)


def _number(conn: Connection, kept: Sequence[Kept]) -> None:
    """Ids written into the rows, which spares a copy of each."""
    rows = [result.row for _, stored in kept for result in stored]
    if rows:
        for number, row in enumerate(rows, results.allocate_ids(conn, len(rows))):
            row["id"] = number


def _save(conn: Connection, kept: Sequence[Kept]) -> None:
    rows = [result.row for _, stored in kept for result in stored]
    for _, stored in kept:
        if any(result.parent_record for result in stored):
            link_parents(stored)
    results.save(conn, rows)


def _count(kept: Sequence[Kept], summary: Summary) -> None:
    for message, stored in kept:
        line = message.entry.line
        states = Counter([result.row["release_state"] for result in stored])
        for state, count in states.items():
            summary.results[line, state] += count
        summary.repeated_messages[line] += ReleaseState.DUPLICATE in states


def _outgoing_of(kept: Sequence[Kept]) -> list[Outgoing]:
    """One outgoing message for each message of the analyzer, specimen and connector, in the order of their results."""
    return [one for message, stored in kept for one in _outgoing_of_message(message, stored)]


def _outgoing_of_message(message: Prepared, stored: Sequence[PreparedResult]) -> Iterable[Outgoing]:
    entry = message.entry
    found: dict[tuple[str, str], Outgoing] = {}
    for result in stored:
        row = result.row
        for connector in result.destinations:
            key = (connector, row["sample_id"])
            one = found.get(key)
            if one is None:
                one = found[key] = Outgoing(*key, entry.line, entry.id, entry.received_at)
            one.rows.append(row)
            one.result_ids.append(row["id"])
    return found.values()


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
                    quirks=",".join((*one.entry.quirks, *one.quirks)),
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
    # Intake answers host queries; one that comes through here was replayed, and nobody waits for it any more.
    is_only_asking = one.kind is MessageKind.QUERY and not one.results
    return JournalState.NOT_ANSWERED if is_only_asking else JournalState.PROCESSED


def _faults_json(faults: Sequence[Fault]) -> str | None:
    if not faults:
        return None
    return json.dumps([one.model_dump(mode="json") for one in faults], ensure_ascii=False)
