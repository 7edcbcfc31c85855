"""An empty store in memory, for trying what would happen: every attempt is undone, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.pool import StaticPool

from middleware.store import meta
from middleware.store.schema import METADATA, SETUPS

T = TypeVar("T")


@contextmanager
def scratch_store(environment: str, now: float) -> Iterator[Connection]:
    """A connection to a store with all tables, under setup generation 1; gone at the end."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as conn:
            METADATA.create_all(conn)
            meta.identify(conn, environment, now)
            row = {"generation": 1, "applied_at": now, "author": "scratch", "sha256": ""}
            conn.execute(insert(SETUPS).values(**row, body=""))
            yield conn
    finally:
        engine.dispose()


def attempt(conn: Connection, job: Callable[[Connection], T]) -> T:
    """Run a job and undo it; answers what it answered."""
    savepoint = conn.begin_nested()
    try:
        return job(conn)
    finally:
        savepoint.rollback()
