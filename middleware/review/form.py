"""Checks of form: is the value explained, the status one that may be reported, and the time believable?"""

from __future__ import annotations

from decimal import Decimal

from middleware.model import (
    DILUTION_APPLIED,
    DILUTION_MULTIPLIED,
    Finding,
    Result,
    ResultStatus,
    ValueKind,
    VerdictKind,
)
from middleware.review.context import ReviewContext
from middleware.review.times import MARK_IMPLAUSIBLE, doubt

_ONE = Decimal(1)
_MOST_FLAGS, _LONGEST_FLAG = 5, 60
_COUNTED = frozenset({DILUTION_APPLIED, DILUTION_MULTIPLIED})
_IN_QUESTION = frozenset({ValueKind.UNEXPLAINED, ValueKind.ABSENT})

_STATUS_WORDS = {
    ResultStatus.QUESTIONABLE: (
        "questionable_status",
        "The analyzer itself calls this result questionable. Look at its flags, and release it or measure again.",
    ),
    ResultStatus.UNKNOWN: (
        "unknown_status",
        "The driver does not know the result's status. Compare it with the analyzer's screen.",
    ),
    ResultStatus.CORRECTED: (
        "corrected_by_analyzer",
        "The analyzer sent this to correct an earlier result. Compare both and decide.",
    ),
    ResultStatus.PENDING: (
        "pending",
        "The analyzer says that this test is still being measured. Wait for its result; reject this one then.",
    ),
    ResultStatus.PARTIAL: (
        "partial",
        "The analyzer says that this result is incomplete. Wait for the complete one; reject this one then.",
    ),
    ResultStatus.WITHDRAWN: (
        "withdrawn_by_analyzer",
        "The analyzer withdrew this result. If it was reported already, tell the LIS's users.",
    ),
}

_TIME_WORDS = {
    "unreadable": "cannot be read",
    "ambiguous": "exists twice, at the change from summer time",
    MARK_IMPLAUSIBLE: "is not plausible",
}


def _hold(code: str, text: str) -> Finding:
    return Finding(check="form", code=code, verdict=VerdictKind.HOLD, text=text)


def value_is_explained(result: Result, _context: ReviewContext) -> Finding | None:
    """A value that no rule explains is never guessed; a final result must have a value."""
    kind = result.value.kind
    if kind not in _IN_QUESTION:
        return None
    if kind is ValueKind.UNEXPLAINED:
        reason = result.value.reason or "no rule of the driver explains it"
        return _hold(
            "unexplained_value",
            f"The value {result.value.raw!r} is not understood: {reason}. "
            "Compare it with the analyzer's screen; a rule in the driver's profile can explain it from then on.",
        )
    if result.status not in {
        ResultStatus.CANNOT_OBTAIN,
        ResultStatus.PENDING,
    }:
        return _hold(
            "no_value",
            "The analyzer sent no value, and did not say that it could not measure. "
            "Look at its screen, and measure again if there is none.",
        )
    return None


def status_may_be_reported(result: Result, _context: ReviewContext) -> Finding | None:
    """Statuses that only a person may pass on."""
    words = _STATUS_WORDS.get(result.status)
    return None if words is None else _hold(*words)


def time_is_believable(result: Result, context: ReviewContext) -> Finding | None:
    """A measured time that is wrong orders results wrongly. A missing one is no fault."""
    measured = result.measured
    if not measured.mark and measured.at is None:
        return None
    words = _TIME_WORDS.get(measured.mark, "")
    if measured.at is not None and measured.mark in ("", MARK_IMPLAUSIBLE):
        words = doubt(measured.at.timestamp(), context.received_at, context.times) or words
    if not words:
        return None
    return _hold(
        "measured_time_" + (measured.mark or MARK_IMPLAUSIBLE),
        f"The time of measurement {measured.text!r} {words}. "
        "Check the analyzer's clock and the line's time_zone, then decide.",
    )


def dilution_is_declared(result: Result, _context: ReviewContext) -> Finding | None:
    """Whether a value already counts its dilution must be declared, never guessed."""
    factor = result.dilution_factor
    if factor is None or factor == _ONE or result.value.kind is ValueKind.ABSENT:
        return None
    if not _COUNTED.isdisjoint(result.value.rule.split(",")):
        return None
    return _hold(
        "undeclared_dilution",
        f"The specimen was diluted by {factor}, and nothing declares whether the value counts that already. "
        "Compare it with the analyzer's screen.",
    )


def instrument_flags_are_harmless(result: Result, context: ReviewContext) -> Finding | None:
    """What the analyzer itself remarks on a result is for a person, unless the profile says that it changes nothing."""
    flags = result.instrument_flags
    if not flags:
        return None
    serious = [flag for flag in flags if flag not in context.harmless_flags]
    if not serious:
        return None
    shown = ", ".join(repr(flag[:_LONGEST_FLAG]) for flag in serious[:_MOST_FLAGS])
    more = f" and {len(serious) - _MOST_FLAGS} more" if len(serious) > _MOST_FLAGS else ""
    return _hold(
        "instrument_flags",
        f"The analyzer flagged this result: {shown}{more}. Look up what it means, and release the result or measure "
        "again; a flag that changes nothing can be listed in the driver's profile (harmless_flags).",
    )


def measured_once(result: Result, context: ReviewContext) -> Finding | None:
    """Of several runs a person chooses the one that is reported (DESIGN 1.1)."""
    if result.run == 1 and not context.repeated:
        return None
    test = (result.specimen.sample_id, result.test_code, result.test_detail)
    runs = context.repeated.get(test, 1)
    if runs == 1 and result.run == 1:
        return None
    count = max(runs, result.run)
    return _hold(
        "several_runs",
        f"This test was measured {count} times in one message: choose one, release it and reject the others.",
    )


def isolate_is_certain(result: Result, _context: ReviewContext) -> Finding | None:
    """A susceptibility of the wrong organism treats the patient wrongly."""
    isolate = result.isolate
    if isolate is None or not isolate.doubt:
        return None
    return _hold(
        "isolate_doubt",
        f"It is not certain which organism this result is of: {isolate.doubt}. "
        "Compare it with the analyzer's report of the culture.",
    )


def driver_may_report(_result: Result, context: ReviewContext) -> Finding | None:
    """A driver that its evidence does not carry yet holds everything."""
    if context.is_for_reporting:
        return None
    return _hold(
        "not_for_reporting",
        "The driver is marked `not for reporting`: it is not proven that what belongs together (a culture, a run with "
        "its controls) arrives together. Compare the whole with the analyzer before you release anything.",
    )
