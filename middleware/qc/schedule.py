"""When quality control is due again: after hours, after results, or with each shift."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

from pydantic import Field, model_validator

from middleware.model.value import Frozen

_DAYS_AHEAD = 3
"""The next shift begins tomorrow at the latest; one day more for a shift time that a change of the clocks leaves
out."""


class Schedule(Frozen):
    """How often a gate wants an accepted run. Whatever comes first counts; nothing given means never again.

    A run before the start of a shift does not count for that shift. Where controls are measured half an hour before
    it, write that time as the start, and as grace the minutes until they must be there.
    """

    every_h: float | None = Field(default=None, gt=0, le=24 * 366, description="Hours.")
    every_results: int | None = Field(default=None, gt=0, description="Patients' results.")
    shifts: tuple[time, ...] = Field(default=(), description="Starts of shifts, local time.")
    grace_min: int = Field(
        default=0, ge=0, description="Minutes after a time before it is overdue."
    )

    @model_validator(mode="after")
    def _is_local(self) -> Schedule:
        if any(start.tzinfo is not None for start in self.shifts):
            raise ValueError("the start of a shift is written without a time zone")
        return self


def due_after(schedule: Schedule, good_at: datetime, zone: tzinfo) -> datetime | None:
    """When the run accepted at `good_at` (aware) stops being enough. None: no time ends it."""
    ends = []
    if schedule.every_h is not None:
        ends.append(good_at + timedelta(hours=schedule.every_h))
    if schedule.shifts:
        ends.append(_next_shift(schedule.shifts, good_at, zone))
    return min(ends) + timedelta(minutes=schedule.grace_min) if ends else None


def _next_shift(shifts: tuple[time, ...], after: datetime, zone: tzinfo) -> datetime:
    today = after.astimezone(zone).date()
    utc = after.tzinfo
    starts = [
        datetime.combine(today + timedelta(days=days), start, tzinfo=zone).astimezone(utc)
        for days in range(_DAYS_AHEAD)
        for start in shifts
    ]
    return min(start for start in starts if start > after)
