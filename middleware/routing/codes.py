"""From an analyzer's test code to the LIS's, under one table: which row fits a result, and what the result becomes.

Never a guess: a result that no row fits, or several with different targets, or whose specimen type is not known where
the table asks for one, is held with the reason. A row that asks for more than another (and for all that this asks for)
goes before it. The day that counts is that of the measurement in the line's zone, else that of the message. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from middleware.driver.units import UCUM
from middleware.model import Finding, VerdictKind
from middleware.payload.hl7_time import zone
from middleware.routing.code_row import ANY, NOT_SENT, CodeFate, CodeRow, CodeTable
from middleware.routing.code_value import CannotConvert, Conversion, reported

CHECK = "codes"
"""The check that findings of this module name."""

COLUMNS = (
    "code_fate",
    "code_source",
    "lis_code",
    "lis_name",
    "lis_system",
    "loinc",
    "loinc_name",
    "reported_value",
    "reported_upper",
    "reported_unit",
    "reported_range",
)
"""Of a row of the results table: what it becomes for the LIS. NULL: as the analyzer sent it."""

AS_SENT: Mapping[str, Any] = dict.fromkeys(COLUMNS)
"""The columns of a result of a line without a table."""

_SHOWN_ROWS = 4


class UnmappedRule(StrEnum):
    """What becomes of results that no row of the table fits."""

    HOLD = "hold"
    PASS_ON = "pass"  # noqa: S105 - a word of the settings, and nobody's password


@dataclass(frozen=True, slots=True)
class Scope:
    """What all results of a line share: its id, its driver's id, and the time zone of its days."""

    line: str
    driver: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Translation:
    """What a result becomes: its columns, and why it is held (None: nothing about its code holds it)."""

    columns: Mapping[str, Any]
    finding: Finding | None = None

    @property
    def fate(self) -> CodeFate:
        """Of the code."""
        return CodeFate(self.columns["code_fate"])


@dataclass(frozen=True, slots=True)
class _Asked:
    """What rows may ask of a result."""

    test_code: str
    test_detail: str
    analyzer: str
    module: str
    specimen_type: str
    unit: str
    unit_ucum: str

    def meets(self, row: CodeRow, column: str) -> bool:
        if column == "test_detail":
            return row.test_detail in (ANY, self.test_detail)
        wanted, given = getattr(row, column), getattr(self, column)
        if not wanted:
            return True
        if wanted == NOT_SENT:
            return not given
        return self._has_unit(wanted) if column == "unit" else bool(wanted == given)

    def _has_unit(self, wanted: str) -> bool:
        """As sent or in UCUM. Where the driver knows that this analyzer means something else by the same letters
        (`g/L` for 10*9/L), those letters alone are not enough."""
        if wanted == self.unit_ucum:
            return True
        usual = UCUM.get(wanted, "")
        return wanted == self.unit and (not (self.unit_ucum and usual) or usual == self.unit_ucum)

    def words(self, column: str) -> str:
        """What the result has in a key column, for a person."""
        said = getattr(self, column) or "not sent"
        is_other = column == "unit" and self.unit_ucum not in ("", self.unit)
        return f"{_KEY_WORDS[column]} {said}" + (f" (UCUM {self.unit_ucum})" if is_other else "")


_KEYS = ("test_detail", "analyzer", "module", "specimen_type", "unit")
_KEY_WORDS = {
    "test_detail": "detail",
    "analyzer": "analyzer",
    "module": "module",
    "specimen_type": "specimen type",
    "unit": "unit",
}


class LineCodes:
    """The table of one line. I remember what each kind of result becomes, so that a result costs one look-up."""

    KINDS_MAX = 10_000
    """Codes come from analyzers, so what is remembered is bounded."""

    def __init__(self, table: CodeTable, scope: Scope, unmapped: UnmappedRule) -> None:
        self.table, self.scope, self.unmapped = table, scope, unmapped
        rows = [row for row in table.rows if _is_of(row, scope)]
        self._rows = CodeTable(table.name, table.sha256, tuple(rows)).by_code()
        self._by_lis_code = _by_lis_code(rows)
        self._is_dated = any(row.valid_from or row.valid_until for row in rows)
        self._known: dict[object, tuple[Translation, Conversion | None]] = {}

    @property
    def orderable(self) -> frozenset[str]:
        """The LIS's codes that this line's analyzer has a test for."""
        return frozenset(self._by_lis_code)

    def code_for(self, lis_code: str, specimen_type: str) -> str | None:
        """The analyzer's code of a test as the LIS orders it; None: it has none, or several and nothing tells which.

        A row of this specimen type goes before one for any.
        """
        rows = self._by_lis_code.get(lis_code, ())
        own = {
            row.test_code for row in rows if specimen_type and row.specimen_type == specimen_type
        }
        found = own or {row.test_code for row in rows if row.specimen_type in ("", NOT_SENT)}
        return next(iter(found)) if len(found) == 1 else None

    def translate(self, row: Mapping[str, Any]) -> Translation:
        """What a row of the results table becomes."""
        key = (
            row["test_code"],
            row["test_detail"],
            row["analyzer"],
            row["module"],
            row["specimen_type"],
            row["unit"],
            row["unit_ucum"],
            self._day_of(row) if self._is_dated else None,
        )
        found = self._known.get(key)
        if found is None:
            found = self._resolve(_Asked(*[part or "" for part in key[:-1]]), key[-1])
            if len(self._known) < self.KINDS_MAX:
                self._known[key] = found
        translation, conversion = found
        return translation if conversion is None else _converted(row, translation, conversion)

    def _day_of(self, row: Mapping[str, Any]) -> date:
        at = row["received_at"] if row["measured_at"] is None else row["measured_at"]
        return datetime.fromtimestamp(at, zone(self.scope.time_zone)).date()

    def _resolve(self, asked: _Asked, day: date | None) -> tuple[Translation, Conversion | None]:
        rows = self._rows.get(asked.test_code, ())
        valid = [row for row in rows if day is None or row.is_valid_on(day)]
        if not valid:
            return self._without_row(_no_row(asked, rows, day, self.table.name)), None
        fitting = [row for row in valid if all(asked.meets(row, key) for key in _KEYS)]
        if _lacks_specimen_type(asked, valid, fitting):
            return self._held(_unknown_specimen_type(asked, self.table.name)), None
        if not fitting:
            return self._without_row(_no_row_fits(asked, valid, self.table.name)), None
        best = _most_exact(fitting)
        if len({row.target for row in best}) > 1:
            return self._held(_several_targets(asked, best, self.table.name)), None
        return self._by_row(best[0])

    def _without_row(self, finding: Finding) -> Translation:
        if self.unmapped is UnmappedRule.PASS_ON:
            return Translation({**AS_SENT, "code_fate": CodeFate.PASSED.value})
        return self._held(finding)

    def _held(self, finding: Finding) -> Translation:
        columns = {**AS_SENT, "code_fate": CodeFate.UNMAPPED.value}
        return Translation(columns, finding)

    def _by_row(self, row: CodeRow) -> tuple[Translation, Conversion | None]:
        source = self.table.source_of(row)
        columns: dict[str, Any] = {
            **AS_SENT,
            "code_fate": row.fate.value,
            "code_source": source,
            "lis_code": row.lis_code or None,
            "lis_name": row.lis_name or None,
            "lis_system": row.lis_system or None,
            "loinc": row.loinc or None,
            "loinc_name": row.loinc_name or None,
            "reported_unit": row.lis_unit or None,
        }
        if row.fate is CodeFate.HOLD:
            return Translation(columns, _held_by_table(row, source)), Conversion.of(row)
        is_sent = row.fate is CodeFate.DELIVER
        return Translation(columns), Conversion.of(row) if is_sent else None


def _by_lis_code(rows: Sequence[CodeRow]) -> Mapping[str, Sequence[CodeRow]]:
    """Rows whose results go to the LIS, or to a person for the LIS, by the LIS's code."""
    found: dict[str, list[CodeRow]] = {}
    for row in rows:
        if row.lis_code and row.fate in (CodeFate.DELIVER, CodeFate.HOLD):
            found.setdefault(row.lis_code, []).append(row)
    return found


def _is_of(row: CodeRow, scope: Scope) -> bool:
    return row.line in ("", scope.line) and row.driver in ("", scope.driver)


def _converted(
    row: Mapping[str, Any], translation: Translation, conversion: Conversion
) -> Translation:
    try:
        return Translation(
            {**translation.columns, **reported(row, conversion)}, translation.finding
        )
    except CannotConvert as error:
        text = (
            f"The table of codes turns {row['test_code']} from {row['unit'] or 'no unit'} into "
            f"{translation.columns['reported_unit'] or row['unit']}, but {error}. "
            "Look at the value; a row of the table for this unit can leave it as it is."
        )
        columns = {**AS_SENT, "code_fate": CodeFate.UNMAPPED.value}
        return Translation(columns, _hold("cannot_convert", text))


def _lacks_specimen_type(
    asked: _Asked, valid: Sequence[CodeRow], fitting: Sequence[CodeRow]
) -> bool:
    """The table tells specimens apart for this test, and this one's type is not known."""
    if asked.specimen_type or any(row.specimen_type == NOT_SENT for row in fitting):
        return False
    others = [key for key in _KEYS if key != "specimen_type"]
    return any(
        row.specimen_type not in ("", NOT_SENT) and all(asked.meets(row, key) for key in others)
        for row in valid
    )


def asks_for(row: CodeRow) -> frozenset[str]:
    """The key columns in which a row wants something."""
    asked = {key for key in ("line", "driver", *_KEYS[1:]) if getattr(row, key)}
    return frozenset(asked if row.test_detail == ANY else asked | {"test_detail"})


def _most_exact(rows: Sequence[CodeRow]) -> list[CodeRow]:
    """Those of which no other asks for all the same and more."""
    asked = [asks_for(row) for row in rows]
    return [
        row
        for row, mine in zip(rows, asked, strict=True)
        if not any(mine < others for others in asked)
    ]


def _hold(code: str, text: str) -> Finding:
    return Finding(check=CHECK, code=code, verdict=VerdictKind.HOLD, text=text)


_THEN = "then `labwire codes release`."


def _no_row(asked: _Asked, rows: Sequence[CodeRow], day: date | None, name: str) -> Finding:
    if rows:
        text = (
            f"No row of {name} for the test {asked.test_code} counts on {day}, the day of measurement. "
            f"Correct valid_from or valid_until, or add a row, {_THEN}"
        )
        return _hold("code_not_in_force", text)
    text = f"{name} has no row for the test {asked.test_code} of this line. Add one, {_THEN}"
    return _hold("unmapped_code", text)


def _no_row_fits(asked: _Asked, rows: Sequence[CodeRow], name: str) -> Finding:
    wrong = [key for key in _KEYS if not any(asked.meets(row, key) for row in rows)]
    said = ", ".join(asked.words(key) for key in wrong or _KEYS[3:])
    lines = ", ".join(str(row.number) for row in rows[:_SHOWN_ROWS])
    hint = f" ({ANY} as test_detail takes any)" if "test_detail" in wrong else ""
    text = (
        f"{name} has rows for the test {asked.test_code} (line {lines}), but none for this result: {said}{hint}. "
        f"Add a row that fits, {_THEN}"
    )
    return _hold("no_row_fits", text)


def _unknown_specimen_type(asked: _Asked, name: str) -> Finding:
    text = (
        f"{name} tells the test {asked.test_code} apart by specimen type, and the analyzer sent none. "
        f"Let it send the type, or add a row with - as specimen_type, {_THEN}"
    )
    return _hold("unknown_specimen_type", text)


def _several_targets(asked: _Asked, rows: Sequence[CodeRow], name: str) -> Finding:
    said = "; ".join(f"line {row.number}: {row.words}" for row in rows[:_SHOWN_ROWS])
    text = (
        f"Several rows of {name} fit the test {asked.test_code} and say different things ({said}). "
        f"Let one of them ask for more, {_THEN}"
    )
    return _hold("several_targets", text)


def _held_by_table(row: CodeRow, source: str) -> Finding:
    why = f" ({row.note})" if row.note else ""
    text = (
        f"The table of codes holds every result of the test {row.test_code} for a person{why}; "
        f"{source}. Release or reject it."
    )
    return _hold("held_by_table", text)
