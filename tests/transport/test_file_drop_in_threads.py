"""File drop with real threads and a real reactor, and the writing of files that nobody sees half."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from middleware.transport.apart import run_apart
from middleware.transport.base import TransportState
from middleware.transport.file_drop import FileDropTransport
from middleware.transport.file_settings import FileDropSettings
from middleware.transport.file_writer import write_file
from middleware.transport.shim import Shim
from middleware.wire.events import Event, MessageReceived
from middleware.wire.whole import FileLink
from tests.kit.small_reactor import SmallReactor
from tests.kit.transport_owner import SilentOwner


class StoringOwner(SilentOwner):
    """Commits every file in the reactor's next turn."""

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.stored: list[tuple[str, bytes]] = []

    def make_shim(self, peer: str) -> Shim:
        shim = Shim(FileLink(10_000), self._reactor, self, peer)
        self.shims.append(shim)
        return shim

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, MessageReceived):
                self.stored.append((event.file_name, event.text))
                self._reactor.callLater(0, shim.commit, event.token)


@pytest.mark.slow
def test_files_are_taken_by_threads_in_order_and_the_reactor_goes_on(tmp_path: Path) -> None:
    """A hundred files, one after the other, each moved away."""
    world = SmallReactor()
    for number in range(100):
        (tmp_path / f"{number:03d}.txt").write_bytes(b"%d" % number)
    settings = FileDropSettings(type="file_drop", folder=tmp_path, ready="at_once", poll_s=0.01)
    owner = StoringOwner(world.reactor)
    transport = FileDropTransport(settings, world.reactor, owner)
    transport.start()
    world.until(lambda: len(owner.stored) == 100)
    world.until(lambda: not any(path.is_file() for path in tmp_path.iterdir()))
    assert [name for name, _ in owner.stored] == [f"{n:03d}.txt" for n in range(100)]
    world.finish(transport.stop())
    assert transport.state is TransportState.STOPPED
    assert owner.states == [TransportState.OPEN, TransportState.STOPPED]
    assert len(owner.closed) == 1
    assert not [call for call in world.reactor.getDelayedCalls() if call.active()]
    world.close()


@pytest.mark.slow
def test_a_line_of_files_can_be_started_again_after_a_stop(tmp_path: Path) -> None:
    world = SmallReactor()
    settings = FileDropSettings(type="file_drop", folder=tmp_path, ready="at_once", poll_s=0.01)
    owner = StoringOwner(world.reactor)
    transport = FileDropTransport(settings, world.reactor, owner)
    for number in range(3):
        transport.start()
        (tmp_path / f"{number}.txt").write_bytes(b"%d" % number)
        world.until(lambda wanted=number: len(owner.stored) == wanted + 1)
        world.finish(transport.stop())
    world.finish(transport.stop())
    world.close()


@pytest.mark.slow
def test_a_job_s_answer_and_its_error_come_back_on_the_reactor(tmp_path: Path) -> None:
    world = SmallReactor()
    got: list[Any] = []
    run_apart(world.reactor, lambda: 7).addCallback(got.append)
    run_apart(world.reactor, (tmp_path / "none").read_bytes).addErrback(
        lambda failure: got.append(failure.type)
    )
    world.until(lambda: len(got) == 2)
    assert set(got) == {7, FileNotFoundError}
    world.close()


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    """The second of one name gets a number."""
    paths = [write_file(tmp_path, "a.txt", b"%d" % number) for number in range(3)]
    assert [path.name for path in paths] == ["a.txt", "a-2.txt", "a-3.txt"]
    assert [path.read_bytes() for path in paths] == [b"0", b"1", b"2"]


def test_a_file_that_could_not_be_written_leaves_no_half_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: no file of that name, and no unfinished one either."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(tmp_path, "a.txt", b"content")
    assert list(tmp_path.iterdir()) == []
