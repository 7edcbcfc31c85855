"""Reads one settings file: text, tables with secrets resolved, and where each key stands. Never
raises for its content.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from middleware.settings.locate import Locator
from middleware.settings.problems import Location, Problem, Weight, spoken
from middleware.settings.secrets import resolve

LARGEST_FILE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """A settings file as read. `problems` already stand when it could not be read or a secret is
    missing.
    """

    path: Path
    text: str
    tables: Mapping[str, Any]
    locator: Locator
    secret_places: frozenset[Location] = frozenset()
    problems: tuple[Problem, ...] = field(default=())

    @property
    def sha256(self) -> str:
        """Of the text; secrets are not in it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def problem(
        self, location: Location, message: str, suggestion: str = "", weight: Weight = Weight.ERROR
    ) -> Problem:
        """A problem of this file at that place."""
        return Problem(
            self.path, self.locator.line_of(location), spoken(location), message, suggestion, weight
        )


def load(path: Path, environment: Mapping[str, str] | None = None) -> Loaded:
    """Read `path`. What is wrong with the file itself stands in `problems` of the answer."""
    try:
        text = _read(path)
    except (OSError, ValueError) as error:
        return _unreadable(path, error)
    return load_text(text, path, environment)


def load_text(text: str, path: Path, environment: Mapping[str, str] | None = None) -> Loaded:
    """The same for a text that was read already; `path` is what problems name and relative paths
    start from.
    """
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Loaded(path, text, {}, Locator(""), problems=(_not_toml(path, error, text),))
    resolved = resolve(tables, path.parent, os.environ if environment is None else environment)
    loaded = Loaded(path, text, resolved.data, Locator(text), frozenset(resolved.places))
    problems = tuple(loaded.problem(*fault) for fault in resolved.faults)
    return Loaded(path, text, resolved.data, loaded.locator, loaded.secret_places, problems)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        raise ValueError(f"the file is larger than {LARGEST_FILE_BYTES // 1024 // 1024} MiB")
    # Editors on other systems begin a file with a byte order mark and end lines with CR LF.
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def _unreadable(path: Path, error: Exception) -> Loaded:
    if isinstance(error, FileNotFoundError):
        what, cure = (
            "there is no such settings file",
            "write one with `labwire init`, or name yours with -c FILE",
        )
    elif isinstance(error, UnicodeDecodeError):
        what, cure = f"not UTF-8 text (byte {error.start})", "save the file as UTF-8"
    elif isinstance(error, OSError):
        what, cure = f"cannot be read: {error.strerror}", "check the path and its permissions"
    else:
        what, cure = str(error), "name the right file with -c FILE"
    return Loaded(path, "", {}, Locator(""), problems=(Problem(path, 0, "", what, cure),))


_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

# What `tomllib` says, and what a person would do about it.
_CURES = (
    ("Invalid value", 'text stands in quotation marks: key = "value"; truth is true or false'),
    ("Expected '=' after a key", "write key = value; a key has letters, digits, - and _"),
    ("Cannot overwrite a value", "the same key stands twice in one table: remove one"),
    ("Cannot declare", "the table stands twice: [[...]] in double brackets may stand often"),
    ("Cannot mutate", "the table was already closed: write all its keys in one place"),
    ("Illegal character", "close the quotation marks on the same line"),
    ("Unescaped", r"in quotation marks write \\ for one \, or use single quotes"),
    ("Unclosed", "close the bracket"),
    ("Expected newline", "one key = value on each line"),
    ("Unterminated", "close the quotation marks"),
)


def _not_toml(path: Path, error: Exception, text: str) -> Problem:
    said = str(error) or "nested too deeply"
    found = _AT.search(said)
    line = text.count("\n") + 1
    if found is not None and found[1]:
        line = int(found[1])
    what = _AT.sub("", said)
    cure = next((cure for beginning, cure in _CURES if what.startswith(beginning)), "")
    return Problem(path, line, "", f"not TOML: {what}", cure)
