"""A store in memory for tests of what uses it: a writer that commits at once, and a reader of the same connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.pool import StaticPool
from twisted.internet.defer import Deferred, fail, succeed

from middleware.errors import StoreNotWritable
from middleware.store import meta
from middleware.store.schema import METADATA, SETUPS
from middleware.store.writer import Topic, WriteQueue

_engine = create_engine("sqlite://", poolclass=StaticPool)
_connection: list[Connection] = []


def empty_store() -> Connection:
    """A connection to an empty store of a test node under setup generation 1; undone by `rollback`.

    The tables are made once for all tests: making them is most of the price of a store.
    """
    if not _connection:
        connection = _engine.connect()
        METADATA.create_all(connection)
        connection.commit()
        _connection.append(connection)
    connection = _connection[0]
    connection.rollback()
    connection.begin()
    meta.identify(connection, "test", 0.0)
    meta.put(connection, "store_id", "TEST01")
    row = {"generation": 1, "applied_at": 0.0, "author": "test", "sha256": "", "body": ""}
    connection.execute(insert(SETUPS).values(**row))
    return connection


class InstantWriter:
    """A writer that runs each job when it is submitted; `is_broken` makes it refuse like a full disk."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_broken = False
        self.is_holding = False
        self.queues: list[WriteQueue] = []
        self._held: list[Callable[[], None]] = []
        self._subscribers: dict[Topic, list[Callable[[], None]]] = {topic: [] for topic in Topic}

    @property
    def is_writable(self) -> bool:
        return not self.is_broken

    def submit(
        self,
        job: Callable[[Connection], Any],
        queue: WriteQueue = WriteQueue.INTAKE,
        changes: frozenset[Topic] = frozenset(),
    ) -> Deferred[Any]:
        """Run it in a savepoint; while `is_holding`, only when a job of another queue than CARRIED comes."""
        if self.is_broken:
            return fail(StoreNotWritable("the disk is full"))
        self.queues.append(queue)
        if self.is_holding and queue is WriteQueue.CARRIED:
            later: Deferred[Any] = Deferred()
            self._held.append(lambda: self._run(job, changes).chainDeferred(later))
            return later
        held, self._held = self._held, []
        for run in held:
            run()
        return self._run(job, changes)

    def subscribe(self, topic: Topic, callback: Callable[[], None]) -> None:
        self._subscribers[topic].append(callback)

    def announce(self, topic: Topic) -> None:
        """As after a commit that changed `topic`."""
        for callback in self._subscribers[topic]:
            callback()

    def _run(self, job: Callable[[Connection], Any], changes: frozenset[Topic]) -> Deferred[Any]:
        savepoint = self.connection.begin_nested()
        try:
            answer = job(self.connection)
        except Exception as error:  # noqa: BLE001 - belongs to the Deferred, as in the true writer
            savepoint.rollback()
            return fail(error)
        savepoint.commit()
        done = succeed(answer)
        for topic in changes:
            self.announce(topic)
        return done


class InstantReader:
    """A reader of the same connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def read(self, fn: Callable[[Connection], Any]) -> Deferred[Any]:
        return succeed(self.read_now(fn))

    def read_now(self, fn: Callable[[Connection], Any]) -> Any:
        return fn(self.connection)
