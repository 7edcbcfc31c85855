"""Stored results asked about by the rules again: when they are decided anew, and when what they waited for has come."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from middleware.model import Finding, ReleaseState, SampleRole
from middleware.pipeline import order_results, quality_anew, rules
from middleware.pipeline.decision import Decided, Judge
from middleware.pipeline.rule_facts import NOTHING_ORDERED, About, Ground, gather
from middleware.pipeline.rule_values import Row
from middleware.rules.criteria import Criterion
from middleware.setup import Setup
from middleware.store.connection import Connection
from middleware.store.rule_facts import Beside

_OF_THE_DECISION = frozenset({"release_mode", "route"})
_WAITS = {
    rules.check_name(Criterion.COMPLETENESS, ""): "incomplete",
    rules.check_name(Criterion.CONSISTENCY, ""): "awaited",
    rules.check_name(Criterion.INDICES, ""): "_missing",
}
"""Checks by which a result waits for others of its tube, and how the code of such a finding ends."""


def ground_of(ordered: order_results.OrderedResults | None) -> Ground:
    """What the orders know, as the rules ask it."""
    return NOTHING_ORDERED if ordered is None else Ground(ordered.tube_of, ordered.tests)


def decide(
    conn: Connection, row: Row, findings: tuple[Finding, ...], setup: Setup, judge: Judge
) -> Decided:
    """Decide a stored result: with what the rules say of it now, where they know it."""
    mode = setup.lines[row["line"]].release
    if setup.qc is not None:
        findings = quality_anew.with_quality(conn, row, findings, setup, judge.now)
    if setup.rules is None or not rules.is_judged(row, setup.rules, mode):
        return judge.decide(row, findings, SampleRole(row["sample_role"]), mode)
    ordered = order_results.look_up_rows(conn, [row], setup)
    known = gather(conn, [row], [], ground_of(ordered), About(setup, judge.now))
    judgement = rules.judgement_of(row, known, setup.rules)
    with_rules = rules.findings_with(findings, judgement)
    return rules.decided(row, with_rules, judge, (setup, mode))


def waiting(stored: Iterable[Sequence[Beside]]) -> list[int]:
    """Of stored results those that are held only because others of their tube were missing."""
    return [
        one.id
        for many in stored
        for one in many
        if one.release_state == ReleaseState.HELD and one.findings and _waits(one.findings)
    ]


def _waits(findings: str) -> bool:
    found: list[dict[str, Any]] = json.loads(findings)
    against = [one for one in found if one["check"] not in _OF_THE_DECISION]
    return bool(against) and all(_is_waiting(one) for one in against)


def _is_waiting(finding: dict[str, Any]) -> bool:
    end = _WAITS.get(str(finding["check"]).partition("[")[0])
    return end is not None and str(finding["code"]).endswith(end)
