"""Released results of one specimen as documented JSON: the model of the document, and its renderer. Pure.

Numbers are texts, for a JSON number is no exact decimal to most readers. The schema of the document is generated from
this model (`config/results.schema.json`).
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from middleware.model import ResultStatus, ValueKind
from middleware.payload import iso_time, reported
from middleware.payload.hl7_value import status_of
from middleware.payload.outgoing import (
    OutgoingSpecimen,
    RenderContext,
    Row,
    filler_of,
    tube_of,
)

FORMAT: Final = "labwire-results-1"
_WITHOUT_VALUE = frozenset({"X", "I", "W"})
# HL7 table 0085 as `status_of` gives it.
_STATUSES = {
    "F": ResultStatus.FINAL,
    "P": ResultStatus.PRELIMINARY,
    "C": ResultStatus.CORRECTED,
    "X": ResultStatus.CANNOT_OBTAIN,
    "I": ResultStatus.PENDING,
    "S": ResultStatus.PARTIAL,
    "W": ResultStatus.WITHDRAWN,
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JsonPatient(_Part):
    """As the analyzer sent it; an empty text was not sent."""

    id: str
    authority: str
    name: str = Field(description="Family name and given names, with ^ between.")
    birth_date: str = Field(description="YYYYMMDD as sent.")
    sex: str


class JsonTest(_Part):
    """Which test: the code of the table of codes, else the analyzer's own."""

    code: str
    name: str
    system: str = Field(description="The coding system of `code`; empty: the analyzer's own code.")
    detail: str = Field(
        description="The rest of the analyzer's test id: aspect, dilution, replicate."
    )
    loinc: str
    loinc_name: str


class JsonValue(_Part):
    """The value, exactly as released."""

    kind: ValueKind
    comparator: str = Field(description="`<`, `>`, `<=`, `>=` or empty; of a number.")
    number: str = Field(
        description="Exact decimal: the number, the titer's denominator, the lower end of a range."
    )
    upper: str = Field(description="Exact decimal: the upper end of a range.")
    code: str = Field(description="Of a coded value.")
    text: str = Field(description="What a reader sees of a text or a coded value.")


class JsonIsolate(_Part):
    """Of a culture: what grew."""

    number: str
    organism: str
    test_code: str = Field(description="The analyzer's code of the identification.")


class JsonOrderRef(_Part):
    """The order that a result answers."""

    placer_number: str = Field(description="The LIS's own number of the order.")
    collected_at: str = Field(description="ISO 8601 with offset; empty: the order does not say.")
    is_reflex: bool = Field(description="Ordered by the laboratory because of another result.")
    parent_placer_number: str = Field(
        description="Of a reflex test: the order that it follows from."
    )


class JsonResult(_Part):
    """One result."""

    order: JsonOrderRef | None = Field(description="None: nobody ordered it.")

    test: JsonTest
    run: int = Field(ge=1, description="Counts the runs of one test on one specimen.")
    value: JsonValue | None = Field(description="None: there is none (see `status`).")
    unit: str
    reference_range: str
    flags: tuple[str, ...] = Field(description="normal, low, high, critical_low, …")
    instrument_flags: tuple[str, ...]
    status: ResultStatus
    corrects: bool = Field(description="It takes the place of a result that was released before.")
    measured_at: str = Field(
        description="ISO 8601 with offset, no more precise than sent; empty: the analyzer sent none."
    )
    verifier: str = Field(description="A person, or `auto:` and the rules; empty: nobody.")
    operator: str
    line: str
    analyzer: str
    module: str
    comments: tuple[str, ...]
    isolate: JsonIsolate | None


class ResultsDocument(_Part):
    """The results of one specimen. The same `message_id` is the same document, byte for byte."""

    format: Literal["labwire-results-1"]
    message_id: str = Field(description="Never used twice; also in the header Idempotency-Key.")
    created_at: str = Field(description="ISO 8601 with offset.")
    environment: str = Field(description="P (production), T (training) or D (test).")
    node: str
    sample_id: str = Field(
        description="The id on the tube; empty where the analyzer named a patient or an encounter, and no tube."
    )
    filler_number: str = Field(description="The sample id, else a number of ours.")
    specimen_type: str
    patient: JsonPatient | None
    results: tuple[JsonResult, ...]


class JsonRenderer:
    """One document for one specimen, in UTF-8."""

    format = "json"

    def render(self, specimen: OutgoingSpecimen, context: RenderContext) -> bytes:
        """Same rows, same bytes."""
        document = ResultsDocument(
            format=FORMAT,
            message_id=context.control_id,
            created_at=iso_time.in_zone(context.created_at, context.time_zone),
            environment=context.processing_id,
            node=context.node,
            sample_id=_whole(tube_of(specimen)),
            filler_number=_whole(filler_of(specimen, context)),
            specimen_type=_whole(specimen.rows[0].get("specimen_type")),
            patient=_patient(specimen),
            results=tuple(_result(row, context) for row in specimen.rows),
        )
        return document.model_dump_json().encode()


def _patient(specimen: OutgoingSpecimen) -> JsonPatient | None:
    for row in specimen.rows:
        patient = JsonPatient(
            id=_whole(row.get("patient_id")),
            authority=_whole(row.get("patient_authority")),
            name=_whole(row.get("patient_name")),
            birth_date=_whole(row.get("birth_date")),
            sex=_whole(row.get("sex")),
        )
        if patient.id or patient.name or patient.birth_date or patient.sex:
            return patient
    return None


def _result(row: Row, context: RenderContext) -> JsonResult:
    status = status_of(row)
    flags = row.get("abnormal_flags")
    isolate = reported.isolate_of(row)
    return JsonResult(
        order=_order(row, context),
        test=_test(row),
        run=row["run"],
        value=None if status in _WITHOUT_VALUE else _value(row),
        unit=_whole(reported.unit_of(row)),
        reference_range=_whole(reported.range_of(row)),
        flags=tuple(flags.split(",")) if flags else (),
        instrument_flags=tuple(_whole(one) for one in reported.instrument_flags_of(row)),
        status=_STATUSES[status],
        corrects=bool(row.get("supersedes")),
        measured_at=iso_time.measured(row),
        verifier=_whole(row.get("verifier")),
        operator=_whole(row.get("operator")),
        line=row["line"],
        analyzer=_whole(row.get("analyzer")),
        module=_whole(row.get("module")),
        comments=tuple(_whole(one) for one in reported.comments_of(row)),
        isolate=None
        if isolate is None
        else JsonIsolate(
            number=_whole(isolate.number),
            organism=_whole(isolate.organism),
            test_code=_whole(isolate.test_code),
        ),
    )


def _order(row: Row, context: RenderContext) -> JsonOrderRef | None:
    keys = ("placer_number", "collected_at", "is_reflex", "parent_placer")
    if not any(row.get(key) for key in keys):
        return None
    collected = row.get("collected_at")
    return JsonOrderRef(
        placer_number=_whole(row.get("placer_number")),
        collected_at="" if collected is None else iso_time.in_zone(collected, context.time_zone),
        is_reflex=bool(row.get("is_reflex")),
        parent_placer_number=_whole(row.get("parent_placer")),
    )


def _test(row: Row) -> JsonTest:
    test = reported.test_of(row)
    return JsonTest(
        code=_whole(test.code),
        name=_whole(test.name),
        system=_whole(test.system),
        detail=_whole(test.detail),
        loinc=_whole(test.loinc),
        loinc_name=_whole(test.loinc_name),
    )


def _value(row: Row) -> JsonValue | None:
    kind = ValueKind(row["value_kind"])
    if kind is ValueKind.ABSENT:
        return None
    is_number = kind in (ValueKind.NUMBER, ValueKind.TITER, ValueKind.RANGE)
    return JsonValue(
        kind=kind,
        comparator=row.get("comparator") or "",
        number=reported.number_of(row) if is_number else "",
        upper=reported.upper_of(row) if kind is ValueKind.RANGE else "",
        code=_whole(reported.code_of(row)) if kind is ValueKind.CODED else "",
        text="" if is_number else _whole(reported.text_of(row)),
    )


def _whole(text: str | None) -> str:
    """Without lone surrogates, which no UTF-8 can carry; they come from nowhere but a damaged setting."""
    return (text or "").encode("utf-8", "replace").decode()
