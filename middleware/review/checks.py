"""The ordered run of checks. The strictest finding decides; no finding means release, subject to the release mode.

A check is a pure function with a name. Third parties add theirs through the entry-point group
`labwire.checks`; every check
runs and every finding is kept (no short-circuit), so that a person sees all reasons at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from middleware.model import Finding, Result, SampleRole, VerdictKind
from middleware.review import form, identity
from middleware.review.context import ReviewContext

FINDINGS_MAX = 32
"""More say nothing new; a third party's check must not fill the store."""


class Check(Protocol):
    """One rule of review."""

    @property
    def name(self) -> str:
        """A stable name, unique among the checks of a node."""
        ...

    @property
    def order(self) -> int:
        """Checks run in ascending order; the built-in ones use 100 to 899."""
        ...

    def check(self, result: Result, context: ReviewContext) -> Finding | None:
        """The finding, or None when this rule has nothing against the result. Pure; must not raise."""
        ...


@dataclass(frozen=True, slots=True)
class NamedCheck:
    """A check made of a function."""

    name: str
    order: int
    check: Callable[[Result, ReviewContext], Finding | None]
    is_shared: bool = False
    """It looks at nothing of the result but its specimen and its time of measurement, so one answer holds for all
    results that share these."""


def _shared(
    name: str, order: int, check: Callable[[Result, ReviewContext], Finding | None]
) -> NamedCheck:
    return NamedCheck(name, order, check, is_shared=True)


CATALOGUE: tuple[Check, ...] = (
    _shared("sample_id_is_there", 100, identity.sample_id_is_there),
    _shared("sample_id_is_well_formed", 110, identity.sample_id_is_well_formed),
    _shared("check_digit_is_right", 115, identity.check_digit_is_right),
    _shared("sample_id_is_no_downtime_id", 117, identity.sample_id_is_no_downtime_id),
    _shared("patient_is_one", 120, identity.patient_is_one),
    _shared("sample_id_is_beyond_doubt", 130, identity.sample_id_is_beyond_doubt),
    _shared("specimen_is_no_control", 140, identity.specimen_is_no_control),
    NamedCheck("value_is_explained", 200, form.value_is_explained),
    NamedCheck("status_may_be_reported", 210, form.status_may_be_reported),
    _shared("time_is_believable", 220, form.time_is_believable),
    NamedCheck("dilution_is_declared", 230, form.dilution_is_declared),
    NamedCheck("measured_once", 240, form.measured_once),
    NamedCheck("instrument_flags", 245, form.instrument_flags_are_harmless),
    NamedCheck("isolate_is_certain", 250, form.isolate_is_certain),
    _shared("driver_may_report", 290, form.driver_may_report),
)
"""The checks that come with Labwire: identity and form."""

_STRICTNESS = (VerdictKind.RELEASE, VerdictKind.HOLD, VerdictKind.REJECT)


def in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks in the order in which they run. Raises ValueError when two share a name."""
    names = [check.name for check in checks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two checks are called {', '.join(twice)}")
    return tuple(sorted(checks, key=lambda check: (check.order, check.name)))


def run(
    result: Result, context: ReviewContext, checks: Sequence[Check] = CATALOGUE
) -> tuple[Finding, ...]:
    """Every finding of one result, in the order of the checks. What is not a patient's specimen is rejected unseen."""
    if result.specimen.role is not SampleRole.PATIENT:
        return (_not_a_patient(result.specimen.role, result.specimen.role_rule),)
    found: list[Finding] = []
    for check in checks:
        finding = check.check(result, context)
        if finding is not None:
            found.append(finding)
    return tuple(found[:FINDINGS_MAX]) if found else ()


def strictest(findings: Sequence[Finding]) -> VerdictKind:
    """The verdict that follows from the findings."""
    if not findings:
        return VerdictKind.RELEASE
    return max((finding.verdict for finding in findings), key=_STRICTNESS.index)


def _not_a_patient(role: SampleRole, rule: str) -> Finding:
    why = f" (by the driver's rule {rule})" if rule else ""
    return Finding(
        check="identity",
        code="not_a_patient",
        verdict=VerdictKind.REJECT,
        text=f"This is not a patient's specimen but {role.value}{why}: "
        "it is kept here and never sent as a patient's result.",
    )
