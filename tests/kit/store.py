"""Stores for tests: a migrated SQLite file, a reactor that is pumped by hand, and a writer without
a thread.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from twisted.internet.defer import Deferred, fail, succeed

from middleware.store.engine import database_url, open_engine, upgrade
from middleware.store.writer import Topic, WriteQueue

T = TypeVar("T")


def make_store(folder: Path) -> Engine:
    """A writing engine of a new, migrated store in `folder`. Its URL: `database_url(folder, None)`."""
    engine = open_engine(database_url(folder, None))
    upgrade(engine)
    return engine


class PumpedReactor:
    """Stands in for the reactor: what other threads call waits until the test pumps it."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = (
            queue.SimpleQueue()
        )

    def callFromThread(self, call: Callable[..., Any], *arguments: Any) -> None:
        self._calls.put((call, arguments))

    def pump(self, until: Callable[[], bool], limit_s: float = 20.0) -> None:
        """Run what other threads called until `until()`; fails after `limit_s`."""
        deadline = time.monotonic() + limit_s
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError("nothing more came from the other threads")
            try:
                call, arguments = self._calls.get(timeout=left)
            except queue.Empty:
                continue
            call(*arguments)

    def result_of(self, deferred: Deferred[T], limit_s: float = 20.0) -> T:
        """What `deferred` fires with; raises what it fails with."""
        ended: list[tuple[bool, Any]] = []
        deferred.addCallbacks(
            lambda answer: ended.append((True, answer)), lambda why: ended.append((False, why))
        )
        self.pump(lambda: bool(ended), limit_s)
        is_good, outcome = ended[0]
        if not is_good:
            outcome.raiseException()
        return outcome


class DirectWriter:
    """The Writer's interface without its thread: each job is committed before `submit` returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._subscribers: dict[Topic, list[Callable[[], None]]] = {topic: [] for topic in Topic}
        self._writable_callbacks: list[Callable[[bool, str], None]] = []
        self.is_writable = True
        self.error: Exception | None = None  # what every job fails with, when set

    def start(self) -> None:
        pass

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def submit(
        self,
        job: Callable[[Connection], T],
        queue: WriteQueue = WriteQueue.INTAKE,
        changes: frozenset[Topic] = frozenset(),
    ) -> Deferred[T]:
        if self.error is not None:
            return fail(self.error)
        try:
            with self._engine.begin() as connection:
                answer = job(connection)
        except Exception as error:  # noqa: BLE001 - handed on, as the real one does
            return fail(error)
        done: Deferred[T] = succeed(answer)
        for topic in changes:
            self.announce(topic)
        return done

    def announce(self, topic: Topic) -> None:
        for callback in self._subscribers[topic]:
            callback()

    def subscribe(self, topic: Topic, callback: Callable[[], None]) -> None:
        self._subscribers[topic].append(callback)

    def on_writable_changed(self, callback: Callable[[bool, str], None]) -> None:
        self._writable_callbacks.append(callback)


class DirectReader:
    """The Reader's interface on the writing engine, at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, fn: Callable[[Connection], T]) -> Deferred[T]:
        try:
            return succeed(self.read_now(fn))
        except Exception as error:  # noqa: BLE001 - handed on, as the real one does
            return fail(error)

    def read_now(self, fn: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return fn(connection)

    def stop(self) -> Deferred[None]:
        return succeed(None)
