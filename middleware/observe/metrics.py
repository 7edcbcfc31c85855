"""Every metric in one table: name, kind, labels, help. Set only by `middleware.observe.events`;
shown by `exposition`.

Names and labels are RELIABILITY section 6 and DESIGN 8.4: base units, closed label sets, never a
patient, a sample, a person, an address or free text in a label. Each label set of a known line or
connector exists from the start, so that a rate over it is true from the first scrape.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Times of creation would double the series and say nothing that the node's start does not.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)


class MetricKind(StrEnum):
    """The Prometheus type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_C, _G, _H = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM

# LIS01-A2 6.5.2 gives a receiver 15 s to answer a frame: the last bucket is that bound.
_ACK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
_ATTEMPT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LATENCY = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400)
_COMMIT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

TABLE: tuple[Metric, ...] = (
    Metric("labwire_build_info", _G, "Always 1; what runs.", ("version", "python", "store")),
    Metric("labwire_config_hash", _G, "Always 1; SHA-256 of the settings in force.", ("hash",)),
    Metric(
        "labwire_config_last_reload_success_timestamp_seconds",
        _G,
        "When the settings in force were taken over.",
    ),
    Metric("labwire_config_generation", _G, "Number of the setup in force."),
    Metric("labwire_line_up", _G, "1 when a session is possible on the line.", ("line", "driver")),
    Metric("labwire_line_state", _G, "1 for the state the line is in, else 0.", ("line", "state")),
    Metric(
        "labwire_line_last_activity_timestamp_seconds",
        _G,
        "When the line last accepted a message (0: not since the start).",
        ("line",),
    ),
    Metric(
        "labwire_line_silence_limit_seconds",
        _G,
        "Silence that is unusual for the line at this hour, by its habit or its settings; NaN: not known.",
        ("line",),
    ),
    Metric(
        "labwire_line_silent_since_timestamp_seconds",
        _G,
        "Since when the line is silent for longer than usual; NaN: it is not.",
        ("line",),
    ),
    Metric(
        "labwire_analyzer_clock_skew_seconds",
        _G,
        "By how much the analyzer's clock is ahead, as its messages tell; NaN: not known.",
        ("line",),
    ),
    Metric(
        "labwire_line_connections_total",
        _C,
        "Connections by what became: accepted, refused_peer, refused_tls, refused_busy, replaced, "
        "lost, dial_failed, port_lost, open_failed.",
        ("line", "outcome"),
    ),
    Metric(
        "labwire_certificate_expiry_timestamp_seconds",
        _G,
        "When a certificate expires; role: own, peers (trusted), peer (shown last), relay_own, relay_peers.",
        ("line", "connector", "role"),
    ),
    Metric(
        "labwire_line_damaged_characters_total",
        _C,
        "Characters that a serial port received damaged: parity, framing, overrun or break.",
        ("line", "kind"),
    ),
    Metric("labwire_line_bytes_total", _C, "Bytes on the line.", ("line", "direction")),
    Metric(
        "labwire_frames_total",
        _C,
        "Frames by outcome: ok, bad_checksum, bad_sequence, oversize, timeout, nak, and more.",
        ("line", "direction", "outcome"),
    ),
    Metric("labwire_quirks_total", _C, "Deviations tolerated by name.", ("line", "quirk")),
    Metric("labwire_contention_total", _C, "Both ends asked to send at once.", ("line",)),
    Metric("labwire_protocol_timeouts_total", _C, "Protocol timers run out.", ("line", "timer")),
    Metric(
        "labwire_messages_received_total",
        _C,
        "Messages committed and acknowledged, by kind.",
        ("line", "kind"),
    ),
    Metric(
        "labwire_messages_rejected_total", _C, "Messages refused, by reason.", ("line", "reason")
    ),
    Metric(
        "labwire_messages_duplicate_total",
        _C,
        "Messages of which at least one result repeats a stored one (stored, not sent again).",
        ("line",),
    ),
    Metric("labwire_results_duplicate_total", _C, "Results that repeat a stored one.", ("line",)),
    Metric(
        "labwire_results_total", _C, "Results by what review made of them.", ("line", "verdict")
    ),
    Metric("labwire_messages_unreadable_total", _C, "Accepted messages not decodable.", ("line",)),
    Metric(
        "labwire_line_ack_seconds",
        _H,
        "Last byte of a message read to our acknowledgement written.",
        ("line",),
        _ACK,
    ),
    Metric("labwire_host_query_seconds", _H, "Query read to answer sent.", ("line",), _ACK),
    Metric(
        "labwire_orders_received_total",
        _C,
        "Orders of a LIS, each test counted, by what became of them.",
        ("connector", "outcome"),
    ),
    Metric(
        "labwire_work_downloaded_total",
        _C,
        "Work that the analyzer did not ask for: tests sent and refused, tubes not taken; and messages that told it of "
        "cancelled and changed work.",
        ("line", "outcome"),
    ),
    Metric(
        "labwire_orders_ended_total",
        _C,
        "Ordered tests freed or expired by time, and tubes deleted with their orders.",
        ("outcome",),
    ),
    Metric(
        "labwire_orders_asked_total",
        _C,
        "Tubes without work for which the LIS was asked, by what came of it.",
        ("connector", "outcome"),
    ),
    Metric(
        "labwire_work_order_steps",
        _G,
        "Work order steps that are open, by state.",
        ("state",),
    ),
    Metric(
        "labwire_work_orders_oldest_timestamp_seconds",
        _G,
        "When the oldest step that no analyzer asked for was ordered; NaN when there is none.",
    ),
    Metric("labwire_outbox_messages", _G, "Outbox messages by state.", ("connector", "state")),
    Metric(
        "labwire_outbox_oldest_timestamp_seconds",
        _G,
        "When the oldest waiting message was received; NaN when none waits.",
        ("connector",),
    ),
    Metric(
        "labwire_outbox_alert_age_seconds",
        _G,
        "From the settings: a waiting message older than this is worth an alert.",
        ("connector",),
    ),
    Metric(
        "labwire_deliveries_total", _C, "Delivery attempts by outcome.", ("connector", "outcome")
    ),
    Metric(
        "labwire_delivery_attempt_seconds",
        _H,
        "One attempt, from sending to the reply.",
        ("connector",),
        _ATTEMPT,
    ),
    Metric(
        "labwire_delivery_latency_seconds",
        _H,
        "Stored to accepted by the LIS.",
        ("connector",),
        _LATENCY,
    ),
    Metric("labwire_store_commit_seconds", _H, "One commit, with its sync.", (), _COMMIT),
    Metric("labwire_store_errors_total", _C, "Failed operations of the store.", ("operation",)),
    Metric("labwire_store_bytes", _G, "Size of the store on disk."),
    Metric("labwire_disk_free_bytes", _G, "Free space where the store lies."),
    Metric("labwire_event_loop_lag_seconds", _G, "How late the event loop ran its last tick."),
    Metric("labwire_clock_step_seconds_total", _C, "Seconds by which wall time was stepped."),
    Metric("labwire_warnings", _G, "Warnings in force, as `labwire status` shows.", ("code",)),
    Metric("labwire_invariant_violations_total", _C, "Broken promises: page.", ("invariant",)),
)

_Collector = Counter | Gauge | Histogram


def _build(metric: Metric) -> _Collector:
    if metric.kind is MetricKind.COUNTER:
        return Counter(metric.name, metric.help, metric.labels, registry=REGISTRY)
    if metric.kind is MetricKind.GAUGE:
        return Gauge(metric.name, metric.help, metric.labels, registry=REGISTRY)
    return Histogram(
        metric.name, metric.help, metric.labels, registry=REGISTRY, buckets=metric.buckets
    )


_COLLECTORS: dict[str, _Collector] = {metric.name: _build(metric) for metric in TABLE}


def counter(name: str) -> Counter:
    """The counter called `name` in the table."""
    collector = _COLLECTORS[name]
    if not isinstance(collector, Counter):
        raise TypeError(f"{name} is not a counter")
    return collector


def gauge(name: str) -> Gauge:
    """The gauge called `name` in the table."""
    collector = _COLLECTORS[name]
    if not isinstance(collector, Gauge):
        raise TypeError(f"{name} is not a gauge")
    return collector


def histogram(name: str) -> Histogram:
    """The histogram called `name` in the table."""
    collector = _COLLECTORS[name]
    if not isinstance(collector, Histogram):
        raise TypeError(f"{name} is not a histogram")
    return collector


def exposition() -> bytes:
    """All metrics as text. Takes milliseconds with many lines: call it off the reactor thread."""
    return generate_latest(REGISTRY)


# Label values that every line or connector can show; whatever else appears joins when it first
# happens. The outcomes of frames are `middleware.wire.lis1.outcomes` (a test holds them equal).
FRAME_OUTCOMES = {
    "received": (
        "ok",
        "bad_checksum",
        "bad_sequence",
        "oversize",
        "timeout",
        "other",
        "repeated",
        "broken_off",
        "overflowed",
    ),
    "sent": ("ok", "nak", "timeout", "repeated"),
}
_NOT_KNOWN_YET = (
    "labwire_line_silence_limit_seconds",
    "labwire_line_silent_since_timestamp_seconds",
    "labwire_analyzer_clock_skew_seconds",
)
_KINDS = ("result", "query", "order", "qc", "other", "unreadable")
_VERDICTS = ("released", "held", "rejected", "duplicate", "not_for_lis")
_OUTBOX_STATES = ("waiting", "held", "refused")
_OUTCOMES = ("accepted", "refused", "deferred")


def initialise(lines: Iterable[tuple[str, str]], connectors: Iterable[tuple[str, float]]) -> None:
    """Create the label sets of the given (line, driver) and (connector, alert age in seconds)
    pairs.
    """
    for line, driver in lines:
        _initialise_line(line, driver)
    for connector, alert_age_s in connectors:
        _initialise_connector(connector, alert_age_s)


def _initialise_line(line: str, driver: str) -> None:
    gauge("labwire_line_up").labels(line, driver).set(0)
    gauge("labwire_line_last_activity_timestamp_seconds").labels(line).set(0)
    for name in _NOT_KNOWN_YET:
        gauge(name).labels(line).set(float("nan"))
    for direction, outcomes in FRAME_OUTCOMES.items():
        counter("labwire_line_bytes_total").labels(line, direction)
        for outcome in outcomes:
            counter("labwire_frames_total").labels(line, direction, outcome)
    for outcome in ("accepted", "refused_peer", "refused_tls", "replaced", "damped", "lost"):
        counter("labwire_line_connections_total").labels(line, outcome)
    for kind in _KINDS:
        counter("labwire_messages_received_total").labels(line, kind)
    for verdict in _VERDICTS:
        counter("labwire_results_total").labels(line, verdict)
    for name in ("labwire_messages_duplicate_total", "labwire_results_duplicate_total"):
        counter(name).labels(line)
    counter("labwire_messages_unreadable_total").labels(line)
    counter("labwire_contention_total").labels(line)
    histogram("labwire_line_ack_seconds").labels(line)
    histogram("labwire_host_query_seconds").labels(line)


def _initialise_connector(connector: str, alert_age_s: float) -> None:
    for state in _OUTBOX_STATES:
        gauge("labwire_outbox_messages").labels(connector, state).set(0)
    for outcome in _OUTCOMES:
        counter("labwire_deliveries_total").labels(connector, outcome)
    gauge("labwire_outbox_oldest_timestamp_seconds").labels(connector).set(float("nan"))
    gauge("labwire_outbox_alert_age_seconds").labels(connector).set(alert_age_s)
    histogram("labwire_delivery_attempt_seconds").labels(connector)
    histogram("labwire_delivery_latency_seconds").labels(connector)
