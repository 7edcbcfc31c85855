"""Of the stored runs of a sample id those of the same specimen as a result: of the same system's tube, in the same
period of use (DESIGN 1.1). The orders say when a use began; where nothing was ordered, an id is one specimen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from middleware.model import ReleaseState
from middleware.pipeline.prepared import PreparedResult
from middleware.review.repetition import Earlier
from middleware.store import tubes
from middleware.store.connection import Connection
from middleware.store.results import Run

Test = tuple[str, str, str]
"""Sample id, test, detail."""

_CLOCKS_DIFFER_S = 120.0
"""As `clock_tolerance_s` of a line, where it says nothing else."""

_WENT_OUT = frozenset({ReleaseState.RELEASED.value, ReleaseState.WITHDRAWN.value})

Began = dict[tuple[str, str], float]
"""When the present use of (sample id, order source) began, as far as it was looked up: seconds since 1970 UTC."""


def of_same_use(
    conn: Connection, row: Mapping[str, Any], runs: Sequence[Run], known: Began
) -> list[Run]:
    """Those of `runs` that were received in the present use of the row's sample id; or before it, where the row was
    measured before it."""
    if row.get("identified_by"):
        return []  # a patient's number: each measurement stands for itself
    source = row["order_source"] or ""
    place = (row["sample_id"], source)
    if runs and place not in known:
        known[place] = _began(conn, *place)
    began = known.get(place, 0.0)
    measured_at = row["measured_at"]
    is_present = not began or measured_at is None or measured_at >= began - _CLOCKS_DIFFER_S
    return [
        run
        for run in runs
        if not run.identified_by
        and (run.received_at >= began) is is_present
        and (not source or not run.order_source or run.order_source == source)
    ]


def _began(conn: Connection, sample_id: str, source: str) -> float:
    """0 where the id has one use, or it is not clear whose it is now."""
    alike = [
        one
        for one in tubes.of_id(tubes.alike(conn, [sample_id]), sample_id)
        if sample_id in (one.sample_id, one.former) and source in ("", one.order_source)
    ]
    present = [one for one in alike if one.used_until is None and one.sample_id == sample_id]
    if len({one.id for one in present}) != 1:
        return 0.0
    is_used_again = any(one.id != present[0].id for one in alike)
    return present[0].used_from if is_used_again else 0.0


def released_before(
    conn: Connection, results: Iterable[PreparedResult], runs: Mapping[str, Sequence[Run]]
) -> dict[Test, list[Earlier]]:
    """Of `runs` (by sample id) the released ones that these results could follow: of their test and specimen; and
    withdrawn ones that one of them says again in every field."""
    by_test: dict[Test, list[Run]] = {}
    for sample_id, stored in runs.items():
        for run in stored:
            if run.release_state in _WENT_OUT:
                test = (sample_id, run.test_code, run.test_detail)
                by_test.setdefault(test, []).append(run)
    if not by_test:
        return {}
    results = [result for result in results if result.test in by_test]
    said = {result.fingerprint for result in results}
    known: Began = {}
    found: dict[Test, list[Earlier]] = {}
    for result in results:
        same = of_same_use(conn, result.row, by_test[result.test], known)
        found[result.test] = [
            Earlier(
                run.result_id,
                run.journal_id,
                run.duplicate_of,
                run.version,
                is_withdrawn=run.release_state == ReleaseState.WITHDRAWN,
            )
            for run in same
            if run.release_state == ReleaseState.RELEASED or bytes(run.fingerprint) in said
        ]
    return found
