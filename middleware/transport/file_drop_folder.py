"""The folder of file drop as the disk has it: which files are complete, their content, where they go.

Everything here blocks (a network share may hang for minutes) and is called in a thread. Times are monotonic seconds and
arguments; the times of files are only compared with each other, so a step of any clock harms nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from middleware.transport.file_settings import FileDropSettings, FileReady
from middleware.transport.file_writer import unused

# Files taken after one look; the rest after the next.
MOST_AT_ONCE = 500
# A file that cannot be read may be locked by its writer, an empty one is perhaps just begun: so long they may be so.
PATIENCE_S = 60.0

_NEVER_BEFORE = (".", "~")
_NEVER_AFTER = (".tmp", ".part", ".err", ".note")


class Mark(NamedTuple):
    """What tells that a file is still the same."""

    size: int
    changed_ns: int
    number: int


@dataclass(frozen=True, slots=True)
class Found:
    """A complete file. `semaphore` is the name of the file that says so."""

    name: str
    mark: Mark
    semaphore: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look into the folder showed: files to take in order, and how many were set aside and still lie there."""

    files: tuple[Found, ...]
    set_aside: int


class Content(NamedTuple):
    """What reading a file gave: its bytes, or why it is not taken, or neither: it is not complete yet."""

    data: bytes = b""
    problem: str = ""


class DropFolder:
    """I am responsible that a file is taken only when it is complete, and is never deleted."""

    def __init__(self, settings: FileDropSettings) -> None:
        self.path = settings.folder
        self.processed = settings.folder / settings.processed
        self.failed = settings.folder / settings.failed
        self._settings = settings
        self._pattern = settings.pattern.lower()
        self._seen: dict[str, tuple[Mark, float]] = {}  # the file as it was, and since when
        self._unreadable: dict[str, float] = {}  # since when
        self._is_prepared = False

    def look(self, now: float) -> Look:
        """Which files are complete. Raises OSError when the folder, or those for its files, cannot be used."""
        try:
            if not self._is_prepared:
                self._prepare()
            marks = dict(self._candidates())
        except OSError:
            self._is_prepared = False
            raise
        self._seen = {
            name: known if (known := self._seen.get(name)) and known[0] == mark else (mark, now)
            for name, mark in marks.items()
        }
        self._unreadable = {name: at for name, at in self._unreadable.items() if name in marks}
        found = [self._complete(name, now) for name in sorted(marks)]
        ready = [one for one in found if one is not None][:MOST_AT_ONCE]
        return Look(tuple(ready), _count_files(self.failed))

    def read(self, found: Found, now: float) -> Content:
        """The whole file. One that changes while it is read is not complete yet."""
        limit = self._settings.max_file_bytes
        if found.mark.size > limit:
            return Content(problem=f"it is longer than {limit} bytes (max_file_bytes)")
        try:
            with (self.path / found.name).open("rb") as file:
                data = file.read(limit + 1)
                mark = _mark(os.fstat(file.fileno()))
        except FileNotFoundError:
            return Content()  # its writer took it back
        except OSError as error:
            if now - self._unreadable.setdefault(found.name, now) < PATIENCE_S:
                return Content()
            return Content(problem=f"it cannot be read: {error.strerror}")
        self._unreadable.pop(found.name, None)
        if mark != found.mark or len(data) != mark.size:
            return Content()
        return Content(data) if data else Content(problem="it is empty")

    def keep(self, found: Found, moment: str, note: str = "") -> bool:
        """Move a stored file to `processed`; with a `note`, a text file beside it says it. False: it changed meanwhile.

        `moment` is YYYYMMDDhhmmss. Raises OSError when it cannot be moved.
        """
        day = self.processed / moment[:4] / moment[4:6] / moment[6:8]
        return self._move(found, day, moment, (".note", note))

    def set_aside(self, found: Found, moment: str, why: str) -> bool:
        """Move a file that cannot be taken to `failed`, with a .err file that says why. As `keep`."""
        return self._move(found, self.failed, moment, (".err", why))

    def _prepare(self) -> None:
        """The folder must be there: made by us it would hide that a share is not mounted."""
        if not stat.S_ISDIR(self.path.stat().st_mode):
            raise NotADirectoryError(20, "it is no folder")
        for folder in (self.processed, self.failed):
            folder.mkdir(parents=True, exist_ok=True)
            if folder.stat().st_dev != self.path.stat().st_dev:
                raise OSError(
                    18, f"{folder.name} is on another disk, so files cannot be moved there"
                )
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise PermissionError(13, "files in it may not be moved")
        self._is_prepared = True

    def _candidates(self) -> Iterator[tuple[str, Mark]]:
        semaphores = self._settings.ready is FileReady.SEMAPHORE
        with os.scandir(self.path) as entries:
            for entry in entries:
                if not is_taken(entry.name, self._pattern):
                    continue
                if semaphores and entry.name.endswith(self._settings.semaphore):
                    continue
                mark = _mark_of(entry)
                if mark is not None:
                    yield entry.name, mark

    def _complete(self, name: str, now: float) -> Found | None:
        mark, since = self._seen[name]
        settings = self._settings
        semaphore = ""
        if settings.ready is FileReady.SEMAPHORE:
            semaphore = self._semaphore_of(name)
            if not semaphore:
                return None
        elif settings.ready is FileReady.STABLE:
            needed = settings.stable_s if mark.size else max(settings.stable_s, PATIENCE_S)
            if now - since < needed:
                return None
        return Found(name, mark, semaphore)

    def _semaphore_of(self, name: str) -> str:
        """`report.csv.ok`, else `report.ok`; '' while there is none."""
        ending = self._settings.semaphore
        for semaphore in (name + ending, Path(name).stem + ending):
            if (self.path / semaphore).exists():
                return semaphore
        return ""

    def _move(self, found: Found, folder: Path, moment: str, said: tuple[str, str]) -> bool:
        source = self.path / found.name
        try:
            if _mark(source.lstat()) != found.mark:
                return False
        except FileNotFoundError:
            return False
        folder.mkdir(parents=True, exist_ok=True)
        target = unused(folder, found.name)
        if target.name != found.name:  # one of that name is there: the time tells them apart
            target = unused(folder, f"{source.stem}-{moment[8:]}{source.suffix}")
        if (
            found.semaphore
        ):  # before the file: one left behind would announce the next file of that name too early
            self._move_semaphore(found, target)
        ending, text = said
        if text:
            words = f"{found.name}: {text}.\n".encode("utf-8", "backslashreplace")
            target.with_name(target.name + ending).write_bytes(words)
        source.rename(target)
        self._seen.pop(found.name, None)
        return True

    def _move_semaphore(self, found: Found, target: Path) -> None:
        """Where one semaphore stands for several files (report.csv, report.pdf), the last one takes it along."""
        stem, ending = Path(found.name).stem, self._settings.semaphore
        shared = found.semaphore == stem + ending and any(
            Path(name).stem == stem for name in self._seen if name != found.name
        )
        if not shared:
            with contextlib.suppress(FileNotFoundError):
                (self.path / found.semaphore).rename(target.with_name(target.name + ending))


def is_taken(name: str, pattern: str) -> bool:
    """Whether a file of that name is one for us. `pattern` in lower case; upper and lower case are alike."""
    lower = name.lower()
    if lower.startswith(_NEVER_BEFORE) or lower.endswith(_NEVER_AFTER):
        return False
    return fnmatchcase(lower, pattern)


def _mark_of(entry: os.DirEntry[str]) -> Mark | None:
    """None for what is no file of its own (a folder, a link), and for one that is gone since it was listed."""
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return _mark(status) if stat.S_ISREG(status.st_mode) else None


def _mark(status: os.stat_result) -> Mark:
    return Mark(status.st_size, status.st_mtime_ns, status.st_ino)


def _count_files(folder: Path) -> int:
    """Files that a person has not looked at yet: those that an .err file speaks of."""
    try:
        with os.scandir(folder) as entries:
            return sum(entry.name.endswith(".err") for entry in entries)
    except FileNotFoundError:
        return 0
