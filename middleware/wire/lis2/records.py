"""The record types of LIS02-A2 and the names of their fields. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class RecordType:
    """One record type: its letter, its name, its level (None: one below the record it follows), its
    clause.
    """

    letter: str
    name: str
    level: int | None
    clause: str
    field_names: tuple[str, ...]


_HEADER = (
    "record type",
    "delimiter definition",
    "message control ID",
    "access password",
    "sender name or ID",
    "sender street address",
    "reserved",
    "sender telephone number",
    "characteristics of sender",
    "receiver ID",
    "comment or special instructions",
    "processing ID",
    "version number",
    "date and time of message",
)

_PATIENT = (
    "record type",
    "sequence number",
    "practice-assigned patient ID",
    "laboratory-assigned patient ID",
    "patient ID number 3",
    "patient name",
    "mother's maiden name",
    "birthdate",
    "patient sex",
    "patient race or ethnic origin",
    "patient address",
    "reserved",
    "patient telephone number",
    "attending physician ID",
    "special field 1",
    "special field 2",
    "patient height",
    "patient weight",
    "known or suspected diagnosis",
    "active medications",
    "patient's diet",
    "practice field 1",
    "practice field 2",
    "admission and discharge dates",
    "admission status",
    "location",
    "nature of alternative diagnostic code",
    "alternative diagnostic code",
    "patient religion",
    "marital status",
    "isolation status",
    "language",
    "hospital service",
    "hospital institution",
    "dosage category",
)

_ORDER = (
    "record type",
    "sequence number",
    "specimen ID",
    "instrument specimen ID",
    "universal test ID",
    "priority",
    "requested or ordered date and time",
    "specimen collection date and time",
    "collection end time",
    "collection volume",
    "collector ID",
    "action code",
    "danger code",
    "relevant clinical information",
    "date and time specimen received",
    "specimen descriptor",
    "ordering physician",
    "physician's telephone number",
    "user field 1",
    "user field 2",
    "laboratory field 1",
    "laboratory field 2",
    "date and time results reported or last modified",
    "instrument charge",
    "instrument section ID",
    "report types",
    "reserved",
    "location of specimen collection",
    "nosocomial infection flag",
    "specimen service",
    "specimen institution",
)

_RESULT = (
    "record type",
    "sequence number",
    "universal test ID",
    "data or measurement value",
    "units",
    "reference ranges",
    "result abnormal flags",
    "nature of abnormality testing",
    "result status",
    "date of change in normative values or units",
    "operator identification",
    "date and time test started",
    "date and time test completed",
    "instrument identification",
)

_COMMENT = (
    "record type",
    "sequence number",
    "comment source",
    "comment text",
    "comment type",
)

_REQUEST = (
    "record type",
    "sequence number",
    "starting range ID",
    "ending range ID",
    "universal test ID",
    "nature of request time limits",
    "beginning request results date and time",
    "ending request results date and time",
    "requesting physician name",
    "requesting physician telephone number",
    "user field 1",
    "user field 2",
    "request information status code",
)

_TERMINATOR = (
    "record type",
    "sequence number",
    "termination code",
)

_SCIENTIFIC = (
    "record type",
    "sequence number",
    "analytical method",
    "instrumentation",
    "reagents",
    "units of measure",
    "quality control",
    "specimen descriptor",
    "reserved",
    "container",
    "specimen ID",
    "analyte",
    "result",
    "result units",
    "collection date and time",
    "result date and time",
    "analytical preprocessing steps",
    "patient diagnosis",
    "patient birthdate",
    "patient sex",
    "patient race",
)

_MANUFACTURER = ("record type", "sequence number")

RECORD_TYPES: Mapping[str, RecordType] = MappingProxyType(
    {
        kind.letter: kind
        for kind in (
            RecordType("H", "message header", 0, "LIS02-A2 6", _HEADER),
            RecordType("P", "patient information", 1, "LIS02-A2 7", _PATIENT),
            RecordType("O", "test order", 2, "LIS02-A2 8.4", _ORDER),
            RecordType("R", "result", 3, "LIS02-A2 9", _RESULT),
            RecordType("C", "comment", None, "LIS02-A2 10", _COMMENT),
            RecordType("Q", "request information", 1, "LIS02-A2 11", _REQUEST),
            RecordType("L", "message terminator", 0, "LIS02-A2 12", _TERMINATOR),
            RecordType("S", "scientific", 1, "LIS02-A2 13", _SCIENTIFIC),
            RecordType("M", "manufacturer information", None, "LIS02-A2 14", _MANUFACTURER),
        )
    }
)

# FIELD_NAMES["R"][4] is the name of R-4. Fields beyond a table are a vendor's own.
FIELD_NAMES: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        kind.letter: MappingProxyType(dict(enumerate(kind.field_names, start=1)))
        for kind in RECORD_TYPES.values()
    }
)


def field_name(letter: str, number: int) -> str:
    """The name of field `number` (1-based) of a record type; 'field 16' where the standard gives
    none.
    """
    return FIELD_NAMES.get(letter, {}).get(number) or f"field {number}"


def field_clause(letter: str, number: int) -> str:
    """Document and clause of a field, '' for an unknown record type."""
    kind = RECORD_TYPES.get(letter)
    if kind is None:
        return ""
    return f"{kind.clause}.{number}" if number in FIELD_NAMES[letter] else kind.clause
