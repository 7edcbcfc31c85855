"""kill -9 of the node under load: the promise of DESIGN 1 (no acknowledgement before the disk) put to the test.

The analyzers, the LIS and the oracle are of the standard library alone. `LABWIRE_KILLS=1000` makes it a long run;
a failing run prints its seed, `LABWIRE_SEED=n` repeats the moments of the kills.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from middleware.failpoints import OF_ORDERS, Step
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.oracle_of_promises import broken_promises
from tests.kit.plain_analyzer import SendingAnalyzer
from tests.kit.plain_lis import PlainLis

KILLS = int(os.environ.get("LABWIRE_KILLS", "50"))
LINES = 4
SETTLE_S = 60.0

pytestmark = [pytest.mark.crash, pytest.mark.timeout(60 + 10 * KILLS)]


def _bench(folder: Path) -> tuple[PlainLis, NodeProcess, dict[str, SendingAnalyzer]]:
    lis = PlainLis().start()
    lines = [(f"line-{n}", "generic_astm", free_port()) for n in range(LINES)]
    node = NodeProcess(folder, lines, lis.port)
    analyzers = {line: SendingAnalyzer(port, prefix=f"K{line[-1]}") for line, _, port in lines}
    return lis, node, analyzers


def _finish(lis: PlainLis, node: NodeProcess, analyzers: dict[str, SendingAnalyzer]) -> list[str]:
    """Stop sending, let the node deliver what it holds, and ask the oracle."""
    for analyzer in analyzers.values():
        analyzer.stop()
    for analyzer in analyzers.values():
        analyzer.join(timeout=30)
    promised = {sample for analyzer in analyzers.values() for sample in analyzer.acknowledged}
    lis.wait_for(lambda got: promised <= {arrival.sample_id for arrival in got}, SETTLE_S)
    node.stop()
    lis.stop()
    acknowledged = {line: analyzer.acknowledged for line, analyzer in analyzers.items()}
    return broken_promises(acknowledged, lis.arrivals)


def test_nothing_acknowledged_is_lost_when_the_node_is_killed_at_random_moments(
    tmp_path: Path,
) -> None:
    """R1: every kill may cost a resend of the same bytes under the same control id, and nothing else."""
    seed = int(os.environ.get("LABWIRE_SEED", str(random.randrange(1_000_000))))
    moments = random.Random(seed)
    lis, node, analyzers = _bench(tmp_path)
    node.start()
    for analyzer in analyzers.values():
        analyzer.start()
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.02, 0.4))
        node.kill()
        node.start()
    time.sleep(0.5)
    broken = _finish(lis, node, analyzers)
    total = sum(len(analyzer.acknowledged) for analyzer in analyzers.values())
    repeats = len(lis.arrivals) - len({arrival.control_id for arrival in lis.arrivals})
    print(
        f"\nkills {KILLS}, seed {seed}: {total} acknowledged, {repeats} sent again, broken: {broken}"
    )
    assert not broken, f"seed {seed}: {broken}"
    assert total > KILLS, "the load was too small to prove anything"


@pytest.mark.parametrize(
    "step", [one for one in Step if one not in OF_ORDERS], ids=lambda step: step.value
)
def test_a_node_that_dies_at_this_step_keeps_every_promise(step: Step, tmp_path: Path) -> None:
    """R2: killed exactly before and after each commit, acknowledgement, send and settle."""
    lis, node, analyzers = _bench(tmp_path)
    node.start(env={"LABWIRE_FAILPOINT": f"{step.value}:7"})
    for analyzer in analyzers.values():
        analyzer.start()
    assert node.process is not None
    node.process.wait(timeout=30)
    assert node.process.returncode == -9, "the node must die at the step by its own hand"
    node.start()
    time.sleep(0.3)
    broken = _finish(lis, node, analyzers)
    assert not broken, broken
    assert sum(len(analyzer.acknowledged) for analyzer in analyzers.values()) > LINES
