"""The door of control values: from one measured value to its verdict, what is learned from it, and the gate's
decisions.

The store keeps one `Memory` for each place (line, analyzer, module, test) as text, reads it, and writes the new one
in the transaction that stores the value. Nothing here is kept between calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from pydantic import TypeAdapter

from middleware.qc.codes import LotUse, PointVerdict
from middleware.qc.gate import apply
from middleware.qc.gate_model import (
    Cleared,
    ConditionsChanged,
    ControlJudged,
    Decision,
    Event,
    Gate,
    GateState,
    Mark,
    Refused,
)
from middleware.qc.materials import Control, Controls, Place, unit_fault
from middleware.qc.rules import RuleSet
from middleware.qc.targets import Learned, LearnedTarget, Target, learn, target_of
from middleware.qc.westgard import (
    Judgement,
    Measured,
    Series,
    Violation,
    evaluate,
    point_of,
    restarted,
    without_level,
)

_NO_SERIES = Series()
_UNKNOWN = GateState()


@dataclass(frozen=True, slots=True)
class TestQc:
    """Quality control of one test at one place, made once per setup."""

    __test__ = False  # a test of the laboratory, not one of ours

    controls: Controls
    rules: RuleSet
    gate: Gate


@dataclass(frozen=True, slots=True)
class Memory:
    """What one place remembers: the series of the rules, the lot by which each level is judged, what each lot has
    taught (by `lot|level`), and the state of the gate."""

    series: Series = _NO_SERIES
    lots: Mapping[str, str] = field(default_factory=dict)
    learned: Mapping[str, Learned] = field(default_factory=dict)
    gate: GateState = _UNKNOWN


@dataclass(frozen=True, slots=True)
class ControlValue:
    """One control value as the driver gave it. `value` is None where it is no plain number, `mark` its place among the
    others, `now` the node's time, and `day` the laboratory's calendar day."""

    place: Place
    lot: str
    level: str
    value: Decimal | None
    unit: str
    mark: Mark
    now: datetime
    day: date
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class JudgedValue:
    """What became of it. `target` and `z` are None where there is none; `reason` says why it was not judged."""

    memory: Memory
    verdict: PointVerdict
    control: Control | None = None
    target: Target | None = None
    z: Decimal | None = None
    run_number: int = 0
    violations: tuple[Violation, ...] = ()
    decisions: tuple[Decision, ...] = ()
    reason: str = ""


_MEMORY: TypeAdapter[Memory] = TypeAdapter(Memory)


def memory_text(memory: Memory) -> str:
    """The memory as JSON, for the store."""
    return _MEMORY.dump_json(memory).decode()


def memory_from(text: str) -> Memory:
    """The memory that `memory_text` wrote. Raises pydantic's ValidationError for anything else."""
    return _MEMORY.validate_json(text)


def judge(qc: TestQc, memory: Memory, value: ControlValue) -> JudgedValue:
    """Judge one control value. What cannot be judged moves no gate and says why; the schedule finds what is missing."""
    found = qc.controls.find(value.place, value.lot, value.level, value.day)
    control = found.control
    if control is None:
        return JudgedValue(memory, PointVerdict.NOT_JUDGED, reason=found.reason)
    reason = unit_fault(control, value.unit, value.value) or _use_fault(found.use)
    if reason or value.value is None:
        return JudgedValue(memory, PointVerdict.NOT_JUDGED, control, reason=reason)
    name = f"{value.lot}|{value.level}"
    target = target_of(control.target, memory.learned.get(name, Learned()))
    if target is None or found.use is LotUse.IN_PARALLEL:
        return _only_learned(memory, control, value, target)
    return _judged(qc, memory, control, value, target)


def tell(qc: TestQc, memory: Memory, event: Event) -> tuple[Memory, tuple[Decision, ...]]:
    """Tell the gate anything but a control value. After an action or a change, sequences of the rules begin anew."""
    applied = apply(qc.gate, memory.gate, event)
    is_refused = any(isinstance(one, Refused) for one in applied.decisions)
    memory = replace(memory, gate=applied.state)
    if isinstance(event, Cleared) and not is_refused:
        memory = replace(memory, series=restarted(memory.series, event.taken_at or event.at))
    if isinstance(event, ConditionsChanged):
        memory = replace(memory, series=restarted(memory.series))
    return memory, applied.decisions


def _use_fault(use: LotUse | None) -> str:
    if use is LotUse.NOT_YET:
        return "the lot is not in use yet"
    return "the lot is expired or no longer in use" if use is LotUse.RETIRED else ""


def _only_learned(
    memory: Memory, control: Control, value: ControlValue, target: Target | None
) -> JudgedValue:
    number = value.value or Decimal(0)
    z = None if target is None else (number - target.mean) / target.sd
    reason = "the lot runs beside the one in use" if target else "the lot has no target yet"
    return JudgedValue(
        _with_learned(memory, control, value),
        PointVerdict.NOT_JUDGED,
        control,
        target,
        z,
        reason=reason,
    )


def _judged(
    qc: TestQc, memory: Memory, control: Control, value: ControlValue, target: Target
) -> JudgedValue:
    judgement = _evaluated(qc, memory, value, target)
    broken = judgement.violations
    event = ControlJudged(
        level=value.level,
        run=judgement.run_number,
        verdict=judgement.verdict,
        mark=value.mark,
        at=value.now,
        rules=tuple(dict.fromkeys(one.rule for one in broken)),
    )
    applied = apply(qc.gate, memory.gate, event)
    lots = {**memory.lots, value.level: value.lot}
    memory = replace(memory, series=judgement.series, lots=lots, gate=applied.state)
    if judgement.verdict is not PointVerdict.REJECTED:
        memory = _with_learned(memory, control, value)
    return JudgedValue(
        memory,
        judgement.verdict,
        control,
        target,
        judgement.point.z,
        judgement.run_number,
        broken,
        applied.decisions,
    )


def _evaluated(qc: TestQc, memory: Memory, value: ControlValue, target: Target) -> Judgement:
    """A new lot of a level begins its own sequence."""
    series = memory.series
    if memory.lots.get(value.level, value.lot) != value.lot:
        series = without_level(series, value.level)
    measured = Measured(
        level=value.level,
        value=value.value or Decimal(0),
        at=value.mark.measured_at or value.now,
        order=value.mark.order,
        run_id=value.run_id,
    )
    return evaluate(series, point_of(measured, target), qc.rules)


def _with_learned(memory: Memory, control: Control, value: ControlValue) -> Memory:
    wish = control.target
    if not isinstance(wish, LearnedTarget) or value.value is None:
        return memory
    name = f"{value.lot}|{value.level}"
    learned = learn(memory.learned.get(name, Learned()), wish, value.value, value.day)
    return replace(memory, learned={**memory.learned, name: learned})
