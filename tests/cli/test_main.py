"""How `labwire` is loaded: a node carries nothing that only commands for people need."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from middleware.cli.main import plain_run
from tests.kit.node_process import free_port

# What a command needs and a node does not; alembic works in a process of its own, which ends.
# (rich comes with the library of the log, wherever both are installed.)
FOR_COMMANDS = ("typer", "alembic", "mako")

_TELLING_NODE = """\
import atexit, sys
atexit.register(lambda: print("loaded:", *sorted({{name.split(".")[0] for name in sys.modules}})))
sys.argv = ["labwire", "run", "-c", {settings!r}]
from middleware.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["run"], "labwire.toml"),
        (["run", "-c", "lab.toml"], "lab.toml"),
        (["run", "--config", "lab.toml"], "lab.toml"),
    ],
)
def test_a_plain_run_is_known_without_the_command_line_library(
    words: list[str], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These are the forms that services and people write."""
    monkeypatch.delenv("LABWIRE_CONFIG", raising=False)
    assert plain_run(words) == Path(file)


@pytest.mark.parametrize(
    "words", [[], ["run", "-h"], ["run", "-c"], ["run", "x"], ["run", "-c", "-h"], ["status"]]
)
def test_everything_else_is_left_to_it(words: list[str]) -> None:
    """Help and wrong usage look the same for every verb."""
    assert plain_run(words) is None


@pytest.mark.e2e
def test_a_node_that_made_its_store_carries_no_library_of_commands_or_migrations(
    tmp_path: Path,
) -> None:
    """It runs for months on a small machine: memory is for messages."""
    settings = tmp_path / "labwire.toml"
    settings.write_text(
        '[node]\nname = "lean"\nenvironment = "test"\n'
        f'[monitor]\nlisten = "127.0.0.1:{free_port()}"\n',
        encoding="utf-8",
    )
    node = subprocess.Popen(
        [sys.executable, "-c", _TELLING_NODE.format(settings=str(settings))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert node.stderr is not None
    started = node.stderr.readline()
    assert "node started" in re.sub(r"\x1b\[[0-9;]*m", "", started)
    for one in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):  # the impatient ask again
        node.send_signal(one)
    out, err = node.communicate(timeout=30)
    assert node.returncode == 0
    assert "node stopped" in err
    assert "Traceback" not in err
    loaded = out.partition("loaded:")[2].split()
    assert "sqlalchemy" in loaded
    assert not set(FOR_COMMANDS) & set(loaded)
