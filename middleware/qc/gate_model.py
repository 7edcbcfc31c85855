"""What a gate is told, what it remembers, and what it decides: small frozen models that can be stored as they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from pydantic import Field, TypeAdapter

from middleware.model.value import Frozen
from middleware.qc.codes import GateInput, GateMode, GateStatus, PointVerdict
from middleware.qc.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a measurement stands among the others of its line: its number in the store, and the analyzer's own time.

    The number says when it came, the time when it was measured; None where the time is not believed.
    """

    order: int
    measured_at: datetime | None = None


class GateSettings(Frozen):
    """What a laboratory says of one gate."""

    mode: GateMode = Field(default=GateMode.ENFORCE, description="observe, enforce or external.")
    bracketing: bool = Field(default=False, description="Results wait for the next good run.")
    levels: tuple[str, ...] = Field(default=(), description="Levels that a complete run has.")
    schedule: Schedule = Field(default=Schedule(), description="When a run is due again.")


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate's settings with the time zone in which its shifts begin."""

    settings: GateSettings
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The run that is being measured: its number, the good levels so far, and where and when its first value stands."""

    number: int
    mark: Mark
    began_at: datetime
    levels: tuple[str, ...] = ()
    is_warned: bool = False
    is_rejected: bool = False


@dataclass(frozen=True, slots=True)
class Clearing:
    """The documented action after a failure."""

    by: str
    action: str
    at: datetime
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class GateState:
    """Everything that a gate remembers; stored in the transaction that stores what it was told.

    `good_since` is the run that began the good period (None: there is none), `last_good` the latest accepted run, kept
    after a failure for the look-back. `candidate` is a run accepted after a failure, before the action is documented,
    and `candidate_at` when it was measured.
    `results_since` counts patients' results since the last accepted run. `rules` are those that failed it.
    """

    status: GateStatus = GateStatus.UNKNOWN
    good_since: Mark | None = None
    last_good: Mark | None = None
    candidate: Mark | None = None
    candidate_at: datetime | None = None
    run: RunProgress | None = None
    due_at: datetime | None = None
    results_since: int = 0
    failed: Mark | None = None
    rules: tuple[str, ...] = ()
    clearing: Clearing | None = None


_STATE: TypeAdapter[GateState] = TypeAdapter(GateState)


def gate_text(state: GateState) -> str:
    """The state as JSON, for the store."""
    return _STATE.dump_json(state).decode()


def gate_from(text: str) -> GateState:
    """The state that `gate_text` wrote. Raises pydantic's ValidationError for anything else."""
    return _STATE.validate_json(text)


@dataclass(frozen=True, slots=True)
class ControlJudged:
    """The rules judged one control value of the lot in use. `run` as numbered by the series, `at` is now."""

    level: str
    run: int
    verdict: PointVerdict
    mark: Mark
    at: datetime
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultCounted:
    """One result of a patient came. Needed only where the schedule counts results; ask `admit` first."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TimeCame:
    """The time that `GateState.due_at` names has come, or somebody looks."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Cleared:
    """A person documents the action after a failure. `taken_at` says when it was taken (None: now).

    An accepted run from before it does not count.
    """

    by: str
    action: str
    at: datetime
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConditionsChanged:
    """Calibration, a new reagent lot, maintenance: `what` in words."""

    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ExternalTold:
    """Another system says how quality control stands: EXTERNAL_GOOD, EXTERNAL_WARNING or EXTERNAL_BAD."""

    status: GateInput
    mark: Mark
    at: datetime
    text: str = ""


Event = ControlJudged | ResultCounted | TimeCame | Cleared | ConditionsChanged | ExternalTold


@dataclass(frozen=True, slots=True)
class FreeWaiting:
    """Results that waited between two accepted runs may go."""

    after: Mark
    until: Mark

    def covers(self, mark: Mark) -> bool:
        """The result came and, as far as both times are known, was measured between the two runs."""
        return (
            self.after.order < mark.order < self.until.order
            and not is_measured_after(self.after, mark)
            and not is_measured_after(mark, self.until)
        )


@dataclass(frozen=True, slots=True)
class HoldWaiting:
    """Every result that still waits at this gate is held for a person: its bracket will never close."""

    reason: str


@dataclass(frozen=True, slots=True)
class LookBack:
    """A person looks again at everything released since the last accepted run (None: ever)."""

    since: Mark | None
    until: Mark

    def lists(self, mark: Mark, released_order: int) -> bool:
        """The result came, was measured, or was released after the run began. `released_order`: the highest number in
        the store when it was released."""
        since = self.since
        if since is None:
            return True
        return (
            mark.order > since.order
            or released_order > since.order
            or is_measured_after(mark, since)
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """The gate has another status now."""

    was: GateStatus
    now: GateStatus
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What was told has no effect, and why."""

    reason: str


Decision = FreeWaiting | HoldWaiting | LookBack | Moved | Refused


@dataclass(frozen=True, slots=True)
class Applied:
    """The state to store, and what follows from the event, in order."""

    state: GateState
    decisions: tuple[Decision, ...] = ()


def is_measured_after(one: Mark, other: Mark) -> bool:
    """By the analyzer's clock, `one` is not before `other`. False where a time is not known.

    Equal times count as after: a clock that shows minutes cannot tell.
    """
    if one.measured_at is None or other.measured_at is None:
        return False
    return one.measured_at >= other.measured_at
