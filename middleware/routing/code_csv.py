"""Reads a table of test codes from CSV text, and says everything that is wrong with it at once. Pure."""

from __future__ import annotations

import csv
import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from middleware.routing.code_row import (
    LOCAL_SYSTEM,
    NOT_SENT,
    TABLE_FATES,
    CodeFate,
    CodeRow,
    CodeTable,
    Rounding,
)
from middleware.routing.code_units import FactorFault, factor_of
from middleware.routing.loinc import is_loinc, looks_deprecated

ROWS_MAX = 50_000
DECIMALS_MAX = 12
FAULTS_MAX = 200
"""More of one table say nothing new."""
CELL_MAX = 250

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "test_code": "the analyzer's test code, exactly as sent (must be given)",
        "test_detail": "the rest of its test id; empty: a result without one, `*`: whatever it is",
        "line": "only results of this line",
        "driver": "only results read by this driver",
        "analyzer": "only results of the analyzer that calls itself so",
        "module": "only results of this module; `-`: where none is named",
        "specimen_type": "only of this type of specimen, as sent; `-`: where none is named",
        "unit": "only with this unit, as sent or in UCUM; `-`: where none is sent",
        "valid_from": "first day, as 2026-01-31, in the line's zone",
        "valid_until": "last day",
        "fate": "`deliver` (the default), `keep` (never sent), `ignore` (not stored), `hold` (a person decides)",
        "lis_code": "the LIS's code (OBX-3.1)",
        "lis_name": "its name (OBX-3.2)",
        "lis_system": "its coding system (OBX-3.3); else `L`",
        "loinc": "LOINC code; its check digit is verified",
        "loinc_name": "its name",
        "lis_unit": "unit that the LIS gets (OBX-6); else the unit as sent",
        "factor": "what a value is multiplied with, as 0.0555 or 1/60; not needed where UCUM says it",
        "decimals": "digits after the point that the LIS gets",
        "rounding": "`half_even` or `half_up`; must stand where `decimals` does",
        "approved_by": "who approved the row; must stand where UCUM does not confirm the factor",
        "approved_on": "when",
        "source": "where the row comes from, as a LIVD publication",
        "note": "for people",
    }
)


@dataclass(frozen=True, slots=True)
class CodeFault:
    """One mistake of a table, or (`is_warning`) something to look at. `line` is 1-based, 0 for the whole file."""

    line: int
    column: str
    message: str
    cure: str = ""
    is_warning: bool = False


class _Wrong(Exception):
    """One cell is wrong: column, message, cure."""

    def __init__(self, column: str, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.column, self.message, self.cure = column, message, cure


def read_table(text: str, name: str) -> tuple[CodeTable, list[CodeFault]]:
    """The table of the rows that are good, and everything that is wrong with the others. Comma or semicolon."""
    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    rows: list[CodeRow] = []
    faults: list[CodeFault] = []
    try:
        for number, cells in _cells(text, faults):
            row = _row(number, cells, faults)
            if row is not None:
                rows.append(row)
            if len(rows) > ROWS_MAX:
                faults.append(CodeFault(number, "", f"more than {ROWS_MAX} rows", "cut the table"))
                break
    except csv.Error as error:
        faults.append(CodeFault(0, "", f"not CSV: {error}", "save it as CSV, with quotation marks"))
    return CodeTable(name, sha256, tuple(rows), text), faults[:FAULTS_MAX]


def _cells(text: str, faults: list[CodeFault]) -> Iterable[tuple[int, dict[str, str]]]:
    """The number and the named cells of each row; the first row that is no remark holds the names."""
    lines = ["\n" if one.startswith("#") else one for one in text.splitlines(keepends=True)]
    head = next((one for one in lines if one.strip()), "")
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] | None = None
    before = 0
    for cells in reader:
        number, before = before + 1, reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if names is None:
            names = _names(number, cells, faults)
            if not names:
                return
        elif len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
            cure = "put quotation marks around a cell that holds the delimiter"
            faults.append(CodeFault(number, "", "more cells than the first row names", cure))
        else:
            yield number, {key: cell.strip() for key, cell in zip(names, cells, strict=False)}
    if names is None:
        cure = f"the first row names the columns: {', '.join(list(COLUMNS)[:3])} …"
        faults.append(CodeFault(0, "", "the table is empty", cure))


def _names(number: int, cells: Sequence[str], faults: list[CodeFault]) -> list[str]:
    """The names of the columns; empty, so that no row is read, when one is wrong."""
    names = [cell.strip().lower().replace(" ", "_") for cell in cells]
    found = []
    for name in dict.fromkeys(filter(None, names)):
        if name not in COLUMNS:
            close = difflib.get_close_matches(name, COLUMNS, n=1)
            cure = f"did you mean {close[0]}?" if close else f"known: {', '.join(COLUMNS)}"
            found.append(CodeFault(number, name, "unknown column", cure))
        elif names.count(name) > 1:
            found.append(CodeFault(number, name, "stands twice", "keep one of them"))
    if "test_code" not in names:
        found.append(CodeFault(number, "test_code", "the column is missing", "add it"))
    faults.extend(found)
    return [] if found else names


def _row(number: int, cells: Mapping[str, str], faults: list[CodeFault]) -> CodeRow | None:
    try:
        row = _made(number, cells)
    except _Wrong as wrong:
        faults.append(CodeFault(number, wrong.column, wrong.message, wrong.cure))
        return None
    faults.extend(_doubts(row))
    return row


_TEXTS = frozenset(one.name for one in fields(CodeRow)) - frozenset(
    {"number", "valid_from", "valid_until", "fate", "factor", "decimals", "rounding"}
)


def _made(number: int, cells: Mapping[str, str]) -> CodeRow:
    if not cells.get("test_code"):
        raise _Wrong("test_code", "is empty", "write the analyzer's code, exactly as sent")
    for name, cell in cells.items():
        if len(cell) > CELL_MAX or not cell.isprintable():
            raise _Wrong(name, "holds what cannot be printed, or too much of it", "shorten it")
    values: dict[str, Any] = {name: cell for name, cell in cells.items() if name in _TEXTS}
    values |= {
        "valid_from": _day(cells, "valid_from"),
        "valid_until": _day(cells, "valid_until"),
        "fate": _word(cells, "fate", TABLE_FATES) or CodeFate.DELIVER,
        "decimals": _decimals(cells),
        "rounding": _word(cells, "rounding", tuple(Rounding)),
        "factor": Fraction(1),
    }
    row = CodeRow(number=number, **values)
    _check_days(row)
    _check_target(row)
    if row.fate in (CodeFate.KEEP, CodeFate.IGNORE):
        return row
    return _with_factor(row, cells.get("factor", ""))


def _day(cells: Mapping[str, str], name: str) -> date | None:
    cell = cells.get(name, "")
    if not cell:
        return None
    try:
        found = date.fromisoformat(cell)
    except ValueError:
        found = None
    if found is None or found.isoformat() != cell:  # it reads other forms too
        raise _Wrong(name, f"{cell!r} is no date", "write it as 2026-01-31")
    return found


def _word(cells: Mapping[str, str], name: str, known: Sequence[Any]) -> Any:
    cell = cells.get(name, "")
    if not cell:
        return None
    for one in known:
        if one.value == cell:
            return one
    raise _Wrong(name, f"unknown word {cell!r}", f"known: {', '.join(one.value for one in known)}")


def _decimals(cells: Mapping[str, str]) -> int | None:
    cell = cells.get("decimals", "")
    if not cell:
        return None
    if not re.fullmatch(r"[0-9]{1,2}", cell) or int(cell) > DECIMALS_MAX:
        raise _Wrong("decimals", f"{cell!r} is no number from 0 to {DECIMALS_MAX}")
    return int(cell)


def _check_days(row: CodeRow) -> None:
    if row.valid_from and row.valid_until and row.valid_until < row.valid_from:
        raise _Wrong("valid_until", "lies before valid_from", "exchange them")


def _check_target(row: CodeRow) -> None:
    if row.loinc and not is_loinc(row.loinc):
        message = f"{row.loinc!r} is no LOINC code: its form or its check digit is wrong"
        raise _Wrong("loinc", message, "compare it with loinc.org")
    is_sent = row.fate in (CodeFate.DELIVER, CodeFate.HOLD)
    if is_sent and not (row.lis_code or row.loinc):
        cure = "write lis_code or loinc, or the fate keep or ignore"
        raise _Wrong("lis_code", "nothing says under which code the LIS gets it", cure)
    if (row.lis_name or row.lis_system) and not row.lis_code:
        raise _Wrong("lis_code", "has a name or a system, but no code", "write the code")
    if (row.decimals is None) != (row.rounding is None):
        lacking = "decimals" if row.decimals is None else "rounding"
        raise _Wrong(lacking, "must be given: decimals and rounding stand together")


def _with_factor(row: CodeRow, cell: str) -> CodeRow:
    try:
        factor = factor_of(row, cell)
    except FactorFault as fault:
        raise _Wrong(fault.column, str(fault), fault.cure) from None
    values = {one.name: getattr(row, one.name) for one in fields(row)} | {"factor": factor}
    if row.lis_code and not row.lis_system:
        values["lis_system"] = LOCAL_SYSTEM
    return CodeRow(**values)


_REWRITTEN = re.compile(r"\d(\.\d+)?E\+\d+|\d{1,2}-[A-Z][a-z]{2}(-\d{2,4})?")


def _doubts(row: CodeRow) -> Iterable[CodeFault]:
    if looks_deprecated(row.loinc_name):
        message, cure = f"LOINC {row.loinc} is deprecated", "choose the code that replaced it"
        yield CodeFault(row.number, "loinc", message, cure, is_warning=True)
    if _REWRITTEN.fullmatch(row.test_code):
        message = f"{row.test_code!r} looks like a code that a spreadsheet rewrote"
        yield CodeFault(row.number, "test_code", message, "format the column as text", True)
    if row.specimen_type == NOT_SENT and row.fate is CodeFate.DELIVER:
        message = "results are delivered although nobody knows the specimen"
        yield CodeFault(row.number, "specimen_type", message, "", is_warning=True)
