"""The results of a wave judged by the laboratory's rules before they are stored, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from middleware.model import ReleaseMode, ReleaseState, SampleRole
from middleware.pipeline.culture import hold_whole
from middleware.pipeline.decision import Judge
from middleware.pipeline.prepare import Prepared
from middleware.pipeline.prepared import PreparedResult
from middleware.pipeline.rule_facts import About, Gathered, Ground, gather
from middleware.pipeline.rules import (
    decided,
    findings_with,
    is_index,
    is_judged,
    judgement_of,
    otherwise,
)
from middleware.rules.findings import RuleFinding, Task
from middleware.setup import SiteRules
from middleware.store.connection import Connection
from middleware.store.rule_facts import Beside

Kept = tuple[Prepared, Sequence[PreparedResult]]
"""A message, and its results as they are to be stored."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be done beside deciding: the row of a result, and the finding that asks for it."""

    row: dict[str, Any]
    finding: RuleFinding


@dataclass(slots=True)
class Reviewed:
    """Messages with their results as the rules decide them, and what else is to be done."""

    kept: list[Kept]
    errands: list[Errand] = field(default_factory=list)
    stored: Mapping[str, Sequence[Beside]] = field(default_factory=dict)
    """What was stored under the same sample ids before."""


def review(conn: Connection, kept: list[Kept], ground: Ground, about: About) -> Reviewed:
    """Judge the results of a wave before they are stored."""
    setup = about.setup
    rules = setup.rules
    everyone = [
        (result.row, one.mode)
        for one, stored in kept
        for result in stored
        if result.role is SampleRole.PATIENT
    ]
    batch = [row for row, _ in everyone]
    judged = [row for row, mode in everyone if rules is not None and is_judged(row, rules, mode)]
    # An index may be kept here for ever, and others have waited for it.
    awaited = [row for row in batch if rules is not None and is_index(row, rules)]
    if rules is None or not (judged or awaited):
        return Reviewed(kept)
    known = gather(conn, [*judged, *awaited], batch, ground, about)
    reviewed = Reviewed([], stored=known.stored)
    judge = Judge(setup)
    ids = {id(row) for row in judged}
    for one, stored in kept:
        done = [
            _reviewed(result, (known, rules, judge), one.mode, reviewed.errands)
            if id(result.row) in ids
            else result
            for result in stored
        ]
        if any(result.row.get("isolate") for result in done):
            done = [replace(result, row=dict(result.row)) for result in done]
            hold_whole(done, judge, one.mode)
        reviewed.kept.append((one, done))
    return reviewed


def _reviewed(
    result: PreparedResult,
    by: tuple[Gathered, SiteRules, Judge],
    mode: ReleaseMode,
    errands: list[Errand],
) -> PreparedResult:
    known, rules, judge = by
    judgement = judgement_of(result.row, known, rules)
    findings = findings_with(result.findings, judgement)
    destinations, columns = decided(result.row, findings, judge, (known.setup, mode))
    row = result.row | columns
    candidate = known.setup.candidate
    if candidate is not None:
        said = otherwise(judgement, judgement_of(result.row, known, candidate))
        if said:
            row["candidate_says"] = said
    errands += (
        Errand(row, one)
        for one in judgement.findings
        if one.task is not Task.NONE and row["release_state"] == ReleaseState.HELD
    )
    return replace(result, row=row, findings=findings, destinations=destinations)
