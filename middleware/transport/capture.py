"""Writes what passes over one line into files: rotating, bounded, readable by the node's user alone.

Off by default. A capture holds patient data; its files say so, and the node deletes them when their days are over.
Writing goes to the reactor's thread through a buffer that is handed on once a second: a capture is for hours of one
line, not for good. Trouble with the disk ends the capture, never the line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from middleware.clock import Clock
from middleware.wire.capture import Moment, Way, format_moment, heading

SUFFIX = ".cap"
FOLDER = "captures"
FILE_BYTES = 8 * 1024 * 1024
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """One capture: of which line, into which folder, until when, and how many bytes of files at most."""

    line: str
    folder: Path
    until: datetime
    most_bytes: int
    facts: Mapping[str, str]


class Capture:
    """I am responsible for the files of one running capture; a tap of the line's shims."""

    def __init__(self, plan: CapturePlan, clock: Clock, failed: Callable[[str], None]) -> None:
        """`failed` is told once, in words, when the files cannot be written; nothing is written after that."""
        self.plan = plan
        self.bytes_written = 0
        self.trouble = ""
        self._clock = clock
        self._failed = failed
        self._began_s = 0.0
        self._began_at = clock.utc_now()
        self._file: IO[str] | None = None
        self._path: Path | None = None
        self._in_file = 0
        self._files: list[tuple[Path, int]] = []  # those that are full, with their sizes

    @property
    def path(self) -> Path | None:
        """The file that is being written, or was last."""
        return self._path

    def start(self) -> None:
        """Make the folder and the first file. Raises OSError."""
        self._began_s = self._clock.monotonic()
        self._began_at = self._clock.utc_now()
        folder = self.plan.folder
        for one in (folder.parent, folder):  # one made as a parent would be for all to read
            one.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._open_file()

    def stop(self, why: str) -> None:
        """Write the last line and close; harmless when closed."""
        self.connection(f"capture ended: {why}")
        self._guard(self._close_file)

    def flush(self) -> None:
        """Hand what was written to the system."""
        if self._file is not None:
            self._guard(self._file.flush)

    # -- Tap --------------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """The analyzer sent this."""
        self._write(Way.FROM_ANALYZER, data)

    def sent(self, data: bytes) -> None:
        """We sent this."""
        self._write(Way.TO_ANALYZER, data)

    def connection(self, text: str) -> None:
        """What became of the connection."""
        self._write(Way.CONNECTION, text.encode())

    # -- inside -----------------------------------------------------------------------------------

    def _write(self, way: Way, data: bytes) -> None:
        if self._file is None:
            return
        at_s = max(0.0, self._clock.monotonic() - self._began_s)
        text = format_moment(Moment(at_s, way, data))
        self._guard(lambda: self._append(text))

    def _append(self, text: str) -> None:
        if self._in_file and self._in_file + len(text) > min(FILE_BYTES, self.plan.most_bytes):
            self._close_file()
            self._make_room()
            self._open_file()
        assert self._file is not None
        self._file.write(text)
        self._in_file += len(text)
        self.bytes_written += len(text)

    def _guard(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as error:
            self._file = None
            self.trouble = f"the capture could not be written: {error.strerror or error}"
            self._failed(self.trouble)

    def _open_file(self) -> None:
        now = self._clock.utc_now()
        name = self.plan.folder / (now.strftime("%Y%m%dT%H%M%S.%fZ") + SUFFIX)
        self._path = name
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        self._file = os.fdopen(handle, "w", encoding="utf-8", newline="")
        passed = timedelta(seconds=self._clock.monotonic() - self._began_s)
        facts = {
            **self.plan.facts,
            "began": self._began_at.isoformat(),
            "this file began after": f"{passed.total_seconds():.6f} s",
        }
        text = heading(facts)
        self._file.write(text)
        self._in_file = len(text)

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None and self._path is not None:
            self._files.append((self._path, self._in_file))
            file.close()

    def _make_room(self) -> None:
        """Delete the oldest files of this capture, so that with the next one it keeps to its size."""
        while self._files and sum(size for _, size in self._files) + FILE_BYTES > max(
            self.plan.most_bytes, FILE_BYTES
        ):
            self._files.pop(0)[0].unlink(missing_ok=True)


def delete_expired(folder: Path, older_than: datetime) -> list[Path]:
    """Delete the captures below `folder` whose last write was before `older_than`; answers which."""
    deleted = []
    for path in sorted(folder.glob(f"*/*{SUFFIX}")):
        if path.stat().st_mtime < older_than.timestamp():
            path.unlink(missing_ok=True)
            deleted.append(path)
    return deleted
