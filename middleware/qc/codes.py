"""Closed sets of words of quality control. Values are what is stored and shown; never rename one."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Scope(StrEnum):
    """Which values a rule looks at together."""

    WITHIN = "within"  # one level, over consecutive runs
    ACROSS = "across"  # all levels, by run and then by level
    POINT = "point"  # the new value alone


@unique
class RuleKind(StrEnum):
    """How a rule counts."""

    LIMIT = "limit"  # one value beyond a limit
    CONSECUTIVE = "consecutive"  # so many values in a row beyond a limit on one side
    SHARE = "share"  # so many of so many beyond a limit on one side
    OPPOSITE = "opposite"  # in one run, one level beyond the upper and one beyond the lower limit
    RANGE = "range"  # in one run, two levels further apart than the limit
    TREND = "trend"  # so many values in a row strictly rising or strictly falling


@unique
class Action(StrEnum):
    """What a violated rule does to its run."""

    WARN = "warn"
    REJECT = "reject"


@unique
class PointVerdict(StrEnum):
    """What the rules say of one control value."""

    ACCEPTED = "accepted"
    WARNING = "warning"
    REJECTED = "rejected"
    NOT_JUDGED = "not_judged"  # no target yet, or the lot runs beside the one in use


@unique
class TargetKind(StrEnum):
    """Where a mean and an SD come from."""

    FIXED = "fixed"
    PROVISIONAL = "provisional"
    LEARNED = "learned"


@unique
class LotUse(StrEnum):
    """What a control lot does on a given day."""

    NOT_YET = "not_yet"
    IN_PARALLEL = "in_parallel"  # measured and learned beside the old lot; moves no gate
    IN_USE = "in_use"
    RETIRED = "retired"


@unique
class GateMode(StrEnum):
    """What a gate may do."""

    OBSERVE = "observe"  # it is kept and shown, and holds nothing
    ENFORCE = "enforce"
    EXTERNAL = "external"  # the status comes from another system


@unique
class GateStatus(StrEnum):
    """Where quality control of one test on one module stands."""

    UNKNOWN = "unknown"  # no accepted run yet, or calibration, reagent or maintenance since
    IN_CONTROL = "in_control"
    WARNING = "warning"  # the last run was accepted with a warning
    FAILED = "failed"
    OVERDUE = "overdue"
    CLEARED = "cleared"  # failed, an action is documented; waits for an accepted run
    RECOVERED = "recovered"  # failed, a run was accepted since; waits for the documented action


@unique
class GateInput(StrEnum):
    """What can happen to a gate."""

    RUN_ACCEPTED = "run_accepted"
    RUN_WARNED = "run_warned"
    RUN_REJECTED = "run_rejected"
    SCHEDULE_ELAPSED = "schedule_elapsed"
    PERSON_CLEARED = "person_cleared"  # the action was taken before the run that was accepted since
    PERSON_CLEARED_LATER = "person_cleared_later"  # it was taken after that run, or there is none
    CONDITIONS_CHANGED = "conditions_changed"
    EXTERNAL_GOOD = "external_good"
    EXTERNAL_WARNING = "external_warning"
    EXTERNAL_BAD = "external_bad"


@unique
class GateStep(StrEnum):
    """What a gate does besides going to its next status."""

    NOTHING = "nothing"
    ACCEPT = "accept"  # the good period goes on; what waited for this run may go
    OPEN = "open"  # a new good period begins
    NOTE_GOOD = "note_good"  # remember the run that may open the next good period
    FAIL = "fail"  # the good period ends; what waited is held; list what was released in it
    END = "end"  # the good period ends without a failure; what waited is held
    NOTE_ACTION = "note_action"
    REFUSE = "refuse"  # there is nothing to clear


@unique
class Admission(StrEnum):
    """What a gate says to one patient's result."""

    PASS = "pass"  # noqa: S105 - a word of the gate
    WAIT = "wait"  # until the next accepted run closes the bracket
    HOLD = "hold"  # for a person


@unique
class PatientMethod(StrEnum):
    """A statistic over patients' results."""

    MEAN = "mean"
    MEDIAN = "median"
    EWMA = "ewma"
    BULL = "bull"


@unique
class Truncation(StrEnum):
    """What happens to a result beyond the truncation limits."""

    EXCLUDE = "exclude"
    WINSORISE = "winsorise"  # it counts as the limit


@unique
class LimitKind(StrEnum):
    """How the width of the control limits is given."""

    STANDARD_ERRORS = "standard_errors"
    PERCENT = "percent"
    ABSOLUTE = "absolute"


@unique
class PatientQcStatus(StrEnum):
    """Where a statistic over patients' results stands."""

    STARTING = "starting"  # fewer results than the statistic needs
    IN_CONTROL = "in_control"
    ALARM = "alarm"  # until a person clears it
