"""A node that dies between the commit of a file and its move: the file is taken again and is one message."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from middleware.failpoints import Step
from tests.kit.node_process import NodeProcess, free_port

pytestmark = [pytest.mark.crash, pytest.mark.timeout(90)]

COUNT = 6
FILE = (
    "H|\\^&|||DEMO|||||||P|LIS2-A2|20260304093000\r\nP|1\r\nO|1|S-{n}||^^^GLU|R\r\n"
    "R|1|^^^GLU|5.{n}|mmol/L||N||F||||20260304092000\r\nL|1|N\r\n"
)
LINE = """
[[line]]
id = "files"
driver = "generic_astm"
release = "auto"
transport = { type = "file_drop", folder = "inbox", ready = "at_once", poll_s = 0.1 }
"""


def _column(node: NodeProcess, column: str, table: str) -> list[str]:
    path = node.folder / node.data_dir / "labwire.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as store:
        return sorted(one for (one,) in store.execute(f"SELECT {column} FROM {table}"))


@pytest.mark.parametrize(
    "step",
    [Step.BEFORE_COMMIT, Step.AFTER_COMMIT, Step.BEFORE_ACK, Step.AFTER_ACK],
    ids=lambda step: step.value,
)
def test_a_file_is_one_message_wherever_the_node_dies(step: Step, tmp_path: Path) -> None:
    """Before the commit, after it, and before the file is moved away."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number in range(COUNT):
        (inbox / f"{number}.txt").write_text(FILE.format(n=number), newline="")
    node = NodeProcess(tmp_path, [], free_port(), extra=LINE)
    node.start(env={"LABWIRE_FAILPOINT": f"{step.value}:3"})
    assert node.process is not None
    node.process.wait(timeout=30)
    assert node.process.returncode == -9, "the node must die at the step by its own hand"
    node.start()
    until = time.monotonic() + 20
    while any(path.is_file() for path in inbox.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)
    node.stop()
    assert _column(node, "file_name", "journal") == [f"{n}.txt" for n in range(COUNT)]
    assert _column(node, "sample_id", "results") == [f"S-{n}" for n in range(COUNT)]
    kept = [path.name for path in (inbox / "processed").rglob("*.txt")]
    assert sorted(kept) == [f"{n}.txt" for n in range(COUNT)]
    assert not list((inbox / "failed").iterdir())
