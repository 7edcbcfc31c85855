"""Hostile peers on an HL7 line of a running node: noise, endless blocks, floods; afterwards an analyzer is served."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from tests.kit.hl7_messages import message, observation
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_hl7_analyzer import PlainHl7Analyzer
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

MEBIBYTE = 1 << 20
MEMORY_LIMIT_MIB = 512


def _noise() -> list[bytes]:
    return [random.Random(7).randbytes(MEBIBYTE)] * 4


ATTACKS = {
    "random bytes": _noise(),
    "a block without end": [b"\x0bMSH|^~\\&|" + b"A" * MEBIBYTE] + [b"A" * MEBIBYTE] * 24,
    "headers without end": [b"\rMSH|" * (MEBIBYTE // 5)] * 4,
    "fragments": [b"\x0bMSH|" * (MEBIBYTE // 5)] * 4,
    "start bytes": [b"\x0b" * MEBIBYTE] * 4,
    "empty blocks": [b"\x0b\x1c\r" * (MEBIBYTE // 3)] * 4,
}


def _memory_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def test_a_line_survives_hostile_peers_and_serves_the_next_analyzer(tmp_path: Path) -> None:
    """Bounded memory, no end of the node, and a result after each attack is stored and delivered."""
    lis = PlainLis().start()
    port = free_port()
    node = NodeProcess(tmp_path, [("line-1", "generic_hl7", port)], lis.port).start()
    try:
        for number, (name, writes) in enumerate(ATTACKS.items(), start=1):
            peer = PlainHl7Analyzer.dialling(port)
            with contextlib.suppress(OSError):  # the node may hang up on it
                for data in writes:
                    peer.write(data)
            peer.close()
            analyzer = PlainHl7Analyzer.dialling(port)
            text = message(f"OBR|1||26031409{number}", observation("NM", "5.4", "mmol/L"))
            assert analyzer.send(b"\x0b" + text + b"\x1c\r") == ("AA", "M-1"), name
            analyzer.close()
        lis.wait_for(lambda got: sum(len(a.observations()) for a in got) >= len(ATTACKS), 20)
        assert node.process is not None
        assert _memory_mib(node.process.pid) < MEMORY_LIMIT_MIB
    finally:
        node.stop()
        lis.stop()
