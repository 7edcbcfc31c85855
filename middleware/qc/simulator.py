"""Tries candidate settings of patient-based QC on a site's own results: how soon a shift is seen, how often nothing is.

The history is taken to be in control: every alarm in it is a false one. Then a shift of the stated size is put in at
many places, and each candidate runs on from what it had seen until there. Set-up after
standards/autoverification-and-qc.md 5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from middleware.qc.codes import PatientQcStatus
from middleware.qc.patient_based import (
    STARTED,
    PatientQc,
    PatientQcSettings,
    PatientQcState,
    prepare,
    step,
)

_HUNDRED, _THOUSAND = Decimal(100), Decimal(1000)
# Park and Miller 1988, with the multiplier of 1993: enough to spread places, and the same on every machine.
_MULTIPLIER, _MODULUS = 48_271, 2_147_483_647


@dataclass(frozen=True, slots=True)
class Shift:
    """An error put into results: percent of the value, and an amount in its unit."""

    percent: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)

    def of(self, value: Decimal) -> Decimal:
        """The value as an analyzer with this error would give it."""
        return value + value * self.percent / _HUNDRED + self.amount


@dataclass(frozen=True, slots=True)
class Plan:
    """How to try. The shift begins at `places` random places (told by `seed`) behind the first `warm_up` results, and
    must be seen within `within` results."""

    shift: Shift
    places: int = 200
    within: int = 500
    warm_up: int = 100
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one candidate did. `to_detection` is the median number of results until the alarm, those not seen
    counting as later than any; None when half of the shifts or more were not seen. `power` is the share that was
    seen."""

    settings: PatientQcSettings
    results: int
    false_alarms: int
    power: Decimal
    to_detection: Decimal | None
    mean_to_detection: Decimal | None

    @property
    def false_alarms_per_1000(self) -> Decimal:
        """False alarms in a thousand results."""
        return _THOUSAND * self.false_alarms / self.results


@dataclass(frozen=True, slots=True)
class Goal:
    """What a laboratory accepts: at most so many false alarms in 1,000 results, at least such a share seen."""

    false_alarms_per_1000: Decimal = Decimal(1)
    power: Decimal = Decimal("0.95")


@dataclass(frozen=True, slots=True)
class Proposal:
    """The candidate to take, or none; `reason` says why in a sentence."""

    outcome: Outcome | None
    reason: str


def simulate(
    history: Sequence[Decimal], candidates: Sequence[PatientQcSettings], plan: Plan
) -> tuple[Outcome, ...]:
    """Try every candidate on the same places. Raises ValueError when the history is too short for the plan."""
    room = len(history) - plan.warm_up - plan.within
    if room < 1 or plan.places < 1:
        raise ValueError(
            f"{len(history)} results are too few: the plan needs more than {plan.warm_up + plan.within}"
        )
    starts = [plan.warm_up + at for at in _places(plan, room)]
    return tuple(_try(history, settings, plan, starts) for settings in candidates)


def propose(outcomes: Sequence[Outcome], goal: Goal) -> Proposal:
    """Of those that reach the goal the quickest; of equals the one with fewer false alarms."""
    quiet = [one for one in outcomes if one.false_alarms_per_1000 <= goal.false_alarms_per_1000]
    if not quiet:
        return Proposal(None, "Every candidate gives too many false alarms: widen the limits.")
    good = [one for one in quiet if one.power >= goal.power]
    if not good:
        seen = max(one.power for one in quiet)
        return Proposal(
            None,
            f"No candidate sees the shift often enough; the best of the quiet ones: {seen:.2f}.",
        )
    best = min(good, key=lambda one: (one.to_detection or _THOUSAND**3, one.false_alarms))
    return Proposal(
        best,
        f"It sees {best.power:.2f} of the shifts, half of them within {best.to_detection} results, "
        f"with {best.false_alarms_per_1000:.2f} false alarms in 1,000 results.",
    )


def _places(plan: Plan, room: int) -> Iterator[int]:
    number = plan.seed % (_MODULUS - 1) + 1
    for _ in range(plan.places):
        number = number * _MULTIPLIER % _MODULUS
        yield number % room


def _try(
    history: Sequence[Decimal], settings: PatientQcSettings, plan: Plan, starts: Sequence[int]
) -> Outcome:
    qc = prepare(settings)
    false_alarms, states = _in_control(qc, history, frozenset(starts))
    shifted = [plan.shift.of(value) for value in history]
    found = [_results_to_alarm(qc, states[at], shifted[at : at + plan.within]) for at in starts]
    seen = [number for number in found if number is not None]
    late = plan.within + 1
    middle = median(late if number is None else number for number in found)
    return Outcome(
        settings=settings,
        results=len(history),
        false_alarms=false_alarms,
        power=Decimal(len(seen)) / len(found),
        to_detection=Decimal(middle) if middle < late and 2 * len(seen) > len(found) else None,
        mean_to_detection=Decimal(sum(seen)) / len(seen) if seen else None,
    )


def _in_control(
    qc: PatientQc, history: Sequence[Decimal], starts: frozenset[int]
) -> tuple[int, dict[int, PatientQcState]]:
    """Alarms in the history as it is, and the state before each start. An alarm is cleared; the statistic goes on."""
    false_alarms, state, states = 0, STARTED, {}
    for at, value in enumerate(history):
        if at in starts:
            states[at] = state
        state = step(qc, state, value, at)
        if state.status is PatientQcStatus.ALARM:
            false_alarms += 1
            state = STARTED
    return false_alarms, states


def _results_to_alarm(
    qc: PatientQc, state: PatientQcState, values: Sequence[Decimal]
) -> int | None:
    """How many results until the alarm, those that the truncation leaves out counted too."""
    for number, value in enumerate(values, start=1):
        state = step(qc, state, value, number)
        if state.status is PatientQcStatus.ALARM:
            return number
    return None
