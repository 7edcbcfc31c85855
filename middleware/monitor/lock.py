"""The node lock: names the one process that may write a data folder (DESIGN 6.13)."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from middleware.clock import SystemClock
from middleware.errors import MiddlewareError

LOCK_FILE = "node.lock"
"""The file's name in data_dir. It stays when the node ends: only the lock on it counts."""


class NodeAlreadyRuns(MiddlewareError):
    """Another process writes this data folder. Use its control socket (the commands do so), or stop
    it first.
    """

    code = "node-already-runs"


@dataclass(frozen=True, slots=True)
class LockOwner:
    """Who holds the lock: process id, and since when."""

    pid: int
    started_at: datetime


class NodeLock:
    """I am responsible for there being one writer of a data folder. The system drops the lock when
    the process ends.
    """

    def __init__(self, data_dir: Path) -> None:
        """Stores; `acquire` acts."""
        self._path = data_dir / LOCK_FILE
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises NodeAlreadyRuns, naming who has it; MiddlewareError when the folder
        cannot be used.
        """
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise MiddlewareError(
                f"the lock {self._path} cannot be opened: {error.strerror}",
                what_to_do="Create data_dir, and run as the user who owns it.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise NodeAlreadyRuns(
                f"{self._path.parent} belongs to a running node{_described(owner(self._path.parent))}",
                what_to_do="Stop it first, or use another data_dir.",
            ) from error
        self._descriptor = descriptor
        _write_owner(descriptor)

    def release(self) -> None:
        """Give the lock back. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def owner(data_dir: Path) -> LockOwner | None:
    """Who the lock file names; None when it names nobody. Says nothing about whether that process
    still lives.
    """
    try:
        content = json.loads((data_dir / LOCK_FILE).read_text("ascii"))
        return LockOwner(int(content["pid"]), datetime.fromisoformat(content["started_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_owner(descriptor: int) -> None:
    started_at = SystemClock().utc_now().astimezone(UTC).isoformat(timespec="seconds")
    content = json.dumps({"pid": os.getpid(), "started_at": started_at})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content.encode("ascii") + b"\n", 0)


def _described(found: LockOwner | None) -> str:
    if found is None:
        return ""
    return f" (process {found.pid}, since {found.started_at:%Y-%m-%d %H:%M:%S} UTC)"
