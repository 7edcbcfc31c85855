"""The writer: many senders, one thread, few commits, answers after the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text
from twisted.internet.defer import Deferred

from middleware.errors import StoreError
from middleware.store import journal, meta
from middleware.store.engine import open_readonly
from middleware.store.writer import Topic, WriteQueue, Writer, WriterTiming
from tests.kit.store import PumpedReactor
from tests.kit.store_rows import entry


@pytest.fixture
def reactor() -> PumpedReactor:
    return PumpedReactor()


@pytest.fixture
def writer(engine: Engine, reactor: PumpedReactor) -> Iterator[Writer]:
    """A running writer that waits a minute before it commits for carried jobs alone."""
    writer = Writer(engine, reactor, WriterTiming(carry_s=60.0))
    writer.start()
    yield writer
    reactor.result_of(writer.stop())


class Gate:
    """A job that keeps the writer busy until it is opened, so that a group gathers behind it."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.is_reached = threading.Event()

    def __call__(self, conn: Connection) -> None:
        self.is_reached.set()
        assert self._open.wait(10)

    def open(self) -> None:
        self._open.set()


def commits_of(engine: Engine) -> list[int]:
    """Grows by one with each commit."""
    seen: list[int] = []
    event.listen(engine, "commit", lambda conn: seen.append(1))
    return seen


def held_back(writer: Writer) -> tuple[Gate, Deferred[None]]:
    gate = Gate()
    done = writer.submit(gate)
    assert gate.is_reached.wait(10)
    return gate, done


def test_messages_that_wait_together_share_one_commit(
    engine: Engine, writer: Writer, reactor: PumpedReactor
) -> None:
    """A slow disk costs one sync for all analyzers that wait, not one for each."""
    commits = commits_of(engine)
    gate, _ = held_back(writer)
    waiting = [writer.submit(lambda conn: journal.append(conn, entry())) for _ in range(50)]
    gate.open()
    ids = [reactor.result_of(one) for one in waiting]
    assert ids == sorted(ids)
    assert len(commits) == 2


def test_an_answer_comes_only_after_the_commit(
    url: str, writer: Writer, reactor: PumpedReactor
) -> None:
    """Whoever is told the journal id may acknowledge: another connection sees the row already."""
    seen: list[str | None] = []

    def look(journal_id: int) -> None:
        reading = open_readonly(url)
        with reading.connect() as conn:
            found = journal.get(conn, journal_id)
        seen.append(None if found is None else found["line"])
        reading.dispose()

    done = writer.submit(lambda conn: journal.append(conn, entry()))
    done.addCallback(look)
    reactor.result_of(done)
    assert seen == ["chem-1"]


def test_a_job_that_fails_fails_alone(writer: Writer, reactor: PumpedReactor) -> None:
    """One analyzer's bad luck never costs another one its acknowledgement."""

    def guilty(conn: Connection) -> None:
        conn.execute(text("INSERT INTO meta (key, value) VALUES ('store_id', 'twice')"))

    gate, _ = held_back(writer)
    before = writer.submit(lambda conn: journal.append(conn, entry()))
    bad = writer.submit(guilty)
    after = writer.submit(lambda conn: journal.append(conn, entry()))
    gate.open()
    assert reactor.result_of(before) == 1
    with pytest.raises(Exception, match="UNIQUE"):
        reactor.result_of(bad)
    assert reactor.result_of(after) == 2
    assert writer.is_writable


def test_a_failing_python_line_in_a_job_leaves_nothing_of_that_job(
    engine: Engine, writer: Writer, reactor: PumpedReactor
) -> None:
    """What a job wrote before it failed is rolled back."""

    def half(conn: Connection) -> None:
        meta.put(conn, "half", "written")
        raise ValueError("then it broke")

    with pytest.raises(ValueError, match="then it broke"):
        reactor.result_of(writer.submit(half))
    with engine.connect() as conn:
        assert meta.get(conn, "half") is None


def test_intake_goes_before_processing_and_both_keep_their_order(
    writer: Writer, reactor: PumpedReactor
) -> None:
    """An ACK never waits behind a backlog of processing."""
    ran: list[str] = []
    gate, _ = held_back(writer)
    jobs = []
    for name, queue in (
        ("process 1", WriteQueue.PROCESS),
        ("process 2", WriteQueue.PROCESS),
        ("process 3", WriteQueue.PROCESS),
        ("carried", WriteQueue.CARRIED),
        ("intake 1", WriteQueue.INTAKE),
        ("intake 2", WriteQueue.INTAKE),
    ):
        jobs.append(writer.submit(lambda conn, name=name: ran.append(name), queue))
    gate.open()
    for job in jobs:
        reactor.result_of(job)
    assert ran == ["intake 1", "intake 2", "process 1", "process 2", "carried", "process 3"]


def test_a_carried_job_rides_in_the_next_commit(
    engine: Engine, writer: Writer, reactor: PumpedReactor
) -> None:
    """Marking a delivery costs no sync of its own while messages come in."""
    commits = commits_of(engine)
    carried = writer.submit(lambda conn: meta.put(conn, "carried", "yes"), WriteQueue.CARRIED)
    reactor.result_of(writer.submit(lambda conn: journal.append(conn, entry())))
    assert carried.called
    assert len(commits) == 1


def test_a_carried_job_is_committed_by_itself_when_nothing_else_comes(
    engine: Engine, reactor: PumpedReactor
) -> None:
    """A quiet laboratory's last delivery is marked soon all the same."""
    writer = Writer(engine, reactor, WriterTiming(carry_s=0.001))
    writer.start()
    reactor.result_of(writer.submit(lambda conn: None, WriteQueue.CARRIED))
    reactor.result_of(writer.stop())


def test_who_subscribed_is_woken_once_for_a_commit_and_only_for_its_topic(
    writer: Writer, reactor: PumpedReactor
) -> None:
    """The worker and the lanes hear of new rows without asking for them."""
    woken: list[str] = []
    writer.subscribe(Topic.JOURNAL, lambda: woken.append("journal"))
    writer.subscribe(Topic.OUTBOX, lambda: woken.append("outbox"))
    gate, _ = held_back(writer)
    done = [
        writer.submit(lambda conn: None, WriteQueue.INTAKE, frozenset({Topic.JOURNAL}))
        for _ in range(3)
    ]
    gate.open()
    for one in done:
        reactor.result_of(one)
    reactor.result_of(writer.submit(lambda conn: None))
    assert woken == ["journal"]


def test_stopping_commits_what_waits_and_refuses_what_comes_later(
    engine: Engine, reactor: PumpedReactor
) -> None:
    """A clean stop loses nothing that was handed over."""
    writer = Writer(engine, reactor, WriterTiming(carry_s=60.0))
    writer.start()
    waiting = writer.submit(lambda conn: meta.put(conn, "last", "kept"), WriteQueue.CARRIED)
    reactor.result_of(writer.stop())
    assert waiting.called
    with engine.connect() as conn:
        assert meta.get(conn, "last") == "kept"
    with pytest.raises(StoreError, match="stopped"):
        reactor.result_of(writer.submit(lambda conn: None))
    reactor.result_of(writer.stop())


def test_every_new_connection_syncs_fully(engine: Engine) -> None:
    """With less than FULL a power cut loses commits that were acknowledged (DESIGN 6.13)."""
    for _ in range(2):
        with engine.connect() as conn:
            assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_reader_cannot_write(url: str, data_dir: Path) -> None:
    """Exactly one connection writes a SQLite store (DESIGN 6.13)."""
    reading = open_readonly(url)
    with reading.connect() as conn, pytest.raises(Exception, match=r"readonly|read-only"):
        meta.put(conn, "mine", "now")
    reading.dispose()
