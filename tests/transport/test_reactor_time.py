"""Timers go on as if nothing had happened when the wall clock is stepped (DESIGN 6.14)."""

from __future__ import annotations

import subprocess
import sys

import pytest
from twisted.internet.task import Clock

from middleware.transport.reactor import (
    WallClockTimers,
    require_monotonic_time,
    use_monotonic_time,
)

# In a process of its own: a reactor, a timer of 0.1 s and one of 30 s, and a wall clock that is
# stepped by an hour in between. It prints which timers fired and after how long.
STEP = """
import sys, time
real = time.time
offset = [0.0]
time.time = lambda: real() + offset[0]
import twisted.python.runtime
twisted.python.runtime.seconds = time.time
from twisted.internet import reactor
if sys.argv[2] == "monotonic":
    from middleware.transport.reactor import require_monotonic_time, use_monotonic_time
    use_monotonic_time(reactor)
    require_monotonic_time(reactor)
else:
    reactor.seconds = lambda: time.time()
started = time.monotonic()
fired = []
def note(name):
    fired.append(f"{name} {time.monotonic() - started:.2f}")
    if name == "short":
        reactor.stop()
reactor.callLater(30.0, note, "long")
reactor.callLater(0.1, note, "short")
def step():
    offset[0] = float(sys.argv[1])
reactor.callLater(0.02, step)
import threading
threading.Timer(0.6, lambda: reactor.callFromThread(reactor.stop) if reactor.running else None).start()
reactor.run()
print(";".join(fired))
"""


def fired(step_s: int, time_source: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", STEP, str(step_s), time_source],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    pairs = [line.split() for line in done.stdout.strip().split(";") if line]
    return {name: float(after) for name, after in pairs}


@pytest.mark.slow
@pytest.mark.parametrize("step_s", [3600, -3600])
def test_timers_fire_on_time_when_the_wall_clock_is_stepped(step_s: int) -> None:
    """Summer time, a time server, a person: no analyzer is given up and none waits an hour."""
    times = fired(step_s, "monotonic")
    assert list(times) == ["short"]
    assert 0.1 <= times["short"] < 0.9


@pytest.mark.slow
def test_the_stepping_test_itself_shows_the_fault_of_wall_clock_timers() -> None:
    """Without the cure the same steps do harm, so the test above can fail."""
    assert fired(-3600, "wall") == {}
    assert set(fired(3600, "wall")) == {"short", "long"}


def test_the_clock_is_chosen_before_any_timer_exists() -> None:
    """A timer reckoned in wall time would never be right again: refused at the start."""
    reactor = Clock()
    reactor.callLater(1, lambda: None)
    with pytest.raises(WallClockTimers):
        use_monotonic_time(reactor)


def test_a_node_refuses_to_start_on_wall_clock_timers() -> None:
    """The assertion at start-up."""
    reactor = Clock()
    with pytest.raises(WallClockTimers):
        require_monotonic_time(reactor)
    use_monotonic_time(reactor)
    require_monotonic_time(reactor)
