"""The hot path: statements compiled once, then only tuples go down to the database and come back.

SQLAlchemy's own execution costs two to three times as much a row, and some 8 us more a statement, for conversions that
these plain values (text, numbers, bytes, None) do not need. The statements are the same ones, written with SQLAlchemy
and compiled for the engine's dialect; errors are SQLAlchemy's too. On SQLite they go straight to its driver, within
the connection's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Executable, Table
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from middleware.errors import StoreError

Row = Mapping[str, Any]
"""One row: column name -> value."""

MOST_ROWS = 64
MOST_PARAMETERS = 4000
"""Of one statement: far below the 32,766 that SQLite takes and the 65,535 of PostgreSQL; more rows gain nothing."""


MANY_ROWS = 16
"""From so many on it pays to look which columns hold the same in all of them."""


def insert_rows(conn: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert `rows`. Columns that no row names get their default; one that only some rows name gets
    it in the others.

    Raises StoreError for a column that the table does not have.
    """
    if not rows:
        return
    names, values = _uniform(table, rows) or _various(table, rows)
    alike = _alike(table, names, values) if conn.dialect.positional else ()
    once: tuple[Any, ...] = ()
    if alike:
        once = itemgetter(*alike)(values[0])
        values = list(map(itemgetter(*_others(len(names), alike)), values))
    at = 0
    for count in _portions(len(values), len(names)):
        sql = _insert_text(conn.dialect, table, names, count, alike)
        portion = (*once, *chain.from_iterable(values[at : at + count]))
        if conn.dialect.positional:
            _run(conn, sql, portion)
        else:
            conn.exec_driver_sql(sql, portion)
        at += count


def execute_many(conn: Connection, statement: Executable, rows: Sequence[Row]) -> int:
    """Run an UPDATE or DELETE for each row of parameters; answers how many rows of the table
    changed in all.
    """
    if not rows:
        return 0
    if not conn.dialect.positional:
        return conn.execute(statement, rows).rowcount
    sql, names, constants = _compiled(conn.dialect, statement)
    if constants:
        rows = [{**constants, **row} for row in rows]
    values = [tuple(map(row.__getitem__, names)) for row in rows]
    if len(values) == 1:
        return _run(conn, sql, values[0]).rowcount
    return _run(conn, sql, values, is_many=True).rowcount


def fetch(conn: Connection, statement: Executable, row: Row) -> list[tuple[Any, ...]]:
    """Run a statement that answers rows. Their values are as the driver has them (no conversion)."""
    if not conn.dialect.positional:
        return [tuple(found) for found in conn.execute(statement, row)]
    sql, names, constants = _compiled(conn.dialect, statement)
    values = tuple(map({**constants, **row}.__getitem__ if constants else row.__getitem__, names))
    cursor = _run(conn, sql, values)
    try:
        return cursor.fetchall()  # type: ignore[return-value]
    except (
        sqlite3.Error
    ) as error:  # it reads the disk for each row: trouble may come at any of them
        raise _as_trouble(conn, cursor, sql, error) from error


MOST_ALIKE = 512
"""Values in one list of a statement."""


def fetch_any(
    conn: Connection,
    statement_of: Callable[[int], Executable],
    values: Sequence[Any],
    more: Row | None = None,
) -> list[tuple[Any, ...]]:
    """Run a statement for any number of values, and `more` parameters that are always the same.

    `statement_of(count)` has the parameters `marks(count)`. Their number is rounded up to a power of two, the last
    value said again, so that few different statements are made.
    """
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(values), MOST_ALIKE):
        part = list(values[start : start + MOST_ALIKE])
        count = 1 << (len(part) - 1).bit_length()
        part += part[-1:] * (count - len(part))
        named = dict(zip(marks(count), part, strict=True), **(more or {}))
        found += fetch(conn, statement_of(count), named)
    return found


@lru_cache(maxsize=16)
def marks(count: int) -> tuple[str, ...]:
    """The names of `count` parameters of a list."""
    return tuple(f"p{number}" for number in range(count))


def _run(
    conn: Connection, sql: str, values: Sequence[Any], *, is_many: bool = False
) -> DBAPICursor:
    """Hand a statement to SQLite's driver, in the connection's transaction."""
    if not conn.in_transaction():
        conn.begin()
    cursor = conn.connection.cursor()
    try:
        if is_many:
            cursor.executemany(sql, values)
        else:
            cursor.execute(sql, values)
    except sqlite3.Error as error:
        raise _as_trouble(conn, cursor, sql, error) from error
    return cursor


def _as_trouble(
    conn: Connection, cursor: DBAPICursor, sql: str, error: sqlite3.Error
) -> BaseException:
    """The driver's error as SQLAlchemy would raise it, without parameters."""
    cursor.close()  # else the error's traceback keeps a statement, and that the connection's locks
    return DBAPIError.instance(
        sql, None, error, sqlite3.Error, hide_parameters=True, dialect=conn.dialect
    )


@lru_cache(maxsize=1024)
def _portions(rows: int, columns: int) -> tuple[int, ...]:
    """How many rows each INSERT takes: powers of two, so that few different statements are ever prepared.

    One statement for many rows is one step of the database. With a step for each row the thread would let go of the
    interpreter at every row, and wait for it again when another thread wants it.
    """
    portions: list[int] = []
    largest = 1 << (max(1, min(MOST_ROWS, MOST_PARAMETERS // columns)).bit_length() - 1)
    left = rows
    while left:
        portion = min(largest, 1 << (left.bit_length() - 1))
        portions.append(portion)
        left -= portion
    return tuple(portions)


@lru_cache(maxsize=256)
def _compiled(
    dialect: Dialect, statement: Executable
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Text, names of the parameters in order, and those that the statement itself fills."""
    compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    return str(compiled), tuple(compiled.positiontup or ()), constants


Values = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""Names of columns, and for each row their values."""


def _uniform(table: Table, rows: Sequence[Row]) -> Values | None:
    """The values of rows that all name the same columns; None when these do not."""
    width = len(rows[0])
    if width == 1 or any(len(row) != width for row in rows):
        return None
    try:
        names = _filled(table, rows)
        return names, list(map(itemgetter(*names), rows))
    except KeyError:  # as many columns, but others
        return None


def _various(table: Table, rows: Sequence[Row]) -> Values:
    names = tuple(dict.fromkeys(chain.from_iterable(rows)))
    defaults = [(name, _default_of(table.c[name])) for name in names]
    return names, [tuple(row.get(name, default) for name, default in defaults) for row in rows]


def _filled(table: Table, rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns of the rows without those that are None in each: a result leaves half of its columns empty, and
    writing them costs as much as the others.
    """
    first = rows[0]
    may_be_left_out = _nullable(table)
    empty = [name for name, value in first.items() if value is None and name in may_be_left_out]
    if len(empty) < 2 or len(empty) > len(first) - 2:  # noqa: PLR2004 - one name alone makes no tuple
        return tuple(first)
    combinations = set(map(itemgetter(*empty), rows))
    left_out = {
        name
        for name, values in zip(empty, zip(*combinations, strict=True), strict=True)
        if not any(value is not None for value in values)
    }
    return tuple(name for name in first if name not in left_out)


@lru_cache(maxsize=32)
def _nullable(table: Table) -> frozenset[str]:
    """Columns in which leaving out and None mean the same."""
    return frozenset(
        column.name for column in table.c if column.nullable and column.server_default is None
    )


def _alike(table: Table, names: Sequence[str], values: list[tuple[Any, ...]]) -> tuple[int, ...]:
    """Where those columns stand that hold the same in all rows: giving the database a value once is half the work.

    A column that has once differed is never looked at again, so a table comes to few different statements.
    """
    if len(values) < MANY_ROWS:
        return ()
    differing = _differing(table)
    asked = [at for at, name in enumerate(names) if name not in differing]
    if len(asked) > 1:
        alike = itemgetter(*asked)
        first = alike(values[0])
        if not all(map(first.__eq__, map(alike, values))):
            unlike = [at for at in asked if len({row[at] for row in values}) > 1]
            differing.update([names[at] for at in unlike])
            asked = [at for at in asked if at not in unlike]
    # One column alone makes no tuple, neither of those nor of the others.
    is_worth_it = 1 < len(asked) < len(names) - 1
    return tuple(asked) if is_worth_it else ()


@lru_cache(maxsize=32)
def _differing(_table: Table) -> set[str]:
    """The columns of a table that are known to differ from row to row."""
    return set()


@lru_cache(maxsize=256)
def _others(count: int, alike: tuple[int, ...]) -> tuple[int, ...]:
    """The places, of `count`, that are not among `alike`."""
    return tuple(at for at in range(count) if at not in alike)


@lru_cache(maxsize=256)
def _insert_text(
    dialect: Dialect, table: Table, names: tuple[str, ...], count: int, alike: tuple[int, ...]
) -> str:
    """An INSERT of `count` rows. Its parameters are the values at `alike` once, then the others of each row."""
    for name in names:
        if name not in table.c:
            raise StoreError(f"the table {table.name} has no column {name!r}")
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in names)
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    rows = [[mark] * len(names) for _ in range(count)]
    if alike:
        own = _others(len(names), alike)
        for number, row in enumerate(rows):
            begun = len(alike) + number * len(own) + 1
            places = {at: place for place, at in enumerate(alike, 1)}
            places |= {at: place for place, at in enumerate(own, begun)}
            row[:] = [f"?{places[at]}" for at in range(len(names))]
    marks = ", ".join(f"({', '.join(row)})" for row in rows)
    return f"INSERT INTO {quote(table.name)} ({columns}) VALUES {marks}"  # noqa: S608 - names of our own tables


def _default_of(column: Column[Any]) -> Any:
    """What the schema's `server_default` means in Python."""
    if column.server_default is None:
        return None
    words = str(getattr(column.server_default, "arg", ""))
    if words in {"true", "false"}:
        return words == "true"
    return words[1:-1] if words.startswith("'") else int(words)
