"""A held result decided anew, as processing does, when what held it has fallen away; all its other findings stay."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from middleware.model import Finding, ReleaseState
from middleware.pipeline import rules_anew
from middleware.pipeline.decision import Judge
from middleware.pipeline.same_use import of_same_use
from middleware.review.repetition import Earlier, further_finding
from middleware.setup import Setup
from middleware.store import results
from middleware.store.connection import Connection

_OF_THE_DECISION = frozenset({"release_mode", "route"})


def findings_of(row: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The findings that are stored with a result."""
    return tuple(Finding.model_validate(one) for one in json.loads(row["findings"] or "[]"))


def decide_anew(
    conn: Connection,
    row: Mapping[str, Any],
    fallen: Collection[tuple[str, str]],
    setup: Setup,
    judge: Judge,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The columns that change, and the connectors. `fallen`: (check, code) of findings that count no more."""
    kept = tuple(
        one
        for one in findings_of(row)
        if one.check not in _OF_THE_DECISION and (one.check, one.code) not in fallen
    )
    columns: dict[str, Any] = {}
    earlier = released_before(conn, row)
    if earlier is not None and not any(one.check == "repetition" for one in kept):
        kept = (*kept, further_finding(earlier))
        columns |= {"supersedes": earlier.result_id, "version": earlier.version + 1}
    mode = setup.lines[row["line"]].release
    destinations, decided = rules_anew.decide(conn, row, kept, setup, judge)
    columns |= decided
    columns |= {"setup_generation": setup.generation, "release_mode": mode.value}
    return columns, destinations


def released_before(conn: Connection, row: Mapping[str, Any]) -> Earlier | None:
    """The newest other released result of the same test of the same specimen."""
    runs = results.runs_of_samples(conn, [row["sample_id"]]).get(row["sample_id"], [])
    released = [
        run
        for run in runs
        if run.release_state == ReleaseState.RELEASED
        and run.result_id != row["id"]
        and (run.test_code, run.test_detail) == (row["test_code"], row["test_detail"])
    ]
    same = [
        Earlier(run.result_id, run.journal_id, run.duplicate_of, run.version)
        for run in of_same_use(conn, row, released, {})
    ]
    return max(same, key=lambda one: one.result_id, default=None)
