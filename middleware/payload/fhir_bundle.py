"""Released results of one specimen as a transaction of FHIR R4 (Bundle, 2.36; http 3.1.0.11). Pure.

Rules. Every resource has an identifier of ours. Observations are updated by it: all versions of a result are one
Observation, whose content is the last that was sent. What does not change (Specimen, Device, the DiagnosticReport of
this very message) is created unless it is there. So the same transaction again creates nothing.
A specimen's identifier is never its sample id alone: tubes of other people will have the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from middleware.payload import iso_time, reported
from middleware.payload.fhir_json import by_identifier, document, entry_name, filled
from middleware.payload.fhir_value import (
    LABORATORY,
    LOINC,
    STATUSES,
    TEST_DATA,
    FhirNames,
    code_of,
    interpretations_of,
    order_of,
    patient_of,
    performers_of,
    report_status,
    value_of,
)
from middleware.payload.hl7_value import status_of
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext, Row, filler_of, tube_of

_PRODUCTION = "P"
_REPORT = {"system": LOINC, "code": "11502-2", "display": "Laboratory report"}

_Part = dict[str, Any]


class FhirRenderer:
    """One transaction for one specimen: Device, Specimen, an Observation for each result, DiagnosticReport."""

    format = "fhir_r4"

    def __init__(self, names: FhirNames) -> None:
        self._names = names

    def render(self, specimen: OutgoingSpecimen, context: RenderContext) -> bytes:
        """Same rows, same bytes."""
        return document(_Transaction(self._names, specimen, context).bundle())


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the observations of one message have in common."""

    subject: _Part
    specimen: _Part
    issued: str


class _Transaction:
    """I build one bundle."""

    def __init__(
        self, names: FhirNames, specimen: OutgoingSpecimen, context: RenderContext
    ) -> None:
        self._names = names
        self._specimen = specimen
        self._context = context
        self._store = context.control_id.rpartition("-")[0]
        is_real = context.processing_id == _PRODUCTION
        self._meta = {} if is_real else {"security": [TEST_DATA]}
        self._entries: list[_Part] = []
        self._references: dict[str, _Part] = {}

    def bundle(self) -> _Part:
        rows = self._specimen.rows
        subject = next((one for row in rows if (one := patient_of(row, self._names))), {})
        issued = iso_time.in_zone(self._context.created_at, self._context.time_zone)
        shared = _Shared(subject, self._add_specimen(subject), issued)
        ids = _own_ids(rows, self._context)
        results = [
            self._add_observation(row, own, shared, _members(row, rows, ids))
            for row, own in zip(rows, ids, strict=True)
        ]
        self._add_report(shared, results)
        return {
            "resourceType": "Bundle",
            "identifier": self._identifier("messages", self._context.control_id),
            "type": "transaction",
            "timestamp": issued,
            "entry": self._entries,
        }

    def _add_specimen(self, subject: _Part) -> _Part:
        tube = tube_of(self._specimen)
        if not tube:
            return {}
        rows = self._specimen.rows
        first = rows[0]
        ordered = next((row["specimen_id"] for row in rows if row.get("specimen_id")), None)
        mark = crc32(tube.encode("utf-8", "surrogatepass"))
        own = f"S{ordered}" if ordered else f"J{first.get('journal_id') or 0}-{mark:08x}"
        collected = first.get("collected_at")
        when = "" if collected is None else iso_time.in_zone(collected, self._context.time_zone)
        kind = first.get("specimen_type") or ""
        resource = filled(
            identifier=[self._ours("specimens", own), self._identifier("samples", tube)],
            type={"text": kind} if kind else {},
            subject=subject,
            collection=filled(collectedDateTime=when),
        )
        return self._create("Specimen", resource)

    def _device_of(self, row: Row) -> _Part:
        known = [row["line"], row.get("analyzer") or "", row.get("module") or ""]
        name = "/".join(known).rstrip("/")
        if name not in self._references:
            shown = " ".join(filter(None, known[1:])) or row["line"]
            resource = {
                "identifier": [self._identifier("analyzers", f"{self._context.node}/{name}")],
                "deviceName": [{"name": shown, "type": "user-friendly-name"}],
            }
            self._references[name] = self._create("Device", resource)
        return self._references[name]

    def _add_observation(
        self, row: Row, own: str, shared: _Shared, members: Sequence[str]
    ) -> _Part:
        names, status = self._names, status_of(row)
        order = order_of(row, names)
        resource = filled(
            identifier=[self._ours("results", own)],
            basedOn=[order] if order else [],
            status=STATUSES[status],
            category=[{"coding": [LABORATORY]}],
            code=code_of(row, names),
            subject=shared.subject,
            effectiveDateTime=iso_time.measured(row, "seconds"),
            issued=shared.issued,
            performer=performers_of(row, names),
            **value_of(row, status, names),
            interpretation=interpretations_of(row),
            note=[{"text": text} for text in _notes(row)],
            specimen=shared.specimen,
            device=self._device_of(row),
            referenceRange=[{"text": reported.range_of(row)}] if reported.range_of(row) else [],
            hasMember=[{"reference": self._name("results", one)} for one in members],
        )
        sought = by_identifier(resource["identifier"][0])
        request = {"method": "PUT", "url": f"Observation?{sought}"}
        return self._add("Observation", resource, self._name("results", own), request)

    def _add_report(self, shared: _Shared, results: list[_Part]) -> None:
        rows, context = self._specimen.rows, self._context
        orders = [one for row in rows if (one := order_of(row, self._names))]
        resource = filled(
            identifier=[
                self._identifier("messages", context.control_id),
                self._identifier("fillers", filler_of(self._specimen, context)),
            ],
            basedOn=[one for at, one in enumerate(orders) if one not in orders[:at]],
            status=report_status({status_of(row) for row in rows}),
            code={"coding": [_REPORT]},
            subject=shared.subject,
            issued=shared.issued,
            specimen=[shared.specimen] if shared.specimen else [],
            result=results,
        )
        self._create("DiagnosticReport", resource)

    def _create(self, kind: str, resource: _Part) -> _Part:
        """Unless it is there; by its first identifier."""
        first = resource["identifier"][0]
        request = {"method": "POST", "url": kind, "ifNoneExist": by_identifier(first)}
        name = entry_name(f"{kind} {first['system']} {first['value']}")
        return self._add(kind, resource, name, request)

    def _add(self, kind: str, resource: _Part, name: str, request: Mapping[str, str]) -> _Part:
        whole = {"resourceType": kind, **filled(meta=self._meta), **resource}
        self._entries.append({"fullUrl": name, "resource": whole, "request": dict(request)})
        return {"reference": name}

    def _name(self, kind: str, own: str) -> str:
        return entry_name(f"{kind} {self._names.own(kind)} {self._store}-{own}")

    def _ours(self, kind: str, own: str) -> _Part:
        """A number of our store, which no other store gives."""
        return self._identifier(kind, f"{self._store}-{own}")

    def _identifier(self, kind: str, value: str) -> _Part:
        return {"system": self._names.own(kind), "value": value}


def _own_ids(rows: Sequence[Row], context: RenderContext) -> list[str]:
    """The number of each result, the same for all its versions, but never twice in one message. What was never stored
    has a number of this message alone."""
    message = context.control_id.rpartition("-")[2]
    taken: set[str] = set()
    ids = []
    for at, row in enumerate(rows, 1):
        own = f"R{row['id']}" if row.get("id") else f"M{message}.{at}"
        first = f"R{row['first_id']}" if row.get("first_id") else own
        ids.append(own if first in taken else first)
        taken.add(ids[-1])
    return ids


def _members(row: Row, rows: Sequence[Row], ids: Sequence[str]) -> list[str]:
    """Of what grew: its susceptibilities in this message, so that none can be read as another's."""
    isolate = reported.isolate_of(row)
    if isolate is None or row["test_code"] != isolate.test_code or row.get("parent_id"):
        return []
    return [
        own
        for other, own in zip(rows, ids, strict=True)
        if other is not row and reported.isolate_of(other) == isolate
    ]


def _notes(row: Row) -> list[str]:
    isolate = reported.isolate_of(row)
    flags = reported.instrument_flags_of(row)
    said = [f"Isolate {isolate.number}: {isolate.organism}"] if isolate is not None else []
    if row["run"] > 1:
        said.append(f"Run {row['run']}")
    if row.get("is_reflex"):
        said.append("Ordered by the laboratory because of another result.")
    said += reported.comments_of(row)
    return [*said, f"Instrument flags: {', '.join(flags)}"] if flags else said
