"""Named steps at which a crash test may kill this process: nothing happens at them unless a test
armed one.

Off: `hit` costs one comparison. Armed by `arm("before_ack")` or `arm("before_ack:3")` (the third
time it is reached), the process kills itself with SIGKILL there: no clean-up runs, as in a real
crash. The steps are those at which responsibility moves from one side to another (RELIABILITY R2).
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from enum import StrEnum

VARIABLE = "LABWIRE_FAILPOINT"
"""The environment variable that the commands read and hand to `arm`."""


class Step(StrEnum):
    """Every step that a crash test can choose, in the order in which a result, and then an order, meets them."""

    FRAME_READ = "frame_read"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    BEFORE_ACK = "before_ack"
    AFTER_ACK = "after_ack"
    BEFORE_PROCESS_COMMIT = "before_process_commit"
    AFTER_PROCESS_COMMIT = "after_process_commit"
    CLAIMED = "claimed"
    BEFORE_SEND = "before_send"
    AFTER_SEND = "after_send"
    REPLY_READ = "reply_read"
    BEFORE_SETTLE = "before_settle"
    AFTER_SETTLE = "after_settle"
    ORDERS_STORED = "orders_stored"
    WORK_CLAIMED = "work_claimed"
    WORK_SENT = "work_sent"
    WORK_TAKEN = "work_taken"
    WORK_SETTLED = "work_settled"
    STATUS_WRITTEN = "status_written"


OF_ORDERS = (
    Step.ORDERS_STORED,
    Step.WORK_CLAIMED,
    Step.WORK_SENT,
    Step.WORK_TAKEN,
    Step.WORK_SETTLED,
    Step.STATUS_WRITTEN,
)
"""Those that only orders meet: committed and not answered; work committed as a line's, written to its analyzer, taken
by it, and that committed; what the LIS is told written into the outbox and not committed."""


@dataclass(slots=True)
class _Armed:
    step: Step
    hits_left: int


_lock = threading.Lock()
_armed: _Armed | None = None


def arm(spec: str | None) -> None:
    """Arm the step named by `spec` (`name` or `name:nth`, nth from 1); None or "" disarms.

    Raises ValueError for an unknown name or a number below one.
    """
    global _armed  # noqa: PLW0603 - one process has one armed step, reached from everywhere
    if not spec:
        _armed = None
        return
    name, _, nth = spec.partition(":")
    count = int(nth) if nth else 1
    if count < 1:
        raise ValueError(f"failpoint {spec!r}: the number after the colon counts from 1")
    _armed = _Armed(Step(name), count)


def hit(step: Step) -> None:
    """Say that `step` is reached. Kills the process when this step is armed and its count is used
    up.
    """
    if _armed is None or _armed.step is not step:
        return
    with _lock:
        _armed.hits_left -= 1
        if _armed.hits_left > 0:
            return
    os.kill(os.getpid(), signal.SIGKILL)
