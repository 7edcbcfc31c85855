"""kill -9 while HL7, IHE LAW, POCT1-A, framed and serial analyzers send: the first promise on every wire.

`LABWIRE_KILLS=100` makes it a long run; a failing run prints its seed, `LABWIRE_SEED=n` repeats the moments.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from middleware.failpoints import Step
from tests.kit.wire_bench import WireBench, wire_bench

KILLS = int(os.environ.get("LABWIRE_KILLS", "10"))

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120 + 15 * KILLS)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[WireBench]:
    with wire_bench(tmp_path) as made:
        yield made


def test_nothing_acknowledged_is_lost_on_any_wire(bench: WireBench) -> None:
    """R1 on every wire: what was acknowledged reaches the LIS, once, in its order."""
    seed = int(os.environ.get("LABWIRE_SEED", str(random.randrange(1_000_000))))
    moments = random.Random(seed)
    bench.node.start()
    bench.begin()
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.6, 1.6))  # an AU480 has its ACK half a second late
        bench.node.kill()
        bench.node.start()
    bench.let_all_send()
    broken = bench.verdict()
    counts = {line: len(one.acknowledged) for line, one in bench.sending.items()}
    print(f"\nkills {KILLS}, seed {seed}: acknowledged {counts}, broken: {broken}")
    assert not broken, f"seed {seed}: {broken}"


@pytest.mark.parametrize(
    "step",
    [Step.FRAME_READ, Step.BEFORE_COMMIT, Step.AFTER_COMMIT, Step.BEFORE_ACK, Step.AFTER_ACK],
    ids=lambda step: step.value,
)
def test_a_node_that_dies_at_this_step_breaks_no_promise_of_any_wire(
    step: Step, bench: WireBench
) -> None:
    """R2: the steps at which responsibility moves from the analyzer to the node."""
    bench.node.start(env={"LABWIRE_FAILPOINT": f"{step.value}:9"})
    bench.begin()
    assert bench.node.process is not None
    bench.node.process.wait(timeout=30)
    assert bench.node.process.returncode == -9, "the node must die at the step by its own hand"
    bench.node.start()
    bench.let_all_send()
    broken = bench.verdict()
    assert not broken, broken
