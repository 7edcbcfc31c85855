"""Writes one file so that nobody ever sees half of it: another name first, on the disk, then its own name.

Blocking: call it in a thread.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

# Names that are tried before a folder is given up: one second's files of a busy line are some hundreds.
_MOST_NAMES = 10_000

UNFINISHED = ".tmp"


def unused(folder: Path, name: str) -> Path:
    """`name` in `folder`, or that name with -2, -3 … before its ending where a file has it already.

    Raises FileExistsError when too many have it.
    """
    path = folder / name
    if not os.path.lexists(path):
        return path
    stem, ending = path.stem, path.suffix
    for number in range(2, _MOST_NAMES):
        path = folder / f"{stem}-{number}{ending}"
        if not os.path.lexists(path):
            return path
    raise FileExistsError(f"too many files are called {name}")


def write_file(folder: Path, name: str, content: bytes) -> Path:
    """Write `content` as a new file of `folder` and answer its path: `name`, or that with a number.

    The content is on the disk before the file has its name, and the name when this returns. A file that is there is
    never written over. Raises OSError; then there is no such file, at most one that ends in .tmp.
    """
    path = unused(folder, name)
    unfinished = path.with_name(path.name + UNFINISHED)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
    sync_folder(folder)
    return path


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can do that."""
    with contextlib.suppress(OSError):  # network shares refuse it, and have their own ways
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
