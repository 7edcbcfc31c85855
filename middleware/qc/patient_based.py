"""Statistics over patients' results that notice a shift between control runs: mean, median, EWMA, Bull.

Formulas and set-up: standards/autoverification-and-qc.md 5. One step for each result, in constant room. An alarm stays
until a person clears it; then, and after calibration or new reagent, the statistic begins anew (`STARTED`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field, TypeAdapter, model_validator

from middleware.model.codes import ResultStatus, SampleRole, ValueKind
from middleware.model.result import Result
from middleware.model.value import Frozen
from middleware.qc.codes import LimitKind, PatientMethod, PatientQcStatus, Truncation
from middleware.qc.targets import is_plain, learned_from

SIZE_MAX = 1000
"""Results of a window or batch: the state is stored with every step."""
_ZERO, _ONE, _TWO, _HUNDRED = Decimal(0), Decimal(1), Decimal(2), Decimal(100)
_SETTLED = Decimal("1e-12")
"""Below this share the EWMA's limits have reached their steady state."""
_NEEDS_SIZE = (PatientMethod.MEAN, PatientMethod.MEDIAN, PatientMethod.BULL)
_HAS_ERROR = (PatientMethod.MEAN, PatientMethod.EWMA)


class PatientQcSettings(Frozen):
    """One statistic of one test on one module. Numbers are in the unit of the result."""

    method: PatientMethod = Field(description="mean, median, ewma or bull.")
    size: int = Field(default=0, ge=0, le=SIZE_MAX, description="Results of a window or batch.")
    weight: Decimal = Field(default=_ZERO, ge=0, le=1, description="EWMA: weight of a new result.")
    target: Decimal = Field(description="Mean of the history in control.")
    sd: Decimal | None = Field(default=None, gt=0, description="SD of single truncated results.")
    limits: LimitKind = Field(description="How the limits are given.")
    width: Decimal = Field(default=_ZERO, ge=0, description="Standard errors, or percent.")
    low: Decimal | None = Field(default=None, description="Absolute lower limit.")
    high: Decimal | None = Field(default=None, description="Absolute upper limit.")
    truncate_low: Decimal | None = Field(default=None, description="Lower truncation limit.")
    truncate_high: Decimal | None = Field(default=None, description="Upper truncation limit.")
    truncation: Truncation = Field(default=Truncation.EXCLUDE, description="What is beyond them.")

    @model_validator(mode="after")
    def _is_whole(self) -> PatientQcSettings:
        if self.method in _NEEDS_SIZE and self.size < _TWO:
            raise ValueError(f"{self.method.value} needs a size of two or more")
        if self.method is PatientMethod.EWMA and not self.weight:
            raise ValueError("ewma needs a weight greater than zero")
        if _is_crossed(self.truncate_low, self.truncate_high):
            raise ValueError("truncate_low is not below truncate_high")
        _LIMIT_CHECKS[self.limits](self)
        return self


def _is_crossed(low: Decimal | None, high: Decimal | None) -> bool:
    return low is not None and high is not None and low >= high


def _check_errors(settings: PatientQcSettings) -> None:
    if settings.method not in _HAS_ERROR:
        raise ValueError(f"{settings.method.value} has no standard error; give percent or absolute")
    if settings.sd is None or not settings.width:
        raise ValueError("limits in standard errors need sd and width")


def _check_percent(settings: PatientQcSettings) -> None:
    if not settings.width or not settings.target:
        raise ValueError("limits in percent need a width, and a target other than zero")


def _check_absolute(settings: PatientQcSettings) -> None:
    if settings.low is None or settings.high is None or settings.low >= settings.high:
        raise ValueError("absolute limits need low below high")


_LIMIT_CHECKS: Mapping[LimitKind, Callable[[PatientQcSettings], None]] = {
    LimitKind.STANDARD_ERRORS: _check_errors,
    LimitKind.PERCENT: _check_percent,
    LimitKind.ABSOLUTE: _check_absolute,
}


@dataclass(frozen=True, slots=True)
class PatientQcState:
    """What a statistic remembers. `values` come in order of arrival, `ordered` by size (median); `total` is the sum
    of the window, or of the signed roots of Bull's batch; `decay` is the share by which the EWMA's limits are narrower.
    `alarm_order` is the number of the result that gave the alarm."""

    status: PatientQcStatus = PatientQcStatus.STARTING
    count: int = 0
    values: tuple[Decimal, ...] = ()
    ordered: tuple[Decimal, ...] = ()
    total: Decimal = _ZERO
    decay: Decimal = _ONE
    statistic: Decimal | None = None
    alarm_order: int | None = None


STARTED = PatientQcState()
"""A statistic that has seen nothing: at first, after a clearing, after calibration or new reagent."""


_STATE: TypeAdapter[PatientQcState] = TypeAdapter(PatientQcState)


def patient_qc_text(state: PatientQcState) -> str:
    """The state as JSON, for the store."""
    return _STATE.dump_json(state).decode()


def patient_qc_from(text: str) -> PatientQcState:
    """The state that `patient_qc_text` wrote. Raises pydantic's ValidationError for anything else."""
    return _STATE.validate_json(text)


@dataclass(frozen=True, slots=True)
class PatientQc:
    """Settings made ready once: the limits of the settled statistic, and the variance of the EWMA times the width."""

    settings: PatientQcSettings
    low: Decimal
    high: Decimal
    spread: Decimal  # (width * sd)^2 * weight / (2 - weight); zero: the limits do not grow


def prepare(settings: PatientQcSettings) -> PatientQc:
    """The limits, once per setup."""
    target, width = settings.target, settings.width
    if settings.limits is LimitKind.ABSOLUTE and settings.low is not None:
        return PatientQc(settings, settings.low, settings.high or _ZERO, _ZERO)
    if settings.limits is LimitKind.PERCENT:
        half = abs(target) * width / _HUNDRED
        return PatientQc(settings, target - half, target + half, _ZERO)
    variance = (width * (settings.sd or _ZERO)) ** 2
    if settings.method is PatientMethod.EWMA:
        spread = variance * settings.weight / (_TWO - settings.weight)
        half = spread.sqrt()
        return PatientQc(settings, target - half, target + half, spread)
    half = (variance / settings.size).sqrt()
    return PatientQc(settings, target - half, target + half, _ZERO)


def is_usable(result: Result) -> bool:
    """A patient's plain final number, measured once and undiluted, that the analyzer says nothing against."""
    return (
        result.specimen.role is SampleRole.PATIENT
        and result.value.kind is ValueKind.NUMBER
        and result.value.number is not None
        and is_plain(result.value.number)
        and not result.value.comparator
        and result.status is ResultStatus.FINAL
        and result.run == 1
        and result.dilution_factor in (None, _ONE)
        and not result.instrument_flags
        and not result.is_manual
    )


def step(qc: PatientQc, state: PatientQcState, value: Decimal, order: int) -> PatientQcState:
    """Take in one result. Beyond the truncation limits it counts for nothing, or as the limit.

    The statistic goes on under an alarm, so that one sees whether the shift is still there; the alarm stays.
    """
    counted = _truncated(qc.settings, value)
    if counted is None:
        return state
    return _STEPS[qc.settings.method](qc, state, counted, order)


def baseline(history: Sequence[Decimal], settings: PatientQcSettings) -> tuple[Decimal, Decimal]:
    """Mean and SD of the history inside the truncation limits: what `target` and `sd` should be. Raises ValueError when
    fewer than two results are left."""
    counted = [_truncated(settings, value) for value in history]
    learned = learned_from(value for value in counted if value is not None)
    return learned.mean, learned.sd


def limits_now(qc: PatientQc, state: PatientQcState) -> tuple[Decimal, Decimal]:
    """Lower and upper limit of the latest statistic; those of the EWMA grow at first."""
    if not qc.spread or not state.decay:
        return qc.low, qc.high
    half = (qc.spread * (_ONE - state.decay)).sqrt()
    return qc.settings.target - half, qc.settings.target + half


def _truncated(settings: PatientQcSettings, value: Decimal) -> Decimal | None:
    low, high = settings.truncate_low, settings.truncate_high
    is_winsorised = settings.truncation is Truncation.WINSORISE
    if low is not None and value < low:
        return low if is_winsorised else None
    if high is not None and value > high:
        return high if is_winsorised else None
    return value


def _status(
    qc: PatientQc, state: PatientQcState, statistic: Decimal, order: int
) -> tuple[PatientQcStatus, int | None]:
    if state.status is PatientQcStatus.ALARM:
        return state.status, state.alarm_order
    if qc.low <= statistic <= qc.high:
        return PatientQcStatus.IN_CONTROL, None
    return PatientQcStatus.ALARM, order


def _mean(qc: PatientQc, state: PatientQcState, value: Decimal, order: int) -> PatientQcState:
    size = qc.settings.size
    values, total = (*state.values, value), state.total + value
    if len(values) > size:
        total -= values[0]
        values = values[1:]
    count = state.count + 1
    if len(values) < size:
        return PatientQcState(state.status, count, values, (), total)
    statistic = total / size
    status, alarm = _status(qc, state, statistic, order)
    return PatientQcState(status, count, values, (), total, _ONE, statistic, alarm)


def _median(qc: PatientQc, state: PatientQcState, value: Decimal, order: int) -> PatientQcState:
    size = qc.settings.size
    values = (*state.values, value)
    ordered = list(state.ordered)
    if len(values) > size:
        del ordered[bisect_left(ordered, values[0])]
        values = values[1:]
    insort(ordered, value)
    count = state.count + 1
    if len(values) < size:
        return PatientQcState(state.status, count, values, tuple(ordered))
    half = size // 2
    statistic = ordered[half] if size % 2 else (ordered[half - 1] + ordered[half]) / 2
    status, alarm = _status(qc, state, statistic, order)
    return PatientQcState(status, count, values, tuple(ordered), _ZERO, _ONE, statistic, alarm)


def _ewma(qc: PatientQc, state: PatientQcState, value: Decimal, order: int) -> PatientQcState:
    weight = qc.settings.weight
    before = qc.settings.target if state.statistic is None else state.statistic
    statistic = weight * value + (_ONE - weight) * before
    decay = state.decay * (_ONE - weight) ** 2
    if decay < _SETTLED:
        decay = _ZERO
    status, alarm = _status(qc, state, statistic, order)
    if qc.spread and decay and alarm is None:
        # Squared on both sides: no root for each result.
        off = statistic - qc.settings.target
        if off * off > qc.spread * (_ONE - decay):
            status, alarm = PatientQcStatus.ALARM, order
    return PatientQcState(status, state.count + 1, (), (), _ZERO, decay, statistic, alarm)


def _bull(qc: PatientQc, state: PatientQcState, value: Decimal, order: int) -> PatientQcState:
    """The batch is full at every `size` results; its mean then moves by the square of the mean signed root."""
    size = qc.settings.size
    before = qc.settings.target if state.statistic is None else state.statistic
    off = value - before
    root = abs(off).sqrt()
    total = state.total + (root if off >= 0 else -root)
    count = state.count + 1
    if count % size:
        return PatientQcState(
            state.status, count, (), (), total, _ONE, state.statistic, state.alarm_order
        )
    moved = (total / size) ** 2
    statistic = before + moved if total >= 0 else before - moved
    status, alarm = _status(qc, state, statistic, order)
    return PatientQcState(status, count, (), (), _ZERO, _ONE, statistic, alarm)


_Step = Callable[[PatientQc, PatientQcState, Decimal, int], PatientQcState]
_STEPS: Mapping[PatientMethod, _Step] = {
    PatientMethod.MEAN: _mean,
    PatientMethod.MEDIAN: _median,
    PatientMethod.EWMA: _ewma,
    PatientMethod.BULL: _bull,
}
