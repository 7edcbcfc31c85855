"""One process writes a data folder; whoever comes second is told who has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from middleware import failpoints
from middleware.errors import MiddlewareError
from middleware.failpoints import Step
from middleware.monitor.lock import LOCK_FILE, NodeAlreadyRuns, NodeLock, owner


def test_a_second_node_is_refused_and_told_who_has_the_folder(tmp_path: Path) -> None:
    with NodeLock(tmp_path):
        with pytest.raises(NodeAlreadyRuns, match=f"process {os.getpid()}, since 20"):
            NodeLock(tmp_path).acquire()
        assert owner(tmp_path).pid == os.getpid()
    assert owner(tmp_path) is None
    with NodeLock(tmp_path):
        pass


def test_acquiring_and_releasing_twice_is_harmless(tmp_path: Path) -> None:
    lock = NodeLock(tmp_path)
    lock.acquire()
    lock.acquire()
    lock.release()
    lock.release()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MiddlewareError, match="cannot be opened") as raised:
        NodeLock(tmp_path / "nowhere").acquire()
    assert raised.value.what_to_do


def test_a_lock_file_left_behind_by_a_crash_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text('{"pid": 1, "started_at": "2026-01-01T00:00:00+00:00"}')
    with NodeLock(tmp_path):
        assert owner(tmp_path).pid == os.getpid()


def test_a_step_that_is_not_armed_does_nothing() -> None:
    failpoints.arm(None)
    for step in Step:
        failpoints.hit(step)


def test_an_unknown_step_or_count_is_refused() -> None:
    """A typing error in a crash test must not make it pass."""
    for spec in ("before_lunch", "before_ack:0", "before_ack:often"):
        with pytest.raises(ValueError, match=r".+"):
            failpoints.arm(spec)
    failpoints.arm("")


@pytest.mark.slow
def test_an_armed_step_kills_the_process_at_the_named_time() -> None:
    """As a real crash does: at once, without any clean-up."""
    program = (
        "from middleware import failpoints\n"
        "from middleware.failpoints import Step\n"
        "failpoints.arm('before_ack:3')\n"
        "for n in range(5):\n"
        "    failpoints.hit(Step.AFTER_ACK)\n"
        "    print(n, flush=True)\n"
        "    failpoints.hit(Step.BEFORE_ACK)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -9
    assert ended.stdout.split() == ["0", "1", "2"]
