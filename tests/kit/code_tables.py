"""Tables of test codes for tests, from CSV text, and rows of the results table to translate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from middleware.model import ReleaseMode
from middleware.routing.code_checks import faults_between_rows
from middleware.routing.code_csv import CodeFault, read_table
from middleware.routing.code_row import CodeTable
from middleware.routing.codes import LineCodes, Scope, UnmappedRule
from middleware.setup import Setup
from tests.kit.made_setups import RECEIVED_AT, made_result, made_setup
from tests.kit.stored_rows import stored_row

SCOPE = Scope("chem-1", "made", "Europe/Berlin")


def faults_of(text: str) -> list[CodeFault]:
    """Everything that is wrong with a table."""
    table, faults = read_table(text, "chem.csv")
    return [*faults, *faults_between_rows(table)]


def table_of(text: str) -> CodeTable:
    """A table without mistakes."""
    table, faults = read_table(text, "chem.csv")
    assert [one for one in faults if not one.is_warning] == []
    return table


def codes_of(text: str, unmapped: UnmappedRule = UnmappedRule.HOLD) -> LineCodes:
    """The same for the line `chem-1`."""
    return LineCodes(table_of(text), SCOPE, unmapped)


def row_of(**said: Any) -> dict[str, Any]:
    """A result of the line `chem-1` as the store keeps it: GLU, 5.4 mmol/L, without specimen type."""
    return stored_row(made_result(**said)) | {"received_at": RECEIVED_AT}


def setup_with(text: str, release: ReleaseMode = ReleaseMode.AUTO, **line: Any) -> Setup:
    """A setup in which the line `chem-1` has that table."""
    setup = made_setup(release, **line)
    return replace(setup, codes={"chem-1": codes_of(text)})
