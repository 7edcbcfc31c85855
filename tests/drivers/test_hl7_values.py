"""What an observation says: its value by its type, unit, flags, status and time; what nothing explains is held."""

from __future__ import annotations

from decimal import Decimal

import pytest

from drivers.protocols.hl7 import PROTOCOL
from middleware.driver.api import DecodeContext
from middleware.model import AbnormalFlag, Result, ResultStatus, ValueKind
from tests.kit.hl7_messages import driver, message, observation, profile_with, results

F = "|||||F"


def _one(value_type: str, value: str, unit: str = "", rest: str = F) -> Result:
    (result,) = results("OBR|1||T-1", observation(value_type, value, unit, rest))
    return result


@pytest.mark.parametrize(
    ("value_type", "value", "number", "comparator"),
    [
        ("NM", "5.40", "5.40", ""),
        ("nm ", "5.40", "5.40", ""),
        ("ST", "5.40", "5.40", ""),
        ("", "5.40", "5.40", ""),
        ("ZZ", "5.40", "5.40", ""),
        ("NM", "<0.25", "0.25", "<"),
        ("NM", ">=32", "32", ">="),
        ("SN", ">^1300", "1300", ">"),
        ("SN", "=^12", "12", ""),
        ("SN", "^12", "12", ""),
        ("SN", "12", "12", ""),
        ("SN", "<0.01", "0.01", "<"),
    ],
)
def test_a_number_is_a_number_whatever_its_type(
    value_type: str, value: str, number: str, comparator: str
) -> None:
    """Digits as sent, comparator apart."""
    result = _one(value_type, value)
    assert (result.value.kind, str(result.value.number)) == (ValueKind.NUMBER, number)
    assert (result.value.comparator, result.value.raw) == (comparator, value)


@pytest.mark.parametrize(
    ("value_type", "value", "kind", "number", "upper"),
    [
        ("SN", "^1^:^128", ValueKind.TITER, "128", None),
        ("ST", "1:128", ValueKind.TITER, "128", None),
        ("SN", "^10^-^20", ValueKind.RANGE, "10", "20"),
        ("NR", "10^20", ValueKind.RANGE, "10", "20"),
    ],
)
def test_titers_and_ranges_are_read_from_their_parts(
    value_type: str, value: str, kind: ValueKind, number: str, upper: str | None
) -> None:
    """Structured numerics are explained by the standard."""
    read = _one(value_type, value).value
    assert (read.kind, read.number) == (kind, Decimal(number))
    assert read.upper == (None if upper is None else Decimal(upper))


@pytest.mark.parametrize(
    ("value_type", "value", "kind", "text"),
    [
        ("CWE", "NR^Nonreactive^99DEM", ValueKind.CODED, "Nonreactive"),
        ("CE", "260385009", ValueKind.CODED, "260385009"),
        ("CE", "^Positive", ValueKind.CODED, "Positive"),
        ("IS", "7", ValueKind.CODED, "7"),
        ("SN", "^2^+", ValueKind.TEXT, "2+"),
        ("TS", "20260314", ValueKind.TEXT, "20260314"),
        ("EI", "12345", ValueKind.TEXT, "12345"),
        ("ST", "Negative", ValueKind.TEXT, "Negative"),
        ("TX", "line one~line two", ValueKind.TEXT, "line one\nline two"),
        ("ST", r"A\T\B \.br\ C", ValueKind.TEXT, "A&B \n C"),
    ],
)
def test_codes_times_and_words_are_no_numbers(
    value_type: str, value: str, kind: ValueKind, text: str
) -> None:
    """A SNOMED code or a date must never become a measured value."""
    read = _one(value_type, value).value
    assert (read.kind, read.text, read.number) == (kind, text, None)


@pytest.mark.parametrize(
    ("value_type", "value", "reason"),
    [
        ("NM", "5.4^6.1", "value split over components"),
        ("NM", "^5.4", "value not in the first component"),
        ("NM", "5.4~6.1", "value repeated"),
        ("NM", "5,4", "looks like a number but is none that a rule explains"),
        ("NM", "12 15", "looks like a number but is none that a rule explains"),
        ("NM", "***", "masked value"),
        ("NM", '""', "masked value"),
        ("NM", "", "no value"),
        ("NA", "37.04^36.32", "a series of numbers"),
        ("SN", ">^10^-^20", "value split over components"),
        ("SN", "?^10", "value split over components"),
        ("SN", "^20^-^10", "looks like a number but is none that a rule explains"),
        ("CWE", "^INVALID", "masked value"),
        ("CE", "A^B~C^D", "value repeated"),
        ("TX", "x" * 5000, "a text of 5000 characters; the journal holds all of it"),
    ],
)
def test_what_nothing_explains_is_held_with_its_reason(
    value_type: str, value: str, reason: str
) -> None:
    """Never the wrong number: a person looks."""
    read = _one(value_type, value).value
    assert (read.kind, read.reason, read.number) == (ValueKind.UNEXPLAINED, reason, None)
    assert len(read.raw) <= 4000


@pytest.mark.parametrize("value", ["", "Clot"])
def test_a_test_that_could_not_be_done_has_no_value(value: str) -> None:
    """Status X says so; a number beside it is held."""
    assert _one("", value, rest="|||||X").value.kind is ValueKind.ABSENT
    assert _one("NM", "5.4", rest="|||||X").value.kind is ValueKind.UNEXPLAINED


def test_a_power_of_ten_in_the_unit_is_never_passed_in_silence() -> None:
    """367 in 10*-1.{copies}/mL is 36.7: by the rule that the profile names, else held."""
    held = _one("NM", "367", "10*-1.{copies}/mL^^UCUM")
    assert (held.value.kind, held.unit) == (ValueKind.UNEXPLAINED, "10*-1.{copies}/mL")
    assert held.value.reason == "a unit that multiplies the value by a power of ten"


@pytest.mark.parametrize(
    ("value", "unit", "number", "comparator", "shown"),
    [
        ("367", "10*-1.{copies}/mL^^UCUM", "36.7", "", "{copies}/mL"),
        ("101", "10*0.{copies}/mL", "101", "", "{copies}/mL"),
        ("101", "10*3.{copies}/mL", "101000", "", "{copies}/mL"),
        ("<20", r"10\S\1.[IU]/mL", "200", "<", "[IU]/mL"),
        ("9.81", "10*9/L", "9.81", "", "10*9/L"),
    ],
)
def test_the_rule_carries_the_power_of_ten_into_the_value(
    value: str, unit: str, number: str, comparator: str, shown: str
) -> None:
    """Value and unit change together; a unit that counts (10*9/L) stays."""
    made = PROTOCOL.make_driver(profile_with("values", rules=["unit_power_of_ten"]))
    text = message("OBR|1||T-1", observation("NM", value, unit))
    (result,) = made.decode(text, DecodeContext()).results
    assert (str(result.value.number), result.value.comparator, result.unit) == (
        number,
        comparator,
        shown,
    )
    assert result.value.raw == value


@pytest.mark.parametrize(
    ("field", "known", "own", "words"),
    [
        ("L~N", ["low"], [], []),
        ("~N", ["normal"], [], []),
        ("H~A", ["high", "abnormal"], [], []),
        ("N^^HL70078", ["normal"], [], []),
        ("hh", [], ["hh"], []),
        ("VAL^^99ROC", [], ["VAL"], []),
        ("N^Noise^99ROC", [], ["N"], ["N: Noise"]),
        ("U06T^Clot^99ROC~U06T^Clot^99ROC", [], ["U06T"], ["U06T: Clot"]),
        ("R", [], ["R"], []),
        ("NONE", [], [], []),
        ("", [], [], []),
    ],
)
def test_flags_of_the_standard_are_known_and_others_stay_the_analyzers(
    field: str, known: list[str], own: list[str], words: list[str]
) -> None:
    """A maker's code that looks like one of the standard's is the maker's; anything abnormal outweighs N."""
    result = _one("NM", "5", rest=f"|1-2|{field}|||F")
    assert [flag.value for flag in result.abnormal_flags] == known
    assert list(result.instrument_flags) == own
    assert [comment.text for comment in result.comments] == words
    assert AbnormalFlag.NORMAL not in result.abnormal_flags or known == ["normal"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("F", ResultStatus.FINAL),
        ("f", ResultStatus.FINAL),
        ("C", ResultStatus.CORRECTED),
        ("P", ResultStatus.PRELIMINARY),
        ("R", ResultStatus.PRELIMINARY),
        ("W", ResultStatus.WITHDRAWN),
        ("D", ResultStatus.WITHDRAWN),
        ("S", ResultStatus.PARTIAL),
        ("U", ResultStatus.UNKNOWN),
        ("O", ResultStatus.UNKNOWN),
        ("N", ResultStatus.UNKNOWN),
        ("", ResultStatus.UNKNOWN),
        ("?", ResultStatus.UNKNOWN),
    ],
)
def test_a_status_says_what_table_0085_says(code: str, status: ResultStatus) -> None:
    """What says nothing of a value is unknown, and held."""
    assert _one("NM", "5", rest=f"|||||{code}").status is status


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20260314094000+0100", "2026-03-14 08:40:00+00:00"),
        ("20260314094000.5000-0400", "2026-03-14 13:40:00.500000+00:00"),
        ("20260314094000", "2026-03-14 08:40:00+00:00"),
        ("202603140940", "2026-03-14 08:40:00+00:00"),
    ],
)
def test_a_time_is_read_with_its_offset_or_in_the_lines_zone(text: str, at: str) -> None:
    """OBX-19 first."""
    sent = message(
        "OBR|1||T-1",
        f"OBX|1|NM|GLU||5||||||F|||20200101||||||{text}".replace("||||||" + text, "|||||" + text),
    )
    (result,) = driver().decode(sent, DecodeContext("Europe/Berlin")).results
    assert str(result.measured.at) == at


def test_images_and_documents_are_kept_as_statuses_without_their_content() -> None:
    """100 kB of a picture are in the journal, and nowhere else."""
    picture = "A" * 100_000
    text = message(
        "OBR|1||T-1",
        f"OBX|1|ED|HIST^Histogram^99DEM||^Image^BMP^Base64^{picture}||||||F",
        "OBX|2|RP|DOC^Report^99DEM||file1^HTTP||||||F",
        observation("NM", "5"),
    )
    envelope = driver().decode(text, DecodeContext())
    assert [one.test_code for one in envelope.results] == ["GLU"]
    image, document = envelope.statuses
    assert image.text == "HIST^Histogram^99DEM: ED Image^BMP^Base64, 100018 characters"
    assert document.text.startswith("OBX|2|RP|")
    assert image.source.record == 3


def test_a_profile_names_what_is_no_result_and_what_was_not_measured() -> None:
    """Modes and ages are not results; a parameter that the mode does not count is not held for ever."""
    (wbc,) = results(
        "OBR|1||T-1",
        "OBX|1|IS|08001^Take Mode^99MRC||O||||||F",
        "OBX|2|NM|30525-0^Age^LN||35|yr|||||F",
        "OBX|3|NM|704-7^BAS#^LN|||10*9/L|0.00-0.10||||F",
        "OBX|4|NM|6690-2^WBC^LN||9.8|10*9/L||N|||F||E",
        driver_id="mindray_bc",
    )
    assert (wbc.test_code, wbc.is_manual) == ("6690-2", True)


def test_an_empty_value_with_a_flag_is_held_also_where_empty_means_not_measured() -> None:
    """The flag says that something was tried."""
    (result,) = results(
        "OBR|1||T-1", "OBX|1|NM|777-3^PLT^LN|||10*9/L||L~A|||F", driver_id="mindray_bc"
    )
    assert result.value.reason == "no value"


def test_a_test_without_code_is_held() -> None:
    """Nothing says what the number is of."""
    (result,) = results("OBR|1||T-1", "OBX|1|NM|^Glucose||5||||||F")
    assert result.value.reason == "no test code"


def test_another_code_in_the_alternate_place_is_taken_by_the_generic_driver() -> None:
    """`^^^CREA^NAME`: some put their code into the fourth component."""
    (result,) = results("OBR|1||T-1", "OBX|1|NM|^^^CREA^CREATININE||1.1|mg/dL|||||F")
    assert (result.test_code, result.test_name) == ("CREA", "CREATININE")
