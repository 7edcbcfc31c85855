"""Whole files in the journal: known again by their content, also in a store of an earlier version."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from middleware.model import MessageKind
from middleware.store import journal
from middleware.store.engine import (
    check_schema,
    database_url,
    migrations_folder,
    open_engine,
    upgrade,
)
from middleware.store.journal import JournalEntry
from middleware.store.schema import JournalState


def entry(content: bytes, name: str | None, line: str = "files", **more: object) -> JournalEntry:
    return JournalEntry(
        line,
        "generic_astm",
        MessageKind.RESULT,
        1000.0,
        content,
        content,
        file_name=name,
        **more,  # type: ignore[arg-type]
    )


def test_a_file_is_known_by_its_content_on_its_own_line(engine: Engine) -> None:
    """The name does not matter; another line's file, and a message that is no file, do not count."""
    with engine.begin() as conn:
        journal.append(conn, entry(b"one", None))
        journal.append(conn, entry(b"one", "a.txt", "others"))
        assert journal.same_file(conn, entry(b"one", "b.txt")) is None
        first = journal.append(conn, entry(b"one", "a.txt"))
        assert journal.same_file(conn, entry(b"one", "b.txt")) == first
        assert journal.same_file(conn, entry(b"two", "a.txt")) is None


def test_what_was_refused_as_another_analyzer_s_is_not_known_again(engine: Engine) -> None:
    with engine.begin() as conn:
        journal.append(conn, entry(b"one", "a.txt", state=JournalState.REFUSED))
        assert journal.same_file(conn, entry(b"one", "a.txt")) is None


def test_looking_a_file_up_uses_its_index(engine: Engine) -> None:
    """A folder with years of files is no slower."""
    statement = str(journal._SAME_FILE.compile(engine, compile_kwargs={"literal_binds": False}))
    with engine.connect() as conn:
        plan = conn.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", ("a", b"d", "x", 1)[: statement.count("?")]
        )
        assert any("journal_files" in str(row) for row in plan)


@pytest.mark.slow
def test_a_store_of_the_first_version_is_brought_up_with_its_messages(tmp_path: Path) -> None:
    engine = open_engine(database_url(tmp_path, None))
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO journal (line, driver, kind, state, received_at, text, wire, text_sha256)"
                " VALUES ('chem-1', 'generic_astm', 'result', 'processed', 1.0, x'48', x'48', x'00')"
            )
        )
    upgrade(engine)
    check_schema(engine)
    with engine.begin() as conn:
        row = journal.get(conn, 1)
        assert row is not None
        assert (row["text"], row["file_name"]) == (b"H", None)
        assert journal.append(conn, entry(b"one", "a.txt")) == 2
    engine.dispose()
