"""A stored result that is decided anew asks quality control again: it may have failed, or closed a bracket, since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from middleware.model import Finding, ReleaseState, SampleRole, VerdictKind
from middleware.pipeline import quality_patients
from middleware.pipeline.quality_board import as_known, mark_of, place_of, utc
from middleware.review import quality
from middleware.review.quality import CHECK, WAITS
from middleware.setup import Setup
from middleware.store import qc as stored_qc
from middleware.store.connection import Connection

_OVER = frozenset({ReleaseState.REJECTED.value, ReleaseState.WITHDRAWN.value})


def with_quality(
    conn: Connection,
    row: Mapping[str, Any],
    findings: tuple[Finding, ...],
    setup: Setup,
    now: float,
) -> tuple[Finding, ...]:
    """The findings with what quality control says now. What it held for a person stays held for a person."""
    qc = setup.qc
    if qc is None or row["sample_role"] != SampleRole.PATIENT or row["release_state"] in _OVER:
        return findings
    said = [one for one in findings if one.check == CHECK]
    is_held = any(one.verdict is VerdictKind.HOLD and one.code != WAITS for one in said)
    if is_held:
        return findings
    alarm = quality_patients.alarm_of(conn, qc, row)
    if alarm is not None:
        findings = (*findings, alarm)
    if not qc.is_gated(row["line"], row["test_code"]):
        return findings
    others = tuple(one for one in findings if one.check != CHECK or one is alarm)
    gates = stored_qc.gates_of_test(conn, row["line"], row["test_code"])
    known = [as_known(one) for one in gates]
    found = quality.finding(qc, place_of(row), known, mark_of(row), utc(now))
    if found is None:
        return others
    if found.code == WAITS and not any(one.code == WAITS for one in said):
        stored_qc.let_wait(conn, [(row["id"], row["line"], row["test_code"])])
    return (*others, found)
