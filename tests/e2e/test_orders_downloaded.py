"""A node sends work to analyzers that never ask: ASTM and LAW, by itself and by hand, over a kill, with a cancel."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from middleware.store import order_views
from middleware.store.engine import database_url, open_readonly
from middleware.store.order_views import StepFilter
from middleware.wire.events import MessageReceived
from middleware.wire.hl7 import parse
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role
from middleware.wire.mllp import Block, BlockReader, encode_block
from tests.kit.download_bench import control
from tests.kit.law_messages import header, message
from tests.kit.node_process import NodeProcess, free_port, labwire
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WITHIN_S = 20.0


class Taker:
    """An analyzer that connects, takes what it is sent, and asks for nothing."""

    def __init__(self, port: int) -> None:
        self.heard: list[str] = []
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(0.05)
        self._is_ended = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_ended = True
        self._thread.join(5.0)
        self._socket.close()

    def wait(self, enough: Callable[[list[str]], bool]) -> list[str]:
        until = time.monotonic() + WITHIN_S
        while not enough(self.heard):
            assert time.monotonic() < until, self.heard
            time.sleep(0.02)
        return self.heard

    def _listen(self) -> None:
        while not self._is_ended:
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                data = b""
            except OSError:
                return
            answer = self._take(data)
            if answer:
                self._socket.sendall(answer)

    def _take(self, data: bytes) -> bytes:
        raise NotImplementedError


class AstmTaker(Taker):
    """`heard`: order records."""

    def __init__(self, port: int) -> None:
        self._link = Lis1Link(Role.INSTRUMENT, Lis1Options())
        self._link.connection_made(time.monotonic())
        super().__init__(port)

    def _take(self, data: bytes) -> bytes:
        now = time.monotonic()
        events = self._link.receive_bytes(data, now) if data else self._link.on_deadline(now)
        for event in events:
            if isinstance(event, MessageReceived):
                records = event.text.decode().split("\r")
                self.heard += [one for one in records if one.startswith("O")]
                self._link.commit(event.token, now)
        return self._link.bytes_to_send()


class LawTaker(Taker):
    """`heard`: ORC-1, the step's number and the test; it refuses what is in `refused`."""

    def __init__(self, port: int, refused: str = "") -> None:
        self._blocks = BlockReader()
        self._refused = refused
        super().__init__(port)

    def _take(self, data: bytes) -> bytes:
        said = b""
        for block in self._blocks.feed(data):
            if isinstance(block, Block):
                said += encode_block(self._answer(block.data))
        return said

    def _answer(self, text: bytes) -> bytes:
        read, orcs = parse(text), []
        tests = [one.get("OBR-4.1") for one in read.segments("OBR")]
        for said, test in zip(control(text), tests, strict=True):
            self.heard.append(f"{said} {test}")
            code, number = said.split()
            answer = "CR" if code == "CA" else "UA" if test == self._refused else "OK"
            orcs.append(f"ORC|{answer}|{number}")
        reply = header("ORL^O34^ORL_O42", f"A-{len(self.heard)}")
        return message(reply, f"MSA|AA|{read.get('MSH-10')}", *orcs)


class Bench:
    """A node whose lines send what is ordered by themselves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lis = PlainLis().start()
        self.astm, self.law, self.orders = free_port(), free_port(), free_port()
        self.node = NodeProcess(
            folder,
            [("chem-1", "generic_astm", self.astm), ("immuno-1", "generic_law", self.law)],
            self.lis.port,
            connector_extra=f"orders = {{ port = {self.orders} }}",
            line_extra='orders = { download = "on_order" }',
        ).start()

    def order(self, prefix: str, count: int = 2) -> None:
        place = ("--tcp", f"127.0.0.1:{self.orders}", "--prefix", prefix, "--count", str(count))
        subprocess.run(
            [sys.executable, "-m", "emulators", "orders", *place, "--quiet", "--seconds", "30"],
            capture_output=True,
            timeout=60,
            check=True,
        )

    def command(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        said = labwire("orders", *words, "--json", "-c", str(self.node.settings))
        return said.returncode, json.loads(said.stdout)["items"] if said.stdout else []

    def steps(self) -> list[dict[str, Any]]:
        engine = open_readonly(database_url(self.folder / "var", None))
        with engine.connect() as conn:
            rows = order_views.listing(conn, StepFilter(limit=1000))
        engine.dispose()
        return rows

    def wait_for_states(self, *wanted: str) -> list[dict[str, Any]]:
        until = time.monotonic() + WITHIN_S
        rows = self.steps()
        while not {row["state"] for row in rows} <= set(wanted):
            assert time.monotonic() < until, rows
            time.sleep(0.02)
            rows = self.steps()
        return rows


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.node.stop()
    made.lis.stop()


def test_an_astm_analyzer_gets_what_is_ordered_also_over_a_kill(bench: Bench) -> None:
    """Ordered while it is connected, and while it is not and the node dies."""
    analyzer = AstmTaker(bench.astm)
    bench.order("A-")
    analyzer.wait(lambda heard: len(heard) == 2)
    bench.wait_for_states("sent")
    analyzer.close()
    bench.order("B-")
    bench.node.kill()
    bench.node.start()
    analyzer = AstmTaker(bench.astm)
    heard = analyzer.wait(lambda heard: len(heard) == 2)
    assert all(one.split("|")[2].startswith("B-") for one in heard)
    bench.wait_for_states("sent")
    analyzer.close()


def test_a_law_analyzer_takes_refuses_and_hears_of_a_cancel(bench: Bench) -> None:
    """UA is refused with words, CA goes out after a person's cancel; what was refused is shown as a warning."""
    analyzer = LawTaker(bench.law, refused="K")
    bench.order("L-", count=1)
    analyzer.wait(lambda heard: any(one.endswith(" K") for one in heard))
    rows = bench.wait_for_states("sent", "refused")
    assert [one["lis_code"] for one in rows if one["state"] == "refused"] == ["K"]
    first = next(one for one in rows if one["state"] == "sent")
    assert bench.command("cancel", str(first["id"]))[0] == 0
    analyzer.wait(lambda heard: any(one.startswith("CA ") for one in heard))
    analyzer.close()


def test_a_person_sends_a_worklist_and_is_told_why_not(bench: Bench) -> None:
    """Nobody is connected: at once in words. Connected: what it took."""
    bench.order("H-", count=1)
    status, (said,) = bench.command("send", "--line", "chem-1")
    assert status == 1
    assert "no connection" in said["trouble"]
    analyzer = AstmTaker(bench.astm)
    (heard,) = analyzer.wait(lambda heard: len(heard) == 1)
    sample = heard.split("|")[2]
    bench.wait_for_states("sent")
    status, reports = bench.command("send", sample, "--line", "chem-1")
    assert (status, reports[0]["sent"]) == (0, [sample])
    assert len(analyzer.wait(lambda heard: len(heard) == 2)) == 2
    analyzer.close()
