"""Released results of one specimen as ORU^R01 or OUL^R22 of HL7 2.5.1 (DESIGN 8.5). Pure: same rows, same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from middleware.payload.hl7_codes import LOCAL_CODES, LOCAL_DETAILS, has_code, mapped_test_id
from middleware.payload.hl7_culture import has_isolates, orders_of, sub_id_of
from middleware.payload.hl7_time import stamp_in_zone, stamp_with_offset
from middleware.payload.hl7_value import WITHOUT_VALUE, flags_of, status_of, value_of
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext, Row
from middleware.wire.hl7.delimiters import DEFAULT_DELIMITERS, escape, escape_formatted, is_plain


@dataclass(frozen=True, slots=True)
class Hl7Names:
    """MSH-3 to MSH-6, and whether enhanced acknowledgements are asked for (MSH-15, MSH-16).

    An empty sending facility means the node's name.
    """

    sending_application: str = "LABWIRE"
    sending_facility: str = ""
    receiving_application: str = "LIS"
    receiving_facility: str = ""
    is_enhanced: bool = False


class OruRenderer:
    """ORU^R01: MSH, PID (when the analyzer sent a patient), OBR, OBX and NTE for each result, SPM."""

    format = "hl7_oru_r01"

    def __init__(self, names: Hl7Names) -> None:
        self._names = names

    def render(self, specimen: OutgoingSpecimen, context: RenderContext) -> bytes:
        """The message in UTF-8, each segment ended by CR."""
        statuses = [status_of(row) for row in specimen.rows]
        lines = [_msh("ORU^R01^ORU_R01", self._names, context)]
        _add_patient(lines, specimen.rows)
        _add_orders(lines, specimen, statuses, context)
        lines.append(_spm(specimen))
        return _whole(lines)


class OulRenderer:
    """OUL^R22: MSH, PID (when the analyzer sent a patient), SPM, OBR, then OBX and NTE for each result."""

    format = "hl7_oul_r22"

    def __init__(self, names: Hl7Names) -> None:
        self._names = names

    def render(self, specimen: OutgoingSpecimen, context: RenderContext) -> bytes:
        """The message in UTF-8, each segment ended by CR."""
        statuses = [status_of(row) for row in specimen.rows]
        lines = [_msh("OUL^R22^OUL_R22", self._names, context)]
        _add_patient(lines, specimen.rows)
        lines.append(_spm(specimen))
        _add_orders(lines, specimen, statuses, context)
        return _whole(lines)


def _whole(lines: list[str]) -> bytes:
    lines.append("")
    # A lone surrogate can come from nowhere but a damaged setting; it must not stop the others.
    return "\r".join(lines).encode("utf-8", "replace")


def _msh(message_type: str, names: Hl7Names, context: RenderContext) -> str:
    asked = "AL" if names.is_enhanced else ""
    return (
        f"MSH|^~\\&|{escape(names.sending_application)}"
        f"|{escape(names.sending_facility or context.node)}"
        f"|{escape(names.receiving_application)}|{escape(names.receiving_facility)}"
        f"|{stamp_in_zone(context.created_at, context.time_zone)}||{message_type}"
        f"|{context.control_id}|{context.processing_id}|2.5.1|||{asked}|{asked}||UNICODE UTF-8"
    )


def _add_patient(lines: list[str], rows: Sequence[Row]) -> None:
    for row in rows:
        identifier, name = row.get("patient_id") or "", row.get("patient_name") or ""
        birth_date, sex = row.get("birth_date") or "", row.get("sex") or ""
        if not (identifier or name or birth_date or sex):
            continue
        listed = escape(identifier)
        if row.get("patient_authority"):
            listed += f"^^^{escape(row['patient_authority'])}"
        written = "^".join([escape(part) for part in name.split("^")])
        lines.append(f"PID|1||{listed}||{written}||{escape(birth_date)}|{escape(sex)}".rstrip("|"))
        return


def _test_id(row: Row, code: str, name: str, detail: str) -> str:
    """OBX-3 or OBR-4: as the table of codes has it, else from the analyzer's texts, which are already escaped."""
    if has_code(row):
        return mapped_test_id(row)
    written = f"{code}^{name}^{LOCAL_CODES}"
    return f"{written}^{detail}^^{LOCAL_DETAILS}" if detail else written


def _obr(specimen: OutgoingSpecimen, statuses: Sequence[str], context: RenderContext) -> str:
    sample_id = escape(specimen.sample_id)
    reported = stamp_in_zone(context.created_at, context.time_zone)
    first = specimen.rows[0]
    test_id = _test_id(first, *_written(first)[:3])
    # OBR-7 is the time of collection, which an analyzer does not know: it stays empty.
    return (
        f"OBR|1|{sample_id}|{sample_id}|{test_id}||||||||||||||||||{reported}"
        f"|||{_report_status(set(statuses))}"
    )


def _add_orders(
    lines: list[str],
    specimen: OutgoingSpecimen,
    statuses: Sequence[str],
    context: RenderContext,
) -> None:
    """One OBR with its observations; of a culture one more for each isolate."""
    if not has_isolates(specimen.rows):
        lines.append(_obr(specimen, statuses, context))
        _add_results(lines, specimen.rows, statuses)
        return
    for number, order in enumerate(orders_of(specimen.rows), 1):
        part = OutgoingSpecimen(specimen.sample_id, [specimen.rows[at] for at in order.at])
        own = [statuses[at] for at in order.at]
        obr = _obr(part, own, context).replace("OBR|1|", f"OBR|{number}|", 1)
        sample_id = escape(specimen.sample_id)
        lines.append(f"{obr}|{order.parent}|||{sample_id}^{sample_id}" if order.parent else obr)
        _add_results(lines, part.rows, own)


def _report_status(statuses: set[str]) -> str:
    """OBR-25 (HL7 table 0123) from the statuses of the results."""
    if statuses <= {"X"}:
        return "X"
    if statuses & {"P", "I", "S"}:
        return "P"
    return "C" if statuses & {"C", "W"} else "F"


def _spm(specimen: OutgoingSpecimen) -> str:
    kind = escape(specimen.rows[0].get("specimen_type") or "")
    return f"SPM|1|{escape(specimen.sample_id)}||{kind}|||||||P^Patient^HL70369"


def _add_results(lines: list[str], rows: Sequence[Row], statuses: Sequence[str]) -> None:
    ends: dict[tuple[Any, ...], str] = {}  # results of one run mostly end alike
    for number, (row, status) in enumerate(zip(rows, statuses, strict=True), 1):
        said_last = (status, *_last_of(row))
        end = ends.get(said_last)
        if end is None:
            end = ends[said_last] = _obx_end(row, status)
        lines.append(_obx(number, row, status) + end)
        if row.get("comments") or row.get("instrument_flags"):
            _add_notes(lines, row)


_texts_of = itemgetter("test_code", "test_name", "test_detail", "unit", "reference_range")
_last_of = itemgetter(
    "measured_at", "measured_offset", "measured_text", "verifier", "analyzer", "module", "line"
)


def _written(row: Row) -> Sequence[str]:
    """The free texts of OBX-3 to OBX-7, escaped. Nearly none needs it, so they are looked at together first."""
    texts = [text or "" for text in _texts_of(row)]
    if row.get("code_source"):
        # A table decides what it becomes; an empty range was left out on purpose.
        unit, reference = row["reported_unit"], row["reported_range"]
        texts[3] = unit or texts[3]
        texts[4] = texts[4] if reference is None else reference
    if is_plain("".join(texts), DEFAULT_DELIMITERS):
        return texts
    return [escape(text) for text in texts]


def _obx(number: int, row: Row, status: str) -> str:
    """OBX-1 to OBX-8."""
    code, name, detail, unit, reference = _written(row)
    value_type, value = ("", "") if status in WITHOUT_VALUE else value_of(row)
    return (
        f"OBX|{number}|{value_type}|{_test_id(row, code, name, detail)}|{sub_id_of(row)}|{value}"
        f"|{unit}|{reference}|{flags_of(row)}"
    )


def _obx_end(row: Row, status: str) -> str:
    """OBX-9 to OBX-19: status, time, verifier and analyzer."""
    at, offset, sent, verifier, analyzer, module, line = _last_of(row)
    measured = "" if at is None else stamp_with_offset(at, offset or "", sent or "")
    measurer = escape(analyzer or line)
    if module:
        measurer += f"~{escape(module)}"
    # OBX-14 and OBX-19 carry the same time: when the analyzer measured is all that it knows.
    # OBX-18 is what the analyzer calls itself (else the line), then its module.
    return f"|||{status}|||{measured}||{escape(verifier or '')}||{measurer}|{measured}"


def _add_notes(lines: list[str], row: Row) -> None:
    texts = [one["text"] for one in json.loads(row["comments"])] if row.get("comments") else []
    flags = json.loads(row["instrument_flags"]) if row.get("instrument_flags") else []
    if flags:
        texts.append(f"Instrument flags: {', '.join(flags)}")
    notes = [text for text in texts if text.strip()]
    for number, text in enumerate(notes, 1):
        lines.append(f"NTE|{number}|L|{escape_formatted(text)}|RE")
