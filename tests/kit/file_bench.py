"""A line of files on a fake clock: a real folder, a journal whose commits a test makes by hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from middleware.transport.file_drop import FileDropTransport
from tests.kit.line_bench import BenchClock, LineBench

POLL_S = 2.0


class FileBench(LineBench):
    """One line whose analyzer writes into `folder`. Jobs run at once, unless `hangs`: then in `hung`."""

    def __init__(self, folder: Path, **transport: Any) -> None:
        self.folder = folder
        self.hangs = False
        self.hung: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        self.transport: FileDropTransport
        given = {"type": "file_drop", "folder": folder, "ready": "at_once", **transport}
        super().__init__(transport=given)
        self.writer.is_automatic = True

    def _make_transport(self, settings: Any, reactor: Any, owner: Any, _random: Any) -> Any:
        self.transport = FileDropTransport(
            settings, reactor, owner, BenchClock(self.clock), self._apart
        )
        return self.transport

    def _apart(self, _reactor: Any, job: Callable[[], Any]) -> Deferred[Any]:
        if self.hangs:
            waiting: Deferred[Any] = Deferred()
            self.hung.append((job, waiting))
            return waiting
        try:
            return succeed(job())
        except Exception:  # noqa: BLE001 - handed on, as the thread does
            return fail()

    def drop(self, name: str, content: bytes) -> Path:
        """The analyzer writes a file."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def look(self, times: int = 1) -> None:
        """The line looks into the folder so many times."""
        for _ in range(times):
            self.turn(POLL_S)

    def names(self, below: str = "") -> list[str]:
        """Files below a folder of the line's, by their path in it."""
        top = self.folder / below
        return sorted(
            os.path.relpath(os.path.join(where, name), top)  # noqa: PTH118
            for where, _, names in os.walk(top)
            for name in names
        )

    def inbox(self) -> list[str]:
        """Files that lie in the folder itself."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())

    def stored(self) -> list[tuple[str, bytes]]:
        """Name and content of each file in the journal."""
        return [(entry["file_name"], entry["text"]) for entry in self.writer.journal()]
