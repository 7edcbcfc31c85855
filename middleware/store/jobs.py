"""What waits for the writer: jobs in three queues, taken in groups by one thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from sqlalchemy import Connection

from middleware.failpoints import Step


class WriteQueue(Enum):
    """Who goes first inside a commit. The value is how many jobs of the queue one commit takes at
    most.
    """

    INTAKE = 256  # an analyzer waits for each of them
    # A processing job holds up to 32 messages (some 10 ms): more of them in a commit would keep the
    # next ACK waiting.
    PROCESS = 2
    CARRIED = 128  # no reason to commit by itself for a while: rides in the next commit


class Topic(Enum):
    """What a commit changed; decides who is woken after it."""

    JOURNAL = "journal"
    OUTBOX = "outbox"
    COMMANDS = "commands"
    ORDERS = "orders"


NOTHING: frozenset[Topic] = frozenset()

STEPS = {
    WriteQueue.INTAKE: (Step.BEFORE_COMMIT, Step.AFTER_COMMIT),
    WriteQueue.PROCESS: (Step.BEFORE_PROCESS_COMMIT, Step.AFTER_PROCESS_COMMIT),
}
"""The named steps before and after a commit that holds jobs of a queue."""


class Sender(Protocol):
    """Who is told what became of a job (a Deferred)."""

    def callback(self, answer: Any, /) -> None: ...

    def errback(self, failure: Any, /) -> None: ...


@dataclass(slots=True, eq=False)
class Job:
    """One submitted job, and what became of it. `submitted` is monotonic seconds."""

    work: Callable[[Connection], Any]
    queue: WriteQueue
    changes: frozenset[Topic] = NOTHING
    sender: Sender | None = None
    submitted: float = field(default_factory=time.monotonic)
    answer: Any = None
    error: Exception | None = None
    is_committed: bool = False


class WaitingJobs:
    """I am responsible for the order of jobs, and for waking the one thread that takes them."""

    def __init__(self, carry_s: float) -> None:
        """`carry_s`: how long carried jobs wait for another commit to ride in."""
        self._carry_s = carry_s
        self._queues: dict[WriteQueue, deque[Job]] = {queue: deque() for queue in WriteQueue}
        self._changed = threading.Condition(threading.Lock())
        self._is_closing = False

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._queues.values())

    def put(self, job: Job) -> None:
        """Add a job at the end of its queue."""
        with self._changed:
            self._queues[job.queue].append(job)
            self._changed.notify()

    def close(self) -> None:
        """Nothing more will be put: `take` answers what is left, then empty lists."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()

    def take(self) -> list[Job]:
        """Wait until something is to be committed and take it, in order; empty means closed and
        nothing left.
        """
        with self._changed:
            while True:
                patience = self._patience()
                if patience == 0 or self._is_closing:
                    return self._pick()
                self._changed.wait(patience)

    def take_all(self) -> list[Job]:
        """Take everything at once (to fail it)."""
        with self._changed:
            everything = [job for jobs in self._queues.values() for job in jobs]
            for jobs in self._queues.values():
                jobs.clear()
            return everything

    def wait_for_close(self, limit_s: float) -> bool:
        """Wait up to `limit_s`; whether it was closed."""
        with self._changed:
            if not self._is_closing:
                self._changed.wait(limit_s)
            return self._is_closing

    def _patience(self) -> float | None:
        """Seconds until something must be committed: 0 now, None when only a new job gives a
        reason.
        """
        if self._queues[WriteQueue.INTAKE] or self._queues[WriteQueue.PROCESS]:
            return 0
        carried = self._queues[WriteQueue.CARRIED]
        if not carried:
            return None
        return max(0.0, carried[0].submitted + self._carry_s - time.monotonic())

    def _pick(self) -> list[Job]:
        batch: list[Job] = []
        for queue, jobs in self._queues.items():
            batch.extend(jobs.popleft() for _ in range(min(len(jobs), queue.value)))
        return batch
