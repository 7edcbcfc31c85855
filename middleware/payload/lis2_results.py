"""Released results of one specimen as a LIS2 message (H, P, O, R, C, L), as an analyzer sends it. Pure.

Rules. The bytes are UTF-8; the connector turns them into the LIS's own encoding and refuses what has no letter there.
Of a culture each isolate has an order of its own whose O-3 names it, so no susceptibility can be read as another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from middleware.model import ValueKind
from middleware.payload import reported
from middleware.payload.hl7_time import zone
from middleware.payload.hl7_value import FLAGS, WITHOUT_VALUE, status_of
from middleware.payload.outgoing import (
    OutgoingSpecimen,
    RenderContext,
    Row,
    by_order,
    filler_of,
    tube_of,
)
from middleware.wire.lis2 import FieldValue, MessageBuilder

# LIS02-A2 8.4.26 and 9.9 have no word for a result that is withdrawn: it is cancelled, with a comment.
_WITHDRAWN = "W"
_CANCELLED = "X"
WITHDRAWN_WORDS = "This result was withdrawn."
_SECONDS = 14  # digits of YYYYMMDDHHMMSS
_SHORTER = frozenset({8, 12})


@dataclass(frozen=True, slots=True)
class Lis2Names:
    """H-5 and H-10, which field of P holds the patient's number (LIS02-A2 7: 3, 4 or 5), and which of O the order's
    own (8.4: 19 or 20, which are the ordering side's; 0: none)."""

    sender: str = "LABWIRE"
    receiver: str = "LIS"
    patient_field: int = 3
    placer_field: int = 0


class Lis2Renderer:
    """One message for one specimen."""

    format = "lis2"

    def __init__(self, names: Lis2Names) -> None:
        self._names = names

    def render(self, specimen: OutgoingSpecimen, context: RenderContext) -> bytes:
        """The message in UTF-8, each record ended by CR."""
        builder = MessageBuilder(encoding="utf-8")
        now = _local(context.created_at, context)
        builder.header(
            {
                3: context.control_id,
                5: self._names.sender,
                10: self._names.receiver,
                12: context.processing_id,
                13: "LIS2-A2",
                14: now,
            }
        )
        builder.add("P", _patient(specimen.rows, self._names.patient_field))
        for isolate, rows in _groups(specimen.rows):
            part = OutgoingSpecimen(specimen.sample_id, rows)
            builder.add("O", self._order(part, isolate, context))
            if isolate is not None and isolate.organism:
                words = f"Isolate {isolate.number}: {isolate.organism}"
                builder.add("C", {3: "I", 4: words, 5: "G"})
            for row in rows:
                _add_result(builder, row, context)
        # A lone surrogate can come from nowhere but a damaged setting; it must not stop the others.
        return builder.terminator().text().encode("utf-8", "replace")

    def _order(
        self,
        specimen: OutgoingSpecimen,
        isolate: reported.ReportedIsolate | None,
        context: RenderContext,
    ) -> dict[int, FieldValue]:
        first = specimen.rows[0]
        tube = tube_of(specimen)
        tests = list(dict.fromkeys(tuple(_test_id(row)) for row in specimen.rows))
        collected = first.get("collected_at")
        fields: dict[int, FieldValue] = {
            3: [tube, isolate.number] if isolate is not None else tube,
            4: "" if tube else filler_of(specimen, context),
            5: [list(test) for test in tests],
            8: "" if collected is None else _local(collected, context),
            16: first.get("specimen_type") or "",
            23: _local(context.created_at, context),
            26: _report_type({status_of(row) for row in specimen.rows}),
        }
        if self._names.placer_field:
            fields[self._names.placer_field] = first.get("placer_number") or ""
        return fields


_Group = tuple[reported.ReportedIsolate | None, Sequence[Row]]


def _groups(rows: Sequence[Row]) -> list[_Group]:
    """The results under each O: of a culture those of each isolate, else those of each order."""
    if not any(row.get("isolate") for row in rows):
        return [(None, part) for part in by_order(rows)]
    groups: dict[str, tuple[reported.ReportedIsolate | None, list[Row]]] = {}
    for row in rows:
        isolate = reported.isolate_of(row)
        key = isolate.number if isolate is not None else ""
        groups.setdefault(key, (isolate, []))[1].append(row)
    return list(groups.values())


def _patient(rows: Sequence[Row], field: int) -> dict[int, FieldValue]:
    for row in rows:
        identifier, name = row.get("patient_id") or "", row.get("patient_name") or ""
        birth_date, sex = row.get("birth_date") or "", row.get("sex") or ""
        if identifier or name or birth_date or sex:
            return {field: identifier, 6: name.split("^"), 8: birth_date, 9: sex}
    return {}


def _report_type(statuses: set[str]) -> str:
    """O-26 (LIS02-A2 8.4.26) from the statuses of the results."""
    if statuses <= {_CANCELLED, _WITHDRAWN}:
        return _CANCELLED
    if statuses & {"P", "I", "S"}:
        return "P"
    return "C" if statuses & {"C", _WITHDRAWN} else "F"


def _test_id(row: Row) -> list[str]:
    """The universal test id (LIS02-A2 5.6.1): LOINC, its name, its system; then the local code and what is finer."""
    test = reported.test_of(row)
    system = "LN" if test.loinc else ""
    return [test.loinc, test.loinc_name or test.name, system, test.code, test.detail]


def _add_result(builder: MessageBuilder, row: Row, context: RenderContext) -> None:
    status = status_of(row)
    flags = row.get("abnormal_flags")
    builder.add(
        "R",
        {
            3: _test_id(row),
            4: "" if status in {*WITHOUT_VALUE, _WITHDRAWN} else _value(row),
            5: reported.unit_of(row),
            6: reported.range_of(row),
            7: [[FLAGS[word]] for word in flags.split(",")] if flags else "",
            9: _CANCELLED if status == _WITHDRAWN else status,
            11: [row.get("operator") or "", row.get("verifier") or ""],
            13: _measured(row, context),
            14: [row.get("analyzer") or row["line"], row.get("module") or ""],
        },
    )
    for text, kind in _remarks(row, status):
        builder.add("C", {3: "I", 4: text, 5: kind})


def _remarks(row: Row, status: str) -> list[tuple[str, str]]:
    remarks = [(WITHDRAWN_WORDS, "G")] if status == _WITHDRAWN else []
    if row["run"] > 1:
        remarks.append((f"Run {row['run']}", "G"))
    remarks += [(text, "G") for text in reported.comments_of(row)]
    return remarks + [(text, "I") for text in reported.instrument_flags_of(row)]


def _value(row: Row) -> FieldValue:
    kind = row["value_kind"]
    if kind == ValueKind.NUMBER:
        return f"{row.get('comparator') or ''}{reported.number_of(row)}"
    if kind == ValueKind.TITER:
        return f"1:{reported.number_of(row)}"
    if kind == ValueKind.RANGE:
        return f"{reported.number_of(row)}-{reported.upper_of(row)}"
    if kind == ValueKind.ABSENT:
        return ""
    text = reported.text_of(row)
    if kind == ValueKind.CODED and text != reported.code_of(row):
        return [reported.code_of(row), text]
    return text


def _local(at: float, context: RenderContext) -> str:
    """YYYYMMDDHHMMSS in the node's zone (LIS02-A2 5.6.2; most LIS read no offset)."""
    local = datetime.fromtimestamp(at, UTC).astimezone(zone(context.time_zone))
    return local.strftime("%Y%m%d%H%M%S")


def _measured(row: Row, context: RenderContext) -> str:
    if row.get("measured_at") is None:
        return ""
    sent = row.get("measured_text") or ""
    digits = len(sent) if sent.isdigit() and len(sent) in _SHORTER else _SECONDS
    return _local(row["measured_at"], context)[:digits]
