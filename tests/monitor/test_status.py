"""The state of a node is one document that any program can read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from middleware.model import ReleaseMode
from middleware.monitor.status import StatusParts, as_line, snapshot
from middleware.observe.health import Health
from tests.kit.fake_clock import FIRST_MOMENT, FakeClock


@dataclass
class _Line:
    id: str
    release: ReleaseMode


def test_a_snapshot_is_plain_json_with_its_warnings() -> None:
    """Lines, connectors, store and what to do about each warning, at one moment."""
    clock = FakeClock()
    health = Health(clock)
    health.raise_warning("disk-low", text="1 % is free")
    parts = StatusParts(
        node=lambda: {"name": "core-lab", "data_dir": Path("var"), "started": FIRST_MOMENT},
        lines=lambda: [_Line("chem-1", ReleaseMode.AUTO)],
        connectors=lambda: (),
        store=lambda: {"is_writable": True},
    )
    document = json.loads(as_line(snapshot(parts, health, clock)))
    assert (document["labwire"], document["kind"]) == (1, "status")
    assert document["node"]["started"] == FIRST_MOMENT.isoformat()
    assert document["lines"] == [{"id": "chem-1", "release": "auto"}]
    (warning,) = document["warnings"]
    assert warning["code"] == "disk-low"
    assert warning["text"] == "1 % is free"
    assert warning["what_to_do"]
