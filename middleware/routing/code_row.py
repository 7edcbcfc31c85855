"""One row of a table of test codes: what it asks of a result, and what that becomes. Also the table as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

NOT_SENT = "-"
"""In a key column: the analyzer sends nothing there."""
ANY = "*"
"""In `test_detail`: whatever it is. (An empty cell means there: a result without one.)"""
LOCAL_SYSTEM = "L"
"""HL7 table 0396: local general code. What a site's own codes are called where the table names no system."""


class CodeFate(StrEnum):
    """What becomes of results of one code. The first four stand in tables; the others are of results without a row."""

    DELIVER = "deliver"  # to the LIS under its code
    KEEP = "keep"  # stored here, never sent
    IGNORE = "ignore"  # not stored as a result; the message stays in the journal
    HOLD = "hold"  # a person decides each time
    UNMAPPED = "unmapped"  # held until the table has a row that fits
    PASSED = "passed"  # sent under the analyzer's own code, for the settings say so


TABLE_FATES = (CodeFate.DELIVER, CodeFate.KEEP, CodeFate.IGNORE, CodeFate.HOLD)


class Rounding(StrEnum):
    """How a value that lies between two is rounded; half way between them, to the even digit or away from zero."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One row. `number` is its line in the file, 1-based.

    Key columns are texts, compared exactly: empty means anything, `-` that nothing was sent; `test_detail` is the
    exception (see ANY). `valid_from` and `valid_until` are the first and the last day in the line's zone. `factor` is
    what a value in `unit` is multiplied with to be one in `lis_unit`; 1 where nothing is to be multiplied.
    """

    number: int
    test_code: str
    test_detail: str = ""
    line: str = ""
    driver: str = ""
    analyzer: str = ""
    module: str = ""
    specimen_type: str = ""
    unit: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    fate: CodeFate = CodeFate.DELIVER
    lis_code: str = ""
    lis_name: str = ""
    lis_system: str = ""
    loinc: str = ""
    loinc_name: str = ""
    lis_unit: str = ""
    factor: Fraction = Fraction(1)
    decimals: int | None = None
    rounding: Rounding | None = None
    approved_by: str = ""
    approved_on: str = ""
    source: str = ""
    note: str = ""

    @property
    def target(self) -> tuple[object, ...]:
        """All that a result becomes by this row; rows with the same target are one."""
        names = (self.lis_code, self.lis_name, self.lis_system, self.loinc, self.loinc_name)
        return (self.fate, *names, self.lis_unit, self.factor, self.decimals, self.rounding)

    @property
    def words(self) -> str:
        """The target for a person."""
        parts = [self.lis_code, f"LOINC {self.loinc}" if self.loinc else "", self.lis_unit]
        said = " ".join(part for part in parts if part)
        return said if self.fate is CodeFate.DELIVER else f"{self.fate.value} {said}".strip()

    def is_valid_on(self, day: date) -> bool:
        """Whether the row counts on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A table as read: `name` is its file's, `sha256` of its bytes, `text` as it was."""

    name: str
    sha256: str
    rows: tuple[CodeRow, ...]
    text: str = field(default="", repr=False)

    def by_code(self) -> Mapping[str, tuple[CodeRow, ...]]:
        """The rows of each test code, in the order of the file."""
        found: dict[str, list[CodeRow]] = {}
        for row in self.rows:
            found.setdefault(row.test_code, []).append(row)
        return {code: tuple(rows) for code, rows in found.items()}

    def source_of(self, row: CodeRow) -> str:
        """The row by name, as results keep it: file, version, line."""
        return f"{self.name}@{self.sha256[:12]}:{row.number}"
