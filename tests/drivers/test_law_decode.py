"""LAB-29: what is read from OUL^R22, bound to its own specimen, run and reagents, and what is left to a person."""

from __future__ import annotations

from decimal import Decimal

import pytest

from middleware.errors import DriverError
from middleware.model import AbnormalFlag, ResultStatus, SampleRole, ValueKind
from tests.kit.law_messages import (
    CONTEXT,
    OBR,
    ORC,
    SAC,
    SPM,
    decoded,
    generic_law,
    header,
    message,
    obx,
    results,
)

PID = "PID|||PT1001^^^HOSP^MR||TESTCASE^ADA^M^^^^L||19791105|F"


def test_a_result_carries_everything_that_the_analyzer_said() -> None:
    """Value, unit, flags, status, time with its offset, module, operator, reagents, and whose it is."""
    envelope = decoded(
        PID, SPM, SAC, OBR, ORC, "TQ1|||||||||R^^HL70485", obx(),
        "TCD|GLU^Glucose^99DEMO|^1^:^1",
        "INV|GLU-R1^^99DEMO|OK^^HL70383|SR^^HL70384|||||||||20261231||||LOT778",
        "INV|GLU-R2^^99DEMO|OK^^HL70383|SR^^HL70384|||||||||20261231||||LOT779",
    )  # fmt: skip
    (result,) = envelope.results
    assert (envelope.analyzer, envelope.analyzer_serial) == ("DEMO-CHEM", "SN0042")
    assert envelope.message_control_id == "A-1010"
    specimen = result.specimen
    assert (specimen.sample_id, specimen.carrier, specimen.position) == ("2603140001", "R07", "3")
    assert specimen.role is SampleRole.PATIENT
    assert specimen.patient is not None
    assert specimen.patient.name.startswith("TESTCASE^ADA^M")
    assert [one.id for one in specimen.patient.identifiers] == ["PT1001"]
    assert (result.test_code, result.test_name, result.test_detail) == ("GLU", "Glucose", "")
    assert (result.value.kind, result.value.number) == (ValueKind.NUMBER, Decimal("5.4"))
    assert (result.unit, result.reference_range) == ("mmol/L", "3.9 to 6.1")
    assert (result.abnormal_flags, result.instrument_flags) == ((AbnormalFlag.NORMAL,), ())
    assert (result.status, result.run) == (ResultStatus.FINAL, 1)
    assert result.measured.at is not None
    assert result.measured.at.isoformat() == "2031-03-04T08:22:10+00:00"
    assert (result.operator, result.module) == ("OP7", "MOD1")
    assert result.reagent_lot == "LOT778, LOT779"
    assert result.dilution_factor == Decimal(1)


def test_the_specimen_is_named_by_the_container_and_else_by_its_own_id() -> None:
    """SAC-3 is what the analyzer read; SPM-2 serves where no container is named."""
    assert decoded(SPM, "SAC|||C-9&LIS", OBR, obx()).results[0].specimen.sample_id == "C-9"
    assert decoded(SPM, OBR, obx()).results[0].specimen.sample_id == "2603140001"
    assert decoded('SPM|1|""', OBR, obx()).results[0].specimen.sample_id == ""


def test_a_group_without_a_specimen_takes_none_from_the_group_before() -> None:
    """Never the wrong patient: nothing is carried over."""
    first, second = decoded(SPM, SAC, OBR, obx(), "SPM|2", OBR, obx()).results
    assert (first.specimen.sample_id, second.specimen.sample_id) == ("2603140001", "")


def test_a_further_container_begins_a_group_of_its_own() -> None:
    """SAC after an order, without SPM: the second tube's results are the second tube's."""
    first, second = decoded("SAC|||C-1", OBR, obx(), "SAC|||C-2", OBR, obx("6.1")).results
    assert (first.specimen.sample_id, second.specimen.sample_id) == ("C-1", "C-2")


def test_two_containers_for_one_order_are_held() -> None:
    """Nothing says which of them the result is of."""
    (result,) = decoded(SPM, "SAC|||C-1", "SAC|||C-2", OBR, obx()).results
    assert result.specimen.sample_id_doubt


@pytest.mark.parametrize("code", ["L", "G"])
def test_pooled_specimens_are_held(code: str) -> None:
    """A pool is of several patients."""
    (result,) = decoded(f"SPM|1|P-1|||||||||{code}^^HL70369", OBR, obx()).results
    assert result.specimen.sample_id_doubt


@pytest.mark.parametrize(
    ("code", "role"),
    [
        ("Q", SampleRole.QC),
        ("E", SampleRole.QC),
        ("B", SampleRole.QC),
        ("O", SampleRole.QC),
        ("F", SampleRole.QC),
        ("C", SampleRole.CALIBRATOR),
        ("V", SampleRole.CALIBRATOR),
        ("P", SampleRole.PATIENT),
        ("U", SampleRole.PATIENT),
        ("", SampleRole.PATIENT),
    ],
)
def test_the_role_of_the_specimen_is_told_by_its_code(code: str, role: SampleRole) -> None:
    """Only a patient's own material may reach the LIS."""
    (result,) = decoded(f"SPM|1|S-1|||||||||{code}^^HL70369", OBR, obx()).results
    assert result.specimen.role is role


def test_a_control_says_which_material_and_lot_was_measured() -> None:
    """The control's identity is in INV behind SAC; its container is its id."""
    (result,) = decoded(
        'SPM|1|||""|||||||Q^^HL70369', "SAC|||CTRL-L2",
        "INV|CTRL-L2^Demo control level 2^99DEMO|OK^^HL70383|CO^^HL70384|||||||||20270131||||45821",
        'OBR|1|""||GLU^Glucose^99DEMO', ORC, obx("14.9"),
    ).results  # fmt: skip
    assert (result.specimen.sample_id, result.specimen.role) == ("CTRL-L2", SampleRole.QC)
    said = " ".join(one.text for one in result.comments)
    assert "Demo control level 2" in said
    assert "45821" in said


def test_control_material_is_a_control_whatever_the_specimen_says() -> None:
    """Any mark of a control wins."""
    inv = "INV|C^c^99DEMO|OK^^HL70383|CO^^HL70384"
    (result,) = decoded(SPM, SAC, inv, OBR, obx()).results
    assert result.specimen.role is SampleRole.QC


@pytest.mark.parametrize(
    ("sent", "run"), [("1", 1), ("2", 2), ("", 1), ("2.1", 2), ("2/1", 2), ("x", 1)]
)
def test_the_run_is_what_the_analyzer_numbered(sent: str, run: int) -> None:
    """OBX-4 numbers the runs; a second run is for a person, even alone in its message."""
    (result,) = decoded(SPM, SAC, OBR, obx(run=sent)).results
    assert result.run == run
    assert result.test_detail == ("x" if sent == "x" else "")


def test_another_code_of_the_same_test_is_no_other_kind_of_it() -> None:
    """LOINC beside the maker's code must not make a second test of it."""
    (result,) = decoded(SPM, SAC, OBR, obx(code="GLU^Glucose^99DEMO^2345-7^Glucose^LN")).results
    assert (result.test_code, result.test_detail) == ("GLU", "")


def test_a_supplemental_observation_is_not_the_main_result() -> None:
    """IHELAW S_OTHER beside a result of the same code stays apart from it."""
    main, other = decoded(
        SPM, SAC, OBR, obx(code="20490^20490^99ROC^^^IHELAW"),
        obx("34.7", code="20490^20490^99ROC^S_OTHER^Other Supplemental^IHELAW"),
    ).results  # fmt: skip
    assert main.test_code == other.test_code == "20490"
    assert main.test_detail == ""
    assert "S_OTHER" in other.test_detail


def test_a_test_that_failed_is_sent_on_as_not_obtained_with_its_alarm() -> None:
    """X with a null value: nothing was measured, and the note says why."""
    (result,) = decoded(
        SPM, SAC, "OBR|1|AWOS-9002||K^Potassium^99DEMO", "ORC|SC||||CA",
        obx('""', code="K^Potassium^99DEMO", flags="NONE", status="X"),
        "NTE|1||CLOT^Clot detected^99DEMO|I",
    ).results  # fmt: skip
    assert result.status is ResultStatus.CANNOT_OBTAIN
    assert result.value.kind is ValueKind.ABSENT
    assert any("CLOT" in flag for flag in result.instrument_flags)
    assert any("Clot detected" in one.text for one in result.comments)


def test_a_cancelled_step_with_a_value_is_in_question() -> None:
    """ORC-5 CA and a final value contradict each other: a person decides."""
    (result,) = decoded(SPM, SAC, OBR, "ORC|SC||||CA", obx("5.4")).results
    assert result.status is ResultStatus.QUESTIONABLE


def test_a_cancelled_step_without_a_value_was_not_obtained() -> None:
    """Also where OBX-11 still says final."""
    (result,) = decoded(SPM, SAC, OBR, "ORC|SC||||CA", obx("")).results
    assert result.status is ResultStatus.CANNOT_OBTAIN


@pytest.mark.parametrize(
    ("code", "words"), [("IP", "ORC-5 is IP"), ("CA", "ORC-5 is CA"), ("", "no result")]
)
def test_a_status_without_a_result_is_kept_in_words(code: str, words: str) -> None:
    """Scheduled, in process, cancelled: no result is invented from it."""
    envelope = decoded(SPM, SAC, OBR, f"ORC|SC||||{code}")
    assert envelope.results == ()
    (unread,) = envelope.unread
    assert unread.sample_id == "2603140001"
    assert words in unread.reason


@pytest.mark.parametrize(
    ("kind", "sent", "value"),
    [
        ("SN", ">^100", (ValueKind.NUMBER, Decimal(100), ">")),
        ("SN", "^1^:^128", (ValueKind.TITER, Decimal(128), "")),
        ("SN", "^5.4", (ValueKind.NUMBER, Decimal("5.4"), "")),
        ("NM", "<0.25", (ValueKind.NUMBER, Decimal("0.25"), "<")),
    ],
)
def test_numbers_are_read_exactly_as_their_type_says(
    kind: str, sent: str, value: tuple[ValueKind, Decimal, str]
) -> None:
    """NM and structured numbers."""
    (result,) = decoded(SPM, SAC, OBR, obx(sent, kind=kind)).results
    assert (result.value.kind, result.value.number, result.value.comparator) == value


def test_coded_values_are_words() -> None:
    """`POS^Positive` is Positive; a code that looks like a number is none."""
    (word,) = decoded(SPM, SAC, OBR, obx("POS^Positive^99X", kind="CWE", unit="")).results
    assert word.value.text == "Positive"
    (code,) = decoded(SPM, SAC, OBR, obx("12^^99X", kind="CE", unit="")).results
    assert code.value.kind not in (ValueKind.NUMBER, ValueKind.TITER, ValueKind.RANGE)


@pytest.mark.parametrize("sent", ["5.4~5.5", "5.4^x", "", '""', "----"])
def test_values_that_nothing_explains_are_held(sent: str) -> None:
    """Repeated, split, missing or masked values are for a person."""
    (result,) = decoded(SPM, SAC, OBR, obx(sent)).results
    assert result.value.kind is ValueKind.UNEXPLAINED


def test_a_value_whose_unit_carries_a_power_of_ten_is_held() -> None:
    """`367` with `10*-1.{copies}/mL` is 36.7 copies/mL: never 367."""
    (result,) = decoded(SPM, SAC, OBR, obx("367", unit="10*-1.{copies}/mL^^UCUM")).results
    assert result.value.kind is ValueKind.UNEXPLAINED
    (count,) = decoded(SPM, SAC, OBR, obx("5.4", unit="10*9/L^^UCUM")).results
    assert count.value.number == Decimal("5.4")


def test_flags_of_the_standard_and_of_the_maker_are_told_apart() -> None:
    """Table 0078 has meanings; what a maker adds is its own, each once."""
    flags = "HH^^HL70078~U06T^Pipetting anomaly^99ROC~U06T^Pipetting anomaly^99ROC~H^^99ROC"
    (result,) = decoded(SPM, SAC, OBR, obx(flags=flags)).results
    assert result.abnormal_flags == (AbnormalFlag.CRITICAL_HIGH,)
    assert len(result.instrument_flags) == 2
    assert result.instrument_flags[0].startswith("U06T")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("C", ResultStatus.CORRECTED),
        ("P", ResultStatus.PRELIMINARY),
        ("D", ResultStatus.WITHDRAWN),
        ("", ResultStatus.UNKNOWN),
        ("?", ResultStatus.UNKNOWN),
    ],
)
def test_the_status_of_a_result_is_its_own(code: str, status: ResultStatus) -> None:
    """What is missing or unknown is no statement."""
    assert decoded(SPM, SAC, OBR, obx(status=code)).results[0].status is status


def test_an_applied_dilution_is_read() -> None:
    """TCD behind OBX; whether the value counts it is for review."""
    (result,) = decoded(SPM, SAC, OBR, obx(), "TCD|GLU|^1^:^10").results
    assert result.dilution_factor == Decimal(10)


def test_pictures_are_kept_in_the_message_and_are_no_results() -> None:
    """A curve of 100 kB is not copied into a result."""
    envelope = decoded(SPM, SAC, OBR, obx("^IM^PNG^Base64^" + "A" * 1000, kind="ED"), obx())
    assert len(envelope.results) == 1


def test_every_message_of_the_wrong_analyzer_is_refused() -> None:
    """A wrong cable is an error, not bad data."""
    driver = generic_law()
    identify = {"MSH-3.1": "OTHER"}
    other = type(driver)(driver.profile.model_copy(update={"identify": identify}))
    with pytest.raises(DriverError, match="wrong analyzer"):
        other.decode(results(SPM, OBR, obx()), CONTEXT)
    assert "wrong analyzer" in other.identify(results(SPM)).complaint


@pytest.mark.parametrize(
    "text", [b"", b"nonsense", results(SPM, OBR, obx(), header("OUL^R22", "2"), OBR, obx())]
)
def test_what_is_no_single_message_cannot_be_read(text: bytes) -> None:
    """It is kept as unreadable, with the reason."""
    with pytest.raises(DriverError):
        generic_law().decode(text, CONTEXT)


def test_a_message_with_more_results_than_any_run_is_refused() -> None:
    """Reading it would keep every other line waiting."""
    with pytest.raises(DriverError, match="10000"):
        generic_law().decode(results(SPM, OBR) + b"OBX|1\r" * 10_001, CONTEXT)


def test_a_status_message_of_the_analyzer_is_kept_raw() -> None:
    """Equipment status says something of nobody's specimen."""
    text = message(header("ESU^U01^ESU_U01", "S-1"), "EQU|1|20310304|ID^Idle", "ISD|1")
    envelope = generic_law().decode(text, CONTEXT)
    assert [one.text.split("|")[0] for one in envelope.statuses] == ["EQU", "ISD"]
