"""A node with a line of each wire but ASTM over TCP, an analyzer of the standard library on each, and a LIS."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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

SETTLE_S = 60.0


@dataclass
class WireBench:
    """A node with a line of each wire, an analyzer on each, and a LIS."""

    node: NodeProcess
    lis: PlainLis
    sending: dict[str, Sending]

    def begin(self) -> None:
        """All analyzers send."""
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


@contextmanager
def wire_bench(folder: Path, data_dir: str = "var") -> Iterator[WireBench]:
    """The node is not started yet; all that was started has ended afterwards."""
    cable = SerialCable(folder)
    cable.plug()
    os.set_blocking(cable.analyzer, True)
    lis = PlainLis().start()
    drivers = ("generic_hl7", "generic_law", "generic_poct1a", "beckman_au480")
    lines = [(driver, driver, free_port()) for driver in drivers]
    serial = (
        '[[line]]\nid = "serial"\ndriver = "generic_astm"\nrelease = "auto"\n'
        f'transport = {{ type = "serial", port = "{cable.port}", baud = 115200 }}\n'
    )
    node = NodeProcess(folder, lines, lis.port, extra=serial, data_dir=data_dir)
    hl7, law, poct1a, framed = (port for _, _, port in lines)
    speakers: dict[str, Speaker] = {
        "hl7": Hl7Speaker(hl7, "ORU^R01", oru_segments),
        "law": Hl7Speaker(law, "OUL^R22^OUL_R22", law_segments),
        "poct1a": Poct1aSpeaker(poct1a),
        "framed": FramedSpeaker(framed),
        "serial": SerialSpeaker(cable),
    }
    sending = {name: Sending(one, prefix=name[:2].upper()) for name, one in speakers.items()}
    try:
        yield WireBench(node, lis, sending)
    finally:
        for one in sending.values():
            one.stop()
        for one in sending.values():
            if one.is_alive():
                one.join(timeout=10)
        if node.process is not None:
            node.stop()
        lis.stop()
        cable.unplug()
