"""A restore never takes up the rests of another store."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from middleware.errors import StoreError
from middleware.store.backup import backup, restore
from middleware.store.engine import DATABASE_FILE, database_url

pytestmark = pytest.mark.slow


def test_a_left_over_log_of_another_store_stops_a_restore(
    engine: Engine, url: str, tmp_path: Path
) -> None:
    """SQLite would play it into the restored file."""
    backup(url, tmp_path / "copy.sqlite3")
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / f"{DATABASE_FILE}-wal").write_bytes(b"old")
    with pytest.raises(StoreError, match="exists"):
        restore(tmp_path / "copy.sqlite3", database_url(folder, None), "a.person", 5000.0)
