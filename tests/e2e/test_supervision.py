"""A whole node watches who speaks on its lines, and says so in the words that people read."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import PlainAnalyzer, Refused, frames, result_records
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Bench:
    """One node with a line for one model of analyzer."""

    def __init__(self, folder: Path) -> None:
        self.lis = PlainLis().start()
        self.port = free_port()
        self.node = NodeProcess(
            folder, [("chem-1", "roche_cobas_c311", self.port)], self.lis.port
        ).start()

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.node.command("status", "--json").stdout))

    def warnings(self) -> list[str]:
        return [str(one["code"]) for one in self.status()["warnings"]]

    def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.node.monitor_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as page:
            return str(page.read().decode())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.node.stop()
    made.lis.stop()


def _frames(name: bytes, sample_id: str) -> list[bytes]:
    header, *rest = result_records(sample_id, tests=1)
    return frames([header.replace(b"PLAIN-CHEM^SN1^1.0", name), *rest])


def test_a_wrong_analyzer_is_refused_told_and_found_again(bench: Bench) -> None:
    """Wrong cable: NAK, a warning that says who spoke, the bytes in the journal; the right one ends the alarm."""
    wrong = PlainAnalyzer(bench.port)
    for _ in range(2):
        with pytest.raises(Refused):
            wrong.send(_frames(b"cobas-e411^1", "WA0001"))
        wrong.close()
    assert bench.warnings() == ["wrong-analyzer"]
    assert "'cobas-e411'" in bench.node.command("status").stdout
    (entry,) = bench.node.listing("messages", "list", "--state", "refused")
    shown = bench.node.command("messages", "show", str(entry["id"])).stdout
    assert "not acknowledged: the analyzer keeps it" in shown
    assert "WA0001" in shown
    assert bench.node.listing("results", "list") == []

    right = PlainAnalyzer(bench.port)
    right.send(_frames(b"c311^1", "WA0002"))
    right.close()
    assert bench.warnings() == []
    states = [one["state"] for one in bench.node.listing("messages", "list")]
    assert states.count("refused") == 1
    assert len(states) == 2


def test_what_is_known_of_a_line_is_there_after_a_restart(bench: Bench) -> None:
    """The last message and the habit; until something is known its metrics say so."""
    analyzer = PlainAnalyzer(bench.port)
    analyzer.send(_frames(b"c311^1", "WA0003"))
    (line,) = bench.status()["lines"]
    assert (line["state"], line["second_connection"]) == ("connected", "replace")
    assert 'labwire_line_silence_limit_seconds{line="chem-1"} NaN' in bench.metrics()
    assert bench.node.stop() == 0
    bench.node.start()
    (again,) = bench.status()["lines"]
    assert again["last_message_at"] == line["last_message_at"]
    assert again["silent_since_at"] is None
    wanted = 'labwire_line_last_activity_timestamp_seconds{line="chem-1"} 1.'
    assert wanted in bench.metrics()
