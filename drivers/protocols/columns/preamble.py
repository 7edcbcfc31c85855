"""Reads the lines above the headings as keys and values, and finds the heading row by what it holds."""

from __future__ import annotations

import re
from collections.abc import Collection

from drivers.protocols.columns.paths import PREAMBLE
from middleware.errors import DriverError

LONGEST_PREAMBLE = 20_000
"""Lines. Some software writes the raw readings of a whole plate above its results."""


class Preamble:
    """I collect the lines above the headings of one file, those with a path in `keys`.

    A key that comes twice with different values says nothing: it could be either.
    """

    def __init__(
        self, wanted: Collection[str], keys: Collection[str] = (), separator: str = ""
    ) -> None:
        self._wanted = frozenset(wanted)
        # A word that a heading row must hold, however its cells are quoted.
        self._mark = max(re.findall(r"\w+", " ".join(wanted)), key=len, default="")
        self._keys = keys
        self._separator = separator
        self._nearest: tuple[int, list[str]] = (0, sorted(wanted))
        self._lines = 0
        self.texts: dict[str, str] = {}

    def is_heading(self, line: str, cells: list[str]) -> bool:
        """Whether a row holds every heading by which the heading row is known."""
        if not self._wanted or self._mark not in line:  # nearly every row is none
            return False
        return self._wanted.issubset({cell.strip() for cell in cells})

    def path_of(self, cells: list[str]) -> str:
        """The path that a line would have if it stood above the headings."""
        return PREAMBLE + self._split(cells)[0]

    def take(self, line: int, cells: list[str]) -> None:
        """One line above the headings; DriverError when there are too many of them."""
        self._lines += 1
        if self._lines > LONGEST_PREAMBLE:
            raise self.no_headings()
        missing = sorted(self._wanted.difference(cell.strip() for cell in cells))
        if len(missing) < len(self._nearest[1]):
            self._nearest = (line, missing)
        path = self.path_of(cells)
        if path not in self._keys:
            return
        value = self._split(cells)[1]
        known = self.texts.setdefault(path, value)
        if known != value:
            self.texts[path] = ""

    def _split(self, cells: list[str]) -> tuple[str, str]:
        if self._separator:
            key, _, value = cells[0].partition(self._separator)
            return key.strip(), value.strip()
        return cells[0].strip(), cells[1].strip() if len(cells) > 1 else ""

    def no_headings(self) -> DriverError:
        """The error for a file in which no row is the heading row."""
        line, missing = self._nearest
        names = ", ".join(map(repr, missing))
        near = f"; line {line} comes nearest and lacks {names}" if line else f": {names}"
        return DriverError(
            f"no row of the file holds the headings of this driver{near}",
            what_to_do="Look at the raw file: another export format, or a file of another analyzer. "
            "Correct `delimiter` or `heading` of the profile, or the line's `driver`.",
            record=line,
            field=missing[0] if missing else "",
        )
