"""`labwire-emulate` as a person types it: mistakes are told, and the verdict decides the status."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emulators.__main__ import app
from emulators.oracle import Book, Obligation, obligation_line

RUN = CliRunner()

# A suite that runs in the background may have been started with SIGINT ignored; at a terminal it is not.
HEEDING = """\
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from emulators.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyzer"],
        ["analyzer", "--tcp", "127.0.0.1:1", "--listen", "127.0.0.1:0"],
        ["analyzer", "--tcp", "nowhere"],
        ["analyzer", "--tcp", "127.0.0.1:99999"],
        ["analyzer", "--tcp", "127.0.0.1:1", "--scenario", "stedy"],
        ["analyzer", "--tcp", "127.0.0.1:1", "--time-zone", "Europe/Atlantis"],
        ["analyzer", "--tcp", "127.0.0.1:1", "--tls", "peers"],
        ["analyzer", "--tcp", "127.0.0.1:1", "--tls", "certificate=a.pem"],
        ["analyzer", "generic_csv", "--tcp", "127.0.0.1:1"],
        ["analyzer", "generic_csv", "--folder", "nowhere"],
        [
            "analyzer",
            "generic_astm",
            "--tcp",
            "127.0.0.1:1",
            "--manner",
            "odd",
            "--obligations",
            "o",
        ],
        ["lis", "--tls", "certificate=nowhere.pem,key=nowhere.key,client_certificate=not_asked"],
        ["poct1a"],
        ["poct1a", "--tcp", "127.0.0.1:1", "--panel", "feelings"],
        ["lis", "--conduct", "dance"],
        ["lis", "--plan", "soon:away"],
    ],
)
@pytest.mark.slow
def test_wrong_usage_is_told_with_status_two(arguments: list[str]) -> None:
    """A sentence, not a traceback."""
    done = RUN.invoke(app, arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


@pytest.mark.slow
def test_the_scenarios_are_listed_with_what_they_show() -> None:
    """So that a person can choose."""
    done = RUN.invoke(app, ["scenarios"])
    assert done.exit_code == 0
    assert "busy_morning" in done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "status", "said"), [("AA", 0, "verdict: good"), ("AE", 1, "lost: 1 (S-1/GLU)")]
)
def test_the_verdict_decides_the_status(
    tmp_path: Path, answer: str, status: int, said: str
) -> None:
    """Scripts and the demo rely on it."""
    owed, came = tmp_path / "owed", tmp_path / "came"
    with Book(owed) as book:
        book.write(obligation_line(Obligation("chem", "S-1", {"GLU": "5.4"})))
    row = {"control_id": "1", "sample_id": "S-1", "values": {"GLU": "5.4"}, "answer": answer}
    with Book(came) as book:
        book.write(row)
    done = RUN.invoke(app, ["verdict", "--obligations", str(owed), "--arrivals", str(came)])
    assert done.exit_code == status
    assert said in done.output


@pytest.mark.e2e
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_emulator_in_good_order(how: signal.Signals) -> None:
    """Ctrl-C, or the demo's own end: a summary and status 0."""
    command = [sys.executable, "-c", HEEDING, "lis", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        assert "listening on" in process.stdout.readline()
        process.send_signal(how)
        rest, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "LIS: 0 messages accepted" in rest
