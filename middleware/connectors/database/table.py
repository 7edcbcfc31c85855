"""One table of a LIS's database: whether it can take what the settings say, and the writing of one message into it.

Rules. One message is one transaction. A row is known by its key, which the database itself keeps unique, so a message
that goes again writes nothing twice, whatever happened to the first time. Synchronous: runs in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, inspect, select
from sqlalchemy.exc import NoSuchTableError

from middleware.connectors.database.config import Corrections, DatabaseSettings
from middleware.connectors.database.fit import ColumnFacts, DoesNotFit, fitted, why_never
from middleware.payload.flat_results import ResultField

_SQLITE = "sqlite"
_AT_ONCE = 500
"""Rows in one statement: databases take from 999 parameters in one question."""
_EXACT_TEXT_ONLY = frozenset({_SQLITE})
"""Databases that keep the numbers of NUMERIC columns as binary fractions."""


class TableDoesNotServe(Exception):
    """The table is not as the settings say; the text says how."""


@dataclass(frozen=True, slots=True)
class TargetTable:
    """A table that was looked at and can take results."""

    settings: DatabaseSettings
    table: Table
    facts: Mapping[str, ColumnFacts]

    def values_of(self, row: Mapping[str, str]) -> dict[str, object]:
        """What each column gets of one result. Raises DoesNotFit."""
        own = self.settings
        said = {column: row.get(field.value, "") for column, field in own.columns.items()}
        return {
            column: fitted(text, self.facts[column], own.times)
            for column, text in (said | own.constants).items()
        }

    def write(self, conn: Connection, rows: Sequence[Mapping[str, str]]) -> int:
        """Write the results of one message in one transaction; how many rows were inserted or changed.

        Raises DoesNotFit before anything is written, and whatever SQLAlchemy raises.
        """
        wanted = [self.values_of(row) for row in rows]
        with conn.begin():
            if self.settings.corrections is Corrections.INSERT:
                return sum(
                    self._insert(conn, wanted[at : at + _AT_ONCE])
                    for at in range(0, len(wanted), _AT_ONCE)
                )
            return sum(self._put(conn, values) for values in wanted)

    def _insert(self, conn: Connection, wanted: Sequence[Mapping[str, object]]) -> int:
        """Those that are not there."""
        key: Column[Any] = self.table.c[self.settings.key_column]
        known = [values[key.name] for values in wanted]
        found = conn.execute(select(key).where(key.in_(known))).scalars()
        there = {str(one).rstrip(" ") for one in found}  # a CHAR column fills up with blanks
        missing = [dict(values) for values in wanted if values[key.name] not in there]
        if missing:
            conn.execute(self.table.insert(), missing)
        return len(missing)

    def _put(self, conn: Connection, values: Mapping[str, object]) -> int:
        """The row of a result, unless a later version is there."""
        own = self.settings
        is_this = self.table.c[own.key_column] == values[own.key_column]
        version: Column[Any] = self.table.c[own.column_of(ResultField.VERSION)]
        found = conn.execute(select(version).where(is_this).with_for_update()).first()
        if found is None:
            conn.execute(self.table.insert().values(**values))
            return 1
        if _as_number(found[0]) > _as_number(values[version.name]):
            return 0
        conn.execute(self.table.update().where(is_this).values(**values))
        return 1


def look_at(conn: Connection, settings: DatabaseSettings) -> TargetTable:
    """Read the table's columns and keys. Raises TableDoesNotServe."""
    schema = settings.table_schema or None
    try:
        table = Table(settings.table, MetaData(), schema=schema, autoload_with=conn)
    except NoSuchTableError as error:
        raise TableDoesNotServe(f"there is no table {settings.table}") from error
    finally:
        conn.rollback()  # reading the catalogue began a transaction
    is_exact = conn.dialect.name not in _EXACT_TEXT_ONLY
    facts = {
        column.name: ColumnFacts(column.name, column.type, bool(column.nullable), is_exact)
        for column in table.columns
    }
    for fault in _faults(table, facts, settings):
        raise TableDoesNotServe(fault)
    if not _is_unique(conn, table, settings):
        raise TableDoesNotServe(
            f"column {settings.key_column} has no unique key of its own; make one, or results could be there twice"
        )
    return TargetTable(settings, table, facts)


def _faults(
    table: Table, facts: Mapping[str, ColumnFacts], settings: DatabaseSettings
) -> list[str]:
    found = []
    for column, field in [*settings.columns.items(), *dict.fromkeys(settings.constants).items()]:
        if column not in facts:
            found.append(f"there is no column {column}")
            continue
        why = why_never(facts[column], field)
        if why:
            found.append(f"column {column} {why}")
        elif field is None:
            found += _misfits(settings.constants[column], facts[column], settings)
    named = settings.columns.keys() | settings.constants.keys()
    found += [
        f"column {column.name} must have a value, and the settings name none"
        for column in table.columns
        if column.name not in named and _needs_a_value(column, table)
    ]
    return found


def _misfits(text: str, facts: ColumnFacts, settings: DatabaseSettings) -> list[str]:
    try:
        fitted(text, facts, settings.times)
    except DoesNotFit as error:
        return [f"the constant of {error}"]
    return []


def _needs_a_value(column: Column[Any], table: Table) -> bool:
    makes_itself = column.server_default is not None or column.computed is not None
    return not (column.nullable or makes_itself or column is table.autoincrement_column)


def _is_unique(conn: Connection, table: Table, settings: DatabaseSettings) -> bool:
    if [column.name for column in table.primary_key] == [settings.key_column]:
        return True
    seen = inspect(conn)
    # SQLite tells of keys that stand beside their column in this way alone.
    more = {"include_auto_indexes": True} if conn.dialect.name == _SQLITE else {}
    try:
        keys: list[Any] = list(seen.get_unique_constraints(table.name, schema=table.schema))
        for index in seen.get_indexes(table.name, schema=table.schema, **more):
            is_partial = any(name.endswith("_where") for name in index.get("dialect_options") or {})
            if index["unique"] and not is_partial:
                keys.append(index)
    finally:
        conn.rollback()
    return any(key["column_names"] == [settings.key_column] for key in keys)


def _as_number(value: object) -> int:
    """A version as a column of whatever type holds it; what is none is older than any."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else 0
