"""A LIS orders and changes its mind, analyzers ask and measure, and every ordered test comes back once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port, labwire
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

TUBES = 20
PANEL = 12
CANCEL_EVERY = 4


class Bench:
    """One node with three lines; its LIS takes results on one port and orders on another."""

    def __init__(self, folder: Path) -> None:
        self.lis = PlainLis().start()
        self.ports = [free_port(), free_port(), free_port()]
        self.orders_port = free_port()
        self.node = NodeProcess(
            folder,
            [
                ("chem-1", "generic_astm", self.ports[0]),
                ("chem-2", "generic_astm", self.ports[1]),
                ("immuno-1", "generic_law", self.ports[2]),
            ],
            self.lis.port,
            connector_extra=f"orders = {{ port = {self.orders_port} }}",
        ).start()

    def emulate(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "emulators", *words, "--quiet", "--seconds", "60"],
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
        return done.stdout

    def order(self, prefix: str, *more: str) -> str:
        place = ("--tcp", f"127.0.0.1:{self.orders_port}", "--prefix", prefix)
        return self.emulate("orders", *place, "--count", str(TUBES), *more)

    def ask(self, line: int, prefix: str, *more: str) -> str:
        place = ("--tcp", f"127.0.0.1:{self.ports[line]}", "--prefix", prefix)
        return self.emulate("asking", f"DEMO-{line}", *place, "--count", str(TUBES), *more)

    def steps(self, state: str) -> list[dict[str, object]]:
        words = ("orders", "list", "--json", "--state", state, "--limit", "5000")
        said = labwire(*words, "-c", str(self.node.settings))
        return list(json.loads(said.stdout)["items"])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.node.stop()
    made.lis.stop()


def test_every_ordered_test_comes_back_once_and_no_cancelled_one(bench: Bench) -> None:
    """The whole loop: OML in, query, answer, results, ORU out; cancels honoured; a restart in the middle."""
    said = bench.order("LOOP-", "--cancel-every", str(CANCEL_EVERY))
    cancelled = TUBES // CANCEL_EVERY
    assert f"CR {cancelled}, OK {TUBES * PANEL}" in said
    bench.node.kill()
    bench.node.start()
    said = bench.ask(0, "LOOP-")
    wanted = TUBES * PANEL - cancelled
    assert f"{TUBES} queries, {wanted} results sent, 0 tubes without work" in said
    assert "0 strange answers" in said
    assert bench.lis.wait_for(lambda got: sum(len(one.observations()) for one in got) >= wanted)
    values = [
        (one.sample_id, fields[3].split("^")[0])
        for one in bench.lis.first_arrivals()
        for fields in one.observations()
    ]
    assert len(values) == len(set(values)) == wanted
    assert len(bench.steps("resulted")) == wanted
    assert len(bench.steps("cancelled")) == cancelled
    assert bench.steps("pending") == []


def test_the_second_analyzer_that_asks_is_told_that_there_is_no_work(bench: Bench) -> None:
    """What one line was given is its own; nothing is measured twice."""
    bench.order("TWO-")
    bench.ask(0, "TWO-")
    said = bench.ask(1, "TWO-")
    assert f"0 results sent, {TUBES} tubes without work" in said


def test_a_law_analyzer_measures_what_was_ordered_for_its_tubes(bench: Bench) -> None:
    """LAB-27, LAB-28 with the store's own steps, LAB-29; the analyzer has three of the tests."""
    bench.order("LAW-", "--panel", "immuno")
    place = ("--tcp", f"127.0.0.1:{bench.ports[2]}", "--prefix", "LAW-", "--count", "4")
    said = bench.emulate("law", "DEMO-LAW", *place)
    assert "12 results" in said
    assert "12 orders" in said
    assert bench.lis.wait_for(lambda got: sum(len(one.observations()) for one in got) >= 4 * 3)
    assert {row["line"] for row in bench.steps("resulted")} == {"immuno-1"}
    assert len(bench.steps("resulted")) == 4 * 3
    assert len(bench.steps("pending")) == (TUBES - 4) * 3
