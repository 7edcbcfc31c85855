"""From findings and the line's release mode to where a result stands. No rules never means release (DESIGN 1.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from middleware.model import (
    Finding,
    ReleaseMode,
    ReleaseState,
    SampleRole,
    VerdictKind,
)
from middleware.review.checks import strictest

AUTO_VERIFIER = "auto:identity+form"
"""What OBX-16 names when no person looked: the set of rules that did."""

_HOLD_ALL = Finding(
    check="release_mode",
    code="hold_all",
    verdict=VerdictKind.HOLD,
    text="This line holds every result for a person (release = hold_all). "
    "Compare it with the analyzer's own result, then release or reject it.",
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What review decides of one result. `verifier` is None when nobody verified it (it goes out as preliminary)."""

    verdict: VerdictKind
    state: ReleaseState
    findings: tuple[Finding, ...]
    verifier: str | None = None


def auto_verifier(generation: int) -> str:
    """The name of the rules of one setup, for OBX-16 and for the store."""
    return f"{AUTO_VERIFIER}@setup {generation}"


def decide(
    findings: tuple[Finding, ...], role: SampleRole, mode: ReleaseMode, generation: int
) -> Decision:
    """Decide one result that is not a repetition."""
    if not findings and role is SampleRole.PATIENT:
        return _without_findings(mode, generation)
    verdict = strictest(findings)
    if role is not SampleRole.PATIENT:
        return Decision(VerdictKind.REJECT, ReleaseState.NOT_FOR_LIS, findings)
    if verdict is VerdictKind.REJECT:
        return Decision(verdict, ReleaseState.REJECTED, findings)
    if verdict is VerdictKind.HOLD:
        return Decision(verdict, ReleaseState.HELD, findings)
    clean = _without_findings(mode, generation)
    return replace(clean, findings=(*findings, *clean.findings))


def in_shadow(decision: Decision) -> Decision:
    """The same verdict of a result which the present host has: it is kept to compare, and never sent."""
    if decision.state in (ReleaseState.RELEASED, ReleaseState.HELD):
        return replace(decision, state=ReleaseState.SHADOW)
    return decision


@lru_cache(maxsize=32)
def _without_findings(mode: ReleaseMode, generation: int) -> Decision:
    """What the mode alone decides."""
    if mode is ReleaseMode.AUTO:
        verifier = auto_verifier(generation)
        return Decision(VerdictKind.RELEASE, ReleaseState.RELEASED, (), verifier)
    if mode is ReleaseMode.TO_LIS_UNVERIFIED:
        return Decision(VerdictKind.RELEASE, ReleaseState.RELEASED, ())
    return Decision(VerdictKind.HOLD, ReleaseState.HELD, (_HOLD_ALL,))
