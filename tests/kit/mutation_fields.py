"""Which characters of a case are part of a value, a unit, a code or an identifier that its profile names.

Where records have fields (LIS2, HL7, LAW) the profile's paths say so. Elsewhere every occurrence of a text that was
read is looked at: one of them at least is where it was read from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from middleware.driver.profile import Profile

WITH_PATHS = frozenset({"lis2", "hl7", "law"})
_PATH = re.compile(r"([A-Z][A-Z0-9]{0,2})-(\d+)(?:\[\d+\])?(?:\.(\d+))?")
_RESULT_KEYS = ("test_code", "test_detail", "unit", "value")
_SPECIMEN_KEYS = ("sample_id", "instrument_sample_id", "control_lot")
_HEADER = re.compile(rb"(?:^|[\r\n\x0b\x02])(?:\d?H(.)(.)(.)|MSH(.)(.)(.))", re.DOTALL)
_ENDS = b"\r\n\x0b"
_WITH_NAMESPACES = frozenset({"SPM", "SAC", "PID", "QPD"})
_PART = re.compile(r"[^\s<>=]+")  # an operator may stand in a field of its own

Field = tuple[str, int, int]


def wanted_fields(profile: Profile) -> set[Field]:
    """Record or segment, field and component (0: all of the field) of every value, unit, code and identifier."""
    rules: list[Any] = [getattr(profile.result, key) for key in _RESULT_KEYS]
    rules += [getattr(profile.specimen, key) for key in _SPECIMEN_KEYS]
    rules += profile.specimen.patient_ids
    rules += [profile.query.sample_id] if profile.query is not None else []
    return {
        (found[1], int(found[2]), int(found[3] or 0))
        for rule in rules
        if rule is not None
        for path in _paths(rule)
        if (found := _PATH.match(path))
    }


def _paths(rule: Any) -> tuple[str, ...]:
    if isinstance(rule, str):
        return (rule,)
    return tuple(getattr(rule, "paths", None) or (rule.path,))


def marks_of(text: bytes) -> bytes:
    """Field, repeat and component delimiters as the first header of a case declares them."""
    found = _HEADER.search(text)
    if found is None:
        return b"|\\^"
    if found[1]:
        return found[1] + found[2] + found[3]
    return found[4] + found[6] + found[5]


def field_of(text: bytes, at: int, marks: bytes) -> Field | None:
    """Where a character stands; None for a delimiter and for a namespace."""
    if text[at] in marks:
        return None
    start = max(text.rfind(bytes((end,)), 0, at) for end in _ENDS) + 1
    before = text[start:at]
    name = before.partition(marks[:1])[0].decode("latin-1").lstrip("0123456789")
    number = before.count(marks[:1])
    inside = before[before.rfind(marks[:1]) + 1 :]
    inside = inside[inside.rfind(marks[1:2]) + 1 :]
    if name in _WITH_NAMESPACES and b"&" in inside:
        return None  # who gave the identifier, not the identifier
    shift = 1 if len(name) == 1 or name == "MSH" else 0
    return name, number + shift, inside.count(marks[2:3]) + 1


def is_wanted(field: Field | None, wanted: set[Field]) -> bool:
    """Whether a place is one of those, whole field or component."""
    return field is not None and (field in wanted or (*field[:2], 0) in wanted)


def texts_read(read: dict[str, Any], profile: Profile, text: bytes) -> set[str]:
    """Every value, unit, code and identifier in what was read of a case, as it stands in `text`."""
    found = {one for message in read["messages"] for one in _texts(message)}
    renamed = {rule.unit for unit, rule in profile.units.items() if rule.unit not in ("", unit)}
    sent = {unit for unit in profile.units if unit.encode("latin-1", "replace") in text}
    found = (found - renamed) | (sent if found & renamed else set())
    return {part for one in found for part in _PART.findall(one)}


def _texts(message: dict[str, Any]) -> Iterator[str]:
    for query in message.get("queries", ()):
        yield from query["sample_ids"]
    for result in message.get("results", ()):
        specimen = result["specimen"]
        yield specimen.get("sample_id", "")
        yield specimen.get("instrument_sample_id", "")
        yield result["value"]["raw"].strip()
        yield result["test_code"]
        yield result.get("unit", "")
        for one in (specimen.get("patient") or {}).get("identifiers", ()):
            yield one["id"]
