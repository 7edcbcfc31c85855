"""Results into the table of a LIS while the node is killed: each measured result is one row there, with its value."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emulators.oracle import Arrival, judge, read_obligations
from tests.kit.node_process import NodeProcess, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.crash, pytest.mark.timeout(120)]

TUBES = 12
LIMIT_S = 40.0
TABLE = "CREATE TABLE lab (id TEXT PRIMARY KEY, message TEXT, tube TEXT, test TEXT, value TEXT, number INTEGER)"


class Table:
    """A LIS that reads its table."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lis.db"
        self._ask(TABLE)

    def rows(self) -> list[tuple[str, ...]]:
        return self._ask("SELECT message, tube, test, value FROM lab ORDER BY message")

    def arrivals(self) -> list[Arrival]:
        found: dict[tuple[str, str], dict[str, str]] = {}
        for message, tube, test, value in self.rows():
            found.setdefault((message, tube), {})[test] = value
        return [Arrival(*names, values) for names, values in found.items()]

    def _ask(self, text: str) -> list[tuple[str, ...]]:
        conn = sqlite3.connect(self.path)
        try:
            with conn:
                return conn.execute(text).fetchall()
        finally:
            conn.close()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_each_result_is_one_row_though_the_node_is_killed(tmp_path: Path) -> None:
    """Killed between the commit there and our note of it, the node writes the same message again."""
    lis, owed, port = Table(tmp_path), tmp_path / "owed.jsonl", free_port()
    more = f"""
[[connector]]
id = "table"
type = "database"
database = "sqlite:///{lis.path}"
table = "lab"
columns = {{ id = "row_id", message = "message_id", tube = "sample_id", test = "test_code", value = "value" }}
constants = {{ number = "1" }}
"""
    node = NodeProcess(tmp_path, [("chem-1", "generic_astm", port)], free_port(), extra=more)
    node.start(env={"LABWIRE_FAILPOINT": "after_send:5"})
    words = ["analyzer", "--tcp", f"127.0.0.1:{port}", "--count", str(TUBES), "--seed", "7"]
    words += ["--obligations", str(owed), "--quiet", "--seconds", "60", "--every-s", "0.05"]
    analyzer = subprocess.Popen([sys.executable, "-m", "emulators", *words])
    assert node.process is not None
    node.process.wait(timeout=LIMIT_S)  # it kills itself after its fifth commit there
    written = len(lis.rows())
    node.start()
    assert analyzer.wait(timeout=60) == 0
    obligations = list(read_obligations(owed))
    results = sum(len(one.values) for one in obligations)
    until(lambda: len(lis.rows()) >= results)
    node.stop()
    verdict = judge(obligations, lis.arrivals())
    assert verdict.is_good, verdict.lines()
    assert 0 < written < len(lis.rows()) == results
