"""`labwire check` of folders: there, movable, one for each line, and never our own output."""

from __future__ import annotations

from pathlib import Path

import pytest

from middleware.settings.problems import Weight
from tests.kit.site_settings import GOOD, problems_of

LINE = """
[[line]]
id = "{name}"
driver = "plain"
release = "auto"
time_zone = "Europe/Berlin"
[line.transport]
type = "file_drop"
folder = "{folder}"
{more}
"""


def told(*lines: str) -> list[tuple[Weight, str, str]]:
    """Weight, key and message of what is said of files."""
    problems = problems_of(GOOD + "".join(lines))
    return [
        (one.weight, one.key, one.message)
        for one in problems
        if "fit the driver" not in one.message
    ]


def line(name: str, folder: Path, more: str = "") -> str:
    return LINE.format(name=name, folder=folder, more=more)


def test_a_folder_that_is_there_has_no_problem(tmp_path: Path) -> None:
    assert told(line("files-1", tmp_path)) == []


def test_a_folder_that_is_missing_is_a_warning_for_a_share_may_come_later(tmp_path: Path) -> None:
    ((weight, key, message),) = told(line("files-1", tmp_path / "share"))
    assert (weight, key) == (Weight.WARNING, "line.transport.folder")
    assert "does not exist" in message


def test_two_lines_on_one_folder_are_refused(tmp_path: Path) -> None:
    """They would take each other's files; also when one of them is written in another way."""
    (tmp_path / "x").mkdir()
    ((weight, _, message),) = told(
        line("files-1", tmp_path), line("files-2", tmp_path / "x" / "..")
    )
    assert weight is Weight.ERROR
    assert 'the line "files-1" takes the files' in message


def test_orders_are_not_written_into_the_folder_that_is_read(tmp_path: Path) -> None:
    ((weight, key, _),) = told(line("files-1", tmp_path, f'out_folder = "{tmp_path}"'))
    assert (weight, key) == (Weight.ERROR, "line.transport.out_folder")


@pytest.mark.skipif(
    Path("/dev/shm").stat().st_dev == Path("/tmp").stat().st_dev, reason="needs two disks"
)
def test_processed_files_stay_on_the_same_disk(tmp_path: Path) -> None:
    """A move to another disk is a copy, and a crash could leave both or half."""
    ((weight, key, _),) = told(line("files-1", tmp_path, 'processed = "/dev/shm/labwire-test"'))
    assert (weight, key) == (Weight.ERROR, "line.transport.processed")
