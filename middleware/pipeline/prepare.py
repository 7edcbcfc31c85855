"""What can be worked out of a decoded message without the store: rows, fingerprints and the findings of all checks.

It runs outside the transaction and outside the writer's thread, so that the transaction is left
with questions to the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from middleware.errors import MiddlewareError
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
from middleware.pipeline.rows import result_columns, specimen_columns
from middleware.review.checks import CATALOGUE, Check, run
from middleware.review.context import ReviewContext, SampleIdRules, context_of
from middleware.review.repetition import fingerprint
from middleware.setup import Setup
from middleware.store.journal import StoredEntry

REASON_MAX = 500
"""A reason is a sentence; a driver that quotes a whole message is cut."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A journal entry with what its driver made of it: an envelope, or the error that says why not."""

    entry: StoredEntry
    envelope: Envelope | None
    error: Exception | None = None


@dataclass(slots=True)
class PreparedResult:
    """One result on its way. `row` holds all columns but the decision's; the transaction fills
    those in (again and again
    when it is run again), and changes nothing else.

    `may_follow`: it can be a further run of a released one, for it is a patient's under a sample id
    that names one specimen.
    (Controls and placeholders repeat for ever: asking for all their runs would grow without bound.)
    """

    row: dict[str, Any]
    fingerprint: bytes
    role: SampleRole
    findings: tuple[Finding, ...]
    has_time: bool
    may_follow: bool
    destinations: tuple[str, ...] = ()

    @property
    def test(self) -> tuple[str, str, str]:
        """Specimen, test and detail: of these exactly one result is reported."""
        return (self.row["sample_id"], self.row["test_code"], self.row["test_detail"])


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
    reason: str = ""
    reason_record: int | None = None
    reason_field: str | None = None


class Preparation:
    """I prepare messages under one setup with one set of checks."""

    def __init__(self, setup: Setup, checks: Sequence[Check] = CATALOGUE) -> None:
        self._setup = setup
        self._checks = tuple(checks)

    def prepare(self, decoded: Decoded) -> Prepared:
        """Prepare one message; an envelope that cannot be prepared is unreadable, with the reason."""
        entry = decoded.entry
        line = self._setup.lines.get(entry.line)
        if decoded.envelope is None or line is None:
            return unreadable(entry, decoded.error)
        envelope = decoded.envelope
        shared = {
            "journal_id": entry.id,
            "line": entry.line,
            "analyzer": envelope.analyzer,
            "environment": self._setup.node.environment.value,
            "order_source": line.order_source or None,
            "release_mode": line.release.value,
            "setup_generation": self._setup.generation,
            "received_at": entry.received_at,
        }
        rules = SampleIdRules(
            line.sample_id_pattern, line.sample_id_min_length, line.sample_id_max_length
        )
        context = context_of(entry.line, entry.received_at, rules, envelope.results)
        zone = line.time_zone or self._setup.node.time_zone
        return Prepared(
            entry=entry,
            kind=_kind_of(envelope, entry),
            mode=line.release,
            analyzer=envelope.analyzer,
            message_control_id=envelope.message_control_id,
            results=self._results(envelope.results, context, shared, zone),
            faults=_faults_of(envelope),
            has_queries=bool(envelope.queries),
        )

    def _results(
        self,
        results: Sequence[Result],
        context: ReviewContext,
        shared: dict[str, Any],
        zone: str,
    ) -> list[PreparedResult]:
        prepared = []
        seen = None
        columns: dict[str, Any] = {}
        for result in results:
            specimen = result.specimen
            if specimen is not seen:
                seen, columns = specimen, shared | specimen_columns(specimen)
            row = columns | result_columns(result, zone)
            row["fingerprint"] = mark = fingerprint(row)
            role = specimen.role
            findings = self._review(result, context)
            may_follow = role is SampleRole.PATIENT and (
                not findings or all(one.check != "identity" for one in findings)
            )
            has_time = bool(result.measured.text)
            prepared.append(PreparedResult(row, mark, role, findings, has_time, may_follow))
        return prepared

    def _review(self, result: Result, context: ReviewContext) -> tuple[Finding, ...]:
        try:
            return run(result, context, self._checks)
        except Exception as error:  # noqa: BLE001 - a third party's check must never release by failing
            return (_check_failed(error),)


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
        reason=reason[:REASON_MAX],
        reason_record=record if isinstance(record, int) else None,
        reason_field=None if field_name is None else str(field_name),
    )


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
