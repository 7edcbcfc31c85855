"""What happens inside Labwire, as typed events. `emit()` is the only way to count or to log
anything.

An event never alters data and nothing waits for it (DESIGN 6.1). Counts are given in bulk (per
message or connection), never per byte. No event carries a patient, a sample id or a value into the
log or into a label.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from middleware.observe import log
from middleware.observe.line_events import CharactersDamaged as CharactersDamaged
from middleware.observe.line_events import ClockMeasured as ClockMeasured
from middleware.observe.line_events import LastMessageKnown as LastMessageKnown
from middleware.observe.line_events import SilenceJudged as SilenceJudged
from middleware.observe.metrics import counter, gauge, histogram
from middleware.observe.node_events import CertificateGauged as CertificateGauged
from middleware.observe.node_events import ClockStepped as ClockStepped
from middleware.observe.node_events import DiskGauged as DiskGauged
from middleware.observe.node_events import LoopLagged as LoopLagged
from middleware.observe.node_events import NodeStarted as NodeStarted
from middleware.observe.node_events import NodeStopped as NodeStopped
from middleware.observe.node_events import SetupTaken as SetupTaken
from middleware.observe.node_events import WarningCleared as WarningCleared
from middleware.observe.node_events import WarningRaised as WarningRaised
from middleware.observe.order_events import OrdersAsked as OrdersAsked
from middleware.observe.order_events import OrdersExpired as OrdersExpired
from middleware.observe.order_events import OrdersTaken as OrdersTaken
from middleware.observe.order_events import WorkDownloaded as WorkDownloaded
from middleware.observe.order_events import WorkGauged as WorkGauged

_BYTES = counter("labwire_line_bytes_total")
_FRAMES = counter("labwire_frames_total")
_QUIRKS = counter("labwire_quirks_total")
_RECEIVED = counter("labwire_messages_received_total")
_ACTIVITY = gauge("labwire_line_last_activity_timestamp_seconds")
_ACK_SECONDS = histogram("labwire_line_ack_seconds")
_RESULTS = counter("labwire_results_total")
_DELIVERIES = counter("labwire_deliveries_total")
_ATTEMPT_SECONDS = histogram("labwire_delivery_attempt_seconds")
_LATENCY_SECONDS = histogram("labwire_delivery_latency_seconds")
_OUTBOX = gauge("labwire_outbox_messages")
_OLDEST = gauge("labwire_outbox_oldest_timestamp_seconds")
_COMMIT_SECONDS = histogram("labwire_store_commit_seconds")

_line_states: dict[str, str] = {}  # line -> the state last shown


def first_line(text: str) -> str:
    """The first line of an error's text, bounded: what follows may quote parameters, and with them
    patients.
    """
    return text.split("\n", 1)[0][:200]


@dataclass(frozen=True, slots=True)
class LineStateChanged:
    """A line went into another state. Shown by its metrics; `LineConnection` is what is logged."""

    line: str
    driver: str
    state: str
    is_up: bool

    def emit(self) -> None:
        before = _line_states.get(self.line)
        _line_states[self.line] = self.state
        gauge("labwire_line_up").labels(self.line, self.driver).set(1 if self.is_up else 0)
        states = gauge("labwire_line_state")
        if before is not None and before != self.state:
            states.labels(self.line, before).set(0)
        states.labels(self.line, self.state).set(1)


@dataclass(frozen=True, slots=True)
class LineConnection:
    """A line came up or went down, and it lasted: logged."""

    line: str
    driver: str
    state: str
    is_up: bool

    def emit(self) -> None:
        event = "line up" if self.is_up else "line down"
        log.write(logging.INFO, event, line=self.line, driver=self.driver, state=self.state)


@dataclass(frozen=True, slots=True)
class ConnectionSeen:
    """A connection of a line: accepted, refused_peer, refused_busy, refused_tls, replaced, lost or
    dial_failed.
    """

    line: str
    outcome: str
    reason: str = ""  # why it was refused, where that is known

    def emit(self) -> None:
        counter("labwire_line_connections_total").labels(self.line, self.outcome).inc()
        # Analyzers that connect for each message would fill the log; whether a line is up is logged
        # elsewhere.
        is_unusual = self.outcome.startswith("refused") or self.outcome == "replaced"
        level = logging.WARNING if is_unusual else logging.DEBUG
        reason = {"reason": self.reason} if self.reason else {}
        log.write(level, "connection", line=self.line, outcome=self.outcome, **reason)


@dataclass(frozen=True, slots=True)
class BytesMoved:
    """Bytes since the last such event; `direction` is "received" or "sent"."""

    line: str
    direction: str
    count: int

    def emit(self) -> None:
        _BYTES.labels(self.line, self.direction).inc(self.count)


@dataclass(frozen=True, slots=True)
class FramesCounted:
    """Frames since the last such event, by outcome (ok, bad_checksum, bad_sequence, oversize,
    timeout, nak …) as the link counts them.
    """

    line: str
    direction: str
    outcome: str
    count: int

    def emit(self) -> None:
        _FRAMES.labels(self.line, self.direction, self.outcome).inc(self.count)


@dataclass(frozen=True, slots=True)
class QuirksUsed:
    """A deviation was tolerated by its name."""

    line: str
    quirk: str
    count: int = 1

    def emit(self) -> None:
        _QUIRKS.labels(self.line, self.quirk).inc(self.count)


@dataclass(frozen=True, slots=True)
class ContentionCounted:
    """Both ends asked to send at once."""

    line: str

    def emit(self) -> None:
        counter("labwire_contention_total").labels(self.line).inc()


@dataclass(frozen=True, slots=True)
class ProtocolTimeout:
    """A protocol timer ran out."""

    line: str
    timer: str

    def emit(self) -> None:
        counter("labwire_protocol_timeouts_total").labels(self.line, self.timer).inc()


@dataclass(frozen=True, slots=True)
class MessageAccepted:
    """A message is committed and acknowledged. `ack_seconds`: last byte read to acknowledgement
    written (None: unknown).
    """

    line: str
    kind: str
    ack_seconds: float | None = None

    def emit(self) -> None:
        _RECEIVED.labels(self.line, self.kind).inc()
        _ACTIVITY.labels(self.line).set_to_current_time()
        if self.ack_seconds is not None:
            _ACK_SECONDS.labels(self.line).observe(self.ack_seconds)


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """A message or a session was refused; the analyzer keeps it. What a warning tells is not logged each time."""

    line: str
    reason: str
    is_logged: bool = True

    def emit(self) -> None:
        counter("labwire_messages_rejected_total").labels(self.line, self.reason).inc()
        if self.is_logged:
            log.write(logging.WARNING, "message refused", line=self.line, reason=self.reason)


@dataclass(frozen=True, slots=True)
class DuplicateResults:
    """`count` results, in `messages` messages, repeat stored ones (DESIGN 8.6): kept, not sent
    again.
    """

    line: str
    count: int
    messages: int = 1

    def emit(self) -> None:
        counter("labwire_results_duplicate_total").labels(self.line).inc(self.count)
        counter("labwire_messages_duplicate_total").labels(self.line).inc(self.messages)


@dataclass(frozen=True, slots=True)
class ResultsReviewed:
    """Results by what became of them: released, held, rejected, duplicate, not_for_lis."""

    line: str
    verdict: str
    count: int

    def emit(self) -> None:
        _RESULTS.labels(self.line, self.verdict).inc(self.count)


@dataclass(frozen=True, slots=True)
class DeliverySettled:
    """One attempt ended: accepted, refused or deferred. `latency_s`: received to accepted;
    `attempt_s`: this attempt.
    """

    connector: str
    outcome: str
    latency_s: float | None = None
    attempt_s: float | None = None

    def emit(self) -> None:
        _DELIVERIES.labels(self.connector, self.outcome).inc()
        if self.latency_s is not None:
            _LATENCY_SECONDS.labels(self.connector).observe(self.latency_s)
        if self.attempt_s is not None:
            _ATTEMPT_SECONDS.labels(self.connector).observe(self.attempt_s)


@dataclass(frozen=True, slots=True)
class OutboxGauged:
    """How many messages of a connector stand in each state, and when the oldest waiting one was
    received (None: none).
    """

    connector: str
    counts: Mapping[str, int]
    oldest_at: float | None

    def emit(self) -> None:
        for state, count in self.counts.items():
            _OUTBOX.labels(self.connector, state).set(count)
        # NaN: no comparison with it is true, so that an empty outbox never alerts.
        _OLDEST.labels(self.connector).set(
            float("nan") if self.oldest_at is None else self.oldest_at
        )


@dataclass(frozen=True, slots=True)
class CommitDone:
    """One commit of the writer, with its sync."""

    seconds: float

    def emit(self) -> None:
        _COMMIT_SECONDS.observe(self.seconds)


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """An operation of the store failed. Only the first line of `text` is logged: what follows may
    quote a row.
    """

    operation: str
    text: str

    def emit(self) -> None:
        counter("labwire_store_errors_total").labels(self.operation).inc()
        log.write(
            logging.ERROR, "store failed", operation=self.operation, error=first_line(self.text)
        )


@dataclass(frozen=True, slots=True)
class InvariantViolated:
    """Something that must never happen did. `text` is a fixed sentence of the code, without data of
    a message.
    """

    invariant: str
    text: str

    def emit(self) -> None:
        counter("labwire_invariant_violations_total").labels(self.invariant).inc()
        log.write(logging.CRITICAL, "invariant violated", invariant=self.invariant, text=self.text)


@dataclass(frozen=True, slots=True)
class HostQueryAnswered:
    """A host query was answered, `seconds` after its last byte."""

    line: str
    seconds: float

    def emit(self) -> None:
        histogram("labwire_host_query_seconds").labels(self.line).observe(self.seconds)


@dataclass(frozen=True, slots=True)
class PipelineFault:
    """A stored message could not be processed and waits for a person. `text` stays out of the log:
    it may quote a field.
    """

    journal_id: int
    line: str
    text: str

    def emit(self) -> None:
        counter("labwire_messages_unreadable_total").labels(self.line).inc()
        log.write(
            logging.WARNING,
            "message unreadable",
            line=self.line,
            journal_id=self.journal_id,
            what_to_do=f"see `labwire messages show {self.journal_id}`",
        )
