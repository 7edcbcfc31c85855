"""Every recorded HL7 message of the corpus, played over MLLP to a running node as its analyzer would.

Three ways: block by block to a line that listens, the same in small pieces, and to a line that dials the analyzer. The
table of the outcome is printed. The corpus is not part of the project: without it these tests skip by name.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from middleware.driver.catalogue import load_catalogue
from tests.kit.hl7_recordings import blocks
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_hl7_analyzer import PlainHl7Analyzer
from tests.kit.plain_lis import PlainLis
from tests.kit.recordings import Recording, recordings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Expected:
    """What a file must come to: driver, acknowledgements, results delivered, results held by reason, other messages."""

    driver: str = "generic_hl7"
    codes: str = "AA"
    delivered: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    unreadable: int = 0


EXPECTED: dict[str, Expected] = {
    "lab_lis__mindray_bc5130": Expected("mindray_bc", delivered=25),
    "oe-analyzer-bridge__mindray_bc5380": Expected("mindray_bc", delivered=11),
    "oe-plugins-digi__erba_h360": Expected("erba_h360", delivered=9),
    # Host queries are journaled; `generic_law` answers those that are LAW's.
    "oe-plugins__genexpert_qbp_z03": Expected(),
    "oe-plugins__genexpert_qcn_j01": Expected(codes="CA"),
    "openelis2__mindray_bs200_synthetic": Expected(held={"doubtful_sample_id": 3}),
    "ruby-astm__clinitek_status": Expected("siemens_clinitek_status", held={"no_sample_id": 12}),
    # No header: kept, and rejected because sending it again cannot help.
    "tgenaux-astm-lis__micro_ast_oru": Expected(codes="AR", unreadable=1),
    "vlsm-interfacing__roche_cobas4800_query": Expected(),
    # Two tests that failed, for reasons that the maker's own flags tell.
    "vlsm-interfacing__roche_cobas5800": Expected(
        "roche_cobas_5800",
        "AA AA AA AA AA",
        held={"not_for_reporting": 3, "instrument_flags": 2},
    ),
    "vlsm-interfacing__roche_cobas6800_query": Expected(),
}
CATALOGUE = load_catalogue()
WAYS = ("block by block", "in small pieces", "the node dials")


class _Analyzers:
    """A connection for each driver, whichever end dials."""

    def __init__(self, drivers: list[str], *, node_dials: bool) -> None:
        self._servers = {
            name: socket.create_server(("127.0.0.1", 0)) for name in drivers if node_dials
        }
        self.lines = (
            [] if node_dials else [(f"l-{n}", d, free_port()) for n, d in enumerate(drivers)]
        )
        self._ports = {driver: port for _, driver, port in self.lines}
        self._open: dict[str, PlainHl7Analyzer] = {}

    def settings(self) -> str:
        """The lines that dial."""
        return "\n".join(
            f'[[line]]\nid = "d-{n}"\ndriver = "{driver}"\nrelease = "auto"\ntransport = '
            f'{{ type = "tcp_connect", host = "127.0.0.1", port = {server.getsockname()[1]} }}\n'
            for n, (driver, server) in enumerate(self._servers.items())
        )

    def of(self, driver: str) -> PlainHl7Analyzer:
        """The analyzer of a driver."""
        if driver not in self._open:
            self._open[driver] = (
                PlainHl7Analyzer.listening(self._servers[driver])
                if driver in self._servers
                else PlainHl7Analyzer.dialling(self._ports[driver])
            )
        return self._open[driver]

    def close(self) -> None:
        for one in (*self._open.values(), *self._servers.values()):
            one.close()


def _play(analyzer: PlainHl7Analyzer, recording: Recording, way: str) -> str:
    codes = []
    for block in blocks(recording.data):
        if way == "in small pieces":
            for at in range(0, len(block), 97):
                analyzer.write(block[at : at + 97])
        else:
            analyzer.write(block)
        codes.append(analyzer.acknowledgement()[0])
    return " ".join(codes)


def _fits(driver: str, node_dials: bool) -> bool:
    """Some analyzers only dial."""
    transport = "tcp_connect" if node_dials else "tcp_listen"
    return CATALOGUE.driver(driver).profile.allows_transport(transport)


def _number(node: NodeProcess, query: str) -> int:
    """A number from the store, read as any reader may (`mode=ro`)."""
    path = node.folder / node.data_dir / "labwire.sqlite3"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        return int(store.execute(query).fetchone()[0] or 0)


def _wait_until_processed(node: NodeProcess) -> None:
    until = time.monotonic() + 15
    while _number(node, "SELECT count(*) FROM journal WHERE state = 'received'"):
        assert time.monotonic() < until, "messages wait to be processed for ever"
        time.sleep(0.02)


@pytest.mark.parametrize("way", WAYS)
def test_every_recording_is_acknowledged_and_its_results_delivered_or_held_with_a_reason(
    way: str, tmp_path: Path
) -> None:
    """Real input: nothing valid is lost, nothing in doubt is sent, every held result says why."""
    node_dials = way == "the node dials"
    played = [one for one in recordings("hl7") if _fits(EXPECTED[one.name].driver, node_dials)]
    drivers = sorted({EXPECTED[one.name].driver for one in played})
    analyzers = _Analyzers(drivers, node_dials=node_dials)
    lis = PlainLis().start()
    node = NodeProcess(tmp_path, analyzers.lines, lis.port, extra=analyzers.settings()).start()
    codes: dict[str, str] = {}
    last_id: dict[str, int] = {}
    try:
        for one in played:
            codes[one.name] = _play(analyzers.of(EXPECTED[one.name].driver), one, way)
            _wait_until_processed(node)
            last_id[one.name] = _number(node, "SELECT max(id) FROM journal")
        wanted = sum(EXPECTED[one.name].delivered for one in played)
        lis.wait_for(lambda got: sum(len(a.observations()) for a in got) >= wanted, 20)
        arrived = sum(len(a.observations()) for a in lis.first_arrivals())
        messages = node.listing("messages", "list", "--limit", "1000")
        results = node.listing("results", "list", "--limit", "1000")
    finally:
        analyzers.close()
        node.stop()
        lis.stop()
    print(f"\n{way}\n| file | outcome |\n| --- | --- |")
    wrong, before = [], 0
    for one in played:
        ids = range(before + 1, last_id[one.name] + 1)
        before = last_id[one.name]
        got = _outcome(
            EXPECTED[one.name].driver,
            codes[one.name],
            [message for message in messages if message["id"] in ids],
            [result for result in results if result["journal_id"] in ids],
        )
        print(f"| {one.name} | {got} |")
        if got != EXPECTED[one.name]:
            wrong.append(f"{one.name}: {got}, expected {EXPECTED[one.name]}")
    assert not wrong, "\n".join(wrong)
    assert arrived == wanted, f"{arrived} results reached the LIS, expected {wanted}"


def _outcome(
    driver: str, codes: str, messages: list[dict[str, Any]], results: list[dict[str, Any]]
) -> Expected:
    reasons: Counter[str] = Counter()
    for result in results:
        if result["release_state"] == "held":
            found = result.get("findings") or []
            found = json.loads(found) if isinstance(found, str) else found
            reasons[str(found[0]["code"])] += 1
    return Expected(
        driver,
        codes,
        sum(result["release_state"] == "released" for result in results),
        dict(reasons),
        sum(message["state"] == "unreadable" for message in messages),
    )
