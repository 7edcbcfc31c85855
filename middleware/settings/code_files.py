"""Reads the tables of test codes that the settings name, and says everything that is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from middleware.line.settings import LineSettings
from middleware.routing.code_checks import faults_between_rows
from middleware.routing.code_csv import FAULTS_MAX, CodeFault, read_table
from middleware.routing.code_row import CodeTable
from middleware.routing.codes import LineCodes, Scope
from middleware.settings.load import Loaded
from middleware.settings.parts import Parts
from middleware.settings.problems import Location, Problem, Weight, did_you_mean

LARGEST_TABLE_BYTES = 8 * 1024 * 1024


class TableNotRead(Exception):
    """A file that is no table of codes at all: what is wrong, and what to do."""

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


def read_code_tables(parts: Parts) -> list[Problem]:
    """Give each line that has a table its `line_codes`; answers what is wrong with the tables, each told once."""
    if parts.codes is None:
        return []
    problems: list[Problem] = []
    tables: dict[Path, CodeTable | None] = {}
    for place, path in _named(parts):
        if path not in tables:
            tables[path] = _table_of(parts, place, path, problems)
    for location, line in parts.lines:
        path_of_line = line.codes or parts.codes.table
        if path_of_line is None:
            problems += _rule_without_table(parts, location, line)
            continue
        table = tables[path_of_line]
        if table is not None:
            zone = line.time_zone or (parts.node.time_zone if parts.node is not None else "UTC")
            scope = Scope(line.id, line.driver, zone)
            rule = line.unmapped_codes or parts.codes.unmapped
            parts.line_codes[line.id] = LineCodes(table, scope, rule)
    return [*problems, *_panels_of_unknown_tests(parts)]


def _panels_of_unknown_tests(parts: Parts) -> Iterator[Problem]:
    """Where every line has a table, a test that none of them knows refuses the whole panel."""
    if parts.codes is None or len(parts.line_codes) < len(parts.lines):
        return
    known: set[str] = set().union(*[one.orderable for one in parts.line_codes.values()])
    for panel, tests in parts.codes.panels.items():
        for test in tests:
            if test not in known:
                message = (
                    f'the panel "{panel}" names the test "{test}", which no table of codes has'
                )
                cure = "add a row for it to a table, or take it out of the panel"
                place = ("codes", "panels")
                yield parts.loaded.problem(place, message, cure, Weight.WARNING)


def _named(parts: Parts) -> Iterator[tuple[Location, Path]]:
    if parts.codes is not None and parts.codes.table is not None:
        yield ("codes", "table"), parts.codes.table
    for location, line in parts.lines:
        if line.codes is not None:
            yield (*location, "codes"), line.codes


def _rule_without_table(parts: Parts, location: Location, line: LineSettings) -> Iterator[Problem]:
    if line.unmapped_codes is not None:
        message = f'the line "{line.id}" has no table of codes, so nothing is unmapped'
        place = (*location, "unmapped_codes")
        yield parts.loaded.problem(place, message, "name the table in codes, or remove this")


def _table_of(
    parts: Parts, place: Location, path: Path, problems: list[Problem]
) -> CodeTable | None:
    try:
        table, faults = read_code_file(path)
    except TableNotRead as error:
        problems.append(parts.loaded.problem(place, str(error), error.cure))
        return None
    problems += [_problem(path, fault) for fault in faults]
    problems += _unknown_names(parts, path, table)
    return table


def read_code_file(path: Path) -> tuple[CodeTable, list[CodeFault]]:
    """The table in a file, with all its faults. Raises TableNotRead."""
    text = read_text(path)
    table, faults = read_table(text, path.name)
    return table, [*faults, *islice(faults_between_rows(table), FAULTS_MAX)]


def read_text(path: Path, most: int = LARGEST_TABLE_BYTES) -> str:
    """A text file of a bounded size, in UTF-8. Raises TableNotRead."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise TableNotRead(
            f"{path} cannot be read: {error.strerror}", "correct the path, or make the file"
        ) from error
    if len(content) > most:
        raise TableNotRead(f"{path} is larger than {most // 1024 // 1024} MiB", "cut it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableNotRead(
            f"{path} is not UTF-8 text (byte {error.start})", "save it as CSV UTF-8"
        ) from error


def _problem(path: Path, fault: CodeFault) -> Problem:
    weight = Weight.WARNING if fault.is_warning else Weight.ERROR
    return Problem(path, fault.line, fault.column, fault.message, fault.cure, weight)


def _unknown_names(parts: Parts, path: Path, table: CodeTable) -> Iterator[Problem]:
    """A row for a line or driver that no line has never counts."""
    lines = [name for _, name in parts.ids_of("line")]
    drivers = sorted({name for _, name in parts.named_drivers()})
    for row in table.rows:
        if row.line and row.line not in lines:
            message, cure = f'there is no line "{row.line}"', did_you_mean(row.line, lines)
            yield Problem(path, row.number, "line", message, cure, Weight.WARNING)
        if row.driver and row.driver not in drivers:
            message = f'no line has the driver "{row.driver}"'
            cure = did_you_mean(row.driver, drivers)
            yield Problem(path, row.number, "driver", message, cure, Weight.WARNING)


def with_tables(loaded: Loaded, codes: Mapping[str, LineCodes]) -> tuple[str, str]:
    """The text of the settings with the tables after it, as remarks, and the sha256 of both: another table is another
    setup, and what it said stays known."""
    tables = {one.table.sha256: one.table for one in codes.values()}
    if not tables:
        return loaded.text, loaded.sha256
    parts = [loaded.text.rstrip("\n")]
    for sha256, table in sorted(tables.items()):
        parts.append(f"\n# table of codes {table.name}, sha256 {sha256}")
        parts += [f"#| {line}" for line in table.text.splitlines()]
    whole = "\n".join(parts) + "\n"
    return whole, hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
