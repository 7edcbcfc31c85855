"""The folder that a draft leaves: profile, README, sample, and a first case without people."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from middleware.draft import Draft, make_draft, read_recording
from middleware.draft.files import files_of, session_text
from middleware.driver.cases import CASE_CONTEXT, play, read_session
from middleware.driver.catalogue import load_catalogue
from middleware.driver.conformance import Report, Weight, check_folder
from middleware.driver.profile import read_profile
from tests.kit import recorded_logs as logs

pytestmark = pytest.mark.slow
CATALOGUE = load_catalogue()
KEY = b"a key of the tests"
PEOPLE = ("DOE", "JANE", "A1000777", "PID90210")
TABLE = """\
Sample ID,Patient Name,Test,Result,Unit
S2000441,DOE JANE,GLU,5.4,mmol/L
S2000442,ROE RICHARD,GLU,6.4,mmol/L
"""
TELEGRAM = "D 000101 0007             S2000441    E0     001     5.40r       002    88.10H       003     1.01r       "


def _draft(data: bytes) -> Draft:
    return make_draft(read_recording(data), "acme_one", "Acme One", CATALOGUE.make)


def _files(data: bytes, key: bytes | None = KEY) -> dict[str, str]:
    draft = _draft(data)
    return files_of(draft, CATALOGUE.make(read_profile(draft.profile, "draft")), key)


def _folder(place: Path, data: bytes = logs.SESSION) -> Path:
    folder = place / "acme_one"
    for name, text in _files(data).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return folder


def _told(report: Report, weight: Weight) -> str:
    return "\n".join(one.what for one in report.shown if one.weight is weight)


def test_the_case_holds_nobody_and_is_read_by_the_draft() -> None:
    """A recording becomes evidence that may be kept in a repository."""
    files = _files(logs.SESSION)
    session, expected = (
        files["cases/first_recording/session.cap"],
        files["cases/first_recording/expected.json"],
    )
    assert not [
        name
        for name in PEOPLE
        if name in session + expected + files["README.md"] + files["driver.toml"]
    ]
    driver = CATALOGUE.make(read_profile(files["driver.toml"], "draft"))
    played = play(driver, read_session(session), CASE_CONTEXT)
    assert [str(one.value.number) for one in played.envelopes[0].results] == ["5.4", "88"]
    assert played.refused == 0


def test_people_stay_only_when_asked_for_and_then_the_readme_warns() -> None:
    """Sometimes the true names are needed on the spot."""
    files = _files(logs.SESSION, None)
    assert "DOE^JANE" in files["cases/first_recording/session.cap"]
    assert "PATIENT DATA" in files["README.md"]


def test_a_table_is_kept_without_its_patients() -> None:
    """An export names people in columns of its own."""
    case = _files(TABLE.encode())["cases/first_recording/file.cap"]
    assert not [name for name in ("DOE", "JANE", "S2000441", "ROE") if name in case]
    assert "GLU" in case


def test_a_recording_whose_people_cannot_be_found_gives_no_case() -> None:
    """Telegrams of no standard could name a patient anywhere."""
    files = _files(f"\x05\x02{TELEGRAM}\x03\x04".encode())
    assert not [name for name in files if name.startswith("cases/")]
    assert "no case yet" in files["README.md"]


def test_the_sample_names_the_driver_and_holds_results() -> None:
    """Nobody's first results go out before they were compared."""
    (line,) = tomllib.loads(_files(logs.SESSION)["sample.toml"])["line"]
    assert (line["driver"], line["release"]) == ("acme_one", "hold_all")


def test_a_line_that_begins_with_a_number_sign_is_no_remark_in_a_case() -> None:
    """Some files begin with a title of that kind."""
    text = session_text([b"# VISION \r\nH|\\^&\r\n"], is_file=True)
    assert b"".join(read_session(text)) == b"# VISION \r\nH|\\^&\r\n"


def test_a_fresh_draft_lacks_only_the_checking_of_its_guesses(tmp_path: Path) -> None:
    """`labwire drivers check` says what is left to do, and nothing is broken."""
    report = check_folder(_folder(tmp_path), CATALOGUE)
    assert _told(report, Weight.WRONG) == ""
    assert "still marked as guesses" in _told(report, Weight.MISSING)
    assert not report.is_good


def test_a_draft_whose_guesses_were_checked_is_good(tmp_path: Path) -> None:
    """The way to a finished driver: take each remark away when its line is proven."""
    folder = _folder(tmp_path)
    profile = folder / "driver.toml"
    lines = profile.read_text(encoding="utf-8").splitlines(keepends=True)
    profile.write_text(
        "".join(line for line in lines if not line.startswith("#")), encoding="utf-8"
    )
    report = check_folder(folder, CATALOGUE)
    assert report.is_good, report.shown
    assert report.earned == "emulated"


def test_a_case_that_is_read_otherwise_is_told_with_its_place(tmp_path: Path) -> None:
    """A change of the profile that changes a value is noticed."""
    folder = _folder(tmp_path)
    expected = folder / "cases" / "first_recording" / "expected.json"
    expected.write_text(
        expected.read_text(encoding="utf-8").replace('"5.4"', '"5.5"'), encoding="utf-8"
    )
    told = _told(check_folder(folder, CATALOGUE), Weight.WRONG)
    assert "messages[0].results[0].value" in told
    assert "5.5" in told


def test_every_missing_document_is_named(tmp_path: Path) -> None:
    """Plain words, one for each thing that is not there."""
    folder = _folder(tmp_path)
    for name in ("README.md", "sample.toml", "cases/first_recording/session.cap"):
        (folder / name).unlink()
    told = _told(check_folder(folder, CATALOGUE), Weight.MISSING)
    for word in ("README.md", "sample.toml", "session.cap", "role results"):
        assert word in told


def test_a_folder_with_another_name_is_wrong(tmp_path: Path) -> None:
    """A site would look for the driver under its id."""
    folder = _folder(tmp_path).rename(tmp_path / "other")
    assert "must be the same" in _told(check_folder(folder, CATALOGUE), Weight.WRONG)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('value = "R-4"', 'valeu = "R-4"', "valeu"),
        ('protocol = "lis2"', 'protocol = "lis3"', "lis3"),
        ('value = "R-4"', 'value = "OBX-5"', "OBX-5"),
        ("[result]", "[result", "driver.toml"),
    ],
)
def test_a_profile_that_makes_no_driver_is_told_with_its_mistake(
    tmp_path: Path, old: str, new: str, word: str
) -> None:
    """The mistake is named, and nothing else is tried."""
    folder = _folder(tmp_path)
    path = folder / "driver.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    report = check_folder(folder, CATALOGUE)
    assert word in _told(report, Weight.WRONG)
    assert len(report.shown) == 1


def test_a_quirk_that_no_case_needs_is_missing_its_evidence(tmp_path: Path) -> None:
    """A tolerance that nothing needs is not tolerated."""
    folder = _folder(tmp_path)
    path = folder / "driver.toml"
    text = path.read_text(encoding="utf-8") + '\n[link]\nquirks = ["checksum_zero"]\n'
    path.write_text(text, encoding="utf-8")
    assert "checksum_zero" in _told(check_folder(folder, CATALOGUE), Weight.MISSING)
