"""The emulated analyzer that writes files: what it writes is read exactly, and what is taken away is owed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from emulators.file_texts import FileFormat, file_text
from emulators.files import EmulatedFileAnalyzer, FilePlan
from emulators.oracle import Book
from emulators.scenario import parse_scenario
from emulators.specimens import SpecimenSource
from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.model import SampleRole

DRIVERS = {
    FileFormat.ASTM: "generic_astm",
    FileFormat.HL7: "generic_hl7",
    FileFormat.CSV: "generic_csv",
}
CATALOGUE = load_catalogue()
NOW = datetime(2031, 3, 4, 9, 30, tzinfo=UTC)
SCENARIO = 'title = "files"\n[[step]]\ndo = "results"\ncount = 3\n[[step]]\ndo = "qc"\n[[step]]\ndo = "query"\n'


class Fixed:
    """A clock that stands still."""

    def utc_now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize("form", FileFormat)
def test_each_format_is_read_exactly_by_its_generic_driver(form: FileFormat) -> None:
    """One specimen in three ways: the same values, units, flags and role."""
    source = SpecimenSource(7, "F-")
    driver = CATALOGUE.driver(DRIVERS[form])
    for specimen in (source.specimen("chem"), source.control("chem")):
        text = file_text(form, "EMU", specimen, NOW)
        envelope = driver.decode(text, DecodeContext(encoding="utf-8", is_file=True))
        read = {one.test_code: str(one.value.number) for one in envelope.results}
        assert read == specimen.values()
        assert {one.specimen.sample_id for one in envelope.results} == {specimen.sample_id}
        is_patient = {one.specimen.role is SampleRole.PATIENT for one in envelope.results}
        assert is_patient == {not specimen.is_control}


def test_a_file_becomes_an_obligation_when_it_was_taken_away(tmp_path: Path) -> None:
    """Not when it was written; and not when it was set aside."""
    inbox = tmp_path / "inbox"
    (inbox / "failed").mkdir(parents=True)
    plan = FilePlan("EMU", parse_scenario(SCENARIO, "files"), 7, "F-", UTC, inbox, ahead=2)
    clock = Clock()
    with Book(tmp_path / "owed.jsonl") as book:
        emulated = EmulatedFileAnalyzer(plan, clock, Fixed(), book)
        emulated.start()
        first, second = sorted(path for path in inbox.iterdir() if path.is_file())
        clock.advance(1)
        assert (emulated.written, emulated.acknowledged) == (2, 0)
        first.unlink()
        second.rename(inbox / "failed" / second.name)
        clock.advance(0.1)
        assert (emulated.written, emulated.acknowledged, emulated.failed) == (4, 1, 1)
        for path in [path for path in inbox.iterdir() if path.is_file()]:
            path.unlink()
        clock.advance(0.1)
        assert emulated.finished.called
    owed = [json.loads(line) for line in (tmp_path / "owed.jsonl").read_text().splitlines()]
    assert [one["expect"] for one in owed] == ["deliver", "deliver", "keep"]
