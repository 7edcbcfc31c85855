"""Every recorded ASTM message of the corpus, played over TCP to a running node as its analyzer would.

Three ways: frame by frame waiting for each reply, each frame cut in two writes, and all frames joined in one write. The
table of the outcome is printed. The corpus is not part of the project: without it these tests skip by name.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import ACK, NAK, NoReply, PlainAnalyzer
from tests.kit.plain_lis import PlainLis
from tests.kit.recordings import EOT, Recording, recordings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Expected:
    """What a file must come to: the driver it needs, complete messages, results by what becomes of them."""

    driver: str = "generic_astm"
    messages: int = 1
    delivered: int = 0
    held: int = 0
    not_for_lis: int = 0
    refused_frames: int = 0


EXPECTED: dict[str, Expected] = {}


@dataclass
class Outcome:
    """What a file came to."""

    replies: Counter[str]
    messages: list[dict[str, object]]
    results: list[dict[str, object]]


def _write(analyzer: PlainAnalyzer, step: bytes, cut: bool) -> None:
    if cut and len(step) > 1:
        analyzer.write(step[: len(step) // 2])
        time.sleep(0.003)
        step = step[len(step) // 2 :]
    analyzer.write(step)


def _play_step_by_step(analyzer: PlainAnalyzer, recording: Recording, cut: bool) -> Counter[str]:
    """Each step waits for its reply; a refused frame is sent six times, then the analyzer gives up with EOT."""
    replies: Counter[str] = Counter()
    for step in recording.steps():
        if step == EOT:
            analyzer.write(step)
            continue
        for _ in range(6):
            _write(analyzer, step, cut)
            reply = analyzer.read_reply()
            replies["ACK" if reply == ACK else "NAK" if reply == NAK else repr(reply)] += 1
            if reply == ACK:
                break
        else:
            analyzer.write(EOT)
            return replies
    return replies


def _play_joined(analyzer: PlainAnalyzer, recording: Recording) -> Counter[str]:
    analyzer.write(b"".join(recording.steps()))
    got = analyzer.read_replies(quiet_s=1.0)
    return Counter({"ACK": got.count(ACK), "NAK": got.count(NAK)})


WAYS = ("step by step", "each frame cut in two", "all joined")


@pytest.mark.parametrize("way", WAYS)
def test_every_recording_is_kept_and_its_results_delivered_or_held_with_a_reason(
    way: str, tmp_path: Path
) -> None:
    """Real input: nothing valid is lost, nothing broken is believed, every held result says why."""
    played = recordings("astm")
    drivers = sorted({EXPECTED[one.name].driver for one in played})
    lines = [(f"line-{n}", driver, free_port()) for n, driver in enumerate(drivers)]
    ports = {driver: port for _, driver, port in lines}
    names = {driver: line for line, driver, _ in lines}
    lis = PlainLis().start()
    node = NodeProcess(tmp_path, lines, lis.port).start()
    try:
        rows = [
            _row(node, names[EXPECTED[one.name].driver], ports[EXPECTED[one.name].driver], one, way)
            for one in played
        ]
        wanted = sum(EXPECTED[one.name].delivered for one in played)
        lis.wait_for(lambda got: sum(len(a.observations()) for a in got) >= wanted, 20)
        arrived = sum(len(a.observations()) for a in lis.first_arrivals())
    finally:
        node.stop()
        lis.stop()
    print(
        f"\n{way}\n| file | driver | messages | results | quirks | outcome |\n| --- | --- | --- | --- | --- | --- |"
    )
    print("\n".join(text for text, _ in rows))
    wrong = [trouble for _, trouble in rows if trouble]
    assert not wrong, "\n".join(wrong)
    assert arrived == wanted, f"{arrived} results reached the LIS, expected {wanted}"


def _row(
    node: NodeProcess, line: str, port: int, recording: Recording, way: str
) -> tuple[str, str]:
    """Play one file; returns its row of the table and what is wrong with it (empty: nothing)."""
    newest = max(
        (int(str(one["id"])) for one in node.listing("messages", "list", "--line", line)), default=0
    )
    analyzer = PlainAnalyzer(port, reply_timeout_s=20)
    analyzer.connect()
    try:
        joined = way == "all joined"
        replies = (
            _play_joined(analyzer, recording)
            if joined
            else _play_step_by_step(analyzer, recording, "cut" in way)
        )
    except NoReply as error:
        replies = Counter({f"no reply ({error})": 1})
    analyzer.close()
    messages = _settled_messages(node, line, newest)
    results = [
        result
        for message in messages
        for result in node.listing(
            "results", "list", "--message", str(message["id"]), "--limit", "1000"
        )
    ]
    return _judge(recording, Outcome(replies, messages, results))


def _settled_messages(node: NodeProcess, line: str, after: int) -> list[dict[str, object]]:
    """The messages of the line that came since, once none of them waits for processing any more."""
    until = time.monotonic() + 15
    while True:
        new = [
            one
            for one in node.listing("messages", "list", "--line", line)
            if int(one["id"]) > after
        ]
        if all(one["state"] != "received" for one in new) or time.monotonic() > until:
            return new
        time.sleep(0.05)


def _judge(recording: Recording, outcome: Outcome) -> tuple[str, str]:
    expected = EXPECTED[recording.name]
    complete = [one for one in outcome.messages if one["state"] != "incomplete"]
    states = Counter(str(one["release_state"]) for one in outcome.results)
    quirks = sorted({quirk for one in outcome.messages for quirk in _names(one["quirks"])})
    kinds = Counter(f"{one['kind']}:{one['state']}" for one in outcome.messages)
    text = (
        f"| {recording.name} | {expected.driver} | {dict(kinds)} | {len(outcome.results)} {dict(states)} "
        f"| {', '.join(quirks)} | {dict(outcome.replies)}{_reasons(outcome)} |"
    )
    got = (len(complete), states["released"], states["held"], states["not_for_lis"])
    want = (expected.messages, expected.delivered, expected.held, expected.not_for_lis)
    if got != want:
        return (
            text,
            f"{recording.name}: (messages, delivered, held, not for LIS) {got}, expected {want}",
        )
    if bool(outcome.replies["NAK"]) != bool(expected.refused_frames):
        return (
            text,
            f"{recording.name}: replies {dict(outcome.replies)}, expected refused: {expected.refused_frames}",
        )
    return text, ""


def _names(value: object) -> list[str]:
    return (
        [str(one) for one in value]
        if isinstance(value, list)
        else [one for one in str(value or "").split(",") if one]
    )


def _reasons(outcome: Outcome) -> str:
    reasons: Counter[str] = Counter()
    for result in outcome.results:
        findings = result.get("findings") or []
        for finding in json.loads(findings) if isinstance(findings, str) else findings:
            reasons[str(finding["code"])] += 1
    return (
        "; held: " + ", ".join(f"{code} ×{count}" for code, count in reasons.items())
        if reasons
        else ""
    )
