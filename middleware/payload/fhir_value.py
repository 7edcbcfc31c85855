"""One stored result's value, status, test and names in the words of FHIR R4. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from middleware.driver.units import UCUM
from middleware.model import ValueKind
from middleware.payload import reported
from middleware.payload.fhir_json import filled, number
from middleware.payload.hl7_value import FLAGS
from middleware.payload.outgoing import Row

LOINC = "http://loinc.org"
_URIS = ("http://", "https://", "urn:")
UNITS = "http://unitsofmeasure.org"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_INTERPRETATION = f"{_TERMINOLOGY}/v3-ObservationInterpretation"
_ABSENT = f"{_TERMINOLOGY}/data-absent-reason"
TEST_DATA = {"system": f"{_TERMINOLOGY}/v3-ActReason", "code": "HTEST"}
"""The security label of what is no patient's."""
LABORATORY = {"system": f"{_TERMINOLOGY}/observation-category", "code": "laboratory"}

# FHIR R4 observation-status, by HL7 table 0085 as `status_of` gives it.
STATUSES: Mapping[str, str] = {
    "F": "final",
    "P": "preliminary",
    "C": "corrected",
    "X": "cancelled",
    "I": "registered",
    "S": "preliminary",
    "W": "entered-in-error",
}
# FHIR R4 data-absent-reason.
_REASONS: Mapping[str, str] = {"X": "error", "I": "temp-unknown"}
_WITHDRAWN = "W"


@dataclass(frozen=True, slots=True)
class FhirNames:
    """Under which URIs a site's names stand. `system` is the laboratory's own, of which others are made (`/results`,
    `/tests` ...); `patients` and `orders` those of patient ids without an authority, and of the orders' numbers;
    `systems` says for authorities and coding systems, as analyzers and tables name them, their URIs."""

    system: str
    patients: str = ""
    orders: str = ""
    systems: Mapping[str, str] = field(default_factory=dict)

    def own(self, kind: str) -> str:
        """The URI of one kind of names that are ours."""
        return f"{self.system}/{kind}"

    def coding_system(self, name: str, otherwise: str) -> str:
        """The URI of a coding system: as the site says, the name itself where it is a URI, else one of ours."""
        is_uri = name.startswith(_URIS) and " " not in name
        return self.systems.get(name) or (name if is_uri else self.own(otherwise))


def code_of(row: Row, names: FhirNames) -> dict[str, Any]:
    """Which test: LOINC where a table says so, the LIS's code or the analyzer's own, and what is finer."""
    test = reported.test_of(row)
    own = "tests" if row.get("lis_code") else "analyzer-tests"
    codings = [
        filled(system=LOINC, code=test.loinc, display=test.loinc_name) if test.loinc else {},
        filled(system=names.coding_system(test.system, own), code=test.code, display=test.name),
        {"system": names.own("test-details"), "code": test.detail} if test.detail else {},
    ]
    return filled(coding=[one for one in codings if one], text=test.name or test.code)


def value_of(row: Row, status: str, names: FhirNames) -> dict[str, Any]:
    """value[x] exactly as released, or dataAbsentReason; a withdrawn result has neither."""
    if status == _WITHDRAWN:
        return {}
    if status in _REASONS:
        return _absent(_REASONS[status])
    kind = ValueKind(row["value_kind"])
    if kind is ValueKind.NUMBER:
        return {"valueQuantity": _quantity(row, reported.number_of(row), row.get("comparator"))}
    if kind is ValueKind.TITER:
        titer = filled(
            value=number(reported.number_of(row)), comparator=row.get("comparator") or ""
        )
        return {"valueRatio": {"numerator": {"value": number("1")}, "denominator": titer}}
    if kind is ValueKind.RANGE:
        low, high = reported.number_of(row), reported.upper_of(row)
        return {"valueRange": {"low": _quantity(row, low), "high": _quantity(row, high)}}
    text = reported.text_of(row)
    if kind is ValueKind.ABSENT or not text.strip():
        return _absent("unknown")
    if kind is ValueKind.CODED:
        return {"valueCodeableConcept": _coded(row, text, names)}
    return {"valueString": text}


def interpretations_of(row: Row) -> list[dict[str, Any]]:
    """Observation.interpretation: the codes of HL7 table 0078 are also these."""
    words = row.get("abnormal_flags") or ""
    return [
        {"coding": [{"system": _INTERPRETATION, "code": FLAGS[word]}]}
        for word in words.split(",")
        if word
    ]


def patient_of(row: Row, names: FhirNames) -> dict[str, Any]:
    """A reference by identifier alone; empty where no id is known. An authority without a URI stands beside it."""
    if not row.get("patient_id"):
        return {}
    authority = row.get("patient_authority") or ""
    system = names.systems.get(authority, "") if authority else names.patients
    assigner = {"display": authority} if authority else {}
    identifier = filled(system=system, value=row["patient_id"], assigner=assigner)
    return {"type": "Patient", "identifier": identifier}


def order_of(row: Row, names: FhirNames) -> dict[str, Any]:
    """The order that a result answers, by its number; of a reflex test the order that it follows from."""
    placer = row.get("placer_number") or row.get("parent_placer")
    if not placer:
        return {}
    system = names.orders or names.own("orders")
    return {"type": "ServiceRequest", "identifier": {"system": system, "value": placer}}


def performers_of(row: Row, names: FhirNames) -> list[dict[str, Any]]:
    """Who measured and who verified, told apart by the kind of their names."""
    said = (("operators", row.get("operator")), ("verifiers", row.get("verifier")))
    return [
        {"identifier": {"system": names.own(kind), "value": who}, "display": who}
        for kind, who in said
        if who
    ]


def report_status(statuses: set[str]) -> str:
    """DiagnosticReport.status (FHIR R4 diagnostic-report-status) from the statuses of the results."""
    if statuses <= {"X"}:
        return "cancelled"
    if statuses <= {_WITHDRAWN}:
        return "entered-in-error"
    if statuses & {"P", "I", "S"}:
        return "preliminary"
    return "corrected" if statuses & {"C", _WITHDRAWN} else "final"


def _quantity(row: Row, text: str, comparator: str | None = None) -> dict[str, Any]:
    unit = reported.unit_of(row)
    is_as_sent = unit == (row.get("unit") or "")
    ucum = row.get("unit_ucum") if is_as_sent else UCUM.get(unit)
    return filled(
        value=number(text),
        comparator=comparator or "",
        unit=unit,
        system=UNITS if ucum else "",
        code=ucum or "",
    )


def _coded(row: Row, text: str, names: FhirNames) -> dict[str, Any]:
    said = row["value_raw"].strip().split("^", 3)
    system = said[2].strip() if len(said) > 2 else ""  # noqa: PLR2004 - code, text, system
    code = reported.code_of(row)
    coding = filled(system=names.coding_system(system, "values"), code=code, display=text)
    return filled(coding=[coding] if code else [], text=text)


def _absent(code: str) -> dict[str, Any]:
    return {"dataAbsentReason": {"coding": [{"system": _ABSENT, "code": code}]}}
