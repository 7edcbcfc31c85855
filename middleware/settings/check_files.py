"""What can be wrong with folders of files: of lines that take them, and of connectors that write them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from middleware.settings.parts import Parts
from middleware.settings.problems import Location, Problem, Weight
from middleware.transport.file_settings import FileDropSettings

# A network share that hangs must not keep the check, and a node that starts, waiting for ever.
ANSWERS_WITHIN_S = 3.0


def folders_can_be_used(parts: Parts) -> Iterator[Problem]:
    """Each folder must be there, and files must be movable in it; a share may come later, so this only warns."""
    for place, transport, _ in _file_lines(parts):
        for key, trouble, is_wrong in _looked_at(transport):
            cure = (
                "choose a folder beside it"
                if is_wrong
                else "make it, mount its share, or correct the path"
            )
            weight = Weight.ERROR if is_wrong else Weight.WARNING
            yield parts.loaded.problem((*place, key), trouble, cure, weight)


def folders_are_one_lines(parts: Parts) -> Iterator[Problem]:
    """Two that take files from one folder would take each other's; what we write there would come back to us."""
    lines: dict[str, str] = {}
    for place, transport, line in _file_lines(parts):
        folder = _plain(transport.folder)
        if folder in lines:
            message = f'the line "{lines[folder]}" takes the files of {transport.folder} already'
            yield parts.loaded.problem((*place, "folder"), message, "give each line its own folder")
        lines.setdefault(folder, line)
        if transport.out_folder is not None and _plain(transport.out_folder) == folder:
            message = "what we write for the analyzer would be taken as its messages"
            yield parts.loaded.problem((*place, "out_folder"), message, "choose another folder")
    for connector in parts.connectors:
        written = getattr(connector.settings, "folder", None)
        if isinstance(written, Path) and _plain(written) in lines:
            message = f'the line "{lines[_plain(written)]}" would take the results as messages'
            place = (*connector.location, "folder")
            yield parts.loaded.problem(place, message, "choose another folder")


def _file_lines(parts: Parts) -> list[tuple[Location, FileDropSettings, str]]:
    """The place, settings and id of each line of files, and of each connector that takes files of orders."""
    found = [
        ((*location, "transport"), line.transport, line.id)
        for location, line in parts.lines
        if isinstance(line.transport, FileDropSettings)
    ]
    for part in parts.connectors:
        own = getattr(getattr(part.settings, "orders", None), "transport", None)
        if isinstance(own, FileDropSettings):
            found.append(((*part.location, "orders"), own, f"{part.table.id}/orders"))
    return found


def _looked_at(transport: FileDropSettings) -> list[tuple[str, str, bool]]:
    """Key, trouble, and whether waiting cannot mend it."""
    found: list[tuple[str, str, bool]] = []
    looking = threading.Thread(target=lambda: found.extend(_look(transport)), daemon=True)
    looking.start()
    looking.join(ANSWERS_WITHIN_S)
    if looking.is_alive():
        return [("folder", f"the folder {transport.folder} does not answer", False)]
    return found


def _look(transport: FileDropSettings) -> list[tuple[str, str, bool]]:
    found = []
    trouble = _trouble(transport.folder)
    if trouble:
        found.append(("folder", trouble, False))
    else:
        for key in ("processed", "failed"):
            target = _first_that_exists(transport.folder / str(getattr(transport, key)))
            if target.stat().st_dev != transport.folder.stat().st_dev:
                text = f"{target} is on another disk than the folder: files cannot be moved"
                found.append((key, text, True))
    if transport.out_folder is not None:
        trouble = _trouble(transport.out_folder)
        if trouble:
            found.append(("out_folder", trouble, False))
    return found


def _trouble(folder: Path) -> str:
    if not folder.exists():
        return f"the folder {folder} does not exist"
    if not folder.is_dir():
        return f"{folder} is no folder"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"files in {folder} may not be read and moved by this user"
    return ""


def _first_that_exists(path: Path) -> Path:
    """The folder itself, or the nearest above it; the folder that is looked into exists, so there is one."""
    while not path.exists():
        path = path.parent
    return path


def _plain(path: Path) -> str:
    """One spelling of a path, without asking the disk."""
    return os.path.normcase(os.path.normpath(path))
