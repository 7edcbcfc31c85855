"""A whole node over mutual TLS: ASTM in, HL7 out, with peers of the standard library and with the emulators."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_analyzer import PlainAnalyzer, frames, result_records
from tests.kit.plain_lis import PlainLis
from tests.kit.throwaway_ca import Identity, TlsWorld
from tests.kit.tls_peer import client_context, server_context, wrapped

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@dataclass
class TlsAnalyzer(PlainAnalyzer):
    """The plain analyzer behind TLS of the standard library."""

    context: ssl.SSLContext | None = None

    def connect(self) -> None:
        assert self.context is not None
        self._socket = wrapped(self.context, self.port)


def table(own: Identity, peers: Path, pin: str) -> str:
    return (
        f'{{ certificate = "{own.certificate}", key = "{own.key}", peers = "{peers}", '
        f'pins = ["{pin}"] }}'
    )


def option(own: Identity, peers: Path, pin: str) -> str:
    return f"certificate={own.certificate},key={own.key},peers={peers},pins={pin}"


@dataclass
class Site:
    """A node whose line and whose connector speak nothing but mutual TLS."""

    world: TlsWorld
    node: NodeProcess
    port: int
    lis_port: int

    def analyzer(self, identity: Identity | None) -> TlsAnalyzer:
        return TlsAnalyzer(self.port, context=client_context(self.world.ca, identity))

    def page(self, path: str) -> str:
        address = f"http://127.0.0.1:{self.node.monitor_port}{path}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return str(answer.read().decode())

    def line(self) -> dict[str, object]:
        return self.node.listing("lines")[0]


@pytest.fixture
def site(tls_world: TlsWorld, tmp_path: Path) -> Iterator[Site]:
    port, lis_port = free_port(), free_port()
    world = tls_world
    out = f"tls = {table(world.node, world.ca.file, world.lis.pin)}"
    node = NodeProcess(tmp_path, [("chem-1", "generic_astm", port)], lis_port, connector_extra=out)
    node.write_settings()
    plain = f"port = {port} }}"
    text = node.settings.read_text(encoding="utf-8")
    inward = table(world.node, world.ca.file, world.analyzer.pin)
    node.settings.write_text(
        text.replace(plain, f"port = {port}, tls = {inward} }}"), encoding="utf-8"
    )
    node.start()
    yield Site(world, node, port, lis_port)
    node.stop()


def test_results_travel_through_mutual_tls_at_both_ends(site: Site) -> None:
    """In over ASTM, out over HL7; strangers are refused by name and disturb nobody."""
    world = site.world
    lis = PlainLis(site.lis_port, context=server_context(world.lis, world.ca)).start()
    analyzer = site.analyzer(world.analyzer)
    analyzer.send(frames(result_records("S-1")))
    for identity in (world.second, world.stranger, None):
        stranger = site.analyzer(identity)
        with pytest.raises(Exception):  # noqa: B017 - whatever its TLS makes of it
            stranger.send(frames(result_records("S-9")))
        stranger.close()
    analyzer.send(frames(result_records("S-2")))
    assert lis.wait_for(lambda found: len(found) == 2)
    assert [one.sample_id for one in lis.first_arrivals()] == ["S-1", "S-2"]

    line = site.line()
    connections = line["connections"]
    assert isinstance(connections, dict)
    assert connections["refused_tls"] == 3
    assert connections["accepted"] == 1
    log = site.node.log.read_text(encoding="utf-8")
    for word in ("wrong_pin", "wrong_authority", "no_certificate"):
        assert f"[{word}]" in log
    metrics = site.page("/metrics")
    for labels in ('connector="",line="chem-1"', 'connector="lis",line=""'):
        for role in ("own", "peers", "peer"):
            name = f'labwire_certificate_expiry_timestamp_seconds{{{labels},role="{role}"}}'
            assert name in metrics
    analyzer.close()
    lis.stop()


def test_a_lis_that_is_not_ours_gets_nothing(site: Site) -> None:
    """The result waits, and the status says which check refused the LIS."""
    world = site.world
    false_lis = PlainLis(site.lis_port, context=server_context(world.second, world.ca)).start()
    analyzer = site.analyzer(world.analyzer)
    analyzer.send(frames(result_records("S-1")))
    assert not false_lis.wait_for(bool, timeout_s=2.0)
    false_lis.stop()
    status = json.loads(site.node.command("status", "--json").stdout)
    assert "wrong_pin" in json.dumps(status)
    true_lis = PlainLis(site.lis_port, context=server_context(world.lis, world.ca)).start()
    assert true_lis.wait_for(lambda found: len(found) == 1)
    analyzer.close()
    true_lis.stop()


def test_the_emulators_speak_tls_as_well(site: Site, tmp_path: Path) -> None:
    """Emulated analyzer and LIS, each with its own certificate; the oracle finds everything delivered."""
    world, command = site.world, [sys.executable, "-m", "emulators"]
    owed, came = tmp_path / "owed", tmp_path / "came"
    outward = option(world.lis, world.ca.file, world.node.pin)
    inward = option(world.analyzer, world.ca.file, world.node.pin)
    place = f"127.0.0.1:{site.lis_port}"
    pace = ["--count", "3", "--every-s", "0", "--seconds", "30", "--obligations", str(owed)]
    lis = subprocess.Popen(
        [*command, "lis", "--listen", place, "--tls", outward, "--arrivals", str(came)]
    )
    try:
        sent = subprocess.run(
            [*command, "analyzer", "--tcp", f"localhost:{site.port}", "--tls", inward, *pace],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "3 messages acknowledged" in sent.stdout
        wait_until_delivered(site)
    finally:
        lis.terminate()
        lis.wait(timeout=20)
    done = subprocess.run(
        [*command, "verdict", "--obligations", str(owed), "--arrivals", str(came)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def wait_until_delivered(site: Site) -> None:
    for _ in range(40):
        if 'labwire_deliveries_total{connector="lis",outcome="accepted"} 3.0' in site.page(
            "/metrics"
        ):
            return
        subprocess.run(["sleep", "0.25"], check=True)
    raise AssertionError("the LIS did not accept three messages")
