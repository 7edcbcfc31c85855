"""Secrets by reference: `{ env = "NAME" }` or `{ file = "path" }` wherever a setting takes text.

The settings text itself never holds a secret, so it can be shown, stored with its generation and
sent to a colleague.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from middleware.settings.problems import Location

LARGEST_SECRET_BYTES = 64 * 1024  # a key or a certificate; a reference to a log file is a mistake


@dataclass(slots=True)
class Resolved:
    """`data` with every reference replaced, where references stood, and what could not be resolved."""

    data: dict[str, Any]
    places: set[Location] = field(default_factory=set)
    faults: list[tuple[Location, str, str]] = field(default_factory=list)  # where, what, cure


def resolve(data: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> Resolved:
    """Replace the references in `data`; file names are relative to `folder`. An unresolved one
    becomes "".
    """
    resolved = Resolved({})
    resolved.data = {
        key: _walk(value, (key,), resolved, _Sources(folder, environment))
        for key, value in data.items()
    }
    return resolved


@dataclass(frozen=True, slots=True)
class _Sources:
    folder: Path
    environment: Mapping[str, str]


class _Unresolved(Exception):
    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


def _walk(value: Any, place: Location, resolved: Resolved, sources: _Sources) -> Any:
    if isinstance(value, list):
        return [_walk(one, (*place, n), resolved, sources) for n, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    # No secret is a whole table of the settings: `[rules]` with nothing but `file` names a file of rules.
    reference = _reference(value) if len(place) > 1 else None
    if reference is None:
        return {key: _walk(one, (*place, key), resolved, sources) for key, one in value.items()}
    read, name = reference
    resolved.places.add(place)
    try:
        return read(name, sources)
    except _Unresolved as fault:
        resolved.faults.append((place, fault.what, fault.cure))
        return ""


def _reference(
    value: Mapping[str, Any],
) -> tuple[Callable[[str, _Sources], str], str] | None:
    if len(value) == 1:
        ((kind, name),) = value.items()
        if isinstance(name, str) and kind in _READERS:
            return _READERS[kind], name
    return None


def _from_environment(name: str, sources: _Sources) -> str:
    if name not in sources.environment:
        raise _Unresolved(
            f"the environment has no variable {name}",
            f"set {name} for the node and for this command, or write {{ file = ... }}",
        )
    return sources.environment[name]


def _from_file(name: str, sources: _Sources) -> str:
    path = sources.folder / name
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(LARGEST_SECRET_BYTES + 1)
    except OSError as error:
        raise _Unresolved(
            f"the secret's file {path} cannot be read: {error.strerror}",
            "make the file, readable for the node's user alone",
        ) from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise _Unresolved(f"everybody can read the secret's file {path}", f"chmod 600 {path}")
    if len(content) > LARGEST_SECRET_BYTES:
        raise _Unresolved(f"{path} is too large for a secret", "name the right file")
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _Unresolved(f"{path} is not UTF-8 text", "save it as UTF-8") from error


_READERS: Mapping[str, Callable[[str, _Sources], str]] = {
    "env": _from_environment,
    "file": _from_file,
}
