"""Events count and log together, without patient data."""

from __future__ import annotations

import io
import logging
import math
import re
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from middleware.observe import events, log, metrics
from middleware.wire.lis1.outcomes import OF_RECEIVED, OF_SENT

CANARY = "MUELLER^ANNA"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    log.configure(logging.DEBUG, as_json=True, stream=stream)
    yield stream
    log.configure()


def _value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_an_accepted_message_is_counted_and_timed() -> None:
    """One event sets all that a dashboard shows of a message."""
    before = _value("labwire_messages_received_total", line="t1", kind="result")
    events.MessageAccepted("t1", "result", 0.004).emit()
    assert _value("labwire_messages_received_total", line="t1", kind="result") == before + 1
    assert _value("labwire_line_ack_seconds_bucket", line="t1", le="0.005") == 1
    assert _value("labwire_line_ack_seconds_bucket", line="t1", le="0.0025") == 0
    assert _value("labwire_line_last_activity_timestamp_seconds", line="t1") > 1e9


def test_a_line_that_changes_state_is_in_one_state_only(lines: io.StringIO) -> None:
    """The metrics follow each change; the log waits for one that lasts."""
    for state, is_up in (("down", False), ("neutral", True), ("receiving", True), ("down", False)):
        events.LineStateChanged("t2", "generic", state, is_up).emit()
    assert _value("labwire_line_state", line="t2", state="receiving") == 0
    assert _value("labwire_line_state", line="t2", state="down") == 1
    assert _value("labwire_line_up", line="t2", driver="generic") == 0
    assert lines.getvalue() == ""
    events.LineConnection("t2", "generic", "down", is_up=False).emit()
    assert re.findall(r'"line (?:up|down)"', lines.getvalue()) == ['"line down"']


def test_an_empty_outbox_never_alerts() -> None:
    """No comparison with NaN is true."""
    events.OutboxGauged("t3", {"waiting": 2}, 1000.0).emit()
    assert _value("labwire_outbox_oldest_timestamp_seconds", connector="t3") == 1000.0
    events.OutboxGauged("t3", {"waiting": 0}, None).emit()
    assert math.isnan(_value("labwire_outbox_oldest_timestamp_seconds", connector="t3"))


def test_a_failed_statement_is_logged_without_its_parameters(lines: io.StringIO) -> None:
    """What a database driver quotes below its first line may be a patient."""
    events.StoreFailed("commit", f"disk full\n[parameters: ('{CANARY}')]").emit()
    assert "disk full" in lines.getvalue()
    assert CANARY not in lines.getvalue()


def test_the_text_of_a_fault_stays_out_of_the_log(lines: io.StringIO) -> None:
    """It may quote a field; the log says where to look instead."""
    events.PipelineFault(17, "t4", f"field O-3 is {CANARY}").emit()
    assert CANARY not in lines.getvalue()
    assert "labwire messages show 17" in lines.getvalue()


def test_a_field_that_nobody_allowed_is_left_out_by_name(lines: io.StringIO) -> None:
    """A sample id cannot slip into the log by a careless keyword."""
    log.write(logging.INFO, "test", sample_id="4711", line="t5")
    assert "4711" not in lines.getvalue()
    assert '"dropped_fields": ["sample_id"]' in lines.getvalue()


def test_a_bad_checksum_can_be_alerted_on_from_the_first_scrape() -> None:
    """The link and the metrics speak one language: RELIABILITY section 6."""
    assert {
        "received": tuple(outcome.value for outcome in OF_RECEIVED),
        "sent": tuple(outcome.value for outcome in OF_SENT),
    } == metrics.FRAME_OUTCOMES
    metrics.initialise([("t7", "generic")], [])
    labels = {"line": "t7", "direction": "received", "outcome": "bad_checksum"}
    assert metrics.REGISTRY.get_sample_value("labwire_frames_total", labels) == 0


def test_known_lines_and_connectors_are_there_from_the_first_scrape() -> None:
    """A rate over a counter is true from the start, and an alert on a missing series is not needed."""
    metrics.initialise([("t6", "generic")], [("t6-lis", 600.0)])
    assert (
        metrics.REGISTRY.get_sample_value(
            "labwire_results_total", {"line": "t6", "verdict": "held"}
        )
        == 0
    )
    assert (
        metrics.REGISTRY.get_sample_value(
            "labwire_deliveries_total", {"connector": "t6-lis", "outcome": "refused"}
        )
        == 0
    )
    assert _value("labwire_outbox_alert_age_seconds", connector="t6-lis") == 600.0


ALLOWED_LABELS = {
    "line", "driver", "state", "outcome", "direction", "quirk", "timer", "kind", "reason",
    "verdict", "connector", "role", "operation", "code", "invariant", "version", "python", "store", "hash",
}  # fmt: skip


def test_no_label_can_carry_a_patient_or_grow_without_bound() -> None:
    """Labels are closed sets: never a sample, a person, an address or free text."""
    assert {label for metric in metrics.TABLE for label in metric.labels} == ALLOWED_LABELS


def test_names_follow_the_rules_of_prometheus() -> None:
    """Base units, and totals where something is counted."""
    for metric in metrics.TABLE:
        assert metric.name.startswith("labwire_")
        assert metric.name.endswith("_total") == (metric.kind is metrics.MetricKind.COUNTER)
        assert metric.help.endswith((".", ")"))
        assert not re.search(r"_(ms|minutes|kb|mb)(_|$)", metric.name)


PROMISED = [
    "labwire_build_info",
    "labwire_line_up",
    "labwire_messages_received_total",
    "labwire_messages_rejected_total",
    "labwire_frames_total",
    "labwire_quirks_total",
    "labwire_results_total",
    "labwire_outbox_messages",
    "labwire_outbox_oldest_timestamp_seconds",
    "labwire_deliveries_total",
    "labwire_delivery_latency_seconds",
    "labwire_line_ack_seconds",
    "labwire_host_query_seconds",
    "labwire_store_commit_seconds",
]


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_metric_is_there(name: str) -> None:
    """DESIGN 8.4: dashboards rely on these names."""
    assert name in {metric.name for metric in metrics.TABLE}


def test_the_exposition_is_readable_by_prometheus() -> None:
    """A scrape is well-formed, and says what each metric is."""
    families = {
        one.name: one for one in text_string_to_metric_families(metrics.exposition().decode())
    }
    assert families["labwire_line_ack_seconds"].type == "histogram"
    assert all(family.documentation for family in families.values())
