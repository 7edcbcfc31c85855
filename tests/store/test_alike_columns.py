"""Many rows at once are stored as they are, whichever of their columns hold the same in all of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, select

from middleware.store.rows import MANY_ROWS, insert_rows

COUNT = 3 * MANY_ROWS + 1


@pytest.fixture
def table(engine: Engine) -> Table:
    """A table that no test has used before, for what is learned of a table stays."""
    metadata = MetaData()
    names = ("line", "unit", "state", "remark")
    columns = [Column(name, Text) for name in names]
    made = Table("made", metadata, Column("id", Integer, primary_key=True), *columns)
    metadata.create_all(engine)
    return made


def made_rows(first: int, **alike: Any) -> list[dict[str, Any]]:
    """Rows that differ in nothing but their id."""
    shared = {"line": "chem-1", "unit": "mmol/L", "state": "held", "remark": None} | alike
    return [{"id": number, **shared} for number in range(first, first + COUNT)]


def stored(engine: Engine, table: Table) -> list[dict[str, Any]]:
    """All rows, by id."""
    with engine.connect() as conn:
        return [dict(row) for row in conn.execute(select(table).order_by("id")).mappings()]


def test_rows_that_differ_in_their_id_alone_are_all_there(engine: Engine, table: Table) -> None:
    """A value that is given once still stands in every row."""
    rows = made_rows(0)
    with engine.begin() as conn:
        insert_rows(conn, table, rows)
    assert stored(engine, table) == rows


def test_a_column_that_begins_to_differ_keeps_each_row_s_own_value(
    engine: Engine, table: Table
) -> None:
    """What was alike in all rows until now must not be taken for alike in the next ones."""
    before, after = made_rows(0), made_rows(COUNT)
    after[-1]["unit"] = "mg/dL"
    after[MANY_ROWS]["remark"] = "haemolytic"
    alike_again = made_rows(2 * COUNT, unit="g/L", line="chem-2")
    with engine.begin() as conn:
        for rows in (before, after, alike_again):
            insert_rows(conn, table, rows)
    assert stored(engine, table) == [*before, *after, *alike_again]


def test_rows_that_share_all_but_one_column_or_nothing_are_stored(
    engine: Engine, table: Table
) -> None:
    """The two ends: nothing to give once, and nothing but the id to give for each row."""
    different = [
        {
            "id": number,
            "line": f"l{number}",
            "unit": f"u{number}",
            "state": f"s{number}",
            "remark": "x",
        }
        for number in range(COUNT)
    ]
    with engine.begin() as conn:
        insert_rows(conn, table, different)
        insert_rows(conn, table, [{"id": COUNT + number} for number in range(COUNT)])
    empty = [
        {"id": COUNT + number, "line": None, "unit": None, "state": None, "remark": None}
        for number in range(COUNT)
    ]
    assert stored(engine, table) == different + empty
