"""A person has a result measured again: the analyzer is given it when it asks next, and both stand side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.node_process import NodeProcess, free_port, labwire
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PANEL = 12


class Bench:
    """One node with an analyzer and a LIS, and a tube that was ordered and measured."""

    def __init__(self, folder: Path) -> None:
        self.lis = PlainLis().start()
        self.port, self.orders_port = free_port(), free_port()
        self.node = NodeProcess(
            folder,
            [("chem-1", "generic_astm", self.port)],
            self.lis.port,
            connector_extra=f"orders = {{ port = {self.orders_port} }}",
        ).start()

    def emulate(self, *words: str) -> None:
        words += ("--count", "1", "--prefix", "AGAIN-", "--quiet", "--seconds", "60")
        subprocess.run(
            [sys.executable, "-m", "emulators", *words],
            capture_output=True,
            timeout=90,
            check=True,
        )

    def measure(self) -> None:
        self.emulate("asking", "DEMO-1", "--tcp", f"127.0.0.1:{self.port}")

    def items(self, *words: str) -> list[dict[str, Any]]:
        said = labwire(*words, "--json", "-c", str(self.node.settings))
        return list(json.loads(said.stdout)["items"])

    def results(self, count: int) -> list[dict[str, Any]]:
        """The newest first, once there are so many; each look takes its time."""
        for _ in range(20):
            found = self.items("results", "list", "--limit", "100")
            if len(found) >= count:
                break
        return found

    def close(self) -> None:
        self.node.stop()
        self.lis.stop()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    try:
        made.emulate("orders", "--tcp", f"127.0.0.1:{made.orders_port}")
        made.measure()
        assert made.lis.wait_for(lambda got: sum(len(one.observations()) for one in got) >= PANEL)
        yield made
    finally:
        made.close()


def test_a_rerun_comes_back_beside_the_first_result(bench: Bench) -> None:
    """Only the rerun is given, for everything else is done; it is never released by itself."""
    first = bench.items("results", "list", "--limit", "1")[0]
    (step,) = bench.items("results", "rerun", str(first["id"]), "--reason", "looks odd")
    bench.measure()
    found = bench.results(PANEL + 1)
    assert len(found) == PANEL + 1
    assert (found[0]["test_code"], found[0]["release_state"]) == (first["test_code"], "held")
    codes = [one["code"] for one in found[0]["findings"]]
    assert codes == ["further_run_after_release", "rerun"]
    assert found[0]["work_order_step_id"] == step["id"]
