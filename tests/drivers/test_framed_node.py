"""The recordings of analyzers that follow no standard, played over TCP to a running node: what becomes of them.

The corpus is not part of the project: without it this test skips by name.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.kit.framed_recordings import DRIVERS, framed_recordings, steps_of, with_right_check
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import ACK, NAK, PlainAnalyzer
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Expected(NamedTuple):
    """Replies to the steps; messages by state; results by what becomes of them."""

    replies: bytes = b""
    messages: Mapping[str, int] = MappingProxyType({"processed": 1})
    results: Mapping[str, int] = MappingProxyType({})


EXPECTED: dict[str, Expected] = {
    # Two of the recorded check characters are wrong; the second block alone cannot be read. Then the donation as it was
    # sent: it has no sample id.
    "beckman_pk7300": Expected(
        (ACK + ACK + NAK + ACK + ACK + NAK + ACK + ACK) + ACK * 2,
        {"processed": 6, "unreadable": 1},
        {"held": 4},
    ),
    # Each value bears a flag whose meaning is not known to us.
    "beckman_au480": Expected(ACK, results={"held": 6}),
    "fuji_drichem": Expected(results={"released": 17}),
    "siemens_rapidlab_348": Expected(
        messages={"processed": 2}, results={"released": 10, "held": 2}
    ),
    "biomerieux_mini_vidas": Expected(ACK, results={"released": 2}),
}
AU480_LISTENS_AFTER_S = 0.5


def _played(port: int, driver: str, steps: list[bytes]) -> bytes:
    """The replies, one for each step where the analyzer waits for it."""
    analyzer = PlainAnalyzer(port, reply_timeout_s=15)
    analyzer.connect()
    replies = b""
    try:
        for step in steps:
            analyzer.write(step[:9])
            analyzer.write(step[9:])
            sent = time.monotonic()
            if EXPECTED[driver].replies:
                replies += analyzer.read_reply()
            if driver == "beckman_au480":
                assert time.monotonic() - sent >= AU480_LISTENS_AFTER_S
        assert analyzer.read_replies(quiet_s=0.3) == b""
    finally:
        analyzer.close()
    return replies


def _settled(node: NodeProcess, count: int) -> list[dict[str, Any]]:
    """The messages, when all are there and dealt with."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = node.listing("messages", "list", "--limit", "100")
        if len(found) >= count and not any(one["state"] == "received" for one in found):
            return found
        time.sleep(0.1)
    raise AssertionError(f"messages are missing: {node.log.read_text()[-3000:]}")


def test_every_recording_is_kept_and_its_results_sent_or_held(tmp_path: Path) -> None:
    """Real telegrams: acknowledged when stored and not too soon, nothing valid lost, nothing broken believed."""
    played = {DRIVERS[one.name]: steps_of(one) for one in framed_recordings()}
    donation = played["beckman_pk7300"]
    donation += [with_right_check(block) for block in donation[5:7]]
    ports = {driver: free_port() for driver in played}
    lines = [(driver.replace("_", "-"), driver, port) for driver, port in ports.items()]
    lis = PlainLis().start()
    node = NodeProcess(tmp_path, lines, lis.port).start()
    try:
        replies = {
            driver: _played(ports[driver], driver, steps) for driver, steps in played.items()
        }
        messages = _settled(node, sum(sum(EXPECTED[driver].messages.values()) for driver in played))
        results = node.listing("results", "list", "--limit", "100")
        wanted = sum(one.results.get("released", 0) for one in EXPECTED.values())
        lis.wait_for(lambda got: sum(len(a.observations()) for a in got) >= wanted, 20)
        arrived = sum(len(a.observations()) for a in lis.first_arrivals())
    finally:
        node.stop()
        lis.stop()
    wrong = []
    for line, driver, _ in lines:
        own = {one["id"] for one in messages if one["line"] == line}
        states = Counter(str(one["state"]) for one in messages if one["id"] in own)
        fates = Counter(str(one["release_state"]) for one in results if one["journal_id"] in own)
        outcome = Expected(replies[driver], dict(states), dict(fates))
        print(driver, outcome)
        if outcome != EXPECTED[driver]:
            wrong.append(f"{driver}: {outcome}, expected {EXPECTED[driver]}")
    assert not wrong, "\n".join(wrong)
    assert arrived == wanted
