"""Many results released at once: only counted ones, and none that a person must look at by itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from middleware.pipeline.anew import findings_of
from middleware.pipeline.asked import Asking, CommandRefused
from middleware.pipeline.edit import CHECK as EDIT_CHECK
from middleware.pipeline.edit import is_critical

_ONE_BY_ONE_CHECKS = frozenset({EDIT_CHECK, "identity", "manual", "repetition", "withdrawal"})
"""Checks after which a person decides over one result, having looked at it and at what it stands beside."""

_CRITICAL = "critical"
"""In the name of a check or code of the site's rules."""


def check_many(rows: Sequence[Mapping[str, Any]], counted: int | None, asking: Asking) -> None:
    """Raises CommandRefused when these are too many for one release. `counted`: how many the person says they are."""
    most = asking.setup.review.release_at_once
    if len(rows) <= most:
        return
    if counted != len(rows):
        said = "" if counted is None else f", not {counted}"
        raise CommandRefused(
            f"that would release {len(rows)} results at once{said}; more than {most} must be counted",
            what_to_do=f"Release fewer, or say --yes-all {len(rows)} when you have looked at each.",
        )
    for row in rows:
        why = _why_alone(row)
        if why:
            raise CommandRefused(
                f"result {row['id']} cannot be released among many: {why}",
                what_to_do="Leave it out, and release it by itself when you have looked at it.",
            )


def _why_alone(row: Mapping[str, Any]) -> str:
    for one in findings_of(row):
        if one.check in _ONE_BY_ONE_CHECKS or _CRITICAL in (
            *one.check.partition("[")[0].split("."),  # in brackets is the rule's own name
            *one.code.split("_"),
        ):
            return one.text.partition(". ")[0].rstrip(".")
    return "the analyzer flagged it as critical" if is_critical(row) else ""
