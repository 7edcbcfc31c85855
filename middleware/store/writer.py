"""The one writer: jobs go in, a thread commits them in groups, and Deferreds fire after the commit.

Theory of operation (DESIGN 6.4, 6.13). One thread owns the only writing connection. It takes
everything that waits (bounded), opens one transaction, runs the jobs without savepoints, commits,
and hands all answers to the reactor with a single call. Three ways to fail:

- a job's own fault: roll back, run the jobs of the batch one by one; only the guilty one fails.
  Jobs are therefore re-runnable functions of a connection, with time passed in;
- trouble of the store (full disk, failed commit or sync, lost server): roll back, close the
  connection, fail the whole batch with StoreNotWritable. A commit that failed may still have
  reached the disk; its jobs are told that it did not, and who sent them repeats them: at least
  once, never lost;
- from then on every job is refused at once, until a commit of the writer's own works again (tried
  each `probe_s`).

Where the jobs run. With SQLite they are short calls into a library, and on the writer's own thread they fight with the
reactor for the interpreter: each of the reactor's many small reads and writes would wait for it again. So a node lets
the reactor's thread run them while the writer's waits (`JobPlace.REACTOR`); beginning, committing and syncing, which
wait for the disk and not for the interpreter, stay on the writer's thread. With a server across a network everything
stays there (`JobPlace.THREAD`), because then a job waits for the network.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from middleware import failpoints
from middleware.errors import StoreError, StoreNotWritable
from middleware.observe.events import CommitDone, StoreFailed
from middleware.store import meta
from middleware.store.jobs import NOTHING, STEPS, Job, Topic, WaitingJobs, WriteQueue
from middleware.store.trouble import is_store_trouble, not_writable

__all__ = ["CARRY_S", "PROBE_S", "JobPlace", "Topic", "WriteQueue", "Writer", "WriterTiming"]

T = TypeVar("T")
Callback = Callable[[], None]
WritableCallback = Callable[[bool, str], None]

CARRY_S = 0.05
"""How long carried jobs wait for another commit to ride in."""
PROBE_S = 1.0
"""How often the writer tries a commit of its own while the store takes none."""


class JobPlace(Enum):
    """On which thread the jobs of a transaction run."""

    REACTOR = "reactor"
    THREAD = "thread"


@dataclass(frozen=True, slots=True)
class WriterTiming:
    """How long carried jobs wait for company, how often a store that takes nothing is tried again, and (for tests of
    slow disks) how much longer each commit takes; all in seconds."""

    carry_s: float = CARRY_S
    probe_s: float = PROBE_S
    commit_delay_s: float = 0.0


USUAL_TIMING = WriterTiming()


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why a transaction came to nothing, and whether the store (rather than a job) is to blame."""

    error: Exception
    is_trouble: bool


class Writer:
    """I am responsible for every change of the store, in order of submission inside each queue."""

    def __init__(
        self,
        engine: Engine,
        reactor: IReactorFromThreads,
        timing: WriterTiming = USUAL_TIMING,
        place: JobPlace = JobPlace.THREAD,
    ) -> None:
        """Stores; `start` acts."""
        self._engine = engine
        self._reactor = reactor
        self._timing = timing
        self._let_run = _here if place is JobPlace.THREAD else self._on_reactor
        self._waiting = WaitingJobs(timing.carry_s)
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._trouble: StoreNotWritable | None = None
        self._is_stopping = False
        self._is_stopped = False
        self._stop_waiters: list[Deferred[None]] = []
        self._subscribers: dict[Topic, list[Callback]] = {topic: [] for topic in Topic}
        self._writable_callbacks: list[WritableCallback] = []

    # --- called on the reactor ---

    @property
    def is_writable(self) -> bool:
        """False from a failed commit until one works again."""
        return self._trouble is None

    @property
    def waiting(self) -> int:
        """How many jobs wait now."""
        return len(self._waiting)

    def start(self) -> None:
        """Start the thread. The schema must be current (`engine.upgrade`)."""
        if self._thread is not None:
            raise StoreError("the writer was started before")
        self._thread = threading.Thread(target=self._run, name="labwire-writer", daemon=True)
        self._thread.start()

    def stop(self) -> Deferred[None]:
        """Commit what waits, then end the thread; fires when the connection is closed. May be
        called again.
        """
        self._is_stopping = True
        self._waiting.close()
        if self._thread is None or self._is_stopped:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._stop_waiters.append(done)
        return done

    def submit(
        self,
        job: Callable[[Connection], T],
        queue: WriteQueue = WriteQueue.INTAKE,
        changes: frozenset[Topic] = NOTHING,
    ) -> Deferred[T]:
        """Run `job` in one of the next commits; fires with its answer after that commit.

        `job` must be re-runnable: it may be rolled back and run again. Fails with the job's own
        exception, with StoreNotWritable when nothing was committed, or with StoreError after
        `stop`.
        """
        if self._is_stopping:
            return fail(StoreError("the writer has stopped"))
        trouble = self._trouble
        if trouble is not None:
            return fail(StoreNotWritable(str(trouble), what_to_do=trouble.what_to_do))
        done: Deferred[T] = Deferred()
        self._waiting.put(Job(job, queue, changes, done))
        return done

    def subscribe(self, topic: Topic, callback: Callback) -> None:
        """Call `callback` on the reactor after each commit that changed `topic`. It must not raise."""
        self._subscribers[topic].append(callback)

    def announce(self, topic: Topic) -> None:
        """For a job whose answer says that it changed `topic` as well, which is seldom: wake who subscribed to it."""
        for callback in self._subscribers[topic]:
            callback()

    def on_writable_changed(self, callback: WritableCallback) -> None:
        """Call `callback(is_writable, reason)` on the reactor when the store stops and starts
        taking commits.
        """
        self._writable_callbacks.append(callback)

    # --- the thread ---

    def _run(self) -> None:
        while True:
            if self._trouble is not None:
                is_closing = self._waiting.wait_for_close(self._timing.probe_s)
                self._refuse_late_jobs()
                if is_closing:
                    break
                self._probe()
                continue
            batch = self._waiting.take()
            if not batch:
                break
            self._commit(batch)
        self._close()
        self._reactor.callFromThread(self._announce_stopped)

    def _commit(self, batch: list[Job]) -> None:
        """Commit the batch, one by one when a job of it fails, and announce what became of it."""
        started = time.monotonic()
        failed = self._attempt(batch)
        if failed is not None and not failed.is_trouble:
            failed = self._attempt_each(batch)
        trouble: StoreNotWritable | None = None
        if failed is not None:
            trouble = self._trouble = not_writable(failed.error)
            batch.extend(self._waiting.take_all())
            for job in batch:
                if not job.is_committed and job.error is None:
                    job.error = trouble
        seconds = time.monotonic() - started
        self._reactor.callFromThread(self._announce, batch, seconds, trouble)

    def _refuse_late_jobs(self) -> None:
        """Jobs that were submitted in the moment of the trouble, too late to be failed with the others."""
        late = self._waiting.take_all()
        for job in late:
            job.error = self._trouble
        if late:
            self._reactor.callFromThread(_tell_all, late)

    def _attempt_each(self, batch: Sequence[Job]) -> _Failed | None:
        """One transaction for each job; a job's own fault stays with it, trouble of the store ends
        the round.
        """
        for job in batch:
            failed = self._attempt([job])
            if failed is None:
                continue
            if failed.is_trouble:
                return failed
            job.error = failed.error
        return None

    def _attempt(self, batch: Sequence[Job]) -> _Failed | None:
        """Run and commit `batch` in one transaction. None: committed; otherwise nothing of it
        stands.
        """
        steps = [pair for queue, pair in STEPS.items() if any(job.queue is queue for job in batch)]
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            connection = self._connection
            transaction = connection.begin()
        except Exception as error:  # noqa: BLE001 - no transaction, whatever the reason: the store's trouble
            self._close()
            return _Failed(error, is_trouble=True)
        broken = self._let_run(lambda: _run_all(batch, connection))
        if broken is not None:
            return self._roll_back(broken)
        for before, _ in steps:
            failpoints.hit(before)
        try:
            if self._timing.commit_delay_s:
                time.sleep(self._timing.commit_delay_s)
            transaction.commit()
        except Exception as error:  # noqa: BLE001 - whatever broke the commit, nothing may be acknowledged
            self._close()
            return _Failed(error, is_trouble=True)
        for _, after in steps:
            failpoints.hit(after)
        for job in batch:
            job.is_committed = True
        return None

    def _on_reactor(self, run: Callable[[], Exception | None]) -> Exception | None:
        """Let the reactor's thread run the jobs while this one waits."""
        answers: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._reactor.callFromThread(lambda: answers.put(run()))
        return answers.get()

    def _roll_back(self, error: Exception) -> _Failed:
        """Undo the transaction. After trouble of the store, or when undoing fails, the connection
        is closed.
        """
        if self._connection is None or is_store_trouble(error):
            self._close()
            return _Failed(error, is_trouble=True)
        try:
            self._connection.rollback()
        except SQLAlchemyError as worse:
            self._close()
            return _Failed(worse, is_trouble=True)
        return _Failed(error, is_trouble=False)

    def _probe(self) -> None:
        """Commit something that needs new pages; the store is writable again when that works."""
        for work in (meta.write_probe, meta.erase_probe):
            if self._attempt([Job(work, WriteQueue.CARRIED)]) is not None:
                self._close()
                return
        self._trouble = None
        self._reactor.callFromThread(self._announce_writable, True, "")

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.invalidate()
            connection.close()
        except SQLAlchemyError as error:
            # It is given up either way: the next transaction opens a new one.
            self._reactor.callFromThread(StoreFailed("close", str(not_writable(error))).emit)

    # --- back on the reactor ---

    def _announce(
        self, batch: Sequence[Job], seconds: float, trouble: StoreNotWritable | None
    ) -> None:
        """Tell first who listens for trouble, then every sender in order, then who is woken by
        changes.
        """
        if trouble is None:
            CommitDone(seconds).emit()
        else:
            StoreFailed("commit", str(trouble)).emit()
            self._announce_writable(False, str(trouble))
        changed: set[Topic] = set()
        for job in batch:
            if job.error is None:
                changed |= job.changes
            _tell(job)
        for topic in Topic:
            if topic in changed:
                self.announce(topic)

    def _announce_writable(self, is_writable: bool, reason: str) -> None:
        for callback in self._writable_callbacks:
            callback(is_writable, reason)

    def _announce_stopped(self) -> None:
        self._is_stopped = True
        waiting, self._stop_waiters = self._stop_waiters, []
        for done in waiting:
            done.callback(None)


def _run_all(batch: Sequence[Job], connection: Connection) -> Exception | None:
    """Run the jobs in order; the error of the first that fails."""
    try:
        for job in batch:
            job.answer = job.work(connection)
    except Exception as error:  # noqa: BLE001 - a job's own error goes to its Deferred
        return error
    return None


def _here(run: Callable[[], Exception | None]) -> Exception | None:
    return run()


def _tell_all(jobs: Sequence[Job]) -> None:
    for job in jobs:
        _tell(job)


def _tell(job: Job) -> None:
    """Fire the Deferred of a job with its answer or its error."""
    if job.sender is None:
        return
    if job.error is None:
        job.sender.callback(job.answer)
    else:
        job.sender.errback(Failure(job.error))  # type: ignore[no-untyped-call]
