"""Results to a FHIR server while the node is killed: each measured result is one observation there, with its value."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emulators.fhir_lis import EmulatedFhirLis
from emulators.oracle import Book, judge, read_arrivals, read_obligations
from middleware.clock import SystemClock
from middleware.transport.base import Address
from tests.kit.node_process import NodeProcess, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.crash, pytest.mark.timeout(120)]

TUBES = 12
LIMIT_S = 40.0


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_each_result_is_one_observation_though_the_node_is_killed(tmp_path: Path) -> None:
    """Killed between the server's answer and our note of it, the node sends the same transaction again."""
    arrivals, owed = tmp_path / "arrivals.jsonl", tmp_path / "owed.jsonl"
    port = free_port()
    with Book(arrivals) as book:
        lis = EmulatedFhirLis(Address("127.0.0.1", 0), book, SystemClock(), "a-token-of-the-bench")
        lis.start()
        more = f"""
[[connector]]
id = "fhir"
type = "fhir"
url = "http://127.0.0.1:{lis.port}/fhir"
system = "https://lab.example/labwire"
token = {{ env = "BENCH_TOKEN" }}
"""
        node = NodeProcess(tmp_path, [("chem-1", "generic_astm", port)], free_port(), extra=more)
        secret = {"BENCH_TOKEN": "a-token-of-the-bench"}
        node.start(env={**secret, "LABWIRE_FAILPOINT": "reply_read:5"})
        words = ["analyzer", "--tcp", f"127.0.0.1:{port}", "--count", str(TUBES), "--seed", "7"]
        words += ["--obligations", str(owed), "--quiet", "--seconds", "60", "--every-s", "0.05"]
        analyzer = subprocess.Popen([sys.executable, "-m", "emulators", *words])
        assert node.process is not None
        node.process.wait(timeout=LIMIT_S)  # it kills itself with its fifth answer in hand
        node.start(env=secret)
        assert analyzer.wait(timeout=60) == 0
        obligations = list(read_obligations(owed))
        results = sum(len(one.values) for one in obligations)
        until(lambda: len(lis.of_kind("Observation")) >= results)
        node.stop()
        lis.stop()
    verdict = judge(obligations, read_arrivals(arrivals))
    assert verdict.is_good, verdict.lines()
    assert len(lis.of_kind("Observation")) == results
    assert lis.accepted > len(lis.of_kind("DiagnosticReport"))  # some came twice, and made nothing
    assert lis.faults == []
