"""What the emulated FHIR server demands of a transaction: of the standard library alone, and nothing of our renderer.

Written from the definitions of FHIR R4 (Bundle, Observation, DiagnosticReport, Specimen, Device; data types 2.24).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Resource = Mapping[str, Any]

STATUSES = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled"}
    | {"entered-in-error", "unknown"}
)
REPORT_STATUSES = STATUSES | {"partial", "appended"}
COMPARATORS = frozenset({"<", "<=", ">=", ">"})
_NAME = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_DATE_TIME = re.compile(
    r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?",
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_ELEMENTS: Mapping[str, frozenset[str]] = {
    "Observation": frozenset(
        {"identifier", "basedOn", "status", "category", "code", "subject", "effectiveDateTime"}
        | {"issued", "performer", "dataAbsentReason", "interpretation", "note", "specimen"}
        | {"device", "referenceRange", "hasMember", "valueQuantity", "valueRatio", "valueRange"}
        | {"valueCodeableConcept", "valueString", "resourceType", "meta"}
    ),
    "DiagnosticReport": frozenset(
        {"identifier", "basedOn", "status", "code", "subject", "issued", "specimen", "result"}
        | {"resourceType", "meta"}
    ),
    "Specimen": frozenset({"identifier", "type", "subject", "collection", "resourceType", "meta"}),
    "Device": frozenset({"identifier", "deviceName", "resourceType", "meta"}),
}


def faults_of(bundle: Any) -> Iterator[tuple[str, str]]:
    """Where a transaction is wrong (FHIRPath) and why. Decimals were read as texts."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        yield "Bundle", "no Bundle"
        return
    if bundle.get("type") != "transaction":
        yield "Bundle.type", "no transaction"
    yield from _empty("Bundle", bundle)
    entries = bundle.get("entry", [])
    names = [one.get("fullUrl") for one in entries]
    if len(set(names)) != len(names):
        yield "Bundle.entry.fullUrl", "stands twice"
    for at, entry in enumerate(entries):
        place = f"Bundle.entry[{at}]"
        if not _NAME.fullmatch(entry.get("fullUrl", "")):
            yield f"{place}.fullUrl", "no urn:uuid"
        yield from _request(place, entry)
        yield from _resource(f"{place}.resource", entry.get("resource", {}))
        for reference in _references(entry.get("resource", {})):
            if reference not in names:
                yield f"{place}.resource", f"refers to {reference}, which is not in the bundle"


def _request(place: str, entry: Resource) -> Iterator[tuple[str, str]]:
    request, kind = entry.get("request", {}), entry.get("resource", {}).get("resourceType")
    if request.get("method") == "POST":
        if request.get("url") != kind or not request.get("ifNoneExist"):
            yield f"{place}.request", "no conditional create"
    elif request.get("method") == "PUT":
        if not request.get("url", "").startswith(f"{kind}?identifier="):
            yield f"{place}.request", "no conditional update"
    else:
        yield f"{place}.request.method", "neither POST nor PUT"


def _resource(place: str, resource: Resource) -> Iterator[tuple[str, str]]:
    kind = resource.get("resourceType", "")
    if kind not in _ELEMENTS:
        yield f"{place}.resourceType", f"{kind} is not taken here"
        return
    for name in sorted(resource.keys() - _ELEMENTS[kind]):
        yield f"{place}.{name}", "unknown element"
    for one in resource.get("identifier", []) or [{}]:
        if not one.get("value") or not _URI.fullmatch(one.get("system", "")):
            yield f"{place}.identifier", "needs a system that is a URI, and a value"
    if kind == "Observation":
        yield from _observation(place, resource)
    elif kind == "DiagnosticReport":
        yield from _report(place, resource)
    elif kind == "Specimen":
        when = resource.get("collection", {}).get("collectedDateTime", "2000")
        if not _DATE_TIME.fullmatch(when):
            yield f"{place}.collection.collectedDateTime", "no dateTime"


def _observation(place: str, resource: Resource) -> Iterator[tuple[str, str]]:
    if resource.get("status") not in STATUSES:
        yield f"{place}.status", "unknown code"
    if not resource.get("code", {}).get("coding"):
        yield f"{place}.code", "needs a coding"
    if not _DATE_TIME.fullmatch(resource.get("effectiveDateTime", "2000")):
        yield f"{place}.effectiveDateTime", "no dateTime"
    if not _INSTANT.fullmatch(resource.get("issued", "")):
        yield f"{place}.issued", "no instant"
    values = [name for name in resource if name.startswith("value")]
    if len(values) > 1 or (values and "dataAbsentReason" in resource):  # obs-6
        yield f"{place}.value", "a value and a reason for none, or two values"
    if resource.get("status") == "final" and not values and "dataAbsentReason" not in resource:
        yield f"{place}.value", "final, and neither a value nor a reason"
    for quantity in _quantities(resource):
        yield from _quantity(f"{place}.value", quantity)


def _quantity(place: str, quantity: Resource) -> Iterator[tuple[str, str]]:
    if not _DECIMAL.fullmatch(quantity.get("value", "")):
        yield f"{place}.value", "no decimal"
    if quantity.get("comparator", "<") not in COMPARATORS:
        yield f"{place}.comparator", "unknown code"
    if "code" in quantity and "system" not in quantity:  # qty-3
        yield f"{place}.code", "a code without its system"


def _report(place: str, resource: Resource) -> Iterator[tuple[str, str]]:
    if resource.get("status") not in REPORT_STATUSES:
        yield f"{place}.status", "unknown code"
    if not resource.get("result"):
        yield f"{place}.result", "a report without results"
    if not _INSTANT.fullmatch(resource.get("issued", "")):
        yield f"{place}.issued", "no instant"


def _quantities(resource: Resource) -> Iterator[Resource]:
    if "valueQuantity" in resource:
        yield resource["valueQuantity"]
    for name in ("valueRange", "valueRatio"):
        yield from resource.get(name, {}).values()


def _empty(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """FHIR R4 2.6.2: no empty texts, lists or elements."""
    if value in ("", [], {}, None):
        yield place, "is empty"
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _empty(f"{place}.{name}", one)
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from _empty(f"{place}[{at}]", one)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)
