"""Is a time of measurement plausible against the moment when the message was received?"""

from __future__ import annotations

from dataclasses import dataclass

from middleware.model import MeasuredTime

MARK_IMPLAUSIBLE = "implausible"
DAY_S = 86400.0
AHEAD_S = 120.0
"""As far ahead may a time of measurement be: what clocks drift that a person sets now and then."""
OLDEST_DAYS = 7305
"""Twenty years. An analyzer whose clock lost its battery says 1970, 1980, 1990 or 2000; results that old are none."""

_UNITS = ((DAY_S, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


@dataclass(frozen=True, slots=True)
class TimeRules:
    """How far from the moment of its message a result of one line may have been measured, in seconds."""

    ahead_s: float = AHEAD_S
    oldest_s: float = OLDEST_DAYS * DAY_S


BY_DEFAULT = TimeRules()


def doubt(measured_at: float | None, received_at: float, rules: TimeRules) -> str:
    """What is implausible about a time, in words ("" when nothing is). Both are seconds since 1970 UTC."""
    if measured_at is None:
        return ""
    age_s = received_at - measured_at
    if age_s < -rules.ahead_s:
        return f"lies {in_words(-age_s)} in the future"
    return f"is {in_words(age_s)} old" if age_s > rules.oldest_s else ""


def marked(measured: MeasuredTime, received_at: float, rules: TimeRules) -> MeasuredTime:
    """The same time, with the mark `implausible` when it is."""
    if measured.at is None or measured.mark:
        return measured
    if not doubt(measured.at.timestamp(), received_at, rules):
        return measured
    return measured.model_copy(update={"mark": MARK_IMPLAUSIBLE})


def in_words(seconds: float) -> str:
    """A length of time in its largest unit of which there are at least two: "90 minutes", "31 days"."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
