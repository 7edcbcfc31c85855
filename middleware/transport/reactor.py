"""Timers that do not follow the wall clock (DESIGN 6.14).

Twisted's reactors read `time.time` for their timers (twisted issue 2424): when the wall clock is
set back an hour no timer fires for an hour, and set forward all fire at once.
"""

from __future__ import annotations

import time
from typing import Any

from middleware.errors import MiddlewareError


class WallClockTimers(MiddlewareError):
    """The reactor's timers follow the wall clock: protocol timers could not be trusted."""

    code = "wall-clock-timers"


def use_monotonic_time(reactor: Any) -> None:
    """Make `reactor` take its time from the monotonic clock; call it before any timer is made.

    Raises WallClockTimers when a timer exists already: it would have been reckoned in wall time.
    """
    if is_monotonic(reactor):
        return
    if reactor.getDelayedCalls():
        raise WallClockTimers(
            "a timer was made before the reactor's clock was chosen",
            what_to_do="Call use_monotonic_time right after the reactor is installed.",
        )
    # `seconds` is the reactor's own documented hook; every timer of ReactorBase goes through it.
    reactor.seconds = time.monotonic


def require_monotonic_time(reactor: Any) -> None:
    """Raise WallClockTimers unless `use_monotonic_time` was applied; called once at start-up."""
    if not is_monotonic(reactor):
        raise WallClockTimers(
            "the reactor's timers follow the wall clock",
            what_to_do="Call use_monotonic_time right after the reactor is installed.",
        )


def is_monotonic(reactor: Any) -> bool:
    """Whether the reactor's timers follow the monotonic clock."""
    return reactor.seconds is time.monotonic
