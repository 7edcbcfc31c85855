"""The migrations make exactly the schema that the code was written for, forward only."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine

from middleware.errors import StoreError
from middleware.store.engine import (
    DATABASE_FILE,
    HEAD_REVISION,
    check_schema,
    database_url,
    migrations_folder,
    open_engine,
    open_readonly,
    sqlite_library_note,
    upgrade,
)
from middleware.store.schema import METADATA


def tables_and_indexes(path: Path) -> dict[str, list[str]]:
    """Every table and index as SQL words, without what is not the schema's own."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL"
    ).fetchall()
    connection.close()
    # A column that a later migration added stands before the bracket without a line of its own.
    return {
        name: sql.replace(")", " ) ").replace(",", " , ").split()
        for name, sql in rows
        if name != "alembic_version"
    }


@pytest.mark.slow
def test_migrations_make_exactly_the_tables_of_the_code(migrated: Path, tmp_path: Path) -> None:
    """A node that was upgraded and a new one have the same store."""
    direct = tmp_path / "direct.sqlite3"
    engine = create_engine(f"sqlite:///{direct}")
    METADATA.create_all(engine)
    engine.dispose()
    assert tables_and_indexes(migrated) == tables_and_indexes(direct)


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD_REVISION]


def test_upgrading_an_upgraded_store_does_nothing(engine: Engine) -> None:
    upgrade(engine)
    check_schema(engine)


@pytest.mark.slow
def test_a_failed_migration_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """All steps of a migration stand in one transaction: a kill in the middle is no half schema."""
    engine = open_engine(database_url(tmp_path, None))
    with engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE leases (in_the_way TEXT)")
    with pytest.raises(Exception, match="already exists"):
        upgrade(engine)
    engine.dispose()
    assert set(tables_and_indexes(tmp_path / DATABASE_FILE)) == {"leases"}


def test_an_empty_store_is_told_from_a_ready_one(tmp_path: Path) -> None:
    engine = open_engine(database_url(tmp_path, None))
    with pytest.raises(StoreError, match="missing") as raised:
        check_schema(engine)
    assert "upgrade" in raised.value.what_to_do
    engine.dispose()


def test_a_store_of_a_newer_labwire_is_left_alone(engine: Engine) -> None:
    """An old program never writes a schema that it does not know."""
    with engine.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for act in (upgrade, check_schema):
        with pytest.raises(StoreError, match="newer"):
            act(engine)


def test_a_missing_store_or_folder_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        open_readonly(database_url(tmp_path, None))
    with pytest.raises(StoreError, match="does not exist"):
        open_engine(database_url(tmp_path / "nowhere", None))


def test_the_store_s_place_is_the_setting_or_a_file_in_data_dir(tmp_path: Path) -> None:
    assert database_url(tmp_path, None) == f"sqlite:///{tmp_path}/{DATABASE_FILE}"
    assert database_url(tmp_path, "postgresql+psycopg://u@h/d") == "postgresql+psycopg://u@h/d"


@pytest.mark.slow
def test_a_folder_with_spaces_and_signs_can_hold_a_store(tmp_path: Path) -> None:
    folder = tmp_path / "Labor 1 ? %41#"
    folder.mkdir()
    engine = open_engine(database_url(folder, None))
    upgrade(engine)
    reading = open_readonly(database_url(folder, None))
    check_schema(reading)
    assert (folder / DATABASE_FILE).exists()
    reading.dispose()
    engine.dispose()


def test_doctor_is_told_the_library_s_version() -> None:
    assert sqlite3.sqlite_version in sqlite_library_note()
