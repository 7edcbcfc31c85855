"""kill -9 while HL7, IHE LAW, POCT1-A, framed and serial analyzers send: the first promise on every wire.

`LABWIRE_KILLS=100` makes it a long run; a failing run prints its seed, `LABWIRE_SEED=n` repeats the moments.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from middleware.failpoints import Step
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.oracle_of_promises import broken_promises
from tests.kit.plain_lis import PlainLis
from tests.kit.plain_speakers import (
    FramedSpeaker,
    Hl7Speaker,
    Poct1aSpeaker,
    Sending,
    SerialSpeaker,
    Speaker,
    law_segments,
    oru_segments,
)
from tests.kit.serial_cable import SerialCable

KILLS = int(os.environ.get("LABWIRE_KILLS", "10"))
SETTLE_S = 60.0

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120 + 15 * KILLS)]


@dataclass
class WireBench:
    """A node with a line of each wire, an analyzer on each, and a LIS."""

    node: NodeProcess
    lis: PlainLis
    sending: dict[str, Sending]

    def begin(self) -> None:
        for one in self.sending.values():
            one.start()

    def let_all_send(self) -> None:
        """Until every analyzer had something acknowledged: a serial one waits long for a node that died."""
        until = time.monotonic() + SETTLE_S
        while time.monotonic() < until:
            if all(len(one.acknowledged) > 1 for one in self.sending.values()):
                return
            time.sleep(0.05)
        raise AssertionError({name: one.problems for name, one in self.sending.items()})

    def verdict(self) -> list[str]:
        """Stop sending, let the node deliver what it holds, and ask the oracle."""
        for one in self.sending.values():
            one.stop()
        for one in self.sending.values():
            one.join(timeout=30)
        promised = {sample for one in self.sending.values() for sample in one.acknowledged}
        self.lis.wait_for(lambda got: promised <= {one.sample_id for one in got}, SETTLE_S)
        self.node.stop()
        acknowledged = {line: one.acknowledged for line, one in self.sending.items()}
        return broken_promises(acknowledged, self.lis.arrivals)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[WireBench]:
    cable = SerialCable(tmp_path)
    cable.plug()
    os.set_blocking(cable.analyzer, True)
    lis = PlainLis().start()
    drivers = ("generic_hl7", "generic_law", "generic_poct1a", "beckman_au480")
    lines = [(driver, driver, free_port()) for driver in drivers]
    serial = (
        '[[line]]\nid = "serial"\ndriver = "generic_astm"\nrelease = "auto"\n'
        f'transport = {{ type = "serial", port = "{cable.port}", baud = 115200 }}\n'
    )
    node = NodeProcess(tmp_path, lines, lis.port, extra=serial)
    hl7, law, poct1a, framed = (port for _, _, port in lines)
    speakers: dict[str, Speaker] = {
        "hl7": Hl7Speaker(hl7, "ORU^R01", oru_segments),
        "law": Hl7Speaker(law, "OUL^R22^OUL_R22", law_segments),
        "poct1a": Poct1aSpeaker(poct1a),
        "framed": FramedSpeaker(framed),
        "serial": SerialSpeaker(cable.analyzer),
    }
    sending = {name: Sending(one, prefix=name[:2].upper()) for name, one in speakers.items()}
    yield WireBench(node, lis, sending)
    for one in sending.values():
        one.stop()
        one.join(timeout=10)
    node.stop()
    lis.stop()
    cable.unplug()


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
