"""Commands reach the running node through a socket that only its user may open."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from middleware.errors import StoreNotWritable
from middleware.monitor import control
from middleware.monitor.control_client import CommandFailed, NoNodeRuns, call, socket_path
from tests.kit.running_reactor import RunningReactor, running_reactor

pytestmark = pytest.mark.slow  # real sockets


async def _greet(arguments: Mapping[str, Any], author: str) -> dict[str, Any]:
    return {"hello": arguments["whom"], "by": author}


async def _full(_arguments: Mapping[str, Any], _author: str) -> None:
    raise StoreNotWritable("the disk is full", what_to_do="free space")


async def _broken(_arguments: Mapping[str, Any], _author: str) -> None:
    raise ZeroDivisionError("MUELLER^ANNA")


def _never(_arguments: Mapping[str, Any], _author: str) -> Deferred[None]:
    return Deferred()


VERBS = {"greet": _greet, "full": _full, "broken": _broken, "never": _never}


@pytest.fixture
def running() -> Iterator[RunningReactor]:
    with running_reactor() as reactor:
        yield reactor


@pytest.fixture
def folder(running: RunningReactor, tmp_path: Path) -> Iterator[Path]:
    server = control.ControlServer(running.reactor, tmp_path, VERBS)
    running.do(server.start)
    yield tmp_path
    running.do(server.stop)


def test_a_command_is_done_and_answered(folder: Path) -> None:
    """The person at the terminal gets the node's answer, and the node knows who asked."""
    answer = call(folder, "greet", {"whom": "chem-1"}, "B. Brandt")
    assert answer == {"hello": "chem-1", "by": "B. Brandt"}


def test_only_the_nodes_user_may_open_the_socket(folder: Path) -> None:
    """The file's permission is the authentication."""
    assert stat.S_IMODE(socket_path(folder).stat().st_mode) == 0o600


def test_an_error_comes_with_what_to_do(folder: Path) -> None:
    """Not a trace, a sentence."""
    with pytest.raises(CommandFailed, match="the disk is full") as failed:
        call(folder, "full", {}, "B. Brandt")
    assert failed.value.reason == "store-not-writable"
    assert failed.value.what_to_do == "free space"


def test_a_fault_of_a_verb_is_told_without_data_and_the_node_goes_on(folder: Path) -> None:
    """What an exception quotes may be a patient."""
    with pytest.raises(CommandFailed) as failed:
        call(folder, "broken", {}, "B. Brandt")
    assert "ZeroDivisionError" in str(failed.value)
    assert "MUELLER" not in str(failed.value)
    assert call(folder, "greet", {"whom": "x"}, "B. Brandt")


def test_an_unknown_verb_is_refused_with_the_known_ones(folder: Path) -> None:
    """A newer command against an older node."""
    with pytest.raises(CommandFailed) as failed:
        call(folder, "dance", {}, "B. Brandt")
    assert "greet" in failed.value.what_to_do


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[]",
        b"[" * 100_000,
        b'{"verb":"greet"}',
        b'{"verb":"greet","author":"","arguments":{}}',
        b'{"verb":"greet","author":"a\\nb","arguments":{}}',
        b'{"verb":"greet","author":"\\ud800","arguments":{}}',
    ],
    ids=lambda line: line[:40].decode(),
)
def test_a_request_of_the_wrong_shape_is_refused(folder: Path, line: bytes) -> None:
    """A stray program on the same machine."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(socket_path(folder)))
        client.sendall(line + b"\n")
        answer = json.loads(client.makefile("rb").readline())
    assert answer["ok"] is False
    assert answer["code"] == "bad-request"


def test_a_node_that_does_not_answer_in_time_is_told(folder: Path) -> None:
    """The command must not hang, nor claim that nothing was done."""
    with pytest.raises(CommandFailed, match="did not answer") as failed:
        call(folder, "never", {}, "B. Brandt", timeout_s=0.05)
    assert "look before you repeat" in failed.value.what_to_do


def test_without_a_node_the_command_knows(tmp_path: Path) -> None:
    """Then it may take the lock and do the work itself."""
    with pytest.raises(NoNodeRuns):
        call(tmp_path, "greet", {}, "B. Brandt")


def test_a_socket_left_by_a_kill_is_no_node(running: RunningReactor, tmp_path: Path) -> None:
    """After kill -9 the file is still there; the next node takes its place."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(socket_path(tmp_path)))
    with pytest.raises(NoNodeRuns):
        call(tmp_path, "greet", {"whom": "x"}, "B. Brandt")
    server = control.ControlServer(running.reactor, tmp_path, VERBS)
    running.do(server.start)
    assert call(tmp_path, "greet", {"whom": "x"}, "B. Brandt")
    running.do(server.stop)
    assert not socket_path(tmp_path).exists()


def test_a_data_folder_deep_in_the_tree_has_a_socket_too(
    running: RunningReactor, tmp_path: Path
) -> None:
    """A socket's own name is limited to about 100 bytes; the folder's is not."""
    deep = tmp_path.joinpath(*["a-rather-long-name-of-a-folder"] * 5)
    deep.mkdir(parents=True)
    server = control.ControlServer(running.reactor, deep, VERBS)
    running.do(server.start)
    assert call(deep, "greet", {"whom": "x"}, "B. Brandt")
    running.do(server.stop)


def test_a_line_without_end_is_cut_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody fills the node's memory through the socket."""
    monkeypatch.setattr(control._Connection, "MAX_LENGTH", 1000)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(socket_path(folder)))
        client.sendall(b"x" * 5000)
        with pytest.raises(ConnectionError):
            if client.recv(1) == b"":
                raise ConnectionResetError
