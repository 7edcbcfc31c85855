"""Rules of a profile as functions: the first path that is not empty, roles, flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from middleware.driver.mapping import role_reader, split_flags, text_reader
from middleware.driver.rules import PathRule, RoleRule
from middleware.model import AbnormalFlag, SampleRole

Record = Mapping[str, str]

QC_BY_CODE = RoleRule(path="O-12", table={"Q": SampleRole.QC})
PATIENT_BY_RACK = RoleRule(path="O-4", table={"QC": SampleRole.QC, "*": SampleRole.PATIENT})
QC_BY_NAME = RoleRule(path="O-3", pattern="QC-.*", role=SampleRole.QC)


def _locate(path: str) -> Callable[[Record], str]:
    return lambda record: record.get(path, "")


def test_the_first_path_that_is_not_empty_counts() -> None:
    """Makers put the test code into different components; the profile names them in order."""
    read = text_reader(PathRule(first_of=("R-3.4", "R-3.5")), _locate)
    assert read({"R-3.4": "A", "R-3.5": "B"}) == "A"
    assert read({"R-3.5": "B"}) == "B"
    assert read({}) == ""


def test_no_rule_reads_nothing() -> None:
    """A field that the profile does not mention is empty, never guessed."""
    assert text_reader(None, _locate)({"R-3.4": "A"}) == ""


def test_any_mark_of_a_control_outweighs_a_mark_of_a_patient() -> None:
    """A control that looks like a patient's tube in one field and not in another is a control."""
    read = role_reader((PATIENT_BY_RACK, QC_BY_CODE, QC_BY_NAME), _locate)
    assert read({"O-4": "R1"}) == (SampleRole.PATIENT, "O-4 is R1")
    assert read({"O-4": "R1", "O-12": "Q"}) == (SampleRole.QC, "O-12 is Q")
    assert read({"O-4": "R1", "O-3": "qc-77"}) == (SampleRole.QC, "O-3 matches QC-.*")
    assert read({"O-4": "QC"}) == (SampleRole.QC, "O-4 is QC")


def test_a_pattern_must_match_the_whole_text() -> None:
    """A patient called QC-like in the middle of an id is no control."""
    read = role_reader((QC_BY_NAME,), _locate)
    assert read({"O-3": "12QC-3"}) == (SampleRole.PATIENT, "")


def test_unknown_flags_stay_the_analyzers_own() -> None:
    """No flag is dropped because it has no meaning in the table."""
    table = {"H": AbnormalFlag.HIGH}
    assert split_flags(["H", "*", "H", "", "*"], table) == ((AbnormalFlag.HIGH,), ("*",))
