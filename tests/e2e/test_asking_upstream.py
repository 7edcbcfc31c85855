"""A whole node whose analyzer asks for tubes that nobody ordered yet: the LIS knows them, or not, or is silent."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import PlainAnalyzer, frames, result_records
from tests.kit.plain_asked_lis import PlainAskedLis, Said

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WITHIN_S = 1.0
LATE_S = 2.0
TESTS = ("GLU", "UREA")


def said_by_the_lis(sample_id: str) -> Said | None:
    """What it says, by how the tube's id begins."""
    answers = {
        "KNOWN": Said(sample_id=sample_id, tests=TESTS),
        "LATE": Said(sample_id=sample_id, tests=TESTS, after_s=LATE_S),
        "OTHER": Said(sample_id=f"X{sample_id}", tests=TESTS),
        "REFUSED": Said("AE"),
        "UNKNOWN": Said("NF"),
    }
    return answers.get(sample_id.partition("-")[0])


class Bench:
    """A node with one line; its LIS takes results and status on one port, and is asked on another."""

    def __init__(self, folder: Path) -> None:
        self.lis = PlainAskedLis(say=said_by_the_lis)
        self.lis.start()
        self.asked = PlainAskedLis(say=said_by_the_lis)
        self.asked.start()
        self.port = free_port()
        self.node = NodeProcess(
            folder,
            [("chem-1", "generic_astm", self.port)],
            self.lis.port,
            connector_extra=f'ask = {{ port = {self.asked.port} }}\norder_status = "sc"\n',
        )
        self.node.write_settings()
        text = self.node.settings.read_text(encoding="utf-8")
        line = f'driver = "generic_astm"\norders = {{ ask = "lis", ask_within_s = {WITHIN_S}, unordered = "ask" }}'
        self.node.settings.write_text(
            text.replace('driver = "generic_astm"', line), encoding="utf-8"
        )
        self.node.start()
        self.wait(lambda: "open" in self.connector()["asked"])

    def stop(self) -> None:
        self.node.stop()
        self.lis.stop()
        self.asked.stop()

    def wait(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < until
            time.sleep(0.05)

    def connector(self) -> dict[str, Any]:
        return dict(json.loads(self.node.command("status", "--json").stdout)["connectors"][0])

    def ask(self, prefix: str) -> str:
        """The analyzer asks for one tube."""
        place = ("--tcp", f"127.0.0.1:{self.port}", "--prefix", f"{prefix}-", "--count", "1")
        words = ("asking", "DEMO", *place, "--quiet", "--seconds", "30")
        done = subprocess.run(
            [sys.executable, "-m", "emulators", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    def held(self) -> list[dict[str, Any]]:
        return self.node.listing("results", "list", "--state", "held")

    def steps(self) -> list[tuple[str, str, str]]:
        rows = self.node.listing("orders", "list", "--limit", "1000")
        return sorted(
            (row["sample_id"].split("-")[0], row["lis_code"], row["state"]) for row in rows
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.stop()


def test_the_analyzer_gets_what_the_lis_knows_of_this_tube_and_nothing_else(bench: Bench) -> None:
    """In time, not at all, refused, another tube's, never, and late; in this order on one line."""
    assert "2 results sent, 0 tubes without work" in bench.ask("KNOWN")
    for prefix in ("UNKNOWN", "REFUSED", "OTHER", "MUTE", "LATE"):
        assert "0 results sent, 1 tubes without work" in bench.ask(prefix), prefix
    bench.wait(lambda: len(bench.steps()) == 4)
    assert {one[0] for one in bench.steps()} == {"KNOWN", "LATE"}
    assert "2 results sent, 0 tubes without work" in bench.ask("LATE")
    assert [one.split("-")[0] for one in bench.asked.questions] == [
        "KNOWN",
        "UNKNOWN",
        "REFUSED",
        "OTHER",
        "MUTE",
        "LATE",
    ]
    assert bench.lis.questions == []
    assert {one[2] for one in bench.steps()} == {"resulted"}


def test_results_that_nobody_ordered_make_the_node_ask_and_go_out_once_they_are_ordered(
    bench: Bench,
) -> None:
    """One tube the LIS knows; of the other it says that there is nothing, and the result waits with its words."""
    analyzer = PlainAnalyzer(bench.port)
    analyzer.connect()
    for tube in ("KNOWN-7", "UNKNOWN-7"):
        records = [one.replace(b"T01", b"GLU") for one in result_records(tube, tests=2)]
        analyzer.send(frames(records))
    bench.wait(lambda: len(bench.asked.questions) == 2)
    assert bench.lis.wait_for(lambda got: any(b"KNOWN-7-GLU" in one.payload for one in got))
    bench.wait(lambda: "has no orders" in json.dumps(bench.held()))
    held = bench.held()
    assert sorted((row["sample_id"], row["test_code"]) for row in held) == [
        ("KNOWN-7", "T02"),
        ("UNKNOWN-7", "GLU"),
        ("UNKNOWN-7", "T02"),
    ]
    analyzer.close()


def test_a_person_who_cancels_is_heard_at_the_lis(bench: Bench) -> None:
    """The status of an order goes out with the results, on the connection of results."""
    bench.ask("LATE")
    bench.wait(lambda: len(bench.steps()) == 2)
    ids = [str(row["id"]) for row in bench.node.listing("orders", "list")]
    done = bench.node.command("orders", "cancel", *ids, "--reason", "the tube is broken")
    assert done.returncode == 0, done.stdout + done.stderr
    assert bench.lis.wait_for(lambda got: any(b"ORM^O01" in one.payload for one in got))
    (told,) = [one for one in bench.lis.first_arrivals() if b"ORM^O01" in one.payload]
    assert told.payload.count(b"\rORC|SC|LATE-") == 2
    assert told.payload.count(b"the tube is broken") == 2
