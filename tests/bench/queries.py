"""How long an analyzer waits for the answer to its host query, from outside: many lines, many open orders.

A store is filled with open orders; then the analyzers of all lines ask at an even rate, each for a tube of its own. The
time is that from the last byte of the query's message to the host's ENQ, so it holds both commits (of the query, of
the claim) and the link turn between them. Beside it, in the same run, the same analyzers ask a bare answerer that
stores nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import ACK, ENQ, EOT, NAK, frames

SOURCE = ""
TESTS = 4
ASKED_TWICE_S = 20.0
TARGET_P99_MS = 20.0
TICKS = os.sysconf("SC_CLK_TCK")


def sample_id_of(number: int) -> str:
    return f"BQ{number:07d}"


def fill(path: Path, tubes: int) -> None:
    """Open orders as a LIS would have left them: `TESTS` tests for each tube."""
    conn = sqlite3.connect(path)
    at = time.time() - 3600
    ids = range(1, tubes + 1)
    conn.executemany(
        "INSERT INTO specimens (id, order_source, sample_id, sample_id_normal, used_from, changed_at,"
        " specimen_type, patient_id, patient_name, birth_date, sex)"
        " VALUES (?,?,?,?,?,?,'SER',?,'Sample^Ann','19700101','F')",
        ((n, SOURCE, sample_id_of(n), sample_id_of(n), at, at, f"P{n}") for n in ids),
    )
    conn.executemany(
        "INSERT INTO orders (id, specimen_id, order_source, placer_number, state, received_at)"
        " VALUES (?,?,?,?,'placed',?)",
        ((n, n, SOURCE, f"L{n}", at) for n in ids),
    )
    conn.executemany(
        "INSERT INTO work_order_steps (order_id, specimen_id, test_code, lis_code, state, created_at, changed_at)"
        " VALUES (?,?,?,?,'pending',?,?)",
        ((n, n, f"T{t:02d}", f"T{t:02d}", at, at) for n in ids for t in range(1, TESTS + 1)),
    )
    conn.commit()
    conn.close()


class Asker(asyncio.Protocol):
    """One analyzer: asks when told to, takes the answer, and keeps how long each part took."""

    def __init__(self) -> None:
        self.waits_ms: list[float] = []
        self.acks_ms: list[float] = []
        self.answers = 0
        self.tests = 0
        self._to_send: list[bytes] = []
        self._heard = b""
        self._done: asyncio.Future[bool] | None = None
        self._last_frame_at = 0.0
        self._is_asking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(False)

    async def ask(self, sample_id: str) -> bool:
        """One query and its answer; False when the connection or the host failed."""
        records = [rb"H|\^&|||PLAIN^SN1|||||LIS||P|LIS2-A2|20310304092530"]
        records += [b"Q|1|^%s||ALL" % sample_id.encode(), b"L|1|N"]
        self._to_send = frames(records)
        self._heard = b""
        self._is_asking = True
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(ENQ)
        try:
            return await asyncio.wait_for(self._done, ASKED_TWICE_S)
        except TimeoutError:
            return False

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if self._is_asking and data in (ACK, NAK):
            self._acknowledged(now, data)
            return
        for byte in data:
            self._take(bytes([byte]), now)

    def _acknowledged(self, now: float, reply: bytes) -> None:
        if reply == NAK:
            self._finish(False)
        elif self._to_send:
            frame = self._to_send.pop(0)
            if not self._to_send:
                self._last_frame_at = time.monotonic()
            self._transport.write(frame)
        else:
            self.acks_ms.append(1000 * (now - self._last_frame_at))
            self._is_asking = False
            self._transport.write(EOT)

    def _take(self, byte: bytes, now: float) -> None:
        if byte == ENQ:
            self.waits_ms.append(1000 * (now - self._last_frame_at))
            self._transport.write(ACK)
        elif byte == EOT:
            self.answers += 1
            self.tests += self._heard.count(b"^^^T")
            self._finish(True)
        else:
            self._heard += byte
            if byte == b"\n":
                self._transport.write(ACK)

    def _finish(self, is_good: bool) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(is_good)


class BareAnswerer(asyncio.Protocol):
    """What a host must at least do: acknowledge, read the sample id, and answer with four tests. It stores nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard = b""
        self._to_send: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        if data == ENQ:
            self._heard = b""
            self._transport.write(ACK)
        elif data == EOT:
            sample_id = self._heard.split(b"Q|1|^", 1)[1].split(b"|", 1)[0]
            tests = b"\\".join(b"^^^T%02d" % n for n in range(1, TESTS + 1))
            order = b"O|1|%s||%s|R||||||N||||SER||||||||||O" % (sample_id, tests)
            self._to_send = [*frames([rb"H|\^&", b"P|1", order, b"L|1|F"]), EOT]
            self._transport.write(ENQ)
        elif data == ACK:
            self._transport.write(self._to_send.pop(0))
        else:
            self._heard += data
            self._transport.write(ACK)


async def measure(ports: list[int], lines: int, queries: int, rate: float) -> dict[str, object]:
    """`queries` in all, at `rate` a second, line after line; the next waits when its line still talks."""
    loop = asyncio.get_running_loop()
    askers = [Asker() for _ in range(lines)]
    for n, asker in enumerate(askers):
        made: Callable[[], Asker] = lambda one=asker: one  # type: ignore[misc]  # noqa: E731
        await loop.create_connection(made, "127.0.0.1", ports[n % len(ports)])
    busy = [asyncio.Lock() for _ in askers]
    failed = 0

    async def one(number: int) -> None:
        nonlocal failed
        async with busy[number % lines]:
            if not await askers[number % lines].ask(sample_id_of(number + 1)):
                failed += 1

    begun = loop.time()
    tasks = []
    for number in range(queries):
        await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    return {
        "waits_ms": sorted(ms for asker in askers for ms in asker.waits_ms),
        "acks_ms": sorted(ms for asker in askers for ms in asker.acks_ms),
        "tests": sum(asker.tests for asker in askers),
        "failed": failed,
        "seconds": loop.time() - begun,
    }


async def measure_bare(lines: int, queries: int, rate: float) -> dict[str, object]:
    server = await asyncio.get_running_loop().create_server(BareAnswerer, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    found = await measure([port], lines, queries, rate)
    server.close()
    return found


def _share(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def of_node(a: argparse.Namespace) -> dict[str, object]:
    """A node with its store filled, asked by a process of its own."""
    with tempfile.TemporaryDirectory(prefix="labwire-queries-") as folder:
        ports = [free_port() for _ in range(a.lines)]
        lines = [(f"line-{n}", "generic_astm", port) for n, port in enumerate(ports)]
        node = NodeProcess(Path(folder), lines, free_port()).start()
        node.stop()
        fill(next(Path(folder).rglob("*.sqlite3")), a.tubes)
        node.start()
        try:
            assert node.process is not None
            return asked(ports, a)
        finally:
            node.stop()


def asked(ports: list[int], a: argparse.Namespace) -> dict[str, object]:
    words = ["--ports", ",".join(map(str, ports)), "--lines", str(a.lines)]
    words += ["--queries", str(a.queries), "--rate", str(a.rate)]
    command = [sys.executable, "-m", "tests.bench.queries", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument(
        "--tubes", type=int, default=100_000, help="open orders, of four tests each"
    )
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=50.0, help="queries a second, over all lines")
    parser.add_argument(
        "--ports", default="", help="ask these ports and print JSON (used by itself)"
    )
    a = parser.parse_args(words)
    if a.ports == "bare":
        print(json.dumps(asyncio.run(measure_bare(a.lines, a.queries, a.rate))))
        return 0
    if a.ports:
        ports = [int(one) for one in a.ports.split(",")]
        print(json.dumps(asyncio.run(measure(ports, a.lines, a.queries, a.rate))))
        return 0
    found = {"node": of_node(a), "bare answerer": asked_bare(a)}
    return show(found, a)


def asked_bare(a: argparse.Namespace) -> dict[str, object]:
    words = ["--ports", "bare", "--lines", str(a.lines), "--queries", str(a.queries)]
    command = [sys.executable, "-m", "tests.bench.queries", *words, "--rate", str(a.rate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def show(found: dict[str, dict[str, object]], a: argparse.Namespace) -> int:
    """The table; the number of rows that missed what is asked of them."""
    print(
        f"\nHost queries: {a.lines} lines, {a.tubes} open orders of {TESTS} tests, {a.rate:g} queries a second;"
        " last byte of the query to the ENQ of its answer.\n"
    )
    print(
        "| who | queries | answered tests | failed | p50 ms | p99 ms | worst ms | last ACK p99 ms |"
    )
    print("| :--- " + "| ---: " * 7 + "|")
    for name, one in found.items():
        waits, acks = one["waits_ms"], one["acks_ms"]
        assert isinstance(waits, list) and isinstance(acks, list)
        print(
            f"| {name} | {len(waits)} | {one['tests']} | {one['failed']} | {_share(waits, 0.5):.1f} "
            f"| {_share(waits, 0.99):.1f} | {max(waits, default=0.0):.1f} | {_share(acks, 0.99):.1f} |"
        )
    node = found["node"]
    waits = node["waits_ms"]
    assert isinstance(waits, list)
    is_whole = node["tests"] == TESTS * a.queries and not node["failed"]
    is_fast = _share(waits, 0.99) <= TARGET_P99_MS
    print(f"\nAsked: p99 at most {TARGET_P99_MS:g} ms: {'held' if is_fast else 'MISSED'}.")
    return 0 if is_whole and is_fast else 1


if __name__ == "__main__":
    sys.exit(main())
