"""The gate: quality control of one test on one module decides what may be released. Events in, decisions out.

I am responsible for going through `tables.TRANSITIONS`, and for the rule that a result passes only when it was measured
inside a good period. Whether a schedule has run out is asked before anything else, so no timer is needed to be safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from middleware.qc.codes import (
    Admission,
    GateInput,
    GateMode,
    GateStatus,
    GateStep,
    PointVerdict,
)
from middleware.qc.gate_model import (
    Applied,
    Cleared,
    Clearing,
    ConditionsChanged,
    ControlJudged,
    Decision,
    Event,
    ExternalTold,
    FreeWaiting,
    Gate,
    GateState,
    HoldWaiting,
    LookBack,
    Mark,
    Moved,
    Refused,
    ResultCounted,
    RunProgress,
    TimeCame,
    is_measured_after,
)
from middleware.qc.schedule import due_after
from middleware.qc.tables import IS_GOOD, TRANSITIONS

_EXTERNAL = (GateInput.EXTERNAL_GOOD, GateInput.EXTERNAL_WARNING, GateInput.EXTERNAL_BAD)

WHY_HELD: Mapping[GateStatus, str] = {
    GateStatus.UNKNOWN: "No quality control run was accepted since the start, or since calibration, reagent or "
    "maintenance.",
    GateStatus.IN_CONTROL: "It was measured before quality control was good.",
    GateStatus.WARNING: "It was measured before quality control was good.",
    GateStatus.FAILED: "Quality control failed.",
    GateStatus.OVERDUE: "Quality control is overdue.",
    GateStatus.CLEARED: "Quality control failed; an action is documented, an accepted run is missing.",
    GateStatus.RECOVERED: "Quality control failed; a run was accepted since, the documented action is missing.",
}


@dataclass(frozen=True, slots=True)
class _Told:
    """An event as the table knows it: the input, where the run stands (None: no run), and why in words."""

    input: GateInput
    at: datetime
    why: str
    mark: Mark | None = None
    clearing: Clearing | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gate says to one result, and why in a sentence (empty: it passes)."""

    admission: Admission
    reason: str = ""


def admit(gate: Gate, state: GateState, mark: Mark, now: datetime) -> Answer:
    """May this result of a patient go? Reads only; apply `ResultCounted` after it where the schedule counts results."""
    if gate.settings.mode is GateMode.OBSERVE:
        return Answer(Admission.PASS)
    status = state.status
    if IS_GOOD[status] and _has_elapsed(gate, state, now):
        status = GateStatus.OVERDUE
    since = state.good_since
    if not IS_GOOD[status] or since is None or is_measured_after(since, mark):
        return Answer(Admission.HOLD, WHY_HELD[status])
    if gate.settings.bracketing:
        return Answer(Admission.WAIT, "It waits for the next accepted quality control run.")
    return Answer(Admission.PASS)


def apply(gate: Gate, state: GateState, event: Event) -> Applied:
    """What follows from an event. Store the new state and act on the decisions in one transaction."""
    decisions: tuple[Decision, ...] = ()
    if _has_elapsed(gate, state, event.at):
        elapsed = _Told(GateInput.SCHEDULE_ELAPSED, event.at, "a run is due since then")
        state, decisions = _go(gate, state, elapsed)
    state, told = _read(gate, state, event)
    if isinstance(told, Refused):
        return Applied(state, (*decisions, told))
    if told is None:
        return Applied(state, decisions)
    state, more = _go(gate, state, told)
    return Applied(state, decisions + more)


def _has_elapsed(gate: Gate, state: GateState, now: datetime) -> bool:
    most = gate.settings.schedule.every_results
    if most is not None and state.results_since >= most:
        return True
    return state.due_at is not None and now >= state.due_at


def _read(gate: Gate, state: GateState, event: Event) -> tuple[GateState, _Told | Refused | None]:
    """The event in the words of the table; None when it only counts."""
    match event:
        case ControlJudged():
            return _read_control(gate, state, event)
        case ResultCounted():
            return replace(state, results_since=state.results_since + 1), None
        case TimeCame():
            return state, None
        case Cleared():
            return state, _read_clearing(gate, state, event)
        case ConditionsChanged():
            return state, _Told(GateInput.CONDITIONS_CHANGED, event.at, event.what)
        case ExternalTold():
            return state, _read_external(gate, event)


def _read_clearing(gate: Gate, state: GateState, event: Cleared) -> _Told | Refused:
    if gate.settings.mode is GateMode.EXTERNAL:
        return Refused("the system that sends the status of this gate clears it")
    if not event.by.strip() or not event.action.strip():
        return Refused("a clearing needs a person and the action that was taken")
    taken_at = event.at if event.taken_at is None else min(event.taken_at, event.at)
    is_before = state.candidate_at is not None and taken_at < state.candidate_at
    kind = GateInput.PERSON_CLEARED if is_before else GateInput.PERSON_CLEARED_LATER
    clearing = Clearing(by=event.by, action=event.action, at=event.at, taken_at=taken_at)
    return _Told(kind, event.at, f"cleared by {event.by}", clearing=clearing)


def _read_external(gate: Gate, event: ExternalTold) -> _Told | Refused:
    if gate.settings.mode is not GateMode.EXTERNAL:
        return Refused("this gate judges its own control values; its mode is not external")
    if event.status not in _EXTERNAL:
        return Refused(f"{event.status.value} is no status that another system sends")
    return _Told(event.status, event.at, event.text or "another system said so", event.mark)


def _read_control(
    gate: Gate, state: GateState, event: ControlJudged
) -> tuple[GateState, _Told | Refused | None]:
    """A rejected value ends its run at once; an accepted one counts when its run is complete."""
    if gate.settings.mode is GateMode.EXTERNAL or event.verdict is PointVerdict.NOT_JUDGED:
        return state, None
    if event.verdict is not PointVerdict.REJECTED and _is_old(state, event.mark):
        return state, Refused("the control value is older than one that was judged before")
    run = _progress(state.run, event)
    state = replace(state, run=run)
    if event.verdict is PointVerdict.REJECTED:
        why = f"level {event.level} broke {', '.join(event.rules) or 'a rule'}"
        state = replace(state, rules=event.rules)
        return state, _Told(GateInput.RUN_REJECTED, event.at, why, event.mark)
    if run.is_rejected or not set(gate.settings.levels) <= set(run.levels):
        return state, None
    if state.clearing is not None and run.began_at <= state.clearing.taken_at:
        return state, Refused("the run began before the documented action")
    kind = GateInput.RUN_WARNED if run.is_warned else GateInput.RUN_ACCEPTED
    return state, _Told(kind, event.at, "a complete run was accepted", run.mark)


def _is_old(state: GateState, mark: Mark) -> bool:
    """By the analyzer's clock it was measured before the last judged run; it says nothing of now."""
    known = [one for one in (state.last_good, state.candidate, state.failed) if one is not None]
    times = [one.measured_at for one in known if one.measured_at is not None]
    return mark.measured_at is not None and any(mark.measured_at < time for time in times)


def _progress(run: RunProgress | None, event: ControlJudged) -> RunProgress:
    began_at = _good_at(event.mark, event.at)
    if run is None or run.number != event.run:
        run = RunProgress(number=event.run, mark=event.mark, began_at=began_at)
    is_rejected = event.verdict is PointVerdict.REJECTED
    return RunProgress(
        number=run.number,
        mark=_earlier(run.mark, event.mark),
        began_at=min(run.began_at, began_at),
        levels=run.levels if is_rejected else tuple(sorted({*run.levels, event.level})),
        is_warned=run.is_warned or event.verdict is PointVerdict.WARNING,
        is_rejected=run.is_rejected or is_rejected,
    )


def _earlier(one: Mark, other: Mark) -> Mark:
    """The first of both in either sense: nothing that came or was measured after it lies before the run."""
    times = [mark.measured_at for mark in (one, other) if mark.measured_at is not None]
    return Mark(order=min(one.order, other.order), measured_at=min(times, default=None))


def _go(gate: Gate, state: GateState, told: _Told) -> tuple[GateState, tuple[Decision, ...]]:
    step, status = TRANSITIONS[(state.status, told.input)]
    if step is GateStep.REFUSE:
        return state, (Refused("quality control has not failed here; there is nothing to clear"),)
    changes, decisions = _STEPS[step](gate, state, told)
    moved = () if status is state.status else (Moved(state.status, status, told.why),)
    return replace(state, status=status, **changes), (*moved, *decisions)


_Changes = Mapping[str, Any]
_NO_CANDIDATE: _Changes = {"candidate": None, "candidate_at": None}


def _nothing(gate: Gate, state: GateState, told: _Told) -> tuple[_Changes, tuple[Decision, ...]]:
    """A candidate that is too old by now, or from before a change, opens no period; half a run from before neither."""
    if told.input is GateInput.CONDITIONS_CHANGED:
        return {**_NO_CANDIDATE, "run": None}, ()
    return _NO_CANDIDATE, ()


def _accept(gate: Gate, state: GateState, told: _Told) -> tuple[_Changes, tuple[Decision, ...]]:
    mark = _run_mark(told)
    free = () if state.good_since is None else (FreeWaiting(state.good_since, mark),)
    return {**_good_run(gate, mark, told.at), "last_good": mark}, free


def _open(gate: Gate, state: GateState, told: _Told) -> tuple[_Changes, tuple[Decision, ...]]:
    changes: _Changes = {**_NO_CANDIDATE, "failed": None, "rules": ()}
    if told.clearing is None:
        mark = _run_mark(told)
        changes = {**changes, **_good_run(gate, mark, told.at)}
    else:
        # The run was accepted before; its time runs already.
        mark = _candidate(state)
        changes = {**changes, "clearing": told.clearing}
    return {**changes, "good_since": mark, "last_good": mark}, ()


def _note_good(gate: Gate, state: GateState, told: _Told) -> tuple[_Changes, tuple[Decision, ...]]:
    mark = _run_mark(told)
    began_at = told.at if state.run is None else state.run.began_at
    return {**_good_run(gate, mark, told.at), "candidate": mark, "candidate_at": began_at}, ()


def _fail(gate: Gate, state: GateState, told: _Told) -> tuple[_Changes, tuple[Decision, ...]]:
    mark = _run_mark(told)
    changes: _Changes = {**_NO_CANDIDATE, "good_since": None, "clearing": None, "due_at": None}
    return {**changes, "failed": mark}, (
        HoldWaiting("Quality control failed before the bracket was closed."),
        LookBack(state.last_good, mark),
    )


def _end(gate: Gate, state: GateState, told: _Told) -> tuple[_Changes, tuple[Decision, ...]]:
    changes: _Changes = {"good_since": None, "run": None, "due_at": None}
    return changes, (HoldWaiting(f"The bracket was not closed: {told.why}."),)


def _note_action(
    gate: Gate, state: GateState, told: _Told
) -> tuple[_Changes, tuple[Decision, ...]]:
    return {**_NO_CANDIDATE, "clearing": told.clearing}, ()


def _candidate(state: GateState) -> Mark:
    if state.candidate is None:
        raise ValueError("no run was accepted since the failure")
    return state.candidate


def _run_mark(told: _Told) -> Mark:
    if told.mark is None:
        raise ValueError(f"{told.input.value} needs a run")
    return told.mark


def _good_run(gate: Gate, mark: Mark, at: datetime) -> _Changes:
    """The next run is due a time after this one was measured; a clock that runs ahead gains nothing."""
    due_at = due_after(gate.settings.schedule, _good_at(mark, at), gate.zone)
    return {"due_at": due_at, "results_since": 0}


def _good_at(mark: Mark, at: datetime) -> datetime:
    return at if mark.measured_at is None else min(mark.measured_at, at)


_Step = Callable[[Gate, GateState, _Told], tuple[_Changes, tuple[Decision, ...]]]
_STEPS: Mapping[GateStep, _Step] = {
    GateStep.NOTHING: _nothing,
    GateStep.ACCEPT: _accept,
    GateStep.OPEN: _open,
    GateStep.NOTE_GOOD: _note_good,
    GateStep.FAIL: _fail,
    GateStep.END: _end,
    GateStep.NOTE_ACTION: _note_action,
}
