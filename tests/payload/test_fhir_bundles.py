"""Released results as FHIR R4 transactions: every form of value exactly, one Observation for all versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.fhir_rules import faults_of
from middleware.model import (
    AbnormalFlag,
    Comment,
    Identifier,
    MeasuredTime,
    Patient,
    ResultStatus,
    ResultValue,
    Specimen,
    ValueKind,
)
from middleware.payload.fhir_bundle import FhirRenderer
from middleware.payload.fhir_json import by_identifier, document, number
from middleware.payload.fhir_value import FhirNames
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.stored_rows import stored_row

SYSTEM = "https://lab.example/labwire"
NAMES = FhirNames(
    SYSTEM, "https://lab.example/patients", systems={"HOSP": "https://hospital.example/patients"}
)
CONTEXT = RenderContext("TEST01-0000000042", RECEIVED_AT, "P", "Europe/Berlin", "core-lab")


def rendered(*rows: dict[str, Any], context: RenderContext = CONTEXT) -> bytes:
    return FhirRenderer(NAMES).render(OutgoingSpecimen("S1001", list(rows)), context)


def bundle(*rows: dict[str, Any], context: RenderContext = CONTEXT) -> Any:
    """Read as a stranger reads it, decimals as texts; it breaks no rule of FHIR."""
    read = json.loads(rendered(*rows, context=context), parse_float=str, parse_int=str)
    assert list(faults_of(read)) == []
    return read


def resources(read: Any, kind: str) -> list[Any]:
    found = [one["resource"] for one in read["entry"]]
    return [one for one in found if one["resourceType"] == kind]


def observation(row: dict[str, Any]) -> Any:
    return resources(bundle(row), "Observation")[0]


def row_of(value: ResultValue | str = "5.40", **more: Any) -> dict[str, Any]:
    decided = {"id": more.pop("id", 7)} | more.pop("decided", {})
    return stored_row(made_result(value=value, **more), **decided)


def test_a_message_is_one_transaction_that_creates_nothing_twice() -> None:
    read = bundle(row_of(), row_of(test="NA", id=8))
    assert [one["resource"]["resourceType"] for one in read["entry"]] == [
        "Specimen",
        "Device",
        "Observation",
        "Observation",
        "DiagnosticReport",
    ]
    methods = [one["request"]["method"] for one in read["entry"]]
    assert methods == ["POST", "POST", "PUT", "PUT", "POST"]
    (report,) = resources(read, "DiagnosticReport")
    assert report["identifier"][0]["value"] == CONTEXT.control_id
    names = {one["fullUrl"] for one in read["entry"][2:4]}
    assert {one["reference"] for one in report["result"]} == names


def test_the_same_rows_are_the_same_bytes() -> None:
    assert rendered(row_of(), row_of(id=8)) == rendered(row_of(), row_of(id=8))


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("5.40", "5.40"),
        ("-0.10", "-0.10"),
        ("+5.4", "5.4"),
        (".5", "0.5"),
        ("-.50", "-0.50"),
        ("5.", "5"),
        ("007.0", "7.0"),
        ("000", "0"),
        ("0.000", "0.000"),
        ("100000000000000000.01", "100000000000000000.01"),
    ],
)
def test_digits_are_those_that_were_released(sent: str, written: str) -> None:
    """Trailing zeros count; what JSON does not know is written in its form."""
    value = ResultValue(kind=ValueKind.NUMBER, raw=sent, number=Decimal(sent))
    quantity = observation(row_of(value))["valueQuantity"]
    assert quantity["value"] == written
    assert quantity["unit"] == "mmol/L"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))  # fmt: skip
def test_every_decimal_comes_back_equal(value: Decimal) -> None:
    read = json.loads(document({"v": number(f"{value:f}")}), parse_float=str, parse_int=str)
    assert read["v"] == f"{value:f}"


@given(
    st.text(alphabet=st.sampled_from('"\\\ue000ab,\x00\x08\x0c\n1u0')),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
)
def test_no_text_can_pass_for_a_number_or_break_out(hostile: str, value: Decimal) -> None:
    """Numbers are put in by marks; a text with such a mark stays the text that it is."""
    given_ = {"t": hostile, "v": number(f"{value:f}"), "list": [hostile, True]}
    read = json.loads(document(given_), parse_float=str, parse_int=str)
    allowed = "".join(["\ufffd" if one < " " and one != "\n" else one for one in hostile])
    assert read == {"t": allowed, "v": f"{value:f}", "list": [allowed, True]}


VALUES = [
    (
        ResultValue(kind=ValueKind.NUMBER, raw="<0.50", number=Decimal("0.50"), comparator="<"),
        ("valueQuantity", {"value": "0.50", "comparator": "<", "unit": "mmol/L"}),
    ),
    (
        ResultValue(kind=ValueKind.TITER, raw="1:640", number=Decimal(640)),
        ("valueRatio", {"numerator": {"value": "1"}, "denominator": {"value": "640"}}),
    ),
    (
        ResultValue(
            kind=ValueKind.RANGE, raw="2-5", number=Decimal("2.0"), upper=Decimal("5.0")
        ),
        (
            "valueRange",
            {
                "low": {"value": "2.0", "unit": "mmol/L"},
                "high": {"value": "5.0", "unit": "mmol/L"},
            },
        ),
    ),
    (
        ResultValue(kind=ValueKind.CODED, raw="POS^positive^99X", text="positive"),
        (
            "valueCodeableConcept",
            {
                "coding": [
                    {"system": f"{SYSTEM}/values", "code": "POS", "display": "positive"}
                ],
                "text": "positive",
            },
        ),
    ),
    (
        ResultValue(kind=ValueKind.TEXT, raw="hémolytique\n\"x\"", text="hémolytique\n\"x\""),
        ("valueString", "hémolytique\n\"x\""),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case[1][0])
def test_each_form_of_value_has_its_own_type(case: tuple[ResultValue, tuple[str, Any]]) -> None:
    value, (name, expected) = case
    assert observation(row_of(value))[name] == expected


def test_a_unit_that_is_known_stands_in_ucum_too() -> None:
    quantity = observation(row_of(unit="g/l", unit_ucum="g/L"))["valueQuantity"]
    known = {"unit": "g/l", "system": "http://unitsofmeasure.org", "code": "g/L"}
    assert quantity == {"value": "5.40", **known}


def test_what_the_table_of_codes_says_is_what_goes_out() -> None:
    decided = {"lis_code": "1234", "lis_name": "Glucose", "lis_system": "L", "loinc": "14749-6"}
    decided |= {"code_source": "codes 1", "reported_value": "97.30", "reported_unit": "mg/dL"}
    found = observation(
        row_of(decided=decided | {"loinc_name": "Glucose", "reported_range": "70-110"})
    )
    assert found["code"]["coding"] == [
        {"system": "http://loinc.org", "code": "14749-6", "display": "Glucose"},
        {"system": f"{SYSTEM}/tests", "code": "1234", "display": "Glucose"},
    ]
    quantity = found["valueQuantity"]
    assert (quantity["value"], quantity["code"]) == ("97.30", "mg/dL")
    assert found["referenceRange"] == [{"text": "70-110"}]


STATUSES = [
    (ResultStatus.FINAL, {}, "final", "final"),
    (ResultStatus.FINAL, {"verifier": None}, "preliminary", "preliminary"),
    (ResultStatus.FINAL, {"supersedes": 3, "first_id": 3}, "corrected", "corrected"),
    (ResultStatus.CANNOT_OBTAIN, {}, "cancelled", "cancelled"),
    (ResultStatus.WITHDRAWN, {}, "entered-in-error", "entered-in-error"),
    (ResultStatus.PENDING, {}, "registered", "preliminary"),
]


@pytest.mark.parametrize("case", STATUSES, ids=lambda case: case[2])
def test_the_status_says_how_far_it_may_be_trusted(case: tuple[Any, ...]) -> None:
    status, decided, ours, report = case
    read = bundle(row_of(status=status, decided=decided))
    (found,) = resources(read, "Observation")
    assert found["status"] == ours
    assert resources(read, "DiagnosticReport")[0]["status"] == report
    has_value = status is ResultStatus.FINAL
    assert ("valueQuantity" in found) == has_value
    assert ("dataAbsentReason" in found) == (ours in ("cancelled", "registered"))


@pytest.mark.parametrize(
    ("named", "system"),
    [
        ("L", f"{SYSTEM}/tests"),
        ("http://lis.example/tests", "http://lis.example/tests"),
        ("HOSP", "https://hospital.example/patients"),
        ("urn:with blank", f"{SYSTEM}/tests"),
    ],
)
def test_a_coding_system_is_a_uri_whatever_a_table_calls_it(named: str, system: str) -> None:
    found = observation(row_of(decided={"lis_code": "1", "lis_system": named}))
    assert found["code"]["coding"][0]["system"] == system


def test_all_versions_of_a_result_are_one_observation() -> None:
    """A correction takes the place of what it corrects; it does not stand beside it."""
    first = observation(row_of(id=7))
    later = observation(row_of("6.1", id=9, decided={"supersedes": 8, "first_id": 7}))
    assert first["identifier"] == later["identifier"]
    assert first["identifier"][0]["value"] == "TEST01-R7"


def test_two_versions_in_one_message_stay_two() -> None:
    """One transaction must not change one resource twice (FHIR R4 3.1.0.11.2)."""
    rows = (row_of(id=7), row_of(id=9, decided={"first_id": 7}))
    ids = [one["identifier"][0]["value"] for one in resources(bundle(*rows), "Observation")]
    assert ids == ["TEST01-R7", "TEST01-R9"]


def test_a_sample_id_alone_names_no_specimen() -> None:
    """The same id on a tube of next year is another tube, and may be another patient's."""
    first = resources(bundle(row_of(decided={"journal_id": 1})), "Specimen")[0]
    second = resources(bundle(row_of(decided={"journal_id": 900})), "Specimen")[0]
    assert first["identifier"][1] == second["identifier"][1]
    assert first["identifier"][0] != second["identifier"][0]
    ordered = resources(bundle(row_of(decided={"specimen_id": 12})), "Specimen")[0]
    assert ordered["identifier"][0]["value"] == "TEST01-S12"


def test_the_patient_is_an_id_and_nothing_else() -> None:
    patient = Patient(
        identifiers=(Identifier(id="4711", authority="HOSP"),),
        name="Doe^Jane",
        birth_date="19700101",
    )
    read = rendered(row_of(specimen=Specimen(sample_id="S1001", patient=patient)))
    assert b"Doe" not in read
    assert b"1970" not in read
    subject = observation(row_of(specimen=Specimen(sample_id="S1001", patient=patient)))["subject"]
    identifier = subject["identifier"]
    assert identifier["system"] == "https://hospital.example/patients"
    assert (identifier["value"], identifier["assigner"]) == ("4711", {"display": "HOSP"})


def test_an_authority_without_a_uri_is_never_another_s() -> None:
    patient = Patient(identifiers=(Identifier(id="4711", authority="ELSEWHERE"),))
    found = observation(row_of(specimen=Specimen(sample_id="S1001", patient=patient)))
    identifier = found["subject"]["identifier"]
    assert identifier == {"value": "4711", "assigner": {"display": "ELSEWHERE"}}


def test_the_order_is_named_by_its_number_on_the_result_and_on_the_report() -> None:
    read = bundle(
        row_of(decided={"placer_number": "O1"}), row_of(id=8, decided={"placer_number": "O2"})
    )
    (report,) = resources(read, "DiagnosticReport")
    assert [one["identifier"]["value"] for one in report["basedOn"]] == ["O1", "O2"]
    assert resources(read, "Observation")[1]["basedOn"][0]["identifier"]["value"] == "O2"


def test_everything_that_is_said_of_a_result_goes_along() -> None:
    found = observation(
        row_of(
            abnormal_flags=(AbnormalFlag.HIGH, AbnormalFlag.SIGNIFICANT_UP),
            comments=(Comment(text="checked twice"),),
            instrument_flags=("H1",),
            reference_range="3.9-6.1",
            operator="op7",
            run=2,
        )
    )
    codes = [one["coding"][0]["code"] for one in found["interpretation"]]
    assert codes == ["H", "U"]
    notes = [one["text"] for one in found["note"]]
    assert notes == ["Run 2", "checked twice", "Instrument flags: H1"]
    assert found["referenceRange"] == [{"text": "3.9-6.1"}]
    who = [(one["identifier"]["system"], one["display"]) for one in found["performer"]]
    assert who == [
        (f"{SYSTEM}/operators", "op7"),
        (f"{SYSTEM}/verifiers", "auto:identity+form@setup 1"),
    ]
    assert found["effectiveDateTime"] == "2031-03-04T10:15:00+01:00"


def test_a_measured_day_stays_a_day() -> None:
    at = datetime(2031, 3, 4, tzinfo=UTC)
    day = observation(row_of(measured=MeasuredTime(text="20310304", at=at)))
    assert day["effectiveDateTime"] == "2031-03-04"
    minutes = observation(row_of(measured=MeasuredTime(text="203103041015", at=at)))
    assert len(minutes["effectiveDateTime"]) == len("2031-03-04T10:15:00+01:00")


def test_what_is_no_patient_s_is_labelled() -> None:
    test = RenderContext("TEST01-0000000042", RECEIVED_AT, "D", "Europe/Berlin", "core-lab")
    for entry in bundle(row_of(), context=test)["entry"]:
        assert entry["resource"]["meta"]["security"][0]["code"] == "HTEST"
    assert all("meta" not in one["resource"] for one in bundle(row_of())["entry"])


def test_susceptibilities_belong_to_what_grew() -> None:
    one, two = json.dumps(["1", "Escherichia coli", "ID"]), json.dumps(["2", "Klebsiella", "ID"])
    rows = [
        row_of(test="ID", id=1, decided={"isolate": one}),
        row_of(test="AMP", id=2, decided={"isolate": one, "parent_id": 1}),
        row_of(test="ID", id=3, decided={"isolate": two}),
        row_of(test="AMP", id=4, decided={"isolate": two, "parent_id": 3}),
    ]
    read = bundle(*rows)
    urls = [one["fullUrl"] for one in read["entry"] if one["request"]["method"] == "PUT"]
    found = resources(read, "Observation")
    assert found[0]["hasMember"] == [{"reference": urls[1]}]
    assert found[2]["hasMember"] == [{"reference": urls[3]}]
    assert found[3]["note"][0]["text"] == "Isolate 2: Klebsiella"


def test_a_search_by_an_odd_identifier_finds_that_one_alone() -> None:
    """What has a meaning in a search is escaped; the rest is percent-encoded."""
    sought = by_identifier({"system": "urn:x", "value": "a,b|c$d\\e &é"})
    assert sought == (
        "identifier=urn%3Ax%7Ca%5C%2Cb%5C%7Cc%5C%24d%5C%5Ce%20%26%C3%A9"
    )  # fmt: skip


@given(st.text(max_size=40), st.text(max_size=20), st.text(min_size=1, max_size=20))
def test_any_text_makes_a_good_transaction(value: str, comment: str, code: str) -> None:
    """Hostile texts break no rule of FHIR, and what is allowed comes back as it was."""
    row = row_of() | {"test_code": code, "value_kind": "text", "value_raw": value}
    row |= {"value_text": value, "comments": json.dumps([{"text": comment}])}
    found = resources(bundle(row), "Observation")[0]
    if value.strip() and value.isprintable():
        assert found["valueString"] == value
