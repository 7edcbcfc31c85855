"""Engines by URL: SQLite with the settings that the promises need, or PostgreSQL; migrations and
the schema's version.

SQLite: WAL, `synchronous=FULL` (with NORMAL a power cut loses commits that were acknowledged,
DESIGN 6.13), transactions opened by us with BEGIN IMMEDIATE. These settings belong to a connection,
so that each new connection gets them anew.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool, QueuePool

from middleware.errors import StoreError

DATABASE_FILE = "labwire.sqlite3"
"""The file's name in data_dir."""

HEAD_REVISION = "0007"
"""The newest migration. A test holds it equal to the newest file of `migrations/versions`."""

WRITER_LOCK = 0x6C616277
"""The number of the advisory lock on PostgreSQL that the one writer holds ("labw")."""
# A server needs a moment to hear that a killed node is gone.
WRITER_LOCK_WAIT_S = 5.0
WRITER_LOCK_RETRY_S = 0.1
BUSY_TIMEOUT_S = 5
# The write-ahead log is cut back to this size after a checkpoint; without it a backlog's log would
# stay for ever.
JOURNAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
# Pages of 4 KiB in the log before they are copied into the database. Under load the same pages change again and again,
# and a checkpoint copies each once: four times SQLite's default copies less; 16 MiB are read in a moment at start.
CHECKPOINT_PAGES = 4000
# Negative: KiB. 8 MiB hold the upper levels of every index for millions of rows; the system's own cache holds the rest.
# (Four times as much cost 28 MiB of a node's memory and saved no measurable time.)
CACHE_KIB = -8 * 1024
_READ_CACHE_KIB = -8 * 1024
# SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when two connections write and checkpoint at
# once.
_WAL_FAULT_FIXED = (3, 51, 3)
# RETURNING and UPSERT as used here.
_OLDEST_SQLITE = (3, 35, 0)

_WRITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}",
    f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT_BYTES}",
    f"PRAGMA cache_size = {CACHE_KIB}",
    f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
    "PRAGMA temp_store = MEMORY",
)
_READ_PRAGMAS = (
    "PRAGMA query_only = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}",
    f"PRAGMA cache_size = {_READ_CACHE_KIB}",
    "PRAGMA temp_store = MEMORY",
)


def database_url(data_dir: Path, setting: str | None) -> str:
    """The URL of the store: `setting` when given, otherwise the SQLite file in `data_dir`."""
    if setting:
        return setting
    return sqlite_url(data_dir / DATABASE_FILE)


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever signs its folders have."""
    return str(URL.create("sqlite", database=str(path)))


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for other engines."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    return Path(parsed.database or "")


def open_engine(url: str) -> Engine:
    """An engine that may write. Exactly one process does so, and in it one thread (DESIGN 6.13).

    Closing a connection really closes it, so that the writer can begin anew after a failed commit.
    Raises StoreError when the library or the folder does not serve.
    """
    path = sqlite_file(url)
    if path is None:
        return create_engine(url, poolclass=NullPool)
    _check_sqlite(path)
    make_private(path)
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args={"isolation_level": None, "check_same_thread": False},
    )
    _configure(engine, _WRITE_PRAGMAS, "BEGIN IMMEDIATE")
    return engine


def make_private(path: Path) -> None:
    """Make the empty file that SQLite will fill, for its owner alone: it holds patients. One that is there stays.

    SQLite gives its log files the same rights. What hinders us will hinder SQLite, whose words say more.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def open_readonly(url: str, connections: int = 4) -> Engine:
    """An engine that only reads, with up to `connections` kept connections. The store must exist.

    Never a plain open of a living SQLite store: a second writing connection may corrupt it (DESIGN
    6.13).
    """
    path = sqlite_file(url)
    if path is None:
        engine = create_engine(url, poolclass=QueuePool, pool_size=connections, max_overflow=0)
        event.listen(engine, "connect", _postgresql_read_only)
        return engine
    if not path.exists():
        raise StoreError(
            f"there is no store at {path}",
            what_to_do="Start the node once (labwire run), or name the right settings file with -c.",
        )
    engine = create_engine(
        "sqlite://",
        creator=partial(
            sqlite3.connect,
            f"{path.resolve().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        ),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
    )
    _configure(engine, _READ_PRAGMAS, "BEGIN")
    return engine


def admit_one_writer(engine: Engine) -> None:
    """On a server, let each writing connection hold the store's lock: a file lock of one machine cannot name the writer
    of a database that several machines reach. Connecting raises StoreError while another process writes.

    (SQLite: `middleware.monitor.lock` does it.) A connection that died is given up by the server when it hears of it.
    """
    if engine.dialect.name != "sqlite":
        event.listen(engine, "connect", _take_writer_lock)


def _take_writer_lock(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    try:
        until = time.monotonic() + WRITER_LOCK_WAIT_S
        while True:
            cursor.execute(f"SELECT pg_try_advisory_lock({WRITER_LOCK})")
            if cursor.fetchone()[0]:
                connection.commit()
                return
            if time.monotonic() > until:
                break
            time.sleep(WRITER_LOCK_RETRY_S)
    finally:
        cursor.close()
    connection.close()
    raise StoreError(
        "another node writes this database",
        what_to_do="Stop it first, or give this node a database of its own: one node writes a store.",
    )


def upgrade(engine: Engine) -> None:
    """Bring the schema to HEAD_REVISION, forward only, in one transaction; nothing to do is cheap.

    Raises StoreError when the store was written by a newer Labwire.
    """
    found = schema_revision(engine)
    if found == HEAD_REVISION:
        return
    _refuse_newer(found)
    # Alembic is loaded only when there is something to migrate: it would cost every start a tenth
    # of a second.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_schema(engine: Engine) -> None:
    """Raises StoreError unless the store has exactly the schema that this Labwire was written for."""
    found = schema_revision(engine)
    if found == HEAD_REVISION:
        return
    _refuse_newer(found)
    raise StoreError(
        f"the store's schema is {found or 'missing'}, this Labwire needs {HEAD_REVISION}",
        what_to_do="Run labwire db upgrade (labwire run does it at start).",
    )


def schema_revision(engine: Engine) -> str | None:
    """The revision that the store says it has; None when it is empty."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if found is None else str(found)


def migrations_folder() -> Path:
    """Where the migrations lie (package data)."""
    return Path(__file__).parent / "migrations"


def sqlite_library_note() -> str:
    """For `labwire doctor`: the SQLite library's version and what it means, in one sentence."""
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= _WAL_FAULT_FIXED:
        return f"SQLite {version}."
    return (
        f"SQLite {version}: before 3.51.3 two writing connections could corrupt a WAL database. "
        "Labwire writes with exactly one; never open the store with another tool while a node runs."
    )


def _refuse_newer(found: str | None) -> None:
    if found is not None and found > HEAD_REVISION:
        raise StoreError(
            f"the store's schema is {found}, newer than {HEAD_REVISION}",
            what_to_do="Use the Labwire that wrote this store, or a newer one.",
        )


def _check_sqlite(path: Path) -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old; 3.35 is needed",
            what_to_do="Use a Python whose sqlite3 module is linked with a newer SQLite.",
        )
    if not path.parent.is_dir():
        raise StoreError(
            f"the folder {path.parent} does not exist",
            what_to_do="Create it, or change data_dir in the settings.",
        )


def _configure(engine: Engine, pragmas: tuple[str, ...], begin: str) -> None:
    """Settings for each new connection, and our own BEGIN: the sqlite3 module's implicit one comes
    too late.
    """

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _began(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _postgresql_read_only(connection: Any, _record: Any) -> None:
    connection.read_only = True
