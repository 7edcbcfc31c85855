"""When the store cannot commit: nothing is acknowledged, everything is told, and it mends itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from twisted.internet.defer import Deferred

from middleware.errors import StoreNotWritable
from middleware.store import journal, meta
from middleware.store.engine import open_engine
from middleware.store.jobs import Job, WriteQueue
from middleware.store.trouble import is_store_trouble, not_writable
from middleware.store.writer import Writer, WriterTiming
from tests.kit.store import PumpedReactor
from tests.kit.store_rows import entry


@pytest.fixture
def reactor() -> PumpedReactor:
    return PumpedReactor()


@pytest.fixture
def writer(engine: Engine, reactor: PumpedReactor) -> Iterator[Writer]:
    writer = Writer(engine, reactor, WriterTiming(probe_s=0.005))
    yield writer
    reactor.result_of(writer.stop())


class BrokenDisk:
    """Makes COMMIT fail as a failing sync does, while it is broken; counts connections."""

    def __init__(self, engine: Engine) -> None:
        self.is_broken = False
        self.connections = 0
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "commit", self._commit)

    def _connected(self, connection: Any, record: Any) -> None:
        self.connections += 1

    def _commit(self, conn: Connection) -> None:
        if self.is_broken:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise OperationalError("COMMIT", None, error)


def append(conn: Connection) -> int:
    return journal.append(conn, entry())


@pytest.mark.slow
def test_a_failed_commit_acknowledges_nothing_and_opens_a_new_connection(
    engine: Engine, writer: Writer, reactor: PumpedReactor
) -> None:
    """After a failed sync nobody knows what the old connection holds: it is never used again."""
    disk = BrokenDisk(engine)
    heard: list[bool] = []
    writer.on_writable_changed(lambda is_writable, reason: heard.append(is_writable))
    writer.start()
    assert reactor.result_of(writer.submit(append)) == 1
    disk.is_broken = True
    lost = writer.submit(append)
    with pytest.raises(StoreNotWritable, match="disk I/O error"):
        reactor.result_of(lost)
    assert not writer.is_writable
    with pytest.raises(StoreNotWritable):
        reactor.result_of(writer.submit(append))
    disk.is_broken = False
    reactor.pump(lambda: heard == [False, True])
    assert writer.is_writable
    assert disk.connections > 1
    assert reactor.result_of(writer.submit(append)) == 2
    with engine.connect() as conn:
        assert meta.get(conn, "write_probe") is None


def test_every_waiting_job_fails_when_the_store_does(
    engine: Engine, writer: Writer, reactor: PumpedReactor
) -> None:
    """No analyzer waits for an answer that cannot come."""
    disk = BrokenDisk(engine)
    disk.is_broken = True
    waiting = [writer.submit(append) for _ in range(5)]
    writer.start()
    for one in waiting:
        with pytest.raises(StoreNotWritable):
            reactor.result_of(one)


@pytest.mark.slow
def test_a_full_disk_refuses_and_takes_again_when_there_is_room(
    engine: Engine, reactor: PumpedReactor
) -> None:
    """SQLite's own limit of pages stands in for a full disk: the same error, at every statement."""
    limit = [1_000_000]

    @event.listens_for(engine, "connect")
    def _limit(connection: sqlite3.Connection, record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit[0]}")

    with engine.connect() as conn:
        limit[0] = conn.exec_driver_sql("PRAGMA page_count").scalar() + 4
    writer = Writer(engine, reactor, WriterTiming(probe_s=0.005))
    writer.start()
    kept = 0
    with pytest.raises(StoreNotWritable, match="full"):
        for _ in range(100):
            reactor.result_of(writer.submit(lambda conn: journal.append(conn, entry(b"x" * 3000))))
            kept += 1
    limit[0] = 1_000_000
    reactor.pump(lambda: writer.is_writable)
    assert reactor.result_of(writer.submit(append)) == kept + 1
    reactor.result_of(writer.stop())


@pytest.mark.slow
def test_a_store_that_is_gone_at_start_is_told_and_can_come_back(
    url: str, data_dir: Any, reactor: PumpedReactor
) -> None:
    """A disk that is mounted late is no reason to die."""
    engine = open_engine(url)
    away = data_dir.with_name(data_dir.name + "-away")
    data_dir.rename(away)
    writer = Writer(engine, reactor, WriterTiming(probe_s=0.005))
    writer.start()
    with pytest.raises(StoreNotWritable):
        reactor.result_of(writer.submit(append))
    away.rename(data_dir)
    reactor.pump(lambda: writer.is_writable)
    assert reactor.result_of(writer.submit(append)) == 1
    reactor.result_of(writer.stop())


@pytest.mark.parametrize(
    ("code", "is_trouble"),
    [
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR | (4 << 8), True),  # fsync
        (sqlite3.SQLITE_READONLY, True),
        (sqlite3.SQLITE_CORRUPT, True),
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_ERROR, False),
        (sqlite3.SQLITE_CONSTRAINT, False),
    ],
)
def test_the_library_s_code_tells_the_store_s_trouble_from_a_job_s(
    code: int, is_trouble: bool
) -> None:
    """A wrong statement must never close the intake; a full disk must."""
    original = sqlite3.OperationalError("as told")
    original.sqlite_errorcode = code
    assert is_store_trouble(OperationalError("INSERT", None, original)) is is_trouble


def test_the_error_that_people_see_names_no_parameter() -> None:
    """SQLAlchemy's own text would quote the statement's values, and with them a patient."""
    original = sqlite3.OperationalError("database or disk is full")
    original.sqlite_errorcode = sqlite3.SQLITE_FULL
    shown = not_writable(OperationalError("INSERT", {"patient_name": "Doe^Jane"}, original))
    assert str(shown) == "The store cannot commit: database or disk is full."
    assert "Doe" not in str(shown)
    assert shown.what_to_do


def test_a_damaged_store_is_not_told_to_be_a_full_disk() -> None:
    """Free space mends no broken file: a person must restore the backup."""
    original = sqlite3.DatabaseError("file is not a database")
    original.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    shown = not_writable(OperationalError("BEGIN", None, original))
    assert str(shown) == "The store is damaged: file is not a database."
    assert "restore" in shown.what_to_do


@pytest.mark.slow
def test_a_job_that_comes_in_the_moment_of_the_trouble_is_refused_too(
    engine: Engine, reactor: PumpedReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was submitted while the store still seemed well, and put behind the jobs that were failed."""
    disk = BrokenDisk(engine)
    disk.is_broken = True
    writer = Writer(engine, reactor, WriterTiming(probe_s=0.005))
    late: list[Deferred[int]] = []
    take_all = writer._waiting.take_all

    def and_one_more() -> list[Job]:
        taken = take_all()
        if not late:
            late.append(Deferred())
            writer._waiting.put(Job(append, WriteQueue.INTAKE, sender=late[0]))
        return taken

    monkeypatch.setattr(writer._waiting, "take_all", and_one_more)
    writer.start()
    with pytest.raises(StoreNotWritable):
        reactor.result_of(writer.submit(append))
    with pytest.raises(StoreNotWritable):
        reactor.result_of(late[0])
    reactor.result_of(writer.stop())
