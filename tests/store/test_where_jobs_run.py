"""Where the writer lets jobs run: on the reactor's thread or on its own, with the same guarantees."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from middleware.errors import StoreError
from middleware.store import journal
from middleware.store.writer import JobPlace, Writer
from tests.kit.store import PumpedReactor
from tests.kit.store_rows import entry


@pytest.fixture
def reactor() -> PumpedReactor:
    return PumpedReactor()


@pytest.fixture(params=list(JobPlace), ids=lambda place: place.value)
def writer(
    request: pytest.FixtureRequest, engine: Engine, reactor: PumpedReactor
) -> Iterator[Writer]:
    writer = Writer(engine, reactor, place=request.param)
    writer.start()
    yield writer
    reactor.result_of(writer.stop())


def test_jobs_run_where_they_were_placed_and_commits_do_not(
    engine: Engine, reactor: PumpedReactor
) -> None:
    """The reactor's thread never waits for the disk to sync."""
    writer = Writer(engine, reactor, place=JobPlace.REACTOR)
    writer.start()
    ran_on: list[int] = []
    reactor.result_of(writer.submit(lambda conn: ran_on.append(threading.get_ident())))
    assert ran_on == [threading.get_ident()]
    reactor.result_of(writer.stop())
    own = Writer(engine, reactor, place=JobPlace.THREAD)
    own.start()
    reactor.result_of(own.submit(lambda conn: ran_on.append(threading.get_ident())))
    assert ran_on[1] != threading.get_ident()
    reactor.result_of(own.stop())


def test_a_job_that_fails_fails_alone_in_either_place(
    writer: Writer, reactor: PumpedReactor
) -> None:
    """One analyzer's bad luck never costs another one its acknowledgement."""

    def guilty(conn: Connection) -> None:
        raise StoreError("only this one")

    good = [writer.submit(lambda conn: journal.append(conn, entry())) for _ in range(3)]
    bad = writer.submit(guilty)
    more = writer.submit(lambda conn: journal.append(conn, entry()))
    assert [reactor.result_of(one) for one in good] == [1, 2, 3]
    with pytest.raises(StoreError, match="only this one"):
        reactor.result_of(bad)
    assert reactor.result_of(more) == 4
