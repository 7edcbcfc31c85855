"""A backup of a living store is whole and holds what was acknowledged; a restore is a new store."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine

from middleware.errors import StoreError
from middleware.store import audit, journal, meta, outbox
from middleware.store.backup import backup, restore
from middleware.store.engine import database_url, open_engine, open_readonly, upgrade
from middleware.store.verify import verify
from middleware.store.writer import Writer
from tests.kit.store import PumpedReactor
from tests.kit.store_rows import ACCEPTED, entry, queue_messages, settle_all

pytestmark = pytest.mark.slow


def test_a_backup_taken_under_load_is_whole_and_holds_what_was_acknowledged(
    engine: Engine, url: str, tmp_path: Path
) -> None:
    """R18: everything acknowledged before the backup began is in it, while analyzers go on sending."""
    reactor = PumpedReactor()
    writer = Writer(engine, reactor)
    writer.start()
    acknowledged = [
        reactor.result_of(writer.submit(lambda conn: journal.append(conn, entry())))
        for _ in range(100)
    ]
    more = [
        writer.submit(lambda conn: queue_messages(conn, ["S-1", "S-2", "S-3"])) for _ in range(300)
    ]
    told: list[tuple[str, int, int]] = []
    reports = []

    def work() -> None:
        report = backup(url, tmp_path / "copy.sqlite3", lambda *step: told.append(step))
        reactor.callFromThread(reports.append, report)

    thread = threading.Thread(target=work)
    thread.start()
    for one in more:
        reactor.result_of(one)
    reactor.pump(lambda: bool(reports))
    thread.join()
    reactor.result_of(writer.stop())
    assert reports[0].checked.problems == ()
    assert reports[0].checked.facts["messages"] >= len(acknowledged)
    assert told[-1][1] == told[-1][2]
    reading = open_readonly(f"sqlite:///{tmp_path / 'copy.sqlite3'}")
    with reading.connect() as conn:
        assert all(journal.get(conn, number) for number in acknowledged)
    reading.dispose()


def test_a_restored_store_has_a_new_id_and_keeps_what_waits(
    engine: Engine, url: str, tmp_path: Path
) -> None:
    """Numbers given after the backup went out under the old id: the new store never repeats one."""
    with engine.begin() as conn:
        queue_messages(conn, ["S-1", "S-2"])
        settle_all(conn, outbox.claim(conn, "lis", 0, 1), ACCEPTED)
        old = meta.identity(conn)
    backup(url, tmp_path / "copy.sqlite3")
    folder = tmp_path / "new"
    folder.mkdir()
    new_url = database_url(folder, None)
    report = restore(tmp_path / "copy.sqlite3", new_url, "a.person", 5000.0)
    assert report.old_store_id == old.store_id
    assert report.identity.store_id != old.store_id
    assert report.identity.environment == "test"
    assert sorted(path.name for path in folder.iterdir()) == ["labwire.sqlite3"]
    reading = open_readonly(new_url)
    with reading.connect() as conn:
        assert meta.identity(conn) == report.identity
        assert [row.control_id for row in outbox.claim(conn, "lis", 0, 16)] == ["ABC123-0000000002"]
        assert audit.listing(conn)[0]["action"] == "store.restored"
        assert verify(conn).problems == ()
    reading.dispose()


def test_nothing_is_ever_overwritten(url: str, engine: Engine, tmp_path: Path) -> None:
    backup(url, tmp_path / "copy.sqlite3")
    with pytest.raises(StoreError, match="exists"):
        backup(url, tmp_path / "copy.sqlite3")
    with pytest.raises(StoreError, match="exists"):
        restore(tmp_path / "copy.sqlite3", url, "a.person", 5000.0)


def test_a_damaged_backup_is_refused_and_nothing_is_left_behind(
    engine: Engine, url: str, tmp_path: Path
) -> None:
    with engine.begin() as conn:
        queue_messages(conn, ["S-1"])
        conn.exec_driver_sql("UPDATE outbox_counts SET count = 5")
    with pytest.raises(StoreError, match="not whole: connector lis has 1 waiting messages"):
        backup(url, tmp_path / "copy.sqlite3")
    (tmp_path / "rubbish").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    folder = tmp_path / "new"
    folder.mkdir()
    with pytest.raises(StoreError, match="no store that can be read"):
        restore(tmp_path / "rubbish", database_url(folder, None), "a.person", 5000.0)
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "copy.sqlite3").exists()


def test_a_postgresql_store_points_to_its_own_tools(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not SQLite") as raised:
        backup("postgresql+psycopg://u@h/d", tmp_path / "copy")
    assert "pg_dump" in raised.value.what_to_do


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE journal SET text = x'00'", "the text of message 1 was changed"),
        ("UPDATE lanes SET low_water = 1", "lane lis/0: 1 messages wait below the low-water mark"),
        ("UPDATE lanes SET last_seq = 0", "a message stands at 1, the last place given is 0"),
        ("UPDATE counters SET value = 0", "the counter outbox_number stands at 0, 1 was given"),
        ("DELETE FROM outbox_results", "1 outgoing messages carry no result"),
        ("UPDATE outbox_results SET result_id = 7", "1 results that outgoing messages carry are"),
        ("DELETE FROM outbox_counts", "its counter says 0"),
        ("DELETE FROM meta WHERE key = 'store_id'", "the store has no id"),
    ],
)
def test_verify_finds_what_does_not_agree(engine: Engine, statement: str, said: str) -> None:
    """Every figure and mark is compared with the rows that it speaks of."""
    with engine.begin() as conn:
        queue_messages(conn, ["S-1"])
        assert verify(conn).problems == ()
        conn.exec_driver_sql(statement)
        assert said in "; ".join(verify(conn).problems)


def test_a_reference_to_nothing_is_found(engine: Engine, url: str) -> None:
    other = open_engine(url)
    with engine.begin() as conn:
        queue_messages(conn, ["S-1"])
    with other.connect() as conn:
        conn.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")
        with conn.begin():
            conn.exec_driver_sql("DELETE FROM journal")
            assert "refers to a row of journal" in "; ".join(verify(conn).problems)
    other.dispose()


def test_nobody_else_can_read_a_store_a_backup_or_a_restored_store(tmp_path: Path) -> None:
    """They hold patients, and the folder may be one that the site made for all to read."""
    url = database_url(tmp_path, None)
    engine = open_engine(url)
    upgrade(engine)
    queue = tmp_path / "copy.sqlite3"
    with engine.begin() as conn:
        meta.identify(conn, "test", 1_900_000_000.0)
    restored = tmp_path / "restored"
    restored.mkdir()
    backup(url, queue)
    restore(queue, database_url(restored, None), "anna", 1_900_000_000.0)
    engine.dispose()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
