"""The gate as a table: one row for every status and input. Data only; `gate` does the steps.

Theory of operation. A *good period* begins with an accepted run and lasts until a run is rejected, the conditions
change or another system says so. Only inside it a result may pass. Overdue does not end it: a late accepted run
closes the bracket from both sides. A failure ends it, and two things begin the next one, in either order: an
accepted run, and the documented action of a person. A run shows only what was done before it.
"""

from __future__ import annotations

from collections.abc import Mapping

from middleware.qc.codes import GateInput, GateStatus, GateStep

_S, _I, _A = GateStatus, GateInput, GateStep

TRANSITIONS: Mapping[tuple[GateStatus, GateInput], tuple[GateStep, GateStatus]] = {
    (_S.UNKNOWN, _I.RUN_ACCEPTED): (_A.OPEN, _S.IN_CONTROL),
    (_S.UNKNOWN, _I.RUN_WARNED): (_A.OPEN, _S.WARNING),
    (_S.UNKNOWN, _I.RUN_REJECTED): (_A.FAIL, _S.FAILED),
    (_S.UNKNOWN, _I.SCHEDULE_ELAPSED): (_A.NOTHING, _S.UNKNOWN),
    (_S.UNKNOWN, _I.PERSON_CLEARED): (_A.REFUSE, _S.UNKNOWN),
    (_S.UNKNOWN, _I.PERSON_CLEARED_LATER): (_A.REFUSE, _S.UNKNOWN),
    (_S.UNKNOWN, _I.CONDITIONS_CHANGED): (_A.NOTHING, _S.UNKNOWN),
    (_S.UNKNOWN, _I.EXTERNAL_GOOD): (_A.OPEN, _S.IN_CONTROL),
    (_S.UNKNOWN, _I.EXTERNAL_WARNING): (_A.OPEN, _S.WARNING),
    (_S.UNKNOWN, _I.EXTERNAL_BAD): (_A.FAIL, _S.FAILED),
    (_S.IN_CONTROL, _I.RUN_ACCEPTED): (_A.ACCEPT, _S.IN_CONTROL),
    (_S.IN_CONTROL, _I.RUN_WARNED): (_A.ACCEPT, _S.WARNING),
    (_S.IN_CONTROL, _I.RUN_REJECTED): (_A.FAIL, _S.FAILED),
    (_S.IN_CONTROL, _I.SCHEDULE_ELAPSED): (_A.NOTHING, _S.OVERDUE),
    (_S.IN_CONTROL, _I.PERSON_CLEARED): (_A.REFUSE, _S.IN_CONTROL),
    (_S.IN_CONTROL, _I.PERSON_CLEARED_LATER): (_A.REFUSE, _S.IN_CONTROL),
    (_S.IN_CONTROL, _I.CONDITIONS_CHANGED): (_A.END, _S.UNKNOWN),
    (_S.IN_CONTROL, _I.EXTERNAL_GOOD): (_A.ACCEPT, _S.IN_CONTROL),
    (_S.IN_CONTROL, _I.EXTERNAL_WARNING): (_A.ACCEPT, _S.WARNING),
    (_S.IN_CONTROL, _I.EXTERNAL_BAD): (_A.FAIL, _S.FAILED),
    (_S.WARNING, _I.RUN_ACCEPTED): (_A.ACCEPT, _S.IN_CONTROL),
    (_S.WARNING, _I.RUN_WARNED): (_A.ACCEPT, _S.WARNING),
    (_S.WARNING, _I.RUN_REJECTED): (_A.FAIL, _S.FAILED),
    (_S.WARNING, _I.SCHEDULE_ELAPSED): (_A.NOTHING, _S.OVERDUE),
    (_S.WARNING, _I.PERSON_CLEARED): (_A.REFUSE, _S.WARNING),
    (_S.WARNING, _I.PERSON_CLEARED_LATER): (_A.REFUSE, _S.WARNING),
    (_S.WARNING, _I.CONDITIONS_CHANGED): (_A.END, _S.UNKNOWN),
    (_S.WARNING, _I.EXTERNAL_GOOD): (_A.ACCEPT, _S.IN_CONTROL),
    (_S.WARNING, _I.EXTERNAL_WARNING): (_A.ACCEPT, _S.WARNING),
    (_S.WARNING, _I.EXTERNAL_BAD): (_A.FAIL, _S.FAILED),
    (_S.OVERDUE, _I.RUN_ACCEPTED): (_A.ACCEPT, _S.IN_CONTROL),
    (_S.OVERDUE, _I.RUN_WARNED): (_A.ACCEPT, _S.WARNING),
    (_S.OVERDUE, _I.RUN_REJECTED): (_A.FAIL, _S.FAILED),
    (_S.OVERDUE, _I.SCHEDULE_ELAPSED): (_A.NOTHING, _S.OVERDUE),
    (_S.OVERDUE, _I.PERSON_CLEARED): (_A.REFUSE, _S.OVERDUE),
    (_S.OVERDUE, _I.PERSON_CLEARED_LATER): (_A.REFUSE, _S.OVERDUE),
    (_S.OVERDUE, _I.CONDITIONS_CHANGED): (_A.END, _S.UNKNOWN),
    (_S.OVERDUE, _I.EXTERNAL_GOOD): (_A.ACCEPT, _S.IN_CONTROL),
    (_S.OVERDUE, _I.EXTERNAL_WARNING): (_A.ACCEPT, _S.WARNING),
    (_S.OVERDUE, _I.EXTERNAL_BAD): (_A.FAIL, _S.FAILED),
    (_S.FAILED, _I.RUN_ACCEPTED): (_A.NOTE_GOOD, _S.RECOVERED),
    (_S.FAILED, _I.RUN_WARNED): (_A.NOTE_GOOD, _S.RECOVERED),
    (_S.FAILED, _I.RUN_REJECTED): (_A.FAIL, _S.FAILED),
    (_S.FAILED, _I.SCHEDULE_ELAPSED): (_A.NOTHING, _S.FAILED),
    (_S.FAILED, _I.PERSON_CLEARED): (_A.NOTE_ACTION, _S.CLEARED),
    (_S.FAILED, _I.PERSON_CLEARED_LATER): (_A.NOTE_ACTION, _S.CLEARED),
    (_S.FAILED, _I.CONDITIONS_CHANGED): (_A.NOTHING, _S.FAILED),
    # The other system clears by its own rules.
    (_S.FAILED, _I.EXTERNAL_GOOD): (_A.OPEN, _S.IN_CONTROL),
    (_S.FAILED, _I.EXTERNAL_WARNING): (_A.OPEN, _S.WARNING),
    (_S.FAILED, _I.EXTERNAL_BAD): (_A.FAIL, _S.FAILED),
    (_S.CLEARED, _I.RUN_ACCEPTED): (_A.OPEN, _S.IN_CONTROL),
    (_S.CLEARED, _I.RUN_WARNED): (_A.OPEN, _S.WARNING),
    (_S.CLEARED, _I.RUN_REJECTED): (_A.FAIL, _S.FAILED),
    (_S.CLEARED, _I.SCHEDULE_ELAPSED): (_A.NOTHING, _S.CLEARED),
    (_S.CLEARED, _I.PERSON_CLEARED): (_A.NOTE_ACTION, _S.CLEARED),
    (_S.CLEARED, _I.PERSON_CLEARED_LATER): (_A.NOTE_ACTION, _S.CLEARED),
    (_S.CLEARED, _I.CONDITIONS_CHANGED): (_A.NOTHING, _S.CLEARED),
    (_S.CLEARED, _I.EXTERNAL_GOOD): (_A.OPEN, _S.IN_CONTROL),
    (_S.CLEARED, _I.EXTERNAL_WARNING): (_A.OPEN, _S.WARNING),
    (_S.CLEARED, _I.EXTERNAL_BAD): (_A.FAIL, _S.FAILED),
    # Another good run is the better one to begin with: it is nearer to the next result.
    (_S.RECOVERED, _I.RUN_ACCEPTED): (_A.NOTE_GOOD, _S.RECOVERED),
    (_S.RECOVERED, _I.RUN_WARNED): (_A.NOTE_GOOD, _S.RECOVERED),
    (_S.RECOVERED, _I.RUN_REJECTED): (_A.FAIL, _S.FAILED),
    # The run that was accepted is too old by now, or from before the change: another is needed.
    (_S.RECOVERED, _I.SCHEDULE_ELAPSED): (_A.NOTHING, _S.FAILED),
    (_S.RECOVERED, _I.PERSON_CLEARED): (_A.OPEN, _S.IN_CONTROL),
    # A run from before the action does not show that the action helped.
    (_S.RECOVERED, _I.PERSON_CLEARED_LATER): (_A.NOTE_ACTION, _S.CLEARED),
    (_S.RECOVERED, _I.CONDITIONS_CHANGED): (_A.NOTHING, _S.FAILED),
    (_S.RECOVERED, _I.EXTERNAL_GOOD): (_A.OPEN, _S.IN_CONTROL),
    (_S.RECOVERED, _I.EXTERNAL_WARNING): (_A.OPEN, _S.WARNING),
    (_S.RECOVERED, _I.EXTERNAL_BAD): (_A.FAIL, _S.FAILED),
}
"""(status, input) to (step, next status); every cell is filled."""

IS_GOOD: Mapping[GateStatus, bool] = {
    GateStatus.UNKNOWN: False,
    GateStatus.IN_CONTROL: True,
    GateStatus.WARNING: True,
    GateStatus.FAILED: False,
    GateStatus.OVERDUE: False,
    GateStatus.CLEARED: False,
    GateStatus.RECOVERED: False,
}
"""Whether a result may pass, or wait for the end of its bracket."""
