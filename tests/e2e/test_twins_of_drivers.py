"""A whole node and the twins of drivers, one by each protocol: what they say arrives at the LIS, value for value."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from emulators.oracle import read_obligations
from tests.kit.node_process import NodeProcess, free_port
from tests.kit.plain_lis import PlainLis

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

BY_FOLDER = "roche_cobas_c111_export"
BY_CONNECTION = (
    "siemens_dca_vantage",
    "mindray_bc",
    "generic_poct1a",
    "generic_law",
    "biomerieux_mini_vidas",
)
COUNT = 6


def _twin(driver: str, way: list[str], owed: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "emulators", "analyzer", driver, *way, "--quiet"]
    command += ["--obligations", str(owed), "--prefix", f"{driver[-4:].upper()}-"]
    command += ["--count", str(COUNT), "--every-s", "0.1", "--seconds", "60"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _line(driver: str, transport: str) -> str:
    return f'[[line]]\nid = "{driver}"\ndriver = "{driver}"\nrelease = "auto"\ntransport = {transport}\n'


def test_what_the_twins_of_all_protocols_say_arrives_at_the_lis_value_for_value(
    tmp_path: Path,
) -> None:
    """LIS2, HL7, POCT1-A, LAW and telegrams of no standard over TCP, and a table in a folder."""
    folder = tmp_path / "in"
    folder.mkdir()
    ports = {driver: free_port() for driver in BY_CONNECTION}
    lines = [
        _line(one, f'{{ type = "tcp_listen", host = "127.0.0.1", port = {port} }}')
        for one, port in ports.items()
    ]
    file_drop = f'{{ type = "file_drop", folder = "{folder}", ready = "at_once", poll_s = 0.1 }}'
    lis = PlainLis().start()
    first = ("chem", "generic_astm", free_port())
    extra = "".join([*lines, _line(BY_FOLDER, file_drop)])
    node = NodeProcess(tmp_path, [first], lis.port, extra=extra)
    node.start()
    try:
        ways = {one: ["--tcp", f"127.0.0.1:{port}"] for one, port in ports.items()}
        ways[BY_FOLDER] = ["--folder", str(folder)]
        twins = {one: _twin(one, way, tmp_path / f"{one}.owed") for one, way in ways.items()}
        said = {one: twin.communicate(timeout=90)[0] for one, twin in twins.items()}
        owed = {
            (one.sample_id, code): value
            for driver in ways
            for one in read_obligations(tmp_path / f"{driver}.owed")
            if one.expect.value == "deliver"
            for code, value in one.values.items()
        }
        assert len(owed) >= len(ways) * (COUNT - 2), said
        wanted = {sample_id for sample_id, _ in owed}
        arrived = lis.wait_for(lambda got: {one.sample_id for one in got} >= wanted, 30)
        results = node.listing("results", "list", "--limit", "1000")
        held = [one for one in results if one["release_state"] == "held"]
        assert arrived, (said, held[:3])
        assert _delivered(lis) == owed
    finally:
        node.stop()
        lis.stop()


def _delivered(lis: PlainLis) -> dict[tuple[str, str], str]:
    return {
        (one.sample_id, row[3].split("^")[0]): row[5]
        for one in lis.first_arrivals()
        for row in one.observations()
    }
