"""From findings and release mode to where a result stands."""

from __future__ import annotations

import pytest

from middleware.model import Finding, ReleaseMode, ReleaseState, SampleRole, VerdictKind
from middleware.review.release import decide

HOLD = Finding(check="form", code="x", verdict=VerdictKind.HOLD, text="look")


@pytest.mark.parametrize(
    ("mode", "findings", "state", "verifier"),
    [
        (ReleaseMode.HOLD_ALL, (), ReleaseState.HELD, None),
        (ReleaseMode.AUTO, (), ReleaseState.RELEASED, "auto:identity+form@setup 4"),
        (ReleaseMode.TO_LIS_UNVERIFIED, (), ReleaseState.RELEASED, None),
        (ReleaseMode.HOLD_ALL, (HOLD,), ReleaseState.HELD, None),
        (ReleaseMode.AUTO, (HOLD,), ReleaseState.HELD, None),
        (ReleaseMode.TO_LIS_UNVERIFIED, (HOLD,), ReleaseState.HELD, None),
    ],
)
def test_a_patients_result_follows_mode_and_findings(
    mode: ReleaseMode, findings: tuple[Finding, ...], state: ReleaseState, verifier: str | None
) -> None:
    """Only a declared mode releases, and never against a finding."""
    decision = decide(findings, SampleRole.PATIENT, mode, 4)
    assert (decision.state, decision.verifier) == (state, verifier)


@pytest.mark.parametrize("mode", list(ReleaseMode))
@pytest.mark.parametrize("role", [SampleRole.QC, SampleRole.CALIBRATOR, SampleRole.BLANK])
def test_controls_stay_here_in_every_mode(mode: ReleaseMode, role: SampleRole) -> None:
    """No release mode makes a control a patient's result."""
    assert decide((), role, mode, 4).state is ReleaseState.NOT_FOR_LIS


def test_holding_everything_says_why() -> None:
    """A technologist who wonders why nothing is sent finds the line's setting."""
    (finding,) = decide((), SampleRole.PATIENT, ReleaseMode.HOLD_ALL, 1).findings
    assert "hold_all" in finding.text
