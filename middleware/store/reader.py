"""Reads beside the writer: slow ones in a small thread pool, short keyed ones at once on the
caller's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")

READ_THREADS = 2
"""Two: one long listing must not keep a second reader waiting; more would only compete for the
interpreter.
"""


class _DaemonThread(threading.Thread):
    """A reader must never keep the process from ending: it has nothing to lose."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{**named, "daemon": True})


class Reader:
    """I am responsible for reading the store: each call sees one consistent state of it, and ends
    its transaction.
    """

    def __init__(self, engine: Engine, reactor: IReactorFromThreads) -> None:
        """`engine` from `open_readonly`."""
        self._engine = engine
        self._reactor = reactor
        self._pool = ThreadPool(0, READ_THREADS, name="labwire-reader")
        self._pool.threadFactory = _DaemonThread
        self._own: Connection | None = None
        self._is_running = False

    def start(self) -> None:
        """Start the pool. Idempotent."""
        if not self._is_running:
            self._is_running = True
            self._pool.start()

    def stop(self) -> Deferred[None]:
        """Wait for running reads, close all connections. Idempotent."""
        if self._is_running:
            self._is_running = False
            self._pool.stop()
        self._drop_own()
        self._engine.dispose()
        return succeed(None)

    def read(self, fn: Callable[[Connection], T]) -> Deferred[T]:
        """Run `fn` in the pool; fires with its answer or its exception."""
        self.start()
        return deferToThreadPool(self._reactor, self._pool, self._read_pooled, fn)

    def read_now(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` here and now: only on the reactor's thread, only for reads by key that touch a
        few rows.
        """
        if self._own is None:
            self._own = self._engine.connect()
        try:
            with self._own.begin():
                return fn(self._own)
        except DBAPIError:
            self._drop_own()
            raise

    def _read_pooled(self, fn: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection, connection.begin():
            return fn(connection)

    def _drop_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.invalidate()
            own.close()
