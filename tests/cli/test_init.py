"""`labwire init`: the first file of a new site."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.cli_site import command

pytestmark = pytest.mark.slow  # reads every driver


def test_the_first_settings_file_is_good_as_it_is_written(tmp_path: Path) -> None:
    """A newcomer's first `labwire check` finds nothing wrong."""
    path = str(tmp_path / "labwire.toml")
    said = command("init", "-c", path, "--name", "north-lab", "--environment", "production")
    assert said.status == 0
    assert f"labwire check -c {path}" in said.out
    assert 'name = "north-lab"' in Path(path).read_text(encoding="utf-8")
    checked = command("check", "-c", path, "--json")
    assert checked.status == 0
    assert {item["weight"] for item in checked.items} <= {"note"}


def test_a_settings_file_is_never_overwritten(tmp_path: Path) -> None:
    """Somebody's work lies there."""
    path = tmp_path / "labwire.toml"
    path.write_text("# mine", encoding="utf-8")
    said = command("init", "-c", str(path))
    assert said.status == 1
    assert "nothing was written" in said.err
    assert path.read_text(encoding="utf-8") == "# mine"


def test_a_folder_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    """No trace for a mistyped path."""
    said = command("init", "-c", str(tmp_path / "nowhere" / "labwire.toml"))
    assert said.status == 1
    assert "cannot be written" in said.err


def test_a_name_that_would_break_the_file_is_wrong_usage(tmp_path: Path) -> None:
    """Quotation marks in it would end the text."""
    said = command("init", "-c", str(tmp_path / "labwire.toml"), "--name", 'a"b')
    assert said.status == 2
