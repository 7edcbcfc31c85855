"""Turns the cells of a SYLK sheet into one line of text for each row, so that it is read as any other table."""

from __future__ import annotations

from collections.abc import Sequence

from middleware.errors import DriverError

CELL_END = "\x1f"  # between the cells of a row; no text of a sheet holds it
MOST_CELLS = 1_000_000
"""Of the whole sheet, empty ones among them."""

_SHEET = "ID;"
_END = "E"
_PLACED = ("C", "F")  # records that move to a cell; only C gives it a value
_ESCAPED = ";;"
_HIDDEN = "\x1e"  # stands for an escaped semicolon while a record is split


def rows_of_sheet(lines: Sequence[str]) -> list[str]:
    """The rows of a sheet, from the first; DriverError when it is no sheet or too large."""
    if not lines or not lines[0].startswith(_SHEET):
        raise DriverError(
            "the file is no SYLK sheet: it does not begin with an ID record",
            what_to_do="Look at the raw file: another export format, or a file of another analyzer.",
            record=1,
            field="ID",
        )
    cells, width, height = _cells_of(lines)
    rows = [[""] * width for _ in range(height)]
    for (x, y), text in cells.items():
        rows[y - 1][x - 1] = text
    return [CELL_END.join(row) for row in rows]


def _cells_of(lines: Sequence[str]) -> tuple[dict[tuple[int, int], str], int, int]:
    """Every cell with a value by column and row, and the size of the sheet."""
    cells: dict[tuple[int, int], str] = {}
    x = y = width = height = 1
    for number, line in enumerate(lines, start=1):
        kind, *fields = line.replace(_ESCAPED, _HIDDEN).split(";")
        if kind == _END:
            break
        if kind not in _PLACED:
            continue
        x, y = _place(fields, "X", x, number), _place(fields, "Y", y, number)
        value = next((field[1:] for field in fields if field.startswith("K")), None)
        if kind != "C" or value is None:
            continue
        cells[x, y] = _text(value)
        width, height = max(width, x), max(height, y)
        if width * height > MOST_CELLS:
            raise DriverError(
                f"the sheet has more than {MOST_CELLS} cells (line {number} of the file)",
                what_to_do="Let the analyzer export fewer results at a time.",
                record=number,
            )
    return cells, width, height


def _place(fields: Sequence[str], axis: str, current: int, number: int) -> int:
    """The column or row that a record names; the current one where it names none."""
    text = next((field[1:] for field in fields if field.startswith(axis)), None)
    if text is None:
        return current
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_CELLS)) and int(text)):
        raise DriverError(
            f"line {number} of the sheet names no cell: {axis} is {text[:20]!r}",
            what_to_do="Look at the raw file; export it again.",
            record=number,
            field=axis,
        )
    return int(text)


def _text(value: str) -> str:
    value = value.replace(_HIDDEN, ";").replace(CELL_END, " ")
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if is_quoted else value
