"""What can be worked out of a decoded message without the store: rows, fingerprints, findings and the decision.

It runs outside the transaction and outside the writer's thread, so that the transaction is left
with questions to the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from middleware.errors import DriverError, MiddlewareError
from middleware.model import (
    Envelope,
    Fault,
    Finding,
    MessageKind,
    ReleaseMode,
    Result,
    SampleRole,
    VerdictKind,
)
from middleware.pipeline import identified, sample_ids
from middleware.pipeline.codes import code_findings, without_ignored
from middleware.pipeline.culture import hold_whole
from middleware.pipeline.decision import Judge
from middleware.pipeline.prepared import PreparedResult
from middleware.pipeline.rows import (
    EMPTY_RESULT,
    isolate_columns,
    measured_columns,
    result_row,
    specimen_columns,
)
from middleware.review.checks import CATALOGUE, Check, NamedCheck, run
from middleware.review.context import ReviewContext, SampleIdRules, context_of
from middleware.review.repetition import fingerprint, specimen_hash
from middleware.review.times import DAY_S, TimeRules, marked
from middleware.routing.codes import AS_SENT
from middleware.setup import Setup
from middleware.store.journal import StoredEntry

REASON_MAX = 500
"""A reason is a sentence; a driver that quotes a whole message is cut."""


RESULTS_MAX = 10_000
"""Of one message. A whole day's work fits; far more would keep the other lines waiting for longer than analyzers do."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A journal entry with what its driver made of it: an envelope, or the error that says why not."""

    entry: StoredEntry
    envelope: Envelope | None
    error: Exception | None = None


@dataclass(slots=True)
class Prepared:
    """One message ready for its transaction. `reason` is set, and the rest empty, when it is unreadable."""

    entry: StoredEntry
    kind: MessageKind
    mode: ReleaseMode = ReleaseMode.HOLD_ALL
    analyzer: str = ""
    message_control_id: str = ""
    results: list[PreparedResult] = field(default_factory=list)
    faults: tuple[Fault, ...] = ()
    has_queries: bool = False
    quirks: tuple[str, ...] = ()  # tolerances that reading needed, beside those of the link
    reason: str = ""
    reason_record: int | None = None
    reason_field: str | None = None
    identified_by: str = ""  # what its sample ids name, where they name no tubes (PatientIdKind)


class Preparation:
    """I prepare messages under one setup with one set of checks."""

    def __init__(self, setup: Setup, checks: Sequence[Check] = CATALOGUE) -> None:
        self._setup = setup
        self._judge = Judge(setup)
        self._sample_ids = sample_ids.steps_by_line(setup)
        self._identified = identified.kinds_by_line(setup)
        self._checks = tuple(checks)
        self._shared_checks = tuple(
            one for one in checks if isinstance(one, NamedCheck) and one.is_shared
        )
        self._own_checks = tuple(one for one in checks if one not in self._shared_checks)

    def prepare(self, decoded: Decoded) -> Prepared:
        """Prepare one message; an envelope that cannot be prepared is unreadable, with the reason."""
        entry = decoded.entry
        line = self._setup.lines.get(entry.line)
        if decoded.envelope is None or line is None:
            return unreadable(entry, decoded.error)
        envelope = decoded.envelope
        if len(envelope.results) > RESULTS_MAX:
            return unreadable(entry, _too_many(len(envelope.results)))
        misread: frozenset[str] = frozenset()
        if entry.line in self._sample_ids:
            envelope, misread = sample_ids.as_ordered(envelope, self._sample_ids[entry.line])
        identified_by = self._identified.get(entry.line, "")
        if identified_by:
            envelope = identified.by_patient(envelope)
        context = self._context(entry, envelope)
        if misread:
            context = replace(context, misread=misread)
        zone = line.time_zone or self._setup.node.time_zone
        shared = self._shared(entry, envelope)
        prepared = self._results(envelope.results, context, shared, (line.release, zone))
        faults = _faults_of(envelope)
        if entry.line in self._setup.codes:
            prepared, faults = without_ignored(prepared, faults)
        return Prepared(
            entry=entry,
            kind=_kind_of(envelope, entry),
            mode=line.release,
            analyzer=envelope.analyzer,
            message_control_id=envelope.message_control_id,
            results=prepared,
            faults=faults,
            has_queries=bool(envelope.queries),
            quirks=tuple([name for name in envelope.quirks if name not in entry.quirks]),
            identified_by=identified_by,
        )

    def _shared(self, entry: StoredEntry, envelope: Envelope) -> dict[str, Any]:
        """The columns that all results of the message share."""
        line = self._setup.lines[entry.line]
        shared: dict[str, Any] = {
            **EMPTY_RESULT,
            "id": 0,  # given in the transaction
            "journal_id": entry.id,
            "line": entry.line,
            "analyzer": envelope.analyzer,
            "environment": self._setup.node.environment.value,
            "order_source": line.order_source or None,
            "release_mode": line.release.value,
            "setup_generation": self._setup.generation,
            "received_at": entry.received_at,
            "duplicate_of": None,
            "supersedes": None,
            "version": 1,
        }
        if entry.line in self._identified:
            shared["identified_by"] = self._identified[entry.line]
        if self._setup.codes:  # every row names the same columns
            shared |= AS_SENT
        return shared

    def _context(self, entry: StoredEntry, envelope: Envelope) -> ReviewContext:
        """What the checks may know of the message and its line."""
        line = self._setup.lines[entry.line]
        rules = SampleIdRules(
            line.sample_id_pattern, line.sample_id_min_length, line.sample_id_max_length
        )
        times = TimeRules(line.clock_tolerance_s, line.oldest_result_days * DAY_S)
        context = context_of(entry.line, entry.received_at, rules, envelope.results, times)
        driver = self._setup.drivers.get(line.driver)
        if driver is not None and driver.profile.result.harmless_flags:
            harmless = frozenset(driver.profile.result.harmless_flags)
            context = replace(context, harmless_flags=harmless)
        if self._setup.review.downtime_prefix:
            context = replace(context, downtime_prefix=self._setup.review.downtime_prefix)
        if not envelope.is_for_reporting:
            context = replace(context, is_for_reporting=False)
        return context

    def _results(
        self,
        results: Sequence[Result],
        context: ReviewContext,
        shared: dict[str, Any],
        of_line: tuple[ReleaseMode, str],
    ) -> list[PreparedResult]:
        mode, zone = of_line
        prepared = []
        has_isolates = False
        codes = self._setup.codes.get(context.line)
        for alike in _side_by_side(results):
            first = alike[0]
            measured = marked(first.measured, context.received_at, context.times)
            columns = shared | specimen_columns(first.specimen) | measured_columns(measured, zone)
            begun = specimen_hash(columns)
            checks = self._checks_after(first, context)
            role = first.specimen.role
            is_patients = role is SampleRole.PATIENT
            names_tube = is_patients and context.line not in self._identified
            has_time = first.measured.at is not None  # "0000…" or a mere day is no time
            for result in alike:
                row = result_row(columns, result)
                if result.isolate is not None:
                    row |= isolate_columns(result)
                row["fingerprint"] = mark = fingerprint(begun, row)
                findings = self._review(result, context, checks)
                if codes is not None and is_patients:
                    findings = code_findings(codes, row, findings)
                destinations, decided = self._judge.decide(row, findings, role, mode)
                row.update(decided)
                may_follow = names_tube and not (findings and _doubts_identity(findings))
                one = PreparedResult(row, mark, role, findings, has_time, may_follow, destinations)
                if result.isolate is not None:
                    one.parent_record = result.parent.record if result.parent is not None else 0
                    has_isolates = True
                prepared.append(one)
        if has_isolates:
            hold_whole(prepared, self._judge, mode)
        return prepared

    def _checks_after(self, result: Result, context: ReviewContext) -> Sequence[Check]:
        """What is left to check of each result that shares specimen and time: what they share is asked about once."""
        is_clean = not self._review(result, context, self._shared_checks)
        return self._own_checks if is_clean else self._checks

    def _review(
        self, result: Result, context: ReviewContext, checks: Sequence[Check]
    ) -> tuple[Finding, ...]:
        try:
            return run(result, context, checks)
        except Exception as error:  # noqa: BLE001 - a third party's check must never release by failing
            return (_check_failed(error),)


def _side_by_side(results: Sequence[Result]) -> list[list[Result]]:
    """Neighbours that share specimen and measured time; drivers give them the same objects."""
    groups: list[list[Result]] = []
    last: Result | None = None
    for result in results:
        if (
            last is None
            or result.specimen is not last.specimen
            or result.measured is not last.measured
        ):
            groups.append([])
        groups[-1].append(result)
        last = result
    return groups


def _doubts_identity(findings: Sequence[Finding]) -> bool:
    return any(one.check == "identity" for one in findings)


def _check_failed(error: Exception) -> Finding:
    return Finding(
        check="review",
        code="check_failed",
        verdict=VerdictKind.HOLD,
        text=f"A check failed ({type(error).__name__}), so nobody knows whether it would have held this result. "
        "Compare it with the analyzer's own; report the fault.",
    )


def unreadable(entry: StoredEntry, error: Exception | None) -> Prepared:
    """An entry that no driver could read, with a reason for a person."""
    if error is None:
        reason = f"line {entry.line!r} is not in the settings; add it and replay the message"
    elif isinstance(error, MiddlewareError):
        reason = " ".join(filter(None, (str(error), error.what_to_do)))
    else:
        # Only the first line: an error of the store quotes whole rows in those that follow.
        words = str(error).partition("\n")[0]
        reason = f"processing failed: {type(error).__name__}: {words}"
    field_name = getattr(error, "field", None)
    record = getattr(error, "record", None)
    return Prepared(
        entry=entry,
        kind=MessageKind.UNREADABLE,
        reason=_storable(reason[:REASON_MAX]),
        reason_record=record if isinstance(record, int) else None,
        reason_field=None if field_name is None else _storable(str(field_name)),
    )


def _too_many(count: int) -> DriverError:
    return DriverError(
        f"the message holds {count} results; at most {RESULTS_MAX} are taken.",
        what_to_do="Let the analyzer send them in smaller messages; this one is damaged, or a test of our limits.",
    )


def _storable(text: str) -> str:
    """Text that every database takes: the mark of an unreadable message must never fail itself."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "?")


def _kind_of(envelope: Envelope, entry: StoredEntry) -> MessageKind:
    if envelope.results:
        is_patients = any(one.specimen.role is SampleRole.PATIENT for one in envelope.results)
        return MessageKind.RESULT if is_patients else MessageKind.QC
    if envelope.queries:
        return MessageKind.QUERY
    return MessageKind(entry.kind)


def _faults_of(envelope: Envelope) -> tuple[Fault, ...]:
    if not envelope.unread:
        return envelope.faults
    return (
        *envelope.faults,
        *(
            Fault(
                code="no_result",
                text=f"sample {one.sample_id or 'without id'}: {one.reason}",
                record=one.record,
            )
            for one in envelope.unread
        ),
    )
