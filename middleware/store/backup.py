"""Backup of a living SQLite store into one file, and restore into a new store with a new id.

A backup is `VACUUM INTO` (DESIGN 6.13): one consistent state, while the node goes on writing. A
copy of the file would miss the write-ahead log. A restored store gets a new id: numbers given after
the backup was taken went out under the old one, and would be given again (DESIGN 8.5). Messages
that still wait in it keep their control ids.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from middleware.errors import StoreError
from middleware.store import audit, meta
from middleware.store.engine import (
    check_schema,
    make_private,
    open_engine,
    open_readonly,
    sqlite_file,
    sqlite_url,
    upgrade,
)
from middleware.store.meta import StoreIdentity
from middleware.store.verify import Progress, VerifyReport, verify

_PARTIAL = ".partial"
_COPY_BYTES = 1024 * 1024
# Instructions of SQLite's machine between two reports: some milliseconds.
_PROGRESS_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A finished backup: where, how large, and what the check of it said (always whole)."""

    path: Path
    size_bytes: int
    checked: VerifyReport


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A finished restore: the new store's identity, the old id, and what the backup held."""

    identity: StoreIdentity
    old_store_id: str
    checked: VerifyReport


def backup(url: str, target: Path, progress: Progress | None = None) -> BackupReport:
    """Write the store at `url` to the new file `target`, check it, and only then give it its name.

    May run beside a node. Raises StoreError when `target` exists, the store is not SQLite, or the
    copy is not whole.
    """
    source = _sqlite_store(url)
    _refuse_existing(target)
    partial = target.with_name(target.name + _PARTIAL)
    partial.unlink(missing_ok=True)
    tell = progress or _silent
    try:
        make_private(partial)
        _vacuum_into(source, partial, tell)
        checked = _checked(partial, tell)
        _publish(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return BackupReport(target, target.stat().st_size, checked)


def restore(
    source: Path, url: str, author: str, at: float, progress: Progress | None = None
) -> RestoreReport:
    """Make the store at `url` from a backup; it gets a new store id and an audit row. `at`: seconds
    since 1970 UTC.

    Raises StoreError when a store is there already, or when the backup is not whole.
    """
    target = _sqlite_store(url)
    for path in (target, *_side_files(target)):
        _refuse_existing(path)
    tell = progress or _silent
    checked = _checked(source, tell)
    partial = target.with_name(target.name + _PARTIAL)
    try:
        make_private(partial)
        _copy(source, partial, tell)
        identity, old = _renew(partial, author, at)
        _publish(partial, target)
    except BaseException:
        for path in (partial, *_side_files(partial)):
            path.unlink(missing_ok=True)
        raise
    return RestoreReport(identity, old, checked)


def _silent(_what: str, _done: int, _total: int) -> None:
    return


def _sqlite_store(url: str) -> Path:
    path = sqlite_file(url)
    if path is None:
        raise StoreError(
            "this store is not SQLite",
            what_to_do="Use the database's own tools (pg_dump, pg_restore); then give it a new id.",
        )
    return path


def _side_files(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise StoreError(
            f"{path} exists; nothing was written",
            what_to_do="Name a file that does not exist, or move this one away first.",
        )


def _vacuum_into(source: Path, partial: Path, tell: Progress) -> None:
    if not source.exists():
        raise StoreError(f"there is no store at {source}")
    connection = sqlite3.connect(
        f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=30
    )
    try:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        total = pages * connection.execute("PRAGMA page_size").fetchone()[0]

        def report() -> int:
            written = partial.stat().st_size if partial.exists() else 0
            tell("copy", min(written, total), total)
            return 0

        connection.set_progress_handler(report, _PROGRESS_STEPS)
        connection.execute("VACUUM INTO ?", (str(partial),))
        tell("copy", total, total)
    except sqlite3.Error as error:
        raise StoreError(
            f"the backup could not be written: {error}",
            what_to_do="Check free space and rights of the target folder.",
        ) from error
    finally:
        connection.close()


def _checked(path: Path, tell: Progress) -> VerifyReport:
    """Check a closed store file. Raises StoreError unless it is whole."""
    try:
        with _reading(path) as conn:
            report = verify(conn, tell)
    except DBAPIError as error:
        raise StoreError(
            f"{path} is no store that can be read: {error.orig}",
            what_to_do="Keep it, and use another backup.",
        ) from error
    if report.problems:
        raise StoreError(
            f"{path} is not whole: " + "; ".join(report.problems[:5]),
            what_to_do="Keep it, and use another backup.",
        )
    return report


@contextmanager
def _reading(path: Path) -> Iterator[Connection]:
    engine = open_readonly(sqlite_url(path), connections=1)
    try:
        check_schema(engine)
        with engine.connect() as conn, conn.begin():
            yield conn
    finally:
        engine.dispose()


def _copy(source: Path, target: Path, tell: Progress) -> None:
    total = source.stat().st_size
    done = 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_COPY_BYTES):
            writing.write(chunk)
            done += len(chunk)
            tell("copy", done, total)


def _renew(path: Path, author: str, at: float) -> tuple[StoreIdentity, str]:
    """Give a copied store its new id, with the audit row that says so."""
    engine = open_engine(sqlite_url(path))
    try:
        upgrade(engine)
        with engine.begin() as conn:
            old = meta.identity(conn)
            if old is None:
                raise StoreError(f"{path} has no store id", what_to_do="Use another backup.")
            new = StoreIdentity(meta.new_store_id(), old.environment, old.created_at)
            meta.put(conn, meta.STORE_ID, new.store_id)
            detail = {"old_store_id": old.store_id, "new_store_id": new.store_id}
            audit.append(conn, audit.AuditEntry(author, "store.restored", "store", at, detail))
    finally:
        engine.dispose()
    return new, old.store_id


def _publish(partial: Path, target: Path) -> None:
    """Make the file durable, then give it its name; never over another file."""
    _sync(partial)
    _refuse_existing(target)
    partial.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
