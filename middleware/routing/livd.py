"""Reads a LIVD catalogue: which LOINC codes a vendor suggests for each test code of an analyzer model. Pure.

Two forms: the workbook as CSV (headings in any order and spelling of capitals and blanks) and the FHIR R4 bundle of the
HL7 LIVD implementation guide. A suggestion is never applied: `livd_proposals` sets it against the table.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from middleware.routing.loinc import is_loinc, looks_deprecated

ROWS_MAX = 100_000
_HEAD_WITHIN = 50
"""Rows of a workbook before the one with the headings."""
LOINC_SYSTEM = "http://loinc.org"
_RETIRED = frozenset({"deprecated", "discouraged"})


class NotLivd(ValueError):
    """The text is no LIVD catalogue; the message says why."""


@dataclass(frozen=True, slots=True)
class LivdRow:
    """One suggestion. `line` is its place in a CSV file, 0 in a bundle. `loinc` is empty where there is no code yet."""

    code: str
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    specimen: str = ""
    result: str = ""
    comment: str = ""
    loinc: str = ""
    loinc_name: str = ""
    loinc_status: str = ""
    publication: str = ""
    loinc_version: str = ""
    line: int = 0

    @property
    def trouble(self) -> str:
        """What is wrong with its LOINC code; "" when nothing is."""
        if self.loinc and not is_loinc(self.loinc):
            return f"{self.loinc} is no LOINC code: its form or its check digit is wrong"
        return ""

    @property
    def doubt(self) -> str:
        """Why its LOINC code should not be chosen any more; "" when nothing speaks against it."""
        status = self.loinc_status.casefold()
        if looks_deprecated(self.loinc_name) and status not in _RETIRED:
            status = "deprecated"
        return f"LOINC {self.loinc} is {status}" if self.loinc and status in _RETIRED else ""


def read_livd(text: str) -> list[LivdRow]:
    """Every suggestion of a catalogue. Raises NotLivd."""
    try:
        rows = list(_of_bundle(text) if text.lstrip()[:1] == "{" else _of_workbook(text))
    except (csv.Error, json.JSONDecodeError, RecursionError) as error:
        raise NotLivd(f"it can be read neither as CSV nor as JSON: {error}") from error
    if not rows:
        raise NotLivd("it holds no test code of an analyzer")
    if len(rows) > ROWS_MAX:
        raise NotLivd(f"it holds more than {ROWS_MAX} suggestions")
    return list(dict.fromkeys(rows))


# Headings without blanks and capitals; the last two are those of catalogues of one disease.
_HEADINGS: Mapping[str, str] = {
    "vendoranalytecode": "code",
    "vendoranalytename": "name",
    "manufacturer": "manufacturer",
    "model": "model",
    "vendorspecimendescription": "specimen",
    "vendorresultdescription": "result",
    "vendorcomment": "comment",
    "loinccode": "loinc",
    "loinclongname": "loinc_name",
    "loinclongcommonname": "loinc_name",
    "loincstatus": "loinc_status",
    "status": "loinc_status",
    "publicationversionid": "publication",
    "loincversionid": "loinc_version",
    "testperformedloinccode": "loinc",
    "testperformedloinclongname": "loinc_name",
}


def _of_workbook(text: str) -> Iterator[LivdRow]:
    lines = text.splitlines(keepends=True)
    head = "".join(lines[:_HEAD_WITHIN])
    delimiter = max(",;\t", key=head.count)
    names: list[str] | None = None
    reader = csv.reader(lines, delimiter=delimiter)
    for cells in reader:
        if names is None:
            plain = [re.sub(r"[^a-z]", "", cell.lower()) for cell in cells]
            if "vendoranalytecode" in plain:
                names = [_HEADINGS.get(one, "") for one in plain]
            elif reader.line_num > _HEAD_WITHIN:
                break
            continue
        row: dict[str, str] = {}
        for key, cell in zip(names, cells, strict=False):
            if (
                key and cell.strip()
            ):  # two headings may mean the same: the first that says something
                row.setdefault(key, cell.strip())
        if "code" in row:
            yield LivdRow(**row, line=reader.line_num)
    if names is None:
        raise NotLivd('no row has the heading "Vendor Analyte Code"')


def _of_bundle(text: str) -> Iterator[LivdRow]:
    whole = json.loads(text)
    if not isinstance(whole, dict) or whole.get("resourceType") != "Bundle":
        raise NotLivd("the JSON is no FHIR Bundle")
    found = [_table(_table(entry).get("resource")) for entry in _list(whole.get("entry"))]
    by_type: dict[str, list[Mapping[str, Any]]] = {}
    for resource in found:
        by_type.setdefault(_text(resource.get("resourceType")), []).append(resource)
    shared = _shared_by_all(by_type)
    loinc = _loinc_words(by_type)
    suggested: set[str] = set()
    for concept_map in by_type.get("ConceptMap", []):
        for row in _of_concept_map(concept_map, loinc, shared):
            suggested.add(row.code)
            yield row
    for definition in by_type.get("ObservationDefinition", []):
        for coding in _list(_table(definition.get("code")).get("coding")):
            code = _text(_table(coding).get("code"))
            if code and code not in suggested:
                yield LivdRow(code, _text(_table(coding).get("display")), **shared)


def _shared_by_all(by_type: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, Any]:
    devices = by_type.get("DeviceDefinition", [])
    publications = [_table(one.get("identifier")) for one in by_type.get("Composition", [])]
    makers = dict.fromkeys(_text(one.get("manufacturerString")) for one in devices)
    models = dict.fromkeys(_text(one.get("modelNumber")) for one in devices)
    return {
        "manufacturer": ", ".join(filter(None, makers)),
        "model": ", ".join(filter(None, models)),
        "publication": ", ".join(filter(None, (_text(one.get("value")) for one in publications))),
    }


def _loinc_words(by_type: Mapping[str, list[Mapping[str, Any]]]) -> dict[str, tuple[str, str]]:
    """Name and status of LOINC codes, from the fragments that the bundle carries."""
    found: dict[str, tuple[str, str]] = {}
    for value_set in by_type.get("ValueSet", []):
        for one in _list(_table(value_set.get("expansion")).get("contains")):
            found[_text(_table(one).get("code"))] = (_text(_table(one).get("display")), "")
    for system in by_type.get("CodeSystem", []):
        for one in _list(system.get("concept")):
            concept = _table(one)
            code = _text(concept.get("code"))
            name = _text(concept.get("display")) or found.get(code, ("", ""))[0]
            found[code] = (name, _status_of(concept))
    return found


def _status_of(concept: Mapping[str, Any]) -> str:
    for one in _list(concept.get("property")):
        named = _table(one)
        if _text(named.get("code")).upper() == "STATUS":
            return next((_text(v) for k, v in named.items() if k.startswith("value")), "")
    return ""


def _of_concept_map(
    concept_map: Mapping[str, Any],
    loinc: Mapping[str, tuple[str, str]],
    shared: Mapping[str, Any],
) -> Iterator[LivdRow]:
    for part in _list(concept_map.get("group")):
        group = _table(part)
        if _text(group.get("target")) not in ("", LOINC_SYSTEM):
            continue
        version = _text(group.get("targetVersion"))
        for element in map(_table, _list(group.get("element"))):
            code, name = _text(element.get("code")), _text(element.get("display"))
            targets = _list(element.get("target")) or [{}]
            rows = [_of_target(_table(target), loinc) for target in targets] if code else []
            yield from (LivdRow(code, name, **shared, **row, loinc_version=version) for row in rows)


def _of_target(target: Mapping[str, Any], loinc: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    code = _text(target.get("code"))
    name, status = loinc.get(code, ("", ""))
    row = {
        "loinc": code,
        "loinc_name": _text(target.get("display")) or name,
        "loinc_status": status,
    }
    for one in _list(target.get("dependsOn")):
        depends = _table(one)
        kind = _text(depends.get("property")).rpartition("/")[2].rpartition(":")[2].lower()
        key = {"specimen": "specimen", "result": "result", "other": "comment"}.get(kind)
        if key:
            row[key] = _text(depends.get("display")) or _text(depends.get("value"))
    return row


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
