"""The audit trail shows every change, every gap and a cut end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from middleware.store import audit
from middleware.store.audit import AuditEntry


def three_rows(conn: Connection) -> None:
    for number in (1, 2, 3):
        detail = {"ids": [number], "reason": "größer"}
        audit.append(conn, AuditEntry("a.person", "results.released", "result", 1.25, detail))


def without_guard(conn: Connection) -> None:
    """Whoever owns the database can switch the triggers off."""
    conn.exec_driver_sql("DROP TRIGGER audit_no_update")
    conn.exec_driver_sql("DROP TRIGGER audit_no_delete")


def test_an_untouched_trail_is_whole(engine: Engine) -> None:
    with engine.begin() as conn:
        assert audit.verify(conn) == audit.AuditReport(0, ())
        three_rows(conn)
    with engine.begin() as conn:
        told: list[tuple[int, int]] = []
        assert audit.verify(conn, lambda done, total: told.append((done, total))).rows == 3
        assert audit.verify(conn).problems == ()
        assert audit.head(conn)[0] == 3


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET author = 'another'", "DELETE FROM audit WHERE id = 3"]
)
def test_the_database_refuses_to_change_or_delete_a_row(engine: Engine, statement: str) -> None:
    with engine.begin() as conn:
        three_rows(conn)
    with engine.begin() as conn, pytest.raises(DBAPIError, match="append-only"):
        conn.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET author = 'another' WHERE id = 2", "row 2 was changed"),
        ("UPDATE audit SET at = 9.0 WHERE id = 3", "row 3 was changed"),
        ("UPDATE audit SET detail = '{}' WHERE id = 1", "row 1 was changed"),
        ("DELETE FROM audit WHERE id = 2", "rows 2 to 2 are missing"),
        ("DELETE FROM audit WHERE id = 3", "ends at row 2, its noted end is row 3"),
        ("DELETE FROM audit", "ends at row 0, its noted end is row 3"),
        ("DELETE FROM meta WHERE key = 'audit_head'", "ends at row 3, its noted end is row 0"),
        (
            "UPDATE audit SET previous_hash = 'x' WHERE id = 2",
            "row 2 does not follow the row before it",
        ),
    ],
)
def test_every_tampering_shows(engine: Engine, statement: str, said: str) -> None:
    """Also by someone who can switch off the database's own guard."""
    with engine.begin() as conn:
        three_rows(conn)
        without_guard(conn)
        conn.exec_driver_sql(statement)
        assert said in "; ".join(audit.verify(conn).problems)


def test_a_row_that_is_replaced_with_a_fitting_hash_breaks_the_next_link(engine: Engine) -> None:
    """Forging one row takes forging all that follow, and the noted end."""
    forged: Callable[[Connection], None] = three_rows
    with engine.begin() as conn:
        forged(conn)
        without_guard(conn)
        rows = audit.listing(conn)
        last = rows[0] | {"author": "another"}
        conn.exec_driver_sql(
            "UPDATE audit SET author = ?, hash = ? WHERE id = 3", ("another", audit._hash(last))
        )
        assert audit.verify(conn).problems == (
            "the last audit row 3 is not the one noted as the end",
        )
