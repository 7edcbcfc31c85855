"""Tells the store's own trouble (full disk, lost database) from the fault of one job.

The difference decides what the writer does: a job's own fault fails that job alone; trouble of the
store fails the whole batch, and nothing of it is acknowledged.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

from middleware.errors import StoreNotWritable

# Primary result codes of SQLite (the low byte of the extended code) after which the connection is
# not to be trusted.
# SQLITE_ERROR (a wrong statement) and SQLITE_CONSTRAINT are a job's own.
_SQLITE_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)

# Classes of SQLSTATE: 08 connection, 25 invalid transaction state (read-only), 40 rolled back by
# the server,
# 53 resources (53100 disk full), 55 not in the needed state, 57 operator intervention, 58 system
# error, XX corruption.
_SQLSTATE_TROUBLE = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})

# What no free space mends: the file is no database, or a broken one.
_SQLITE_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_DAMAGED = "The store is damaged: {}."
_MEND_DAMAGE = (
    "Stop the node, keep the file for whoever looks into it, and restore the newest backup "
    "(labwire db restore)."
)
_TEXT = "The store cannot commit: {}."
_WHAT_TO_DO = (
    "Free space on the disk of data_dir (or mend the database connection); "
    "intake resumes by itself within seconds."
)


def is_store_trouble(error: BaseException) -> bool:
    """Whether `error` says that the store cannot be written, rather than that one job was wrong."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    original = error.orig
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_TROUBLE
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return state[:2] in _SQLSTATE_TROUBLE
    # psycopg gives no state when the connection itself broke.
    return type(original).__module__.startswith("psycopg") and type(original).__name__ in {
        "OperationalError",
        "InterfaceError",
    }


def not_writable(error: BaseException) -> StoreNotWritable:
    """The error that callers get for `error`: its first line, without statement or parameters (they
    may name a patient).
    """
    original = getattr(error, "orig", None) or error
    reason = (str(original).splitlines() or [type(original).__name__])[0]
    if getattr(original, "sqlite_errorcode", 0) & 0xFF in _SQLITE_DAMAGE:
        return StoreNotWritable(_DAMAGED.format(reason), what_to_do=_MEND_DAMAGE)
    return StoreNotWritable(_TEXT.format(reason), what_to_do=_WHAT_TO_DO)
