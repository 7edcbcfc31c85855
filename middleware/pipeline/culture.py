"""Keeps a culture whole: delivered with all its isolates, or held whole; and links each susceptibility to its organism.

Theory. Half a culture misleads: the susceptible isolate goes out, the resistant one waits. So when review holds any
result of the isolates of a specimen in one message, it holds all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from middleware.model import Finding, ReleaseMode, SampleRole, VerdictKind
from middleware.pipeline.decision import Judge
from middleware.pipeline.prepared import PreparedResult

_HELD = VerdictKind.HOLD.value
_RELEASED = VerdictKind.RELEASE.value
INCOMPLETE = Finding(
    check="culture",
    code="culture_incomplete",
    verdict=VerdictKind.HOLD,
    text="Another result of this culture is held, and half a culture misleads. Decide on all its results together.",
)


def hold_whole(results: Sequence[PreparedResult], judge: Judge, mode: ReleaseMode) -> None:
    """Hold what was about to go out of a culture of which something else is held."""
    of_isolates = [one for one in results if "isolate" in one.row and _is_patients(one)]
    held = {one.row["sample_id"] for one in of_isolates if one.row["verdict"] == _HELD}
    for one in of_isolates:
        if one.row["sample_id"] in held and one.row["verdict"] == _RELEASED:
            one.findings = (*one.findings, INCOMPLETE)
            one.destinations, decided = judge.decide(one.row, one.findings, one.role, mode)
            one.row.update(decided)


def link_parents(stored: Sequence[PreparedResult]) -> None:
    """Give each result of an isolate the id of its identification in the same message."""
    ids = {one.row["record"]: one.row["id"] for one in stored}
    for one in stored:
        if one.parent_record:
            one.row["parent_id"] = ids.get(one.parent_record)


def _is_patients(one: PreparedResult) -> bool:
    return one.role is SampleRole.PATIENT
