"""What can be wrong between rows of a table of codes: two targets for one result, two tests under one code. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from operator import attrgetter

from middleware.routing.code_csv import CodeFault
from middleware.routing.code_row import ANY, NOT_SENT, CodeFate, CodeRow, CodeTable
from middleware.routing.codes import asks_for

ROWS_OF_ONE_CODE_MAX = 200
"""Rows of one test code are compared with each other; more of them are a mistake."""


def faults_between_rows(table: CodeTable) -> Iterator[CodeFault]:
    """Results that two rows claim, and codes of the LIS that two tests of one line become."""
    for code, rows in table.by_code().items():
        if len(rows) > ROWS_OF_ONE_CODE_MAX:
            message = f"the test {code} has {len(rows)} rows"
            cure = f"at most {ROWS_OF_ONE_CODE_MAX} are compared; cut the table"
            yield CodeFault(rows[-1].number, "test_code", message, cure)
            continue
        yield from _claimed_twice(rows)
    yield from _one_code_for_two_tests(table.rows)


_keys_of = attrgetter("line", "driver", "analyzer", "module", "specimen_type", "unit")


def _claimed_twice(rows: Sequence[CodeRow]) -> Iterator[CodeFault]:
    keys = [_keys_of(row) for row in rows]
    for (at, one), (other_at, other) in combinations(enumerate(rows), 2):
        pairs = zip(keys[at], keys[other_at], strict=True)
        if any(mine != others and mine and others for mine, others in pairs):
            continue  # nearly all: no result has both
        if one.target == other.target or not _can_both_fit(one, other):
            continue
        mine, others = asks_for(one), asks_for(other)
        if mine == others:
            message = f"fits the same results as line {one.number}, and says something else"
            cure = "remove one, or give them valid_from and valid_until"
            yield CodeFault(other.number, "test_code", message, cure)
        elif not (mine < others or others < mine):
            message = f"some results fit this row and line {one.number}: they are held"
            cure = "let one of the rows ask for all that the other asks for"
            yield CodeFault(other.number, "test_code", message, cure, is_warning=True)


def _can_both_fit(one: CodeRow, other: CodeRow) -> bool:
    """Of two rows whose keys do not exclude each other: the same detail, on the same day."""
    is_same_detail = ANY in (one.test_detail, other.test_detail) or (
        one.test_detail == other.test_detail
    )
    return is_same_detail and _overlap_in_time(one, other)


def _one_code_for_two_tests(rows: Sequence[CodeRow]) -> Iterator[CodeFault]:
    first: dict[tuple[str, ...], CodeRow] = {}
    for row in rows:
        if row.fate is not CodeFate.DELIVER or not (row.lis_code or row.loinc):
            continue
        target = (row.line, row.driver, row.analyzer, row.lis_system, row.lis_code or row.loinc)
        key = (*target, row.specimen_type.replace(NOT_SENT, ""), row.module)
        other = first.setdefault(key, row)
        is_same_test = (other.test_code, other.test_detail) == (row.test_code, row.test_detail)
        if not is_same_test and _overlap_in_time(other, row):
            message = f"becomes the same code as the test {other.test_code} (line {other.number})"
            cure = "if one analyzer measures both, the LIS cannot tell them apart"
            yield CodeFault(row.number, "lis_code", message, cure, is_warning=True)


def _overlap_in_time(one: CodeRow, other: CodeRow) -> bool:
    return not (
        (one.valid_until and other.valid_from and one.valid_until < other.valid_from)
        or (other.valid_until and one.valid_from and other.valid_until < one.valid_from)
    )
