"""A clock that moves only when a test says so, wall time and monotonic time apart (DESIGN 6.14)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FIRST_MOMENT = datetime(2031, 3, 4, 9, 30, tzinfo=UTC)


class FakeClock:
    """A `middleware.clock.Clock` that starts at `FIRST_MOMENT` and at 1000 monotonic seconds."""

    def __init__(self, start: datetime = FIRST_MOMENT, monotonic_s: float = 1000.0) -> None:
        self._wall = start
        self._monotonic_s = monotonic_s

    def utc_now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> float:
        """Let time pass on both clocks, never backwards; returns the new monotonic time."""
        if seconds < 0:
            raise ValueError("monotonic time never steps back; use step_wall for the wall clock")
        self._monotonic_s += seconds
        self._wall += timedelta(seconds=seconds)
        return self._monotonic_s

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock as a person or a time server does; timers must not notice."""
        self._wall += timedelta(seconds=seconds)
