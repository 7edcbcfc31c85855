"""Whose result is it? What cannot be tied to one specimen and one patient waits for a person."""

from __future__ import annotations

import pytest

from middleware.model import Identifier, Patient, SampleRole, Specimen, VerdictKind
from middleware.review.checks import run
from middleware.review.context import SampleIdRules, context_of
from tests.kit.made_setups import RECEIVED_AT, made_result


def codes(result, others=(), rules=SampleIdRules()) -> list[str]:  # noqa: B008 - frozen
    context = context_of("chem-1", RECEIVED_AT, rules, (result, *others))
    return [finding.code for finding in run(result, context)]


def test_a_result_with_a_sample_id_passes() -> None:
    """The ordinary case needs nobody."""
    assert codes(made_result("26030401")) == []


@pytest.mark.parametrize("sample_id", ["", " ", "\t"])
def test_a_result_without_sample_id_is_held(sample_id: str) -> None:
    """Nothing says whose result it is; the position of the tube is never taken for an identity."""
    assert "no_sample_id" in codes(made_result(sample_id))


@pytest.mark.parametrize(
    "sample_id",
    [
        "NOREAD",
        "noread",
        "NO READ",
        "NoRead01",
        "0000",
        "0",
        "000000000000",
        "ERROR",
        "ERR 12",
        "ERR99",
        "????",
        "?",
        "***",
        "----",
        "N/A",
        "UNKNOWN",
        "NONE",
        "Barcode Error",
        "UNREADABLE",
        "_",
        "0 0",
        "@@@",
        "undefined",
        "Unidentified",
        "No sample ID",
        "Not read",
        "ID ERROR",
        "INVALID",
        "XXXXXX",
    ],
)
def test_what_a_reader_writes_when_it_reads_nothing_is_held(sample_id: str) -> None:
    """Two tubes that were not read would become the same patient."""
    assert codes(made_result(sample_id)) == ["placeholder_sample_id"]


@pytest.mark.parametrize(
    "sample_id", ["0001", "E100", "NA2001", "ERNA-1", "BC1", "1", "A", "UN1", "ID1", "X1", "INV7"]
)
def test_a_true_sample_id_is_no_placeholder(sample_id: str) -> None:
    """The laboratory's own numbers may begin like a placeholder."""
    assert codes(made_result(sample_id)) == []


@pytest.mark.parametrize("sample_id", ["S10\x0001", "S<xE9>1", "S\x7f1"])
def test_a_damaged_sample_id_is_held(sample_id: str) -> None:
    """A damaged id may be another patient's."""
    assert codes(made_result(sample_id)) == ["unprintable_sample_id"]


def test_a_sample_id_longer_than_any_label_is_held() -> None:
    """Two fields that ran together are no identity."""
    assert codes(made_result("1" * 64)) == []
    assert codes(made_result("1" * 65)) == ["sample_id_too_long"]


def test_a_sample_id_against_the_lines_pattern_is_held() -> None:
    """A laboratory that says how its ids look wants others looked at."""
    rules = SampleIdRules(pattern=r"\d{8}", min_length=4, max_length=8)
    assert codes(made_result("26030401"), rules=rules) == []
    assert codes(made_result("2603X401"), rules=rules) == ["sample_id_pattern"]
    assert codes(made_result("260"), rules=rules) == ["sample_id_length"]
    assert codes(made_result("260304012"), rules=rules) == ["sample_id_length"]


@pytest.mark.parametrize(
    "sample_id",
    [
        "QC-1", "qc1", "CTRL-L2", "CONTROL 1", "HIV_NEG", "A_LOPOS", "NTC", "BLANK",
        "CAL 1", "C1-LEVEL2", "PosCtrl", "PC", "STD 2", "LOT 4451",
    ],
)  # fmt: skip
def test_a_sample_id_that_names_a_control_is_held(sample_id: str) -> None:
    """Many analyzers tell a control by nothing but its name; it must not become a patient's result by itself."""
    assert codes(made_result(sample_id)) == ["looks_like_a_control"]


@pytest.mark.parametrize(
    "sample_id", ["26030401", "CALVIN1", "QCA77", "NEGRI-2", "C1", "PCR-1001", "STD-2231", "BLK1"]
)
def test_a_sample_id_that_only_begins_like_a_control_passes(sample_id: str) -> None:
    """Whole words count, so that few tubes wait for nothing."""
    assert codes(made_result(sample_id)) == []


def test_the_lines_own_pattern_says_that_an_id_is_a_patients() -> None:
    """A laboratory in Quebec may name its tubes QC-12345; its pattern settles that."""
    rules = SampleIdRules(pattern=r"QC-\d{5}")
    assert codes(made_result("QC-12345")) == ["looks_like_a_control"]
    assert codes(made_result("QC-12345"), rules=rules) == []


@pytest.mark.parametrize(
    "specimen",
    [
        Specimen(sample_id="S1", instrument_sample_id="QC"),
        Specimen(sample_id="S1", patient=Patient(name="CONTROL^LEVEL 1")),
        Specimen(sample_id="S1", patient=Patient(identifiers=(Identifier(id="CTRL1"),))),
    ],
)
def test_a_control_named_in_another_field_is_held(specimen: Specimen) -> None:
    """Makers use the patient's name, the patient's number or their own number for it."""
    assert codes(made_result(specimen=specimen)) == ["looks_like_a_control"]


def test_a_patient_is_not_held_for_a_name_that_is_also_a_word() -> None:
    """Blank and Level are families' names."""
    for name in ("BLANK^ADA", "LEVEL^BEN", "CONTROLLI^CAL"):
        specimen = Specimen(sample_id="S1", patient=Patient(name=name))
        assert codes(made_result(specimen=specimen)) == []


def test_an_id_that_the_driver_doubts_is_held_with_what_stands_beside_it() -> None:
    """A running number may be another patient's tube."""
    specimen = Specimen(sample_id="117", sample_id_doubt="O-3.2 is 'AB-2603140001'")
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), ())
    (finding,) = run(made_result(specimen=specimen), context)
    assert finding.code == "doubtful_sample_id"
    assert "AB-2603140001" in finding.text


def specimen_of(patient: Patient) -> Specimen:
    return Specimen(sample_id="S1", patient=patient)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Patient(identifiers=(Identifier(id="P1"),)), Patient(identifiers=(Identifier(id="P2"),))),
        (Patient(birth_date="19800101"), Patient(birth_date="19810101")),
        (Patient(name="TESTCASE^ADA"), Patient(name="TESTCASE^BOB")),
    ],
)
def test_two_patients_for_one_sample_id_hold_the_whole_specimen(
    one: Patient, other: Patient
) -> None:
    """One of them would get the other's results; results of other specimens are not touched."""
    first = made_result(specimen=specimen_of(one))
    second = made_result(specimen=specimen_of(other), test="NA")
    bystander = made_result("S2")
    everything = (first, second, bystander)
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), everything)
    found = [[finding.code for finding in run(result, context)] for result in everything]
    assert found == [["patients_contradict"], ["patients_contradict"], []]


def test_a_patient_of_whom_little_is_said_does_not_hide_a_contradiction_of_the_others() -> None:
    """The first record has a name only; the second and third have different patient ids."""
    patients = (
        Patient(name="TESTCASE^ADA"),
        Patient(identifiers=(Identifier(id="P1"),)),
        Patient(identifiers=(Identifier(id="P2"),)),
    )
    results = tuple(
        made_result(specimen=specimen_of(patient), test=f"T{place}")
        for place, patient in enumerate(patients)
    )
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), results)
    assert set(context.contradicted) == {"S1"}


def test_the_same_patient_written_twice_is_no_contradiction() -> None:
    """Another spelling of blanks and case, another authority, or less said: still one patient."""
    one = Patient(identifiers=(Identifier(id="P1", authority="A"),), name="Testcase^Ada")
    other = Patient(identifiers=(Identifier(id="9", authority="B"),), name="TESTCASE  ADA")
    results = (
        made_result(specimen=specimen_of(one)),
        made_result(specimen=specimen_of(other), test="K"),
    )
    assert codes(results[0], results[1:]) == []


@pytest.mark.parametrize("role", [SampleRole.QC, SampleRole.CALIBRATOR, SampleRole.BLANK])
def test_what_is_not_a_patients_is_rejected_for_the_lis(role: SampleRole) -> None:
    """Controls never reach the LIS as patients' results, whatever their sample id looks like."""
    result = made_result(specimen=Specimen(sample_id="QC1", role=role, role_rule="O-12 is Q"))
    context = context_of("chem-1", RECEIVED_AT, SampleIdRules(), (result,))
    (finding,) = run(result, context)
    assert finding.verdict is VerdictKind.REJECT
    assert "O-12 is Q" in finding.text
