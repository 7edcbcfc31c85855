"""A person captures a line, takes the people out, and plays the session to the node once more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port, labwire
from tests.kit.plain_analyzer import PlainAnalyzer, frames, result_records
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


class Bench:
    """One node with one line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lis = PlainLis().start()
        self.port = free_port()
        self.node = NodeProcess(
            folder, [("chem-1", "generic_astm", self.port)], self.lis.port
        ).start()

    def send(self, sample_id: str) -> None:
        analyzer = PlainAnalyzer(self.port)
        analyzer.send(frames(result_records(sample_id)))
        analyzer.close()

    def replay(self, capture: Path) -> subprocess.CompletedProcess[str]:
        words = ["replay", str(capture), "--tcp", f"127.0.0.1:{self.port}", "--speed", "0"]
        return subprocess.run(
            [sys.executable, "-m", "emulators", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.node.stop()
    made.lis.stop()


def test_a_session_is_captured_anonymised_and_played_again(bench: Bench) -> None:
    """The played session is another tube with the same values; both reach the LIS."""
    done = bench.node.command("capture", "start", "chem-1", "--for", "10m", "--as", "maria")
    assert done.returncode == 0, done.stderr
    assert "chem-1 is captured until" in done.stdout
    assert "patient data" in done.stderr
    assert "capture-on" in bench.node.command("status", "--json").stdout
    bench.send("CAP000001")
    assert bench.node.command("capture", "stop", "chem-1", "--as", "maria").returncode == 0
    (listed,) = bench.node.listing("capture", "list")
    assert listed["line"] == "chem-1"
    text = Path(listed["file"]).read_text()
    assert "CAP000001" in text
    plain = bench.folder / "nobody.cap"
    key = bench.folder / "key"
    key.write_bytes(os.urandom(16))
    done = labwire("capture", "anonymise", listed["file"], str(plain), "--key", str(key))
    assert done.returncode == 0, done.stderr
    assert "CAP000001" not in plain.read_text()
    played = bench.replay(plain)
    assert played.returncode == 0, played.stdout + played.stderr
    assert bench.lis.wait_for(lambda got: len({one.sample_id for one in got}) == 2)
    first, second = bench.lis.first_arrivals()
    assert first.sample_id == "CAP000001"
    assert len(second.sample_id) == len(first.sample_id)
    assert [one[3:9] for one in first.observations()] == [one[3:9] for one in second.observations()]


def test_what_cannot_be_captured_is_told(bench: Bench) -> None:
    """A line that is not there; a capture that does not run; nobody runs a node."""
    done = bench.node.command("capture", "start", "nowhere")
    assert done.returncode == 1
    assert "no line 'nowhere'" in done.stderr
    done = bench.node.command("capture", "stop", "chem-1")
    assert done.returncode == 1
    assert "not being captured" in done.stderr
    assert bench.node.process is not None
    bench.node.process.send_signal(signal.SIGTERM)
    bench.node.process.wait(30)
    done = bench.node.command("capture", "start", "chem-1")
    assert done.returncode == 1
    assert "no node runs" in done.stderr
    assert "There are no captures" in bench.node.command("capture", "list").stdout
