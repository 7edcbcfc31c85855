"""The worker takes what waits in the journal, whatever happened before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock as Timers

from middleware.errors import DriverError
from middleware.model import Envelope
from middleware.pipeline.worker import BATCH, GATHER_S, RETRY_S, Worker, WorkerParts
from middleware.store import journal, results
from middleware.store.results import ResultFilter
from middleware.store.schema import JournalState
from middleware.store.writer import Topic
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantReader, InstantWriter
from tests.kit.made_setups import RECEIVED_AT, journaled, made_result, made_setup
from tests.kit.orders import apply, request
from tests.kit.site_settings import profile


class SampleIdDriver:
    """Reads a message that is nothing but a sample id; `BAD` it cannot read, `BUG` breaks it."""

    profile = profile("made")

    def decode(self, text: bytes, _context: object) -> Envelope:
        if text == b"BAD":
            raise DriverError("no result record")
        if text == b"BUG":
            raise ZeroDivisionError("division by zero")
        return Envelope(results=(made_result(text.decode()),))


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def writer(conn) -> InstantWriter:
    return InstantWriter(conn)


@pytest.fixture
def start(conn, clock: FakeClock, timers: Timers, writer) -> Callable[[], Worker]:
    setup = made_setup(drivers={"made": SampleIdDriver()})

    def begin() -> Worker:
        parts: Any = WorkerParts(
            writer, InstantReader(conn), lambda: setup, clock, timers, checks=()
        )
        worker = Worker(parts)
        worker.start()
        return worker

    return begin


def sample_ids(conn) -> list[str]:
    return [row["sample_id"] for row in reversed(results.listing(conn, ResultFilter(limit=500)))]


def state_of(conn, entry_id: int) -> str:
    return journal.get(conn, entry_id)["state"]


def test_what_is_left_from_before_is_taken_up_at_the_start(conn, start) -> None:
    """A restart in the middle of a backlog changes nothing; order is kept over batches."""
    wanted = [f"S{number:03d}" for number in range(BATCH * 2 + 5)]
    for sample_id in wanted:
        journaled(conn, sample_id.encode())
    start()
    assert sample_ids(conn) == wanted


def test_whoever_follows_orders_is_woken_by_their_results_alone(conn, start, writer) -> None:
    """What nobody ordered wakes nobody."""
    woken: list[Topic] = []
    writer.subscribe(Topic.ORDERS, lambda: woken.append(Topic.ORDERS))
    apply(conn, request("S2", "GLU"), now=RECEIVED_AT - 60)
    journaled(conn, b"S1")
    start()
    assert woken == []
    journaled(conn, b"S2")
    start()
    assert woken == [Topic.ORDERS]


def test_messages_with_many_results_do_not_share_a_transaction(
    conn, start, writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction keeps the acknowledgements waiting, so what it holds is bounded; order is kept."""
    monkeypatch.setattr("middleware.pipeline.worker.BATCH_RESULTS", 2)
    for sample_id in (b"S1", b"S2", b"S3"):
        journaled(conn, sample_id)
    start()
    assert sample_ids(conn) == ["S1", "S2", "S3"]
    assert len(writer.queues) == 2


def test_a_new_message_wakes_the_worker(conn, start, writer) -> None:
    """The commit of intake is all that it needs."""
    start()
    journaled(conn, b"S1")
    assert sample_ids(conn) == []
    writer.announce(Topic.JOURNAL)
    assert sample_ids(conn) == ["S1"]


def test_messages_that_follow_soon_go_together(conn, start, writer, clock, timers: Timers) -> None:
    """Each batch costs the same whatever it holds, so under load the worker waits a moment for company."""
    start()
    for sample_id in (b"S1", b"S2", b"S3"):
        journaled(conn, sample_id)
        writer.announce(Topic.JOURNAL)
    assert sample_ids(conn) == ["S1"]
    clock.advance(GATHER_S)
    timers.advance(GATHER_S)
    assert (sample_ids(conn), len(writer.queues)) == (["S1", "S2", "S3"], 2)


def test_a_message_after_a_pause_is_taken_at_once(conn, start, writer, clock) -> None:
    """At a moderate load nothing waits for company."""
    start()
    for sample_id in (b"S1", b"S2"):
        journaled(conn, sample_id)
        writer.announce(Topic.JOURNAL)
        clock.advance(GATHER_S)
    assert sample_ids(conn) == ["S1", "S2"]


def test_a_message_that_cannot_be_read_stops_nothing(conn, start) -> None:
    """Neither a profile's error nor a driver's bug; both say why."""
    entries = [journaled(conn, text) for text in (b"S1", b"BAD", b"BUG", b"S2")]
    start()
    assert sample_ids(conn) == ["S1", "S2"]
    assert [state_of(conn, one.id) for one in entries] == [
        "processed", "unreadable", "unreadable", "processed",
    ]  # fmt: skip
    assert "ZeroDivisionError" in journal.get(conn, entries[2].id)["reason"]


def test_a_message_that_cannot_be_stored_is_found_and_set_aside(conn, start, monkeypatch) -> None:
    """When a batch fails, each message is tried alone, and only the guilty one is unreadable."""
    save = results.save

    def refusing(connection, rows):
        if any(row["sample_id"] == "EVIL" for row in rows):
            raise ValueError("this row cannot be stored")
        return save(connection, rows)

    monkeypatch.setattr(results, "save", refusing)
    entries = [journaled(conn, text) for text in (b"S1", b"EVIL", b"S2")]
    start()
    assert sample_ids(conn) == ["S1", "S2"]
    assert state_of(conn, entries[1].id) == JournalState.UNREADABLE


def test_trouble_of_the_store_is_waited_out(conn, start, writer, timers: Timers) -> None:
    """Nothing is marked unreadable because a disk was full."""
    entry = journaled(conn, b"S1")
    writer.is_broken = True
    start()
    timers.advance(RETRY_S)
    assert state_of(conn, entry.id) == JournalState.RECEIVED
    writer.is_broken = False
    timers.advance(RETRY_S)
    assert sample_ids(conn) == ["S1"]


def test_a_stopped_worker_takes_nothing_more(conn, start, writer) -> None:
    """What comes after the stop waits in the journal."""
    worker = start()
    stopped: list[object] = []
    worker.stop().addCallback(stopped.append)
    journaled(conn, b"S1")
    writer.announce(Topic.JOURNAL)
    assert (stopped, sample_ids(conn)) == ([None], [])


def test_a_message_that_comes_while_a_batch_is_written_is_not_forgotten(
    conn, start, writer, clock, timers: Timers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was acknowledged: no later message may be needed to remind the worker of it."""
    submit = writer.submit

    def submitting(*arguments: Any):
        done = submit(*arguments)
        monkeypatch.setattr(writer, "submit", submit)
        journaled(conn, b"S2")
        writer.announce(Topic.JOURNAL)
        return done

    monkeypatch.setattr(writer, "submit", submitting)
    journaled(conn, b"S1")
    start()
    clock.advance(GATHER_S)
    timers.advance(GATHER_S)
    assert sample_ids(conn) == ["S1", "S2"]
