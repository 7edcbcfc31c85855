"""Cuts a line of text into cells: at a delimiter, or at fixed positions. One line is one row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping

from drivers.protocols.columns.settings import ColumnsSettings
from drivers.protocols.columns.sylk import CELL_END

LONGEST_LINE = 64 * 1024
"""Characters. The widest table known to us has some 300 columns and 8,000 characters in a row."""
MOST_COLUMNS = 4_096

Cutter = Callable[[str], list[str]]


class NotARow(ValueError):
    """A line that cannot be cut; the text says why."""


def make_cutter(settings: ColumnsSettings) -> Cutter:
    """A function from a line to its cells, as they stand; it raises NotARow."""
    if settings.positions:
        return fixed_cutter(settings.positions, may_be_short=settings.short_rows)
    if settings.sylk or settings.xml_row:
        return delimited_cutter(CELL_END)
    return delimited_cutter(settings.delimiter, settings.quote)


def delimited_cutter(delimiter: str, quote: str = "") -> Cutter:
    """Cut at `delimiter`; a cell in `quote` may hold it, and holds the quote itself doubled."""

    def cut(line: str) -> list[str]:
        _check_length(line)
        if line.count(delimiter) >= MOST_COLUMNS:
            raise NotARow(f"it has more than {MOST_COLUMNS} columns")
        if not quote or quote not in line:
            return line.split(delimiter)
        try:
            (cells,) = csv.reader([line], delimiter=delimiter, quotechar=quote, strict=True)
        except csv.Error as error:
            raise NotARow(f"its quotes do not fit: {error}") from error
        return cells

    return cut


def fixed_cutter(positions: Mapping[str, tuple[int, int]], *, may_be_short: bool = False) -> Cutter:
    """Cut at the first and last character (from 1) of each column, in the order given."""
    places = [(first - 1, last) for first, last in positions.values()]
    width = max((last for _, last in places), default=0)

    def cut(line: str) -> list[str]:
        _check_length(line)
        if len(line) < width and not may_be_short:
            raise NotARow(f"it has {len(line)} characters, and the last column ends at {width}")
        return [line[first:last] for first, last in places]

    return cut


def _check_length(line: str) -> None:
    if len(line) > LONGEST_LINE:
        raise NotARow(f"it has {len(line)} characters; at most {LONGEST_LINE} are read")
