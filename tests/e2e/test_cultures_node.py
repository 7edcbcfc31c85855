"""A culture through a running node: from the analyzer's blocks to what the LIS reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.culture_messages import GROWTH, susceptibilities
from tests.kit.hl7_messages import HEADER, message
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_hl7_analyzer import PlainHl7Analyzer
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

CULTURE = (
    *GROWTH,
    *susceptibilities("ORGANISM^2^Enterococcus faecalis", "AMP|2|<=^2|S"),
    *susceptibilities("ORGANISM^1^Escherichia coli", "AMP|1|>=^32|R", "CIP|1|<=^0.25|S"),
)
UNKNOWN_ISOLATE = (*GROWTH, *susceptibilities("ORGANISM^9^Nobody", "AMP|9|<=^2|S"))


def block(*segments: str, control_id: str) -> bytes:
    text = message(*segments, header=HEADER.replace("|M-1|", f"|{control_id}|"))
    return b"\x0b" + text + b"\x1c\r"


def test_a_culture_arrives_whole_or_waits_whole(tmp_path: Path) -> None:
    """A sound one goes out with its organisms; one in doubt, and one of a driver that is not proven, wait."""
    generic, vitek = free_port(), free_port()
    lis = PlainLis().start()
    lines = [("micro-1", "generic_hl7", generic), ("micro-2", "biomerieux_vitek_2", vitek)]
    node = NodeProcess(tmp_path, lines, lis.port).start()
    try:
        analyzer, other = PlainHl7Analyzer.dialling(generic), PlainHl7Analyzer.dialling(vitek)
        assert analyzer.send(block(*CULTURE, control_id="C-1"))[0] == "AA"
        renamed = [one.replace("K-2001", "K-2002") for one in UNKNOWN_ISOLATE]
        assert analyzer.send(block(*renamed, control_id="C-2"))[0] == "AA"
        elsewhere = [one.replace("K-2001", "K-2003") for one in CULTURE]
        assert other.send(block(*elsewhere, control_id="C-3"))[0] == "AA"
        assert lis.wait_for(lambda got: len(got) >= 1, 20)
        results = wait_for_results(node, 5 + 3 + 5)
        arrivals = lis.first_arrivals()
    finally:
        node.stop()
        lis.stop()
    (arrived,) = arrivals
    assert arrived.sample_id == "K-2001"
    assert told(arrived.payload) == [
        ("", ["ORGANISM 1", "ORGANISM 2"]),
        ("ORGANISM&&99LAB^2^Enterococcus faecalis", ["AMP 2 S"]),
        ("ORGANISM&&99LAB^1^Escherichia coli", ["AMP 1 R", "CIP 1 S"]),
    ]
    held = {"K-2002": 0, "K-2003": 0}
    for one in results:
        if one["sample_id"] in held:
            assert one["release_state"] == "held"
            held[one["sample_id"]] += 1
    assert held == {"K-2002": 3, "K-2003": 5}


def wait_for_results(node: NodeProcess, count: int) -> list[dict[str, object]]:
    """Asked again until all are there; each question starts a command of its own."""
    results: list[dict[str, object]] = []
    for _ in range(20):
        results = node.listing("results", "list", "--limit", "100")
        if len(results) >= count:
            break
    assert len(results) == count
    return results


def told(payload: bytes) -> list[tuple[str, list[str]]]:
    """OBR-26 of each order with its observations: test, isolate, interpretation."""
    orders: list[tuple[str, list[str]]] = []
    for line in payload.decode().split("\r"):
        fields = [*line.split("|"), *[""] * 30]
        if fields[0] == "OBR":
            orders.append((fields[26], []))
        elif fields[0] == "OBX":
            words = (fields[3].split("^")[0], fields[4], fields[8])
            orders[-1][1].append(" ".join(filter(None, words)))
    return orders
