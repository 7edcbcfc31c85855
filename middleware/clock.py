"""Time for everything above the wire: one monotonic clock drives timers, wall time is only ever data (DESIGN 6.14)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rest of Labwire may know about time."""

    def utc_now(self) -> datetime:
        """Wall time now, aware, in UTC. For data only: never for timers or order."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never steps. For timers and durations."""
        ...


class SystemClock:
    """The clock of the machine."""

    def utc_now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
