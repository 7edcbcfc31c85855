"""Files in, files out: emulated analyzers that write files, a node, and a folder from which a LIS takes results."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kit.node_process import NodeProcess, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

COUNT = 15
FORMATS = {"astm": "generic_astm", "hl7": "generic_hl7", "csv": "generic_csv"}


def _line(form: str, driver: str) -> str:
    ready = 'ready = "semaphore"' if form == "csv" else 'ready = "at_once"'
    return (
        f'[[line]]\nid = "{form}"\ndriver = "{driver}"\nrelease = "auto"\n'
        f'transport = {{ type = "file_drop", folder = "{form}", {ready}, poll_s = 0.1 }}\n'
    )


def _emulate(folder: Path, form: str) -> subprocess.Popen[str]:
    options = {
        "--format": form,
        "--count": str(COUNT),
        "--every-s": "0.25",
        "--seconds": "60",
        "--prefix": f"{form.upper()}-",
        "--obligations": str(folder / f"{form}.jsonl"),
        **({"--semaphore": ".ok"} if form == "csv" else {}),
    }
    given = [word for pair in options.items() for word in pair]
    return subprocess.Popen(
        [sys.executable, "-m", "emulators", "files", str(folder / form), "--quiet", *given],
        stdout=subprocess.PIPE,
        text=True,
    )


def _delivered(folder: Path) -> dict[tuple[str, str], str]:
    """Sample id and test to value, of every file that the LIS would take."""
    found = {}
    for path in sorted(folder.glob("*.hl7")):
        rows = [row.split("|") for row in path.read_bytes().decode().split("\r")]
        (sample,) = {row[3].split("^")[0] for row in rows if row[0] == "OBR"}
        for row in rows:
            if row[0] == "OBX":
                key = (sample, row[3].split("^")[0])
                assert key not in found, f"{key} was delivered twice"
                found[key] = row[5]
    return found


def test_what_analyzers_write_as_files_reaches_the_lis_as_files(tmp_path: Path) -> None:
    """ASTM text, HL7 and CSV; killed in the middle; every value once, exactly as it was written."""
    for name in (*FORMATS, "to-lis"):
        (tmp_path / name).mkdir()
    extra = "\n".join(_line(form, driver) for form, driver in FORMATS.items())
    extra += '\n[[connector]]\nid = "files"\ntype = "file_drop"\nfolder = "to-lis"\n'
    extra += '\n[[route]]\nto = ["files"]\n'
    node = NodeProcess(tmp_path, [], free_port(), extra=extra).start()
    emulated = [_emulate(tmp_path, form) for form in FORMATS]
    try:
        for _ in range(3):
            time.sleep(1.2)
            node.kill()
            node.start()
        for one in emulated:
            said, _ = one.communicate(timeout=70)
            assert f"{COUNT} files written, {COUNT} taken" in said
        owed = {
            (obligation["sample_id"], test): value
            for form in FORMATS
            for obligation in map(json.loads, (tmp_path / f"{form}.jsonl").read_text().splitlines())
            for test, value in obligation["values"].items()
            if obligation["expect"] == "deliver"
        }
        assert len(owed) >= COUNT
        until = time.monotonic() + 20
        while len(_delivered(tmp_path / "to-lis")) < len(owed) and time.monotonic() < until:
            time.sleep(0.1)
        assert _delivered(tmp_path / "to-lis") == owed
        files = [one["file_name"] for one in node.listing("messages", "list", "--limit", "1000")]
        assert sorted(files) == sorted(set(files)), "a file is one message, also after a crash"
    finally:
        for one in emulated:
            one.kill()
        node.stop()
