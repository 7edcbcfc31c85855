"""The store as a whole: made, checked, saved and brought back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from middleware.monitor.lock import NodeLock
from middleware.store.engine import DATABASE_FILE
from tests.kit.cli_site import CliSite, command

pytestmark = pytest.mark.slow  # stores on disk


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CliSite]:
    made = CliSite(tmp_path)
    yield made
    made.close()


def _empty_site(folder: Path) -> tuple[str, ...]:
    folder.mkdir(exist_ok=True)
    settings = folder / "labwire.toml"
    settings.write_text('[node]\nenvironment = "test"\n', encoding="utf-8")
    return ("-c", str(settings))


def test_a_store_is_made_and_made_again_without_harm(tmp_path: Path) -> None:
    """The folder belongs to its user alone, and the store keeps its id."""
    config = _empty_site(tmp_path / "new")
    first = command("db", "init", "--json", *config)
    assert first.status == 0, first.err
    assert (tmp_path / "new" / "var").stat().st_mode & 0o777 == 0o700
    second = command("db", "init", "--json", *config)
    assert first.items[0]["store_id"] == second.items[0]["store_id"]
    assert command("db", "upgrade", *config).status == 0


def test_a_whole_store_is_called_whole(site: CliSite) -> None:
    """With what it holds."""
    site.receive("A1001", 3)
    said = site.run("db", "verify")
    assert said.status == 0, said.out
    assert "Whole: 1 messages, 3 results, 1 outbox" in said.out


def test_a_changed_message_is_found(site: CliSite) -> None:
    """Somebody edited what an analyzer sent."""
    number = site.receive("A1001")
    site.close()
    with sqlite3.connect(site.data_dir / DATABASE_FILE) as conn:
        conn.execute("UPDATE journal SET text = x'00' WHERE id = ?", (number,))
    said = site.run("db", "verify", "--json")
    assert said.status == 1
    assert f"the text of message {number} was changed" in said.items[0]["problem"]


def test_a_backup_is_restored_elsewhere_under_a_new_id(site: CliSite, tmp_path: Path) -> None:
    """And everything that was there is there."""
    number = site.receive("A1001")
    target = tmp_path / "saved.sqlite3"
    saved = site.run("db", "backup", str(target), "--json")
    assert saved.status == 0, saved.err
    assert saved.items[0]["messages"] == 1
    config = _empty_site(tmp_path / "elsewhere")
    restored = command("db", "restore", str(target), "--as", "B. Brandt", "--json", *config)
    assert restored.status == 0, restored.err
    assert restored.items[0]["store_id"] != restored.items[0]["old_store_id"]
    assert [one["id"] for one in command("messages", "list", "--json", *config).items] == [number]


def test_a_backup_never_overwrites_a_file(site: CliSite, tmp_path: Path) -> None:
    """Nor does a restore overwrite a store."""
    target = tmp_path / "saved.sqlite3"
    assert site.run("db", "backup", str(target)).status == 0
    again = site.run("db", "backup", str(target))
    assert again.status == 1
    assert "exists" in again.err
    over = site.run("db", "restore", str(target))
    assert over.status == 1
    assert "exists" in over.err


def test_while_a_node_runs_nobody_else_writes(site: CliSite) -> None:
    """The lock names who has it; reading and saving go on."""
    with NodeLock(site.data_dir):
        refused = site.run("db", "upgrade")
        assert refused.status == 1
        assert "belongs to a running node" in refused.err
        assert site.run("db", "verify").status == 0
