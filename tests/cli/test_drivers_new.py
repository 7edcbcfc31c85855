"""`labwire drivers new` and `labwire drivers check`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit import recorded_logs as logs
from tests.kit.cli_site import SETTINGS, Said, command

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "labwire.toml"
    path.write_text(SETTINGS.format(release="hold_all"), encoding="utf-8")
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "session.log"
    path.write_text(logs.both_directions("RX:", "TX:"), encoding="utf-8")
    return path


def _run(settings: Path, *words: str) -> Said:
    return command("drivers", *words, "-c", str(settings))


def test_a_log_becomes_a_driver_that_a_line_can_name_at_once(
    settings: Path, recording: Path
) -> None:
    """From a text log to the list of drivers with one command."""
    said = _run(settings, "new", "acme_one", "--from", str(recording), "--title", "Acme One")
    assert said.status == 0, said.err
    assert "2 results are read" in said.out
    assert "labwire drivers check" in said.out
    assert (settings.parent / "drivers.d" / "acme_one" / "driver.toml").is_file()
    listed = json.loads(_run(settings, "list", "--json").out)
    assert [one["name"] for one in listed["items"] if one["id"] == "acme_one"] == ["Acme One"]


def test_check_says_what_is_missing_and_ends_with_one(settings: Path, recording: Path) -> None:
    """A draft is not ready; a script can tell."""
    _run(settings, "new", "acme_one", "--from", str(recording))
    said = _run(settings, "check", "acme_one")
    assert said.status == 1
    assert "still marked as guesses" in said.out
    assert "Not ready" in said.out


def test_a_corrected_profile_is_accepted_by_name(settings: Path, recording: Path) -> None:
    """Whoever corrects a place reads what the cases say now, and keeps it."""
    _run(settings, "new", "acme_one", "--from", str(recording))
    profile = settings.parent / "drivers.d" / "acme_one" / "driver.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace('operator = "R-11"', 'operator = "R-2"'), encoding="utf-8")
    assert "is read otherwise than expected" in _run(settings, "check", "acme_one").out
    said = _run(settings, "check", "acme_one", "--accept")
    assert "expected.json" in said.out
    assert "is read otherwise" not in said.out


def test_check_of_a_finished_driver_ends_with_nought(settings: Path) -> None:
    """By its id, wherever it is installed."""
    said = _run(settings, "check", "generic_astm", "--json")
    assert said.status == 0, said.out
    (item,) = json.loads(said.out)["items"]
    assert (item["driver"], item["good"], item["earned"]) == ("generic_astm", True, "emulated")


def test_the_draft_as_json_holds_every_guess_with_its_confidence(
    settings: Path, recording: Path
) -> None:
    """A page of the console can show the same."""
    said = _run(settings, "new", "acme_one", "--from", str(recording), "--json")
    told = json.loads(said.out)
    assert told["protocol"] == "lis2"
    assert {"key", "value", "confidence", "why"} == set(told["items"][0])


def test_nothing_is_written_over(settings: Path, recording: Path) -> None:
    """An hour of corrections must survive a second try."""
    _run(settings, "new", "acme_one", "--from", str(recording))
    said = _run(settings, "new", "acme_one", "--from", str(recording))
    assert said.status == 2
    assert "is there already" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("new", "Acme-1", "--from", "LOG"), "vendor_model"),
        (("new", "acme_one", "--from", "nowhere.log"), "cannot be read"),
        (("check", "acme_two"), "unknown driver"),
    ],
)
def test_a_mistake_is_told_in_words(
    settings: Path, recording: Path, words: tuple[str, ...], told: str
) -> None:
    """Never a trace for a slip of the fingers."""
    said = _run(settings, *(str(recording) if word == "LOG" else word for word in words))
    assert said.status in (1, 2)
    assert told in " ".join(said.err.split())


def test_a_recording_of_nothing_known_is_refused_in_words(settings: Path, tmp_path: Path) -> None:
    """Nothing is written for it."""
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear colleague\n", encoding="utf-8")
    said = _run(settings, "new", "acme_one", "--from", str(letter))
    assert said.status == 1
    assert "nothing in the recording looks like" in " ".join(said.err.split())
    assert not (settings.parent / "drivers.d" / "acme_one").exists()
