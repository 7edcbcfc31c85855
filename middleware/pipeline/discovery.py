"""Finds the checks of review through the entry-point group `labwire.checks`. A check that cannot be
loaded holds everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from middleware.model import Finding, Result, VerdictKind
from middleware.review.checks import CATALOGUE, Check, NamedCheck, in_order
from middleware.review.context import ReviewContext

GROUP = "labwire.checks"


def discover_checks(points: Iterable[EntryPoint] | None = None) -> tuple[Check, ...]:
    """Every check, in order. An entry point names one check or an iterable of them."""
    found: list[Check] = []
    for point in entry_points(group=GROUP) if points is None else points:
        try:
            loaded = point.load()
            checks = list(loaded) if isinstance(loaded, Iterable) else [loaded]
            found = list(in_order([*found, *checks]))
        except Exception as error:  # noqa: BLE001 - a third party's package may fail in any way
            found.append(_holding_everything(point.name, error))
    names = {check.name for check in found}
    # Whatever an installation lacks, identity and form are judged: no rules never means release.
    return in_order([*found, *(check for check in CATALOGUE if check.name not in names)])


def _holding_everything(name: str, error: Exception) -> Check:
    """Nobody knows what a missing check would have held, so nothing is released without a person."""
    finding = Finding(
        check="review",
        code="check_not_loaded",
        verdict=VerdictKind.HOLD,
        text=f"The check {name!r} could not be loaded ({type(error).__name__}). "
        "Repair or remove its package; until then every result waits for a person.",
    )

    def hold(_result: Result, _context: ReviewContext) -> Finding:
        return finding

    return NamedCheck(f"not_loaded:{name}", 0, hold)
