"""Sets a LIVD catalogue against a table of test codes: what a person may take over. The table stays as it is. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from middleware.routing.code_row import CodeRow, CodeTable
from middleware.routing.livd import LivdRow

COLUMNS = (
    "proposal",
    "test_code",
    "test_detail",
    "specimen_type",
    "unit",
    "fate",
    "lis_code",
    "lis_name",
    "lis_system",
    "loinc",
    "loinc_name",
    "source",
    "note",
)
"""Of the file of proposals: the first says what it is, the others are those of a table."""


class ProposalKind(StrEnum):
    """How a suggestion stands to the table."""

    NEW = "new"  # the table has no row for the test
    ADDS_LOINC = "adds_loinc"  # it has, without LOINC
    DIFFERS = "differs"  # it has another LOINC code; the table's stays
    SAME = "same"  # nothing to do
    NO_LOINC = "no_loinc"  # the vendor knows none for a test that the table lacks
    REFUSED = "refused"  # no LOINC code
    GONE = "gone"  # the table took it over earlier, and the catalogue does not say it any more


@dataclass(frozen=True, slots=True)
class Proposal:
    """One suggestion with what the table has (`mine`: a row of the same test, the one with this code if there is)."""

    kind: ProposalKind
    row: LivdRow
    mine: CodeRow | None = None

    @property
    def note(self) -> str:
        """What a person should read beside it. Specimen and result are words of the vendor, for people."""
        parts = (
            self.row.trouble,
            self.row.doubt,
            f"table line {self.mine.number}: {self.mine.words}" if self.mine else "",
            f"specimen: {self.row.specimen}" if self.row.specimen else "",
            f"result: {self.row.result}" if self.row.result else "",
            self.row.comment,
        )
        return "; ".join(part for part in parts if part)[:240]


def source_of(row: LivdRow) -> str:
    """What the column `source` of a table says of a row that was taken over."""
    return " ".join(f"LIVD {row.manufacturer} {row.model} {row.publication}".split())[:240]


def proposals(catalogue: Sequence[LivdRow], table: CodeTable | None) -> list[Proposal]:
    """Every suggestion against the table, then what the table has from an earlier catalogue and this one lacks."""
    rows = {} if table is None else table.by_code()
    found = [_judged(one, rows.get(one.code, ())) for one in catalogue]
    return [*found, *_gone(catalogue, () if table is None else table.rows)]


def _judged(one: LivdRow, mine: Sequence[CodeRow]) -> Proposal:
    first = mine[0] if mine else None
    if one.trouble:
        return Proposal(ProposalKind.REFUSED, one, first)
    if not one.loinc:
        return Proposal(ProposalKind.SAME if mine else ProposalKind.NO_LOINC, one, first)
    same = next((row for row in mine if row.loinc == one.loinc), None)
    if same is not None:
        return Proposal(ProposalKind.SAME, one, same)
    if first is None:
        return Proposal(ProposalKind.NEW, one)
    has_loinc = any(row.loinc for row in mine)
    return Proposal(ProposalKind.DIFFERS if has_loinc else ProposalKind.ADDS_LOINC, one, first)


def _gone(catalogue: Sequence[LivdRow], rows: Sequence[CodeRow]) -> Iterator[Proposal]:
    said = {(one.code, one.loinc) for one in catalogue}
    codes = {one.code for one in catalogue}
    for row in rows:
        is_taken_over = row.source.startswith("LIVD ") and row.loinc
        if is_taken_over and row.test_code in codes and (row.test_code, row.loinc) not in said:
            lost = LivdRow(row.test_code, loinc=row.loinc, loinc_name=row.loinc_name)
            yield Proposal(ProposalKind.GONE, lost, row)


class _Lines:
    """What `csv.writer` writes to, without a file."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> int:
        self.lines.append(line)
        return len(line)


def as_csv(found: Sequence[Proposal]) -> str:
    """The file of proposals: what is new, adds or differs. Nothing in it is approved."""
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found:
        if one.kind is ProposalKind.SAME:
            continue
        mine, row = one.mine, one.row
        keys = (mine.test_detail, mine.specimen_type, mine.unit) if mine else ("", "", "")
        lis = (mine.lis_code, mine.lis_name, mine.lis_system) if mine else ("", row.name, "")
        fate = "deliver" if mine is None else mine.fate.value
        loinc = (row.loinc, row.loinc_name)
        writer.writerow(
            [one.kind.value, row.code, *keys, fate, *lis, *loinc, source_of(row), one.note]
        )
    return "".join(lines.lines)
