"""Bytes of an export to one sheet: its delimiter, its heading row, its columns. No meaning yet."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from middleware.draft.shapes import is_number

_DELIMITERS = ("\t", ";", ",", "|")
_FEWEST_CELLS = 3
_MOST_LINES = 5_000
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_SYLK_CELL = re.compile(r"C;(?:X(\d+);)?(?:Y(\d+);)?(?:X(\d+);)?K(.*)")
_DATE_LIKE = re.compile(r"\d{1,4}[-/.:]\d{1,2}.*")
_LONGEST_HEADING = 120


@dataclass(frozen=True, slots=True)
class Sheet:
    """A heading row and the rows below. `names` are unique: the second `Unit` is `Unit[2]`; '' has no heading."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    above: tuple[tuple[str, ...], ...]
    delimiter: str
    encoding: str
    is_sylk: bool = False
    lengths: frozenset[int] = frozenset()

    def texts(self, name: str) -> list[str]:
        """What stands in one column, row by row."""
        at = self.names.index(name)
        return self.at(at)

    def at(self, number: int) -> list[str]:
        """What stands in the column with this number, from 0."""
        return [row[number].strip() if number < len(row) else "" for row in self.rows]

    def filled(self, name: str) -> list[str]:
        """What stands in one column where something does."""
        return [text for text in self.texts(name) if text]


def read_sheet(data: bytes) -> Sheet | None:
    """The sheet in an export; None when it is no table."""
    text, encoding = _decoded(data)
    if text.lstrip().startswith("<"):
        return None
    if text.startswith("ID;"):
        return _sheet(_sylk_rows(text), "", encoding, is_sylk=True)
    lines = [line for line in _LINE_ENDS.split(text)[:_MOST_LINES] if line.strip()]
    best: tuple[int, str, list[list[str]]] = (0, "", [])
    for delimiter in _DELIMITERS:
        rows = _cut(lines, delimiter)
        weight = _weight(rows)
        if weight > best[0]:
            best = (weight, delimiter, rows)
    return _sheet(best[2], best[1], encoding) if best[0] else None


def _cut(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:  # no table: a cell longer than any export has
        return []


def _decoded(data: bytes) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), ""
    if data.startswith(b"\xef\xbb\xbf"):
        return data.decode("utf-8-sig", "replace"), ""
    try:
        return data.decode("utf-8"), "" if data.isascii() else "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), ""


def _weight(rows: Sequence[Sequence[str]]) -> int:
    """How many cells stand in rows of the most usual length."""
    lengths = Counter(len(row) for row in rows if len(row) >= _FEWEST_CELLS)
    if not lengths:
        return 0
    return (
        max(length * count for length, count in lengths.items() if count > 1)
        if max(lengths.values()) > 1
        else 0
    )


def _sylk_rows(text: str) -> list[list[str]]:
    cells: dict[tuple[int, int], str] = {}
    row = 0
    for line in _LINE_ENDS.split(text)[: _MOST_LINES * 10]:
        found = _SYLK_CELL.fullmatch(line)
        if found is None:
            continue
        row = int(found[2]) if found[2] else row
        column = int(found[1] or found[3] or 1)
        if column <= 4096 and row <= _MOST_LINES:  # noqa: PLR2004
            cells[row, column] = found[4].strip('"')
    if not cells:
        return []
    width = max(column for _, column in cells)
    return [
        [cells.get((row, column), "") for column in range(1, width + 1)]
        for row in sorted({one for one, _ in cells})
    ]


def _sheet(
    rows: list[list[str]], delimiter: str, encoding: str, *, is_sylk: bool = False
) -> Sheet | None:
    at = _heading_row(rows)
    if at < 0:
        return None
    below = [tuple(row) for row in rows[at + 1 :] if any(cell.strip() for cell in row)]
    if not below:
        return None
    return Sheet(
        _unique([cell.strip() for cell in rows[at]]),
        tuple(below),
        tuple(tuple(row) for row in rows[:at]),
        delimiter,
        encoding,
        is_sylk,
        frozenset(len(row) for row in below),
    )


def _heading_row(rows: Sequence[Sequence[str]]) -> int:
    """The first of the rows with the most different words."""
    best, words_of_best = -1, _FEWEST_CELLS - 1
    for number, row in enumerate(rows[:-1]):
        words = {cell.strip() for cell in row if _is_word(cell.strip())}
        if len(words) > words_of_best:
            best, words_of_best = number, len(words)
    return best


def _is_word(cell: str) -> bool:
    return (
        bool(cell)
        and len(cell) <= _LONGEST_HEADING
        and not is_number(cell)
        and not _DATE_LIKE.fullmatch(cell)
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    unique = []
    for name in names:
        counts[name] += 1
        unique.append(f"{name}[{counts[name]}]" if name and counts[name] > 1 else name)
    return tuple(unique)
