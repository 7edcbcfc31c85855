"""Reads a whole file into an Envelope: every row by itself, and whatever no rule explains is listed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.protocols.columns.cut import NotARow, make_cutter
from drivers.protocols.columns.layout import Layout, Plan, make_layout
from drivers.protocols.columns.paths import preamble_keys, uses_of
from drivers.protocols.columns.preamble import Preamble
from drivers.protocols.columns.results import ResultReader, Runs
from drivers.protocols.columns.row import Row, row_locator
from drivers.protocols.columns.settings import ColumnsSettings, RowFate, RowRule
from drivers.protocols.columns.specimens import SpecimenReader
from middleware.driver.mapping import text_reader
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import Envelope, Fault, Result, Unread, proven

MOST_RESULTS = 10_000
"""In one file. A plate has some hundreds; reading more would keep every other line waiting."""
MOST_UNREAD = 1_000
"""Rows of one file that could not be read; beyond that the file is not what the profile describes."""

_new_envelope = proven(Envelope)
_new_unread = proven(Unread)
_NO_ROWS = "no_rows"
_NO_VALUE = "the row has no value in any column that is a test"


@dataclass(slots=True)
class _File:
    """What is known of one file while it is read."""

    time_zone: str
    preamble: Preamble
    layout: Layout | None = None
    results: list[Result] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    runs: Runs = field(default_factory=Runs)
    first: Row | None = None
    rows: int = 0
    needs_units: bool = False

    def put_aside(self, line: int, reason: str, sample_id: str = "") -> None:
        """List a row that gives no result; DriverError when there are too many."""
        if len(self.unread) >= MOST_UNREAD:
            raise DriverError(
                f"more than {MOST_UNREAD} rows cannot be read; the first: {self.unread[0].reason} "
                f"(line {self.unread[0].record})",
                what_to_do="Look at the raw file; the profile does not fit it.",
                record=self.unread[0].record,
            )
        self.unread.append(_new_unread(sample_id=sample_id, reason=reason, record=line))


class TableReader:
    """I read files by one profile. I keep nothing from one file to the next."""

    def __init__(self, profile: Profile, settings: ColumnsSettings) -> None:
        locate = row_locator(settings.nothing)
        self._profile, self._settings = profile, settings
        self._plan = Plan(settings, uses_of(profile, settings), locate)
        self._keys = preamble_keys(self._plan.uses)
        self._cut = make_cutter(settings)
        self._specimens = SpecimenReader(profile.specimen, locate, settings.sample_id_pattern)
        self._results = ResultReader(profile, locate, settings)
        self._whole_line, self._of_row = _row_rules(settings, self._plan)
        self._units = _units_test(settings, self._plan)
        header = profile.header
        self._header = [
            text_reader(rule, locate)
            for rule in (header.analyzer, header.serial, header.control_id, header.sent_at)
        ]
        self._identify = [
            (path, locate(path), (wanted,) if isinstance(wanted, str) else wanted)
            for path, wanted in profile.identify.items()
        ]

    def read(self, lines: list[str], time_zone: str) -> Envelope:
        """The file as an Envelope; DriverError when it is not a table that the profile describes."""
        settings = self._settings
        file = _File(time_zone, self._new_preamble())
        if not settings.heading:
            self._begin(file, [*settings.names, *settings.positions], 0)
        for number, line in enumerate(lines, start=1):
            if line.strip() and self._take(file, number, line) is RowFate.END:
                break
        if file.layout is None:
            raise file.preamble.no_headings()
        return self._envelope(file)

    def _new_preamble(self) -> Preamble:
        settings = self._settings
        return Preamble(settings.heading, self._keys, settings.preamble_separator)

    def _envelope(self, file: _File) -> Envelope:
        texts = [read(file.first) if file.first is not None else "" for read in self._header]
        analyzer, serial, control_id, sent_at = texts
        nothing = Fault(code=_NO_ROWS, text="the file has headings and not one row")
        return _new_envelope(
            analyzer=analyzer,
            analyzer_serial=serial,
            message_control_id=control_id,
            sent_at_text=sent_at,
            results=tuple(file.results),
            unread=tuple(file.unread),
            faults=() if file.rows else (nothing,),
        )

    def _begin(self, file: _File, headings: list[str], line: int) -> None:
        if file.layout is not None:
            _check_is_one_report(file.layout, line, *file.layout.preamble)
        file.layout = make_layout(self._plan, headings, line, file.preamble.texts)
        file.needs_units = self._units is not None

    def _take(self, file: _File, number: int, line: str) -> RowFate | None:
        """One line that is not blank; END when nothing below it is to be read."""
        layout = file.layout
        if layout is not None:
            rule = next((one for one, fits in self._whole_line if fits(line)), None)
            if rule is not None:
                return self._leave(file, number, rule)
        try:
            cells = self._cut(line)
            if file.preamble.is_heading(line, cells):
                self._begin(file, cells, number)
                return None
            if layout is None:
                file.preamble.take(number, cells)
                return None
            if layout.preamble:
                _check_is_one_report(layout, number, file.preamble.path_of(cells))
            return self._take_cells(file, layout, number, cells)
        except NotARow as fault:
            if layout is not None:
                file.rows += 1
                file.put_aside(number, f"the row cannot be read: {fault}")
            return None

    def _take_cells(
        self, file: _File, layout: Layout, number: int, cells: list[str]
    ) -> RowFate | None:
        if not any(cell.strip() for cell in cells):
            return None
        row = layout.row(number, cells)
        if self._units is not None and self._units(row):
            layout.take_units(cells)
            file.needs_units = False
            return None
        rule = next((one for one, fits in self._of_row if fits(row)), None)
        if rule is not None:
            return self._leave(file, number, rule, self._specimens.sample_id(row))
        self._check_analyzer(row)
        if file.needs_units:
            raise DriverError(
                f"no row with the units stands above line {number}",
                what_to_do="Look at the raw file; correct `units_row` of the profile.",
                record=number,
            )
        self._read_results(file, layout, row, cells)
        return None

    def _leave(
        self, file: _File, number: int, rule: RowRule, sample_id: str = ""
    ) -> RowFate | None:
        if rule.fate is RowFate.UNREAD:
            file.rows += 1
            file.put_aside(number, rule.reason or "a row that holds no result", sample_id)
        return rule.fate

    def _read_results(self, file: _File, layout: Layout, row: Row, cells: list[str]) -> None:
        file.rows += 1
        file.first = file.first or row
        specimen = self._specimens.read(row)
        before = len(file.results)
        for one in layout.rows_of_groups(row, cells):
            if len(file.results) >= MOST_RESULTS:
                raise DriverError(
                    f"the file holds more than {MOST_RESULTS} results (line {row.line})",
                    what_to_do="Let the analyzer export fewer results at a time.",
                    record=row.line,
                )
            file.results.append(self._results.read(one, specimen, file.time_zone, file.runs))
        if len(file.results) == before:
            file.put_aside(row.line, _NO_VALUE, specimen.sample_id)

    def _check_analyzer(self, row: Row) -> None:
        for path, text_of, wanted in self._identify:
            found = text_of(row)
            if found not in wanted:
                raise DriverError(
                    f"wrong analyzer on this line: {path} is {found!r}, "
                    f"{self._profile.id} expects {' or '.join(map(repr, wanted))} (line {row.line})",
                    what_to_do="Check the folder and the line's `driver`; then replay the file.",
                    record=row.line,
                    field=path,
                )


def _check_is_one_report(layout: Layout, line: int, *paths: str) -> None:
    """Refuse a second report in one file: what stands above the first may name another specimen than the second's."""
    again = next((path for path in paths if path in layout.preamble), None)
    if again is not None:
        raise DriverError(
            f"a second report begins in line {line}: {again} of the first does not hold for it",
            what_to_do="Let the analyzer write one report into each file.",
            record=line,
            field=again,
        )


LineTests = list[tuple[RowRule, Callable[[str], bool]]]
RowTests = list[tuple[RowRule, Callable[[Row], bool]]]


def _row_rules(settings: ColumnsSettings, plan: Plan) -> tuple[LineTests, RowTests]:
    """The rules for whole lines, and those for one column."""
    lines: LineTests = []
    rows: RowTests = []
    for rule in settings.rows:
        pattern = re.compile(rule.pattern, re.IGNORECASE)
        if rule.column is None:
            lines.append((rule, _line_test(pattern)))
        else:
            rows.append((rule, _row_test(plan, rule.column, pattern)))
    return lines, rows


def _units_test(settings: ColumnsSettings, plan: Plan) -> Callable[[Row], bool] | None:
    wide = settings.wide
    if wide is None or wide.units_row is None:
        return None
    return _row_test(plan, wide.units_row.column, re.compile(wide.units_row.pattern, re.IGNORECASE))


def _line_test(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda line: pattern.fullmatch(line) is not None


def _row_test(plan: Plan, path: str, pattern: re.Pattern[str]) -> Callable[[Row], bool]:
    text_of = plan.locate(path)
    return lambda row: pattern.fullmatch(text_of(row)) is not None
