"""Connectors are found, whoever wrote them, and a broken one is told by its name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from middleware.delivery.catalogue import GROUP, discover_connectors
from middleware.delivery.gauge import read_backlog
from tests.kit.lane_bench import LaneBench


def point(name: str, target: str) -> EntryPoint:
    return EntryPoint(name=name, value=target, group=GROUP)


def test_a_broken_connector_stops_nothing() -> None:
    """The node runs with the others."""
    found = discover_connectors(
        [
            point("hl7_mllp", "middleware.connectors.hl7_mllp:CONNECTOR"),
            point("gone", "no_such_package:CONNECTOR"),
            point("twin", "middleware.connectors.hl7_mllp:CONNECTOR"),
        ]
    )
    assert list(found.factories) == ["hl7_mllp"]
    assert "ModuleNotFoundError" in found.broken["gone"]
    assert "hl7_mllp" in found.broken["twin"]


def test_the_backlog_is_read_from_the_counters(bench: LaneBench) -> None:
    """Also for a connector that never had a message."""
    bench.queue("S1", "S2")
    rows = {row[0]: row for row in read_backlog(bench.conn, ["lis", "archive"])}
    assert rows["lis"][1]["waiting"] == 2
    assert rows["lis"][2] == 0.0
    assert (sum(rows["archive"][1].values()), rows["archive"][2]) == (0, None)
