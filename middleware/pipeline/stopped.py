"""Which results a stop of automatic release is for, and the finding that says so. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from middleware.model import Finding, VerdictKind
from middleware.store.suspensions import Suspension


def stopped_by(row: Mapping[str, Any], stops: Sequence[Suspension]) -> Finding | None:
    """The finding of a result that a stop in force fits."""
    tests = ("", row["test_code"], row.get("lis_code"))
    found = [one for one in stops if one.line in ("", row["line"]) and one.test_code in tests]
    if not found:
        return None
    said = "; ".join(
        f"by {one.author} (stop {one.id}, {scope_of(one)}): {one.reason}" for one in found
    )
    return Finding(
        check="release",
        code="suspended",
        verdict=VerdictKind.HOLD,
        text=f"Automatic release is stopped {said}. Compare the result, then release or reject it.",
    )


def scope_of(one: Suspension) -> str:
    """What a stop is for, in words."""
    return f"{one.test_code or 'every test'} of {one.line or 'every line'}"
