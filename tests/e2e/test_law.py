"""An analyzer of IHE LAW and a whole node: it asks, hears that there is no work, measures, and the LIS hears of it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.places import shared_path
from tests.kit.plain_lis import PlainLis
from tests.kit.plain_mllp import PlainMllp, field

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def _emulate(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "emulators", "law", "LAW-1", "--quiet", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _verdict(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emulators", "verdict"]
    files = ["--obligations", str(folder / "owed.jsonl"), "--arrivals", str(folder / "came.jsonl")]
    return subprocess.run([*command, *files], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("scenario", "count", "is_dialling"), [("steady", "8", True), ("unreliable", "4", False)]
)
def test_what_an_analyzer_measures_after_a_negative_answer_reaches_the_lis(
    scenario: str, count: str, is_dialling: bool, tmp_path: Path
) -> None:
    """Whoever dials, and whatever goes wrong: each result once, each query answered or given up in words."""
    port, lis_port = free_port(), free_port()
    came = str(tmp_path / "came.jsonl")
    lis = subprocess.Popen(
        [
            *(sys.executable, "-m", "emulators", "lis", "--quiet"),
            *("--listen", f"127.0.0.1:{lis_port}", "--arrivals", came),
        ]
    )
    lines = [("law-1", "generic_law", port)] if is_dialling else []
    extra = (
        f'[[line]]\nid = "law-1"\ndriver = "generic_law"\nrelease = "auto"\n'
        f'transport = {{ type = "tcp_connect", host = "127.0.0.1", port = {port} }}\n'
    )
    node = NodeProcess(tmp_path, lines, lis_port, extra="" if is_dialling else extra)
    try:
        node.start()
        place = ["--tcp" if is_dialling else "--listen", f"127.0.0.1:{port}"]
        played = _emulate(
            *place, "--scenario", scenario, "--every-s", "0", "--count", count,
            "--obligations", str(tmp_path / "owed.jsonl"),
        )  # fmt: skip
        said, _ = played.communicate(timeout=60)
        assert played.returncode == 0, said
        until = time.monotonic() + 15
        while _verdict(tmp_path).returncode and time.monotonic() < until:
            time.sleep(0.1)
        entries = node.listing("messages", "list", "--limit", "200")
    finally:
        node.stop()
        lis.terminate()
        lis.wait()
    judged = _verdict(tmp_path)
    assert judged.returncode == 0, judged.stdout + said
    queries = [one for one in entries if one["kind"] == "query"]
    assert queries
    assert all(one["reason"] for one in queries)
    if scenario == "steady":
        assert {one["state"] for one in queries} == {"answered"}


QUERIES = {
    "vlsm-interfacing__roche_cobas4800_query": ("AA", "VL260001"),
    "vlsm-interfacing__roche_cobas6800_query": ("AA", "WB26-02146"),
    "oe-plugins__genexpert_qbp_z03": ("AR", ""),
    "oe-plugins__genexpert_qcn_j01": ("CA", ""),
}


def test_queries_of_real_analyzers_get_a_right_or_a_clear_negative_answer(tmp_path: Path) -> None:
    """LAW is answered with no work for the specimen asked about; what is not LAW is refused in words."""
    texts = {name: shared_path(f"corpus/hl7/{name}.hl7").read_bytes() for name in QUERIES}
    port = free_port()
    lis = PlainLis().start()
    node = NodeProcess(tmp_path, [("law-1", "generic_law", port)], lis.port).start()
    try:
        for name, (code, sample_id) in QUERIES.items():
            text = texts[name].strip(b"\x0b\x1c\r\n") + b"\r"
            with PlainMllp(port) as analyzer:
                reply = analyzer.ask(text)
                assert field(reply, b"MSA", 1) == code, name
                assert field(reply, b"MSA", 2) == field(text, b"MSH", 9)
                if sample_id:
                    order = analyzer.read()
                    assert field(order, b"SAC", 3) == sample_id
                    assert field(order, b"ORC", 1) == "DC"
                    analyzer.write(_taken(order))
                _settled(node, "answered" if sample_id else "not_answered")
    finally:
        node.stop()
        lis.stop()


def _taken(order: bytes) -> bytes:
    number = random.Random(1).randrange(10**6)
    header = f"MSH|^~\\&|A||MW||20310304||ORL^O34^ORL_O42|{number}|P|2.5.1\r"
    return f"{header}MSA|AA|{field(order, b'MSH', 9)}\r".encode()


def _settled(node: NodeProcess, state: str) -> None:
    until = time.monotonic() + 10
    while True:
        entry, *_ = node.listing("messages", "list")
        if (entry["state"] == state and entry["reason"]) or time.monotonic() > until:
            assert (entry["state"], bool(entry["reason"])) == (state, True)
            return
        time.sleep(0.1)
