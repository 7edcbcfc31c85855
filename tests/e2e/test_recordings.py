"""Every recorded ASTM message of the corpus, played over TCP to a running node as its analyzer would.

Three ways: frame by frame waiting for each reply, each frame cut in two writes, and all frames joined in one write. The
table of the outcome is printed. The corpus is not part of the project: without it these tests skip by name.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
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


EXPECTED: dict[str, Expected] = {
    # Broken on purpose or by the logger: refused.
    "ahmedozmaan__cobas_e411_query_cancel_nochecksum": Expected(messages=0, refused_frames=6),
    "ahmedozmaan__urisys1100": Expected("roche_urisys_1100", messages=0, refused_frames=6),
    "ruby-astm__biorad_d10_lossy": Expected(messages=0, refused_frames=6),
    "astm_general__erba_xl640_result": Expected(delivered=1),
    "astm_general__erba_xl640_result_na": Expected(held=1),
    # Host queries are journaled and shown as not answered until orders come.
    "astm_general__erba_xl_multi_query": Expected(),
    "astm_general__vitros3600_query": Expected(),
    "ruby-astm__cobas_e411_query": Expected("roche_cobas_e411"),
    # What a host sent: it has no terminator that an analyzer's line would know; see the link's test of the other role.
    "astm_general__vitros3600_host_reply": Expected(messages=0),
    # One test measured five times: a person chooses; three indices came without a value.
    "astm_general__vitros3600_results_repeat": Expected(held=8),
    # Its calibration and its reagent pack are expired, the analyzer says.
    "lab_lis__access2_procalcitonin": Expected(held=1),
    "lab_lis__mispa_nano": Expected("agappe_mispa_nano", delivered=1),
    "senaite.astm__abbott_afinion2": Expected("abbott_afinion_2", held=1),
    "senaite.astm__cobas_c111": Expected("roche_cobas_c111", delivered=1),
    # Two with an alarm of the analyzer.
    "senaite.astm__cobas_c311": Expected("roche_cobas_c311", delivered=5, held=2),
    "senaite.astm__dca_vantage": Expected("siemens_dca_vantage", held=3),
    "senaite.astm__genexpert_mtb": Expected("cepheid_genexpert", delivered=72, held=12),
    "senaite.astm__sysmex_xn550": Expected("sysmex_xn", delivered=41),
    "senaite.astm__sysmex_xp100": Expected("sysmex_xp", delivered=20),
    "senaite.astm__yumizen_h500_qc": Expected("horiba_yumizen_h500", not_for_lis=21),
    # Not for reporting: all is held.
    "vlsm-interfacing__abbott_m2000_run": Expected(
        "abbott_m2000", messages=8, held=12, not_for_lis=9
    ),
    "vlsm-interfacing__genexpert_vl_etb": Expected("cepheid_genexpert", delivered=11, held=1),
    "vlsm-interfacing__roche_taqman96_nochecksum": Expected("roche_taqman_96", messages=2, held=2),
}


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
    got = analyzer.read_replies(quiet_s=0.5)
    return Counter({"ACK": got.count(ACK), "NAK": got.count(NAK)})


WAYS = ("step by step", "each frame cut in two", "all joined")


def _played(node: NodeProcess, port: int, recording: Recording, way: str) -> Counter[str]:
    """Play one file, then wait until the node has nothing left to process."""
    analyzer = PlainAnalyzer(port, reply_timeout_s=20)
    analyzer.connect()
    try:
        if way == "all joined":
            replies = _play_joined(analyzer, recording)
        else:
            replies = _play_step_by_step(analyzer, recording, "cut" in way)
    except NoReply as error:
        replies = Counter({f"no reply ({error})": 1})
    analyzer.close()
    until = time.monotonic() + 15
    time.sleep(0.05)  # a message that ended early is written down after the connection closed
    while _journal(node, "SELECT count(*) FROM journal WHERE state = 'received'"):
        assert time.monotonic() < until, "messages wait to be processed for ever"
        time.sleep(0.02)
    return replies


def _journal(node: NodeProcess, query: str) -> int:
    """A number from the store, read as any reader may (`mode=ro`)."""
    path = node.folder / node.data_dir / "labwire.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        return int(store.execute(query).fetchone()[0] or 0)


@pytest.mark.parametrize("way", WAYS)
def test_every_recording_is_kept_and_its_results_delivered_or_held_with_a_reason(
    way: str, tmp_path: Path
) -> None:
    """Real input: nothing valid is lost, nothing broken is believed, every held result says why."""
    played = recordings("astm")
    drivers = sorted({EXPECTED[one.name].driver for one in played})
    lines = [(f"line-{n}", driver, free_port()) for n, driver in enumerate(drivers)]
    ports = {driver: port for _, driver, port in lines}
    lis = PlainLis().start()
    node = NodeProcess(tmp_path, lines, lis.port).start()
    replies: dict[str, Counter[str]] = {}
    last_id: dict[str, int] = {}
    try:
        for one in played:
            replies[one.name] = _played(node, ports[EXPECTED[one.name].driver], one, way)
            last_id[one.name] = _journal(node, "SELECT max(id) FROM journal")
        wanted = sum(EXPECTED[one.name].delivered for one in played)
        lis.wait_for(lambda got: sum(len(a.observations()) for a in got) >= wanted, 20)
        arrived = sum(len(a.observations()) for a in lis.first_arrivals())
        messages = node.listing("messages", "list", "--limit", "1000")
        results = node.listing("results", "list", "--limit", "1000")
    finally:
        node.stop()
        lis.stop()
    print(
        f"\n{way}\n| file | driver | messages | results | quirks | outcome |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    wrong = []
    before = 0
    for one in played:
        ids = range(before + 1, last_id[one.name] + 1)
        before = last_id[one.name]
        outcome = Outcome(
            replies[one.name],
            [message for message in messages if message["id"] in ids],
            [result for result in results if result["journal_id"] in ids],
        )
        text, trouble = _judge(one, outcome)
        print(text)
        wrong += [trouble] if trouble else []
    assert not wrong, "\n".join(wrong)
    assert arrived == wanted, f"{arrived} results reached the LIS, expected {wanted}"


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
