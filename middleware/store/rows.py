"""The hot path of writing: statements compiled once, then only tuples go down to the database.

SQLAlchemy's own execution costs two to three times as much a row, for conversions that these plain
values (text, numbers, bytes, None) do not need. The statements are the same ones, written with
SQLAlchemy and compiled for the engine's dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Executable, Table
from sqlalchemy.engine import CursorResult

from middleware.errors import StoreError

Row = Mapping[str, Any]
"""One row: column name -> value."""

MOST_ROWS = 64
MOST_PARAMETERS = 4000
"""Of one statement: far below the 32,766 that SQLite takes and the 65,535 of PostgreSQL; more rows gain nothing."""


def insert_rows(conn: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert `rows`. Columns that no row names get their default; one that only some rows name gets
    it in the others.

    Raises StoreError for a column that the table does not have.
    """
    if not rows:
        return
    names, is_uniform = _columns_of(rows)
    if is_uniform:
        names = _with_values(table, names, rows)
    if is_uniform and len(names) > 1:
        values = list(map(itemgetter(*names), rows))
    else:
        defaults = [(name, _default_of(table.c[name])) for name in names]
        values = [tuple(row.get(name, default) for name, default in defaults) for row in rows]
    at = 0
    for count in _portions(len(values), len(names)):
        sql = _insert_text(conn.dialect, table, names, count)
        conn.exec_driver_sql(sql, tuple(chain.from_iterable(values[at : at + count])))
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
        values = [tuple(map({**constants, **row}.__getitem__, names)) for row in rows]
    else:
        values = [tuple(map(row.__getitem__, names)) for row in rows]
    return conn.exec_driver_sql(sql, values).rowcount


def execute(conn: Connection, statement: Executable, row: Row) -> CursorResult[*tuple[Any, ...]]:
    """Run any statement once. Values come back as the driver has them (no type conversion of
    results).
    """
    if not conn.dialect.positional:
        return conn.execute(statement, row)
    sql, names, constants = _compiled(conn.dialect, statement)
    values = tuple(map({**constants, **row}.__getitem__, names))
    return conn.exec_driver_sql(sql, values)


@lru_cache(maxsize=1024)
def _portions(rows: int, columns: int) -> tuple[int, ...]:
    """How many rows each INSERT takes: powers of two, so that few different statements are ever prepared.

    One statement for many rows is one step of the database: with a step for each row the writer's thread would let go of
    the interpreter and wait for it again at every row, while the reactor's thread wants it.
    """
    portions: list[int] = []
    largest = 1 << (max(1, min(MOST_ROWS, MOST_PARAMETERS // columns)).bit_length() - 1)
    left = rows
    while left:
        portion = min(largest, 1 << (left.bit_length() - 1))
        portions.append(portion)
        left -= portion
    return tuple(portions)


@lru_cache(maxsize=64)
def _compiled(
    dialect: Dialect, statement: Executable
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Text, names of the parameters in order, and those that the statement itself fills."""
    compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    return str(compiled), tuple(compiled.positiontup or ()), constants


def _columns_of(rows: Sequence[Row]) -> tuple[tuple[str, ...], bool]:
    """All columns that any row names, and whether every row names all of them."""
    keys = rows[0].keys()
    if all(row.keys() == keys for row in rows):
        return tuple(keys), True
    seen: dict[str, None] = {}
    for row in rows:
        seen.update(dict.fromkeys(row))
    return tuple(seen), False


def _with_values(table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> tuple[str, ...]:
    """Without the columns that are None in every row: a result leaves half of its columns empty, and
    writing them costs as much as the others.
    """
    may_be_left_out = _nullable(table)
    first = rows[0]
    empty = [name for name in names if first[name] is None and name in may_be_left_out]
    for row in rows:
        # One comparison a row while nothing new turns up.
        if len(empty) > 1 and itemgetter(*empty)(row) != (None,) * len(empty):
            empty = [name for name in empty if row[name] is None]
    if len(empty) <= 1:  # (not followed any further above)
        return names
    left_out = frozenset(empty)
    return tuple(name for name in names if name not in left_out)


@lru_cache(maxsize=32)
def _nullable(table: Table) -> frozenset[str]:
    """Columns in which leaving out and None mean the same."""
    return frozenset(
        column.name for column in table.c if column.nullable and column.server_default is None
    )


@lru_cache(maxsize=256)
def _insert_text(dialect: Dialect, table: Table, names: tuple[str, ...], count: int) -> str:
    """An INSERT of `count` rows."""
    for name in names:
        if name not in table.c:
            raise StoreError(f"the table {table.name} has no column {name!r}")
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in names)
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([f"({', '.join([mark] * len(names))})"] * count)
    return f"INSERT INTO {quote(table.name)} ({columns}) VALUES {marks}"  # noqa: S608 - names of our own tables


def _default_of(column: Column[Any]) -> Any:
    """What the schema's `server_default` means in Python."""
    if column.server_default is None:
        return None
    words = str(getattr(column.server_default, "arg", ""))
    if words in {"true", "false"}:
        return words == "true"
    return words[1:-1] if words.startswith("'") else int(words)
