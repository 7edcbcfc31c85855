"""Whatever the analyzer said of a result counts: a resend that says something else is never swallowed (promise 2)."""

from __future__ import annotations

import pytest

from middleware.review.repetition import fingerprint, specimen_hash
from tests.kit.made_setups import made_result
from tests.kit.stored_rows import stored_row

SAID = [
    "line",
    "sample_id",
    "sample_role",
    "patient_id",
    "patient_authority",
    "patient_name",
    "birth_date",
    "sex",
    "control_lot",
    "control_level",
    "module",
    "test_code",
    "test_detail",
    "measured_text",
    "value_kind",
    "value_raw",
    "value_number",
    "value_upper",
    "comparator",
    "value_text",
    "unit",
    "reference_range",
    "abnormal_flags",
    "abnormal_flags_raw",
    "instrument_flags",
    "comments",
    "result_status",
    "status_raw",
    "dilution_factor",
]


@pytest.mark.parametrize("column", SAID)
def test_a_difference_in_any_column_makes_another_fingerprint(column: str) -> None:
    """Each column by itself, so that none can be left out unseen."""
    row = stored_row(made_result())
    other = row | {column: "something else"}
    assert fingerprint(specimen_hash(row), row) != fingerprint(specimen_hash(other), other)
