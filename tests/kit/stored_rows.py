"""Rows of the results table as processing makes them, for tests of what is rendered from them."""

from __future__ import annotations

from typing import Any

from middleware.model import Result
from middleware.pipeline.rows import EMPTY_RESULT, measured_columns, result_row, specimen_columns


def stored_row(result: Result, **decision: Any) -> dict[str, Any]:
    """One released row of line chem-1, verified by the automatic rules."""
    shared = {
        **EMPTY_RESULT,
        "line": "chem-1",
        "analyzer": "Chemist 9",
        "supersedes": None,
        **specimen_columns(result.specimen),
        **measured_columns(result.measured, "Europe/Berlin"),
    }
    return result_row(shared, result) | {"verifier": "auto:identity+form@setup 1"} | decision
