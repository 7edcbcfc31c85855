"""What is decided of one result under one setup, as columns of its row: routes, findings and release mode together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from middleware.model import Finding, ReleaseMode, ReleaseState, SampleRole, VerdictKind
from middleware.pipeline.stopped import stopped_by
from middleware.review.release import Decision, decide, in_shadow
from middleware.routing.code_row import CodeFate
from middleware.routing.route import RouteTable
from middleware.setup import Setup
from middleware.store.suspensions import Suspension

_NO_ROUTE = Finding(
    check="route",
    code="no_route",
    verdict=VerdictKind.HOLD,
    text="No route of the settings sends this test anywhere. Add a route, then release the result.",
)

_KEPT = Finding(
    check="codes",
    code="kept_by_table",
    verdict=VerdictKind.RELEASE,
    text="The table of codes keeps this test here: it is never sent.",
)
_NOT_SENT = frozenset({CodeFate.KEEP, CodeFate.IGNORE})
_GOING = frozenset({ReleaseState.RELEASED, ReleaseState.HELD})
# Looked up once: in an enum that costs a call.
_RELEASED = ReleaseState.RELEASED
_PATIENT = SampleRole.PATIENT

TESTS_MAX = 10_000
"""Test codes come from analyzers, so what is remembered is bounded."""

Decided = tuple[tuple[str, ...], dict[str, Any]]
"""The connectors that get a result (none unless it is released), and the columns of the decision."""


class Judge:
    """I decide under one setup."""

    def __init__(self, setup: Setup, stops: Sequence[Suspension] = (), now: float = 0.0) -> None:
        """`stops` of automatic release, as the store has them in force. `now` (seconds since 1970 UTC) where stored
        results are decided anew: time ends some permissions."""
        self.now = now
        self._stops = stops
        self._generation = setup.generation
        self._routes = RouteTable(setup.routes, setup.connectors)
        self._relaying = {line.id for line in setup.lines.values() if line.relay is not None}
        self._last: tuple[Decision, dict[str, Any]] | None = None
        self._clean: dict[tuple[str, str, str], Decided] = {}

    def decide(
        self,
        row: Mapping[str, Any],
        findings: tuple[Finding, ...],
        role: SampleRole,
        mode: ReleaseMode,
    ) -> Decided:
        """Decide one result. Of a line's test all with nothing against them are decided alike: that is done once."""
        if findings or role is not _PATIENT or row.get("code_fate") is not None:
            return self._decide(row, findings, role, mode)
        test = (row["line"], row["test_code"], mode._value_)
        decided = self._clean.get(test)
        if decided is None:
            decided = self._decide(row, findings, role, mode)
            if len(self._clean) < TESTS_MAX:
                self._clean[test] = decided
        return decided

    def _decide(
        self,
        row: Mapping[str, Any],
        findings: tuple[Finding, ...],
        role: SampleRole,
        mode: ReleaseMode,
    ) -> Decided:
        destinations = self._routes.choose(row["line"], row["test_code"])
        if not destinations:
            findings = (*findings, _NO_ROUTE)
        decision = decide(findings, role, mode, self._generation)
        if self._stops and decision.state is _RELEASED:
            stopped = stopped_by(row, self._stops)
            if stopped is not None:
                decision = decide((*findings, stopped), role, mode, self._generation)
        if row.get("code_fate") in _NOT_SENT and decision.state in _GOING:
            decision = _kept(decision)
        if row["line"] in self._relaying:
            decision = in_shadow(decision)
        if decision.state is not _RELEASED:
            destinations = ()
        return destinations, self._columns(decision)

    def _columns(self, decision: Decision) -> dict[str, Any]:
        """Nearly all results are decided alike, by the mode alone: those share their columns."""
        if self._last is None or self._last[0] is not decision:
            self._last = (decision, columns_of(decision))
        return self._last[1]


def _kept(decision: Decision) -> Decision:
    findings = (*decision.findings, _KEPT)
    return replace(decision, state=ReleaseState.NOT_FOR_LIS, findings=findings, verifier=None)


def columns_of(decision: Decision) -> dict[str, Any]:
    """The decision as columns of the results table."""
    return {
        "verdict": decision.verdict._value_,
        "release_state": decision.state._value_,
        "findings": findings_json(decision.findings),
        "verifier": decision.verifier,
    }


def findings_json(findings: tuple[Finding, ...]) -> str | None:
    """Findings as the store keeps them; None when there are none."""
    if not findings:
        return None
    return json.dumps([one.model_dump(mode="json") for one in findings], ensure_ascii=False)
