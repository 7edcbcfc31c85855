"""The one writer: jobs go in, a thread commits them in groups, and Deferreds fire after the commit.

Theory of operation (DESIGN 6.4, 6.13). One thread owns the only writing connection. It takes everything that waits
(bounded), opens one transaction, runs the jobs without savepoints, commits, and hands all answers to the reactor with a
single call. Three ways to fail:

- a job's own fault: roll back, run the jobs of the batch one by one; only the guilty one fails. Jobs are therefore
  re-runnable functions of a connection, with time passed in;
- trouble of the store (full disk, failed commit or sync, lost server): roll back, close the connection, fail the whole
  batch with StoreNotWritable. A commit that failed may still have reached the disk; its jobs are told that it did not,
  and their sender repeats them: at least once, never lost;
- from then on every job is refused at once, until a commit of the writer's own works again (tried each `probe_s`).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from middleware import failpoints
from middleware.errors import StoreError, StoreNotWritable
from middleware.failpoints import Step
from middleware.observe.events import CommitDone, StoreFailed
from middleware.store import meta
from middleware.store.trouble import is_store_trouble, not_writable

T = TypeVar("T")

CARRY_S = 0.05
PROBE_S = 1.0


class WriteQueue(Enum):
    """Who goes first inside a commit. The value is how many jobs of the queue one commit takes at most."""

    INTAKE = 256  # an analyzer waits for each of them
    # A processing job holds up to 32 messages (some 10 ms): more of them in one commit would make the next ACK wait.
    PROCESS = 2
    CARRIED = 128  # never a reason to commit for CARRY_S: rides in the next commit


class Topic(Enum):
    """What a commit changed; who is woken after it."""

    JOURNAL = "journal"
    OUTBOX = "outbox"
    COMMANDS = "commands"
    ORDERS = "orders"


_NOTHING: frozenset[Topic] = frozenset()
Callback = Callable[[], None]
WritableCallback = Callable[[bool, str], None]


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[Connection], Any]
    queue: WriteQueue
    changes: frozenset[Topic]
    deferred: Deferred[Any]
    submitted: float
    answer: Any = None
    error: Exception | None = None
    is_committed: bool = False


class Writer:
    """I am responsible for every change of the store, in order of submission inside each queue."""

    def __init__(
        self,
        engine: Engine,
        reactor: IReactorFromThreads,
        commit_delay_s: float = 0.0,
        carry_s: float = CARRY_S,
        probe_s: float = PROBE_S,
    ) -> None:
        """`commit_delay_s` makes each commit slower, for tests of slow disks."""
        self._engine = engine
        self._reactor = reactor
        self._commit_delay_s = commit_delay_s
        self._carry_s = carry_s
        self._probe_s = probe_s
        self._waiting: dict[WriteQueue, deque[_Job]] = {queue: deque() for queue in WriteQueue}
        self._ready = threading.Condition(threading.Lock())
        self._is_stopping = False
        self._trouble: StoreNotWritable | None = None
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._stopped: list[Deferred[None]] = []
        self._subscribers: dict[Topic, list[Callback]] = {topic: [] for topic in Topic}
        self._writable_callbacks: list[WritableCallback] = []

    # --- called on the reactor ---

    @property
    def is_writable(self) -> bool:
        """False from a failed commit until one works again."""
        return self._trouble is None

    def start(self) -> None:
        """Start the thread. The schema must be current (`engine.upgrade`)."""
        if self._thread is not None:
            raise StoreError("the writer was started before")
        self._thread = threading.Thread(target=self._run, name="labwire-writer", daemon=True)
        self._thread.start()

    def stop(self) -> Deferred[None]:
        """Commit what waits, then end the thread; fires when the connection is closed. May be called again."""
        thread = self._thread
        if thread is None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        with self._ready:
            self._is_stopping = True
            self._stopped.append(done)
            self._ready.notify()
        if not thread.is_alive():
            self._announce_stopped()
        return done

    def submit(
        self,
        job: Callable[[Connection], T],
        queue: WriteQueue = WriteQueue.INTAKE,
        changes: frozenset[Topic] = _NOTHING,
    ) -> Deferred[T]:
        """Run `job` in one of the next commits; fires with its answer after that commit.

        `job` must be re-runnable (it may be rolled back and run again). Fails with the job's own exception, or with
        StoreNotWritable when nothing was committed, or StoreError after `stop`.
        """
        if self._is_stopping:
            return fail(StoreError("the writer has stopped"))
        entry = _Job(job, queue, changes, Deferred(), time.monotonic())
        with self._ready:
            trouble = self._trouble
            if trouble is None:
                self._waiting[queue].append(entry)
                self._ready.notify()
        if trouble is not None:
            return fail(StoreNotWritable(str(trouble), what_to_do=trouble.what_to_do))
        return entry.deferred

    def subscribe(self, topic: Topic, callback: Callback) -> None:
        """Call `callback` on the reactor after each commit that changed `topic`. It must not raise."""
        self._subscribers[topic].append(callback)

    def on_writable_changed(self, callback: WritableCallback) -> None:
        """Call `callback(is_writable, reason)` on the reactor when the store stops and starts taking commits."""
        self._writable_callbacks.append(callback)

    def waiting(self) -> int:
        """How many jobs wait (for status pages)."""
        return sum(len(jobs) for jobs in self._waiting.values())

    # --- the thread ---

    def _run(self) -> None:
        while True:
            if self._trouble is not None:
                if not self._wait_to_probe():
                    break
                self._probe()
                continue
            batch = self._take()
            if not batch:
                break
            self._commit(batch)
        self._close()
        self._reactor.callFromThread(self._announce_stopped)

    def _take(self) -> list[_Job]:
        """Wait for work; empty means: stopping and nothing left."""
        with self._ready:
            while True:
                patience = self._patience()
                if patience == 0:
                    return self._pick()
                if self._is_stopping:
                    return self._pick()
                self._ready.wait(patience)

    def _patience(self) -> float | None:
        """Seconds until something must be committed: 0 now, None only when something new arrives."""
        if self._waiting[WriteQueue.INTAKE] or self._waiting[WriteQueue.PROCESS]:
            return 0
        carried = self._waiting[WriteQueue.CARRIED]
        if not carried:
            return None
        return max(0.0, carried[0].submitted + self._carry_s - time.monotonic())

    def _pick(self) -> list[_Job]:
        batch: list[_Job] = []
        for queue, jobs in self._waiting.items():
            for _ in range(min(len(jobs), queue.value)):
                batch.append(jobs.popleft())
        return batch

    def _commit(self, batch: Sequence[_Job]) -> None:
        """One transaction for the batch; one by one when a job of it fails."""
        started = time.monotonic()
        error = self._attempt(batch)
        if error is not None and not is_store_trouble(error):
            error = None
            for job in batch:
                own = self._attempt([job])
                if own is None:
                    continue
                if is_store_trouble(own):
                    error = own
                    break
                job.error = own
        trouble: StoreNotWritable | None = None
        if error is not None:
            trouble = self._fall(batch, error)
        seconds = time.monotonic() - started
        self._reactor.callFromThread(self._announce, batch, seconds, trouble)

    def _attempt(self, batch: Sequence[_Job]) -> Exception | None:
        """Run and commit `batch` in one transaction. Answers the error after a complete roll back, or None."""
        before, after = _steps_of(batch)
        try:
            connection = self._open()
            transaction = connection.begin()
        except Exception as error:  # noqa: BLE001 - decided by the caller
            self._close()
            return _as_trouble(error)
        try:
            for job in batch:
                job.answer = job.work(connection)
        except Exception as error:  # noqa: BLE001 - a job's own error belongs to its Deferred
            return self._roll_back(error)
        for step in before:
            failpoints.hit(step)
        try:
            if self._commit_delay_s:
                time.sleep(self._commit_delay_s)
            transaction.commit()
        except Exception as error:  # noqa: BLE001 - whatever broke the commit, nothing may be acknowledged
            self._close()
            return _as_trouble(error)
        for step in after:
            failpoints.hit(step)
        for job in batch:
            job.is_committed = True
        return None

    def _roll_back(self, error: Exception) -> Exception:
        """Undo the transaction; a connection that cannot even do that is closed."""
        connection = self._connection
        if connection is None or is_store_trouble(error):
            self._close()
            return error
        try:
            connection.rollback()
        except DBAPIError as worse:
            self._close()
            return _as_trouble(worse)
        return error

    def _fall(self, batch: Sequence[_Job], error: Exception) -> StoreNotWritable:
        """The store does not take commits: everything not committed fails, also what waits."""
        self._close()
        trouble = not_writable(error)
        with self._ready:
            self._trouble = trouble
            waiting = [job for jobs in self._waiting.values() for job in jobs]
            for jobs in self._waiting.values():
                jobs.clear()
        for job in batch:
            if not job.is_committed and job.error is None:
                job.error = trouble
        if waiting:
            self._reactor.callFromThread(_fail_all, waiting, trouble)
        return trouble

    def _wait_to_probe(self) -> bool:
        """Wait for the next try; False when stopping."""
        with self._ready:
            if not self._is_stopping:
                self._ready.wait(self._probe_s)
            return not self._is_stopping

    def _probe(self) -> None:
        """Commit something that needs new pages; the store is writable again when that works."""
        for work in (meta.write_probe, meta.erase_probe):
            job = _Job(work, WriteQueue.CARRIED, _NOTHING, Deferred(), 0.0)
            if self._attempt([job]) is not None:
                self._close()
                return
        with self._ready:
            self._trouble = None
        self._reactor.callFromThread(self._announce_writable, True, "")

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.invalidate()
            connection.close()
        except DBAPIError as error:
            text = str(not_writable(error))
            self._reactor.callFromThread(StoreFailed("close", text).emit)

    # --- back on the reactor ---

    def _announce(
        self, batch: Sequence[_Job], seconds: float, trouble: StoreNotWritable | None
    ) -> None:
        changed: set[Topic] = set()
        for job in batch:
            if job.error is None:
                changed |= job.changes
                job.deferred.callback(job.answer)
            else:
                job.deferred.errback(_failure_of(job.error))
        if trouble is None:
            CommitDone(seconds).emit()
        else:
            StoreFailed("commit", str(trouble)).emit()
            self._announce_writable(False, str(trouble))
        for topic in Topic:
            if topic in changed:
                for callback in self._subscribers[topic]:
                    callback()

    def _announce_writable(self, is_writable: bool, reason: str) -> None:  # noqa: FBT001
        for callback in self._writable_callbacks:
            callback(is_writable, reason)

    def _announce_stopped(self) -> None:
        waiting, self._stopped = self._stopped, []
        for done in waiting:
            done.callback(None)


def _steps_of(batch: Sequence[_Job]) -> tuple[list[Step], list[Step]]:
    """The steps that a commit of this batch passes."""
    queues = {job.queue for job in batch}
    before: list[Step] = []
    after: list[Step] = []
    if WriteQueue.INTAKE in queues:
        before.append(Step.BEFORE_COMMIT)
        after.append(Step.AFTER_COMMIT)
    if WriteQueue.PROCESS in queues:
        before.append(Step.BEFORE_PROCESS_COMMIT)
        after.append(Step.AFTER_PROCESS_COMMIT)
    return before, after


def _as_trouble(error: Exception) -> Exception:
    """An error of BEGIN, COMMIT or connect is always the store's, whatever its code."""
    if is_store_trouble(error):
        return error
    return _StoreBroke("", None, error)


class _StoreBroke(DBAPIError):
    """Wraps an error that has no known code but befell the transaction itself."""

    def __init__(self, statement: str, params: Any, orig: BaseException) -> None:
        super().__init__(statement, params, orig, connection_invalidated=True)


def _failure_of(error: Exception) -> Failure:
    return Failure(error)


def _fail_all(jobs: Sequence[_Job], trouble: StoreNotWritable) -> None:
    for job in jobs:
        job.deferred.errback(Failure(trouble))
