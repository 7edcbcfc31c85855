"""A migrated store for each test, copied from one that was migrated once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from middleware.store import meta
from middleware.store.engine import DATABASE_FILE, database_url, open_engine
from tests.kit.store import make_store


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store of a test node."""
    folder = tmp_path_factory.mktemp("migrated")
    engine = make_store(folder)
    with engine.begin() as conn:
        meta.identify(conn, "test", 1000.0)
    engine.dispose()
    return folder / DATABASE_FILE


@pytest.fixture
def data_dir(tmp_path: Path, migrated: Path) -> Path:
    """A data folder with an empty store."""
    shutil.copy(migrated, tmp_path / DATABASE_FILE)
    return tmp_path


@pytest.fixture
def url(data_dir: Path) -> str:
    return database_url(data_dir, None)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()
