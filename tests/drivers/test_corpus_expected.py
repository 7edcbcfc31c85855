"""Every recording gives exactly what a person read out of it: the tables in tests/drivers/expected/, written by hand.

Without the corpus these tests skip by name. Run with `-s` for a line on each recording.
"""

from __future__ import annotations

from itertools import zip_longest

import pytest

from middleware.driver.api import DecodeContext, Driver
from middleware.driver.catalogue import load_catalogue
from middleware.errors import DriverError
from tests.kit.driver_session import Played
from tests.kit.expected_play import FOLDERS, context_of, play_recording
from tests.kit.expected_table import ExpectedFile, Row, expected_files, notes_of, row_of
from tests.kit.recordings import recordings

pytestmark = pytest.mark.slow
CATALOGUE = load_catalogue()
_GENERIC = "generic_"


def _driver(expected: ExpectedFile) -> Driver:
    return CATALOGUE.driver(expected.driver)


def _differences(expected: ExpectedFile, played: Played) -> list[str]:
    read = [result for envelope in played.envelopes for result in envelope.results]
    found = []
    for number, (wanted, result) in enumerate(zip_longest(expected.rows, read), start=1):
        row = row_of(result, wanted) if result is not None else None
        if row != wanted:
            found.append(f"{expected.name} {number}: {_difference(wanted, row)}")
    if notes_of(played) != list(expected.notes):
        found.append(f"{expected.name}: {notes_of(played)}, expected {expected.notes}")
    return found


def _difference(wanted: Row | None, row: Row | None) -> str:
    if wanted is None or row is None:
        return f"expected {wanted}, read {row}"
    pairs = zip(Row._fields, wanted, row, strict=True)
    unlike = [f"{name} {one!r}, read {other!r}" for name, one, other in pairs if one != other]
    return f"{wanted.test}: expected {'; '.join(unlike)}"


def _refusals(expected: ExpectedFile, played: Played) -> list[str]:
    errors = [str(error) for error in played.errors]
    found = []
    if played.reasons != ({expected.refused} if expected.refused else set()):
        found.append(f"{expected.name}: frames refused: {played.reasons or 'none'}")
    if not expected.is_mended and errors != ([expected.error] if expected.error else []):
        found.append(f"{expected.name}: {errors}, expected {expected.error!r}")
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_recording_is_read_as_a_person_reads_it(folder: str) -> None:
    """Specimen, test, value, unit, flags, status, role, time, and why a result is held: each as the table has it."""
    table, wrong = expected_files(folder), []
    files = recordings(folder)
    assert {one.name for one in files} == set(table)
    for recording in files:
        expected = table[recording.name]
        played = play_recording(folder, recording, _driver(expected))
        wrong += _refusals(expected, played)
        if expected.is_mended:
            assert not _results(played) or folder == "other"
            played = play_recording(folder, recording, _driver(expected), mend=True)
        wrong += _differences(expected, played)
        print(recording.name, expected.driver, len(expected.rows))
    assert not wrong, "\n".join(wrong)


def _results(played: Played) -> int:
    return sum(len(envelope.results) for envelope in played.envelopes)


READ_BY_THE_STANDARD_ALONE = (
    ("generic_astm", "astm", "astm_general__erba_xl640_result"),
    ("generic_astm", "astm", "astm_general__erba_xl640_result_na"),
    ("generic_astm", "astm", "astm_general__erba_xl_multi_query"),
    ("generic_astm", "astm", "astm_general__vitros3600_host_reply"),
    ("generic_astm", "astm", "astm_general__vitros3600_query"),
    ("generic_astm", "astm", "astm_general__vitros3600_results_repeat"),
    ("generic_astm", "astm", "lab_lis__access2_procalcitonin"),
    ("generic_astm", "astm", "ruby-astm__biorad_d10_lossy"),
    ("generic_astm", "astm", "senaite.astm__abbott_afinion2"),
    ("generic_astm", "astm-records", "astm1394__centaurxp_order1"),
    ("generic_hl7", "hl7", "openelis2__mindray_bs200_synthetic"),
    ("generic_hl7", "hl7", "oe-plugins__genexpert_qcn_j01"),
    ("generic_law", "hl7", "vlsm-interfacing__roche_cobas4800_query"),
    ("generic_law", "hl7", "vlsm-interfacing__roche_cobas6800_query"),
)


@pytest.mark.parametrize(("driver", "folder", "name"), READ_BY_THE_STANDARD_ALONE)
def test_the_standard_alone_reads_it_as_a_person_does(driver: str, folder: str, name: str) -> None:
    """A generic profile, which knows no analyzer, gives the same table: the language is proven without looking."""
    expected = expected_files(folder)[name]
    (recording,) = [one for one in recordings(folder) if one.name == name]
    played = play_recording(folder, recording, CATALOGUE.driver(driver), expected.is_mended)
    assert not _differences(expected, played)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_content_of_a_recording_selects_its_driver(folder: str) -> None:
    """By a name in the header, or by a layout that is no other's; where nothing tells, a person chooses."""
    table, wrong = expected_files(folder), []
    for recording in recordings(folder):
        expected = table[recording.name]
        texts = play_recording(folder, recording, _driver(expected), expected.is_mended).texts
        claims = {name for name in _DRIVERS if _claims(name, texts, context_of(folder))}
        if claims != (set() if expected.by == "hand" else {expected.driver}):
            wrong.append(f"{recording.name}: {sorted(claims)}, expected {expected.driver}")
    assert not wrong, "\n".join(wrong)


_DRIVERS = [one.id for one in CATALOGUE.profiles() if not one.id.startswith(_GENERIC)]
_KNOWN = {one.id for one in CATALOGUE.profiles()}
_BY_LAYOUT = frozenset({"columns", "framed"})


def _claims(name: str, texts: list[bytes], context: DecodeContext) -> bool:
    """Whether a driver that knows its analyzer by name, or by layout, takes a text as its own."""
    driver = CATALOGUE.driver(name)
    profile = driver.profile
    if not profile.identify and profile.driver.protocol not in _BY_LAYOUT:
        return False
    return any(_is_read_by(driver, text, context) for text in texts)


def _is_read_by(driver: Driver, text: bytes, context: DecodeContext) -> bool:
    try:
        envelope = driver.decode(text, context)
    except DriverError:
        return False
    return bool(envelope.results or envelope.queries or envelope.unread)


def test_the_tables_name_every_kind_of_reading() -> None:
    """The tables themselves: known drivers, known ways of choosing, one row at least of each kind."""
    files = [one for folder in FOLDERS for one in expected_files(folder).values()]
    rows = [row for one in files for row in one.rows]
    assert {one.by for one in files} == {"header", "layout", "hand"}
    assert all(one.driver in _KNOWN for one in files)
    assert {row.role for row in rows} == {"patient", "qc"}
    assert {row.status for row in rows} == {"final", "unknown", "partial", "cannot_obtain"}
    assert len(files) == 60
