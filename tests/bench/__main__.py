"""`make bench`: decoding, a whole node from outside, answers to queries, rules; beside peers in the same run."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import decode, peer, queries, rules
from tests.kit.node_process import NodeProcess, free_port

DRAIN_LIMIT_S = 120.0


@dataclass(frozen=True)
class Kind:
    """One kind of analyzer: the driver of its lines, its load, and what the table says."""

    driver: str
    load: str
    title: str


KINDS = {
    "lis1": Kind(
        "generic_astm",
        "tests.bench.load",
        "Analyzer (LIS01-A2, 12 results a session) -> node -> LIS (MLLP): durable, acknowledged.",
    ),
    "hl7": Kind(
        "generic_hl7",
        "tests.bench.hl7_load",
        "Analyzer (HL7 over MLLP, the peer's own message of 12 results) -> node -> LIS (MLLP): durable, acknowledged.",
    ),
}
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Round:
    """What one round of one number of connections gave."""

    sessions_a_second: float
    session_ms: list[float]
    arrival_ms: list[float]
    cpu_ms: float
    rss_mib: float
    lost: int
    duplicated: int
    bad: int


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def _report(sink: subprocess.Popen[str], prefix: str) -> dict[str, Any]:
    assert sink.stdin is not None and sink.stdout is not None
    sink.stdin.write(f"report {prefix}\n")
    sink.stdin.flush()
    return dict(json.loads(sink.stdout.readline()))


def one_round(kind: Kind, connections: int, sessions: int, run: str, in_flight: int) -> Round:
    """A fresh node with one line for each connection, its load and its LIS."""
    sink = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.sink"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sink.stdout is not None
    lis_port = int(sink.stdout.readline())
    with tempfile.TemporaryDirectory(prefix="labwire-bench-") as folder:
        ports = [free_port() for _ in range(connections)]
        lines = [(f"line-{n}", kind.driver, port) for n, port in enumerate(ports)]
        node = NodeProcess(
            Path(folder), lines, lis_port, connector_extra=f"in_flight = {in_flight}"
        ).start()
        assert node.process is not None
        try:
            return _measure(node.process.pid, sink, (kind, ports, connections, sessions, run))
        finally:
            node.stop()
            sink.kill()
            sink.wait()


def _measure(
    pid: int,
    sink: subprocess.Popen[str],
    work: tuple[Kind, list[int], int, int, str],
) -> Round:
    kind, ports, connections, sessions, run = work
    time.sleep(0.3)
    cpu = _cpu_s(pid)
    command = [sys.executable, "-m", kind.load, "--ports", ",".join(map(str, ports))]
    command += ["--connections", str(connections), "--sessions", str(sessions), "--run", run]
    load = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    until = time.monotonic() + DRAIN_LIMIT_S
    arrived = _report(sink, run)
    while len(arrived["first"]) < load["good"] and time.monotonic() < until:
        time.sleep(0.1)
        arrived = _report(sink, run)
    first, sent = arrived["first"], load["sent_at"]
    last = max(first.values(), default=load["ended"])
    return Round(
        sessions_a_second=load["good"] / (max(last, load["ended"]) - load["begun"]),
        session_ms=[1000 * one for one in load["session_s"]],
        arrival_ms=sorted(1000 * (first[key] - at) for key, at in sent.items() if key in first),
        cpu_ms=1000 * (_cpu_s(pid) - cpu) / max(1, load["good"]),
        rss_mib=_rss_mib(pid),
        lost=load["good"] - len(first),
        duplicated=arrived["duplicates"],
        bad=load["bad"] + connections * sessions - load["good"],
    )


def _spread(values: list[float], digits: int = 0) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f} .. {max(values):.{digits}f}]"


def _share(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--connections", default="1,8,64", help="numbers of connections (and lines)"
    )
    parser.add_argument(
        "--sessions", type=int, default=400, help="sessions for each connection at 8"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--in-flight", type=int, default=1, help="unacknowledged messages allowed on the LIS's side"
    )
    parser.add_argument("--kinds", default="lis1,hl7", help="kinds of analyzers: lis1, hl7")
    parser.add_argument("--no-peer", action="store_true", help="leave the named peer out")
    parser.add_argument("--no-decode", action="store_true", help="leave decoding by itself out")
    parser.add_argument("--no-queries", action="store_true", help="leave host queries out")
    parser.add_argument("--no-rules", action="store_true", help="leave rules out")
    a = parser.parse_args()
    print(
        "Peer: MLLP server of the hl7 package (parses and acknowledges, stores nothing), messages/s."
    )
    trouble = 0 if a.no_decode else decode.main([])
    trouble += sum(_one_kind(KINDS[name], a) for name in a.kinds.split(","))
    trouble += 0 if a.no_queries else queries.main([])
    trouble += 0 if a.no_rules else rules.main([])
    return 1 if trouble else 0


def _one_kind(kind: Kind, a: argparse.Namespace) -> int:
    """The table of one kind of analyzer; the number of messages that were lost, doubled or failed."""
    wanted = [int(one) for one in a.connections.split(",")]
    rounds: dict[int, list[Round]] = {n: [] for n in wanted}
    peers: dict[int, list[float]] = {n: [] for n in wanted}
    for turn in range(a.rounds):
        for n in wanted:
            sessions = max(20, a.sessions * 8 // n)
            rounds[n].append(one_round(kind, n, sessions, f"R{turn}", a.in_flight))
            if not a.no_peer:
                peers[n].append(peer.measure(n, max(20, 2000 // n)))
    print(f"\n{kind.title}\n")
    print("| lines | sessions/s end to end | session p50 / p99 ms | last frame to LIS p50 / p99 ms | CPU ms a session "
          "| RSS MiB | lost | duplicated | failed | peer messages/s | ratio |")  # fmt: skip
    print("| ---: " * 11 + "|")
    return sum(_print_row(n, rounds[n], peers[n]) for n in wanted)


def _print_row(n: int, got: list[Round], peers: list[float]) -> int:
    session = sorted(one for each in got for one in each.session_ms)
    arrival = sorted(one for each in got for one in each.arrival_ms)
    rates = [each.sessions_a_second for each in got]
    ratio = f"{statistics.median(rates) / statistics.median(peers):.2f}" if peers else "-"
    lost, twice, bad = (
        sum(getattr(each, name) for each in got) for name in ("lost", "duplicated", "bad")
    )
    print(
        f"| {n} | {_spread(rates)} | {_share(session, 0.5):.1f} / {_share(session, 0.99):.1f} "
        f"| {_share(arrival, 0.5):.1f} / {_share(arrival, 0.99):.1f} | {_spread([e.cpu_ms for e in got], 2)} "
        f"| {max(e.rss_mib for e in got):.0f} | {lost} | {twice} | {bad} "
        f"| {_spread(peers) if peers else '-'} | {ratio} |"
    )
    return lost + twice + bad


if __name__ == "__main__":
    sys.exit(main())
