"""Released results of one specimen as flat rows of texts, each under one name: what a table can take. Pure.

What a result has not is left out. Numbers are the digits as released, times ISO 8601 with offset.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final

from middleware.model import ValueKind
from middleware.payload import iso_time, reported
from middleware.payload.hl7_value import FLAGS, status_of
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext, Row, filler_of, tube_of

FORMAT: Final = "labwire-rows-1"
_WITHOUT_VALUE = frozenset({"X", "I", "W"})
_YES, _NO = "true", "false"


class ResultField(StrEnum):
    """What a column can hold."""

    ROW_ID = (
        "row_id"  # this result in this message; the same when it goes again, and never another's
    )
    RESULT_ID = "result_id"  # this version of the result
    FIRST_ID = "first_id"  # the same for all versions of the result
    VERSION = "version"  # 1, 2 ...; grows with each correction
    CORRECTS = "corrects"  # true: it takes the place of what was released before
    MESSAGE_ID = "message_id"
    CREATED_AT = "created_at"
    ENVIRONMENT = "environment"  # P, T or D
    NODE = "node"
    SAMPLE_ID = "sample_id"
    FILLER_NUMBER = "filler_number"  # the sample id, else a number of ours
    SPECIMEN_TYPE = "specimen_type"
    COLLECTED_AT = "collected_at"
    PLACER_NUMBER = "placer_number"  # the LIS's own number of the order
    PARENT_PLACER_NUMBER = "parent_placer_number"  # of a reflex test: of the order it follows from
    IS_REFLEX = "is_reflex"
    PATIENT_ID = "patient_id"
    PATIENT_AUTHORITY = "patient_authority"
    PATIENT_NAME = "patient_name"
    BIRTH_DATE = "birth_date"  # YYYYMMDD as sent
    SEX = "sex"
    TEST_CODE = "test_code"  # of the table of codes, else the analyzer's own
    TEST_NAME = "test_name"
    TEST_SYSTEM = "test_system"
    TEST_DETAIL = "test_detail"
    LOINC = "loinc"
    LOINC_NAME = "loinc_name"
    RUN = "run"
    VALUE = "value"  # as people read it: 5.40, <0.5, 1:640, 2-5, a text
    VALUE_KIND = "value_kind"
    COMPARATOR = "comparator"
    NUMBER = "number"  # exact decimal, of a number
    VALUE_CODE = "value_code"  # of a coded value
    UNIT = "unit"
    REFERENCE_RANGE = "reference_range"
    FLAGS = "flags"  # HL7 table 0078, with blanks between
    INSTRUMENT_FLAGS = "instrument_flags"
    STATUS = "status"  # HL7 table 0085
    MEASURED_AT = "measured_at"
    VERIFIER = "verifier"
    OPERATOR = "operator"
    LINE = "line"
    ANALYZER = "analyzer"
    MODULE = "module"
    COMMENTS = "comments"  # with line ends between
    ISOLATE = "isolate"  # number of what grew
    ORGANISM = "organism"


BOOLEANS = frozenset({ResultField.CORRECTS, ResultField.IS_REFLEX})
"""`true` or `false`."""

TIMES = frozenset({ResultField.CREATED_AT, ResultField.COLLECTED_AT, ResultField.MEASURED_AT})
"""ISO 8601 with offset; a day alone where no more was sent."""


class FlatRenderer:
    """A JSON document with a row for each result, in UTF-8."""

    format = "flat_rows"

    def render(self, specimen: OutgoingSpecimen, context: RenderContext) -> bytes:
        """Same rows, same bytes."""
        rows = [
            _row(row, position, specimen, context) for position, row in enumerate(specimen.rows, 1)
        ]
        document = {"format": FORMAT, "message_id": context.control_id, "rows": rows}
        # A lone surrogate can come from nowhere but a damaged setting; it must not stop the others.
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _row(
    row: Row, position: int, specimen: OutgoingSpecimen, context: RenderContext
) -> dict[str, str]:
    said = _of_message(row, position, specimen, context)
    said |= _of_patient(row) | _of_test(row) | _of_value(row) | _of_making(row)
    return {name: str(text) for name, text in said.items() if text not in (None, "")}


_Said = dict[ResultField, object]


def _of_message(
    row: Row, position: int, specimen: OutgoingSpecimen, context: RenderContext
) -> _Said:
    store = context.control_id.rpartition("-")[0]
    own = f"{store}-{row['id']}" if row.get("id") else f"{context.control_id}.{position}"
    collected = row.get("collected_at")
    return {
        ResultField.ROW_ID: f"{context.control_id}.{position}",
        ResultField.RESULT_ID: own,
        ResultField.FIRST_ID: f"{store}-{row['first_id']}" if row.get("first_id") else own,
        ResultField.VERSION: row.get("version") or 1,
        ResultField.CORRECTS: _YES if row.get("supersedes") else _NO,
        ResultField.MESSAGE_ID: context.control_id,
        ResultField.CREATED_AT: iso_time.in_zone(context.created_at, context.time_zone),
        ResultField.ENVIRONMENT: context.processing_id,
        ResultField.NODE: context.node,
        ResultField.SAMPLE_ID: tube_of(specimen),
        ResultField.FILLER_NUMBER: filler_of(specimen, context),
        ResultField.SPECIMEN_TYPE: row.get("specimen_type"),
        ResultField.COLLECTED_AT: ""
        if collected is None
        else iso_time.in_zone(collected, context.time_zone),
        ResultField.PLACER_NUMBER: row.get("placer_number"),
        ResultField.PARENT_PLACER_NUMBER: row.get("parent_placer"),
        ResultField.IS_REFLEX: _YES if row.get("is_reflex") else _NO,
    }


def _of_patient(row: Row) -> _Said:
    names = (
        ResultField.PATIENT_ID,
        ResultField.PATIENT_AUTHORITY,
        ResultField.PATIENT_NAME,
        ResultField.BIRTH_DATE,
        ResultField.SEX,
    )
    return {name: row.get(name.value) for name in names}


def _of_test(row: Row) -> _Said:
    test = reported.test_of(row)
    isolate = reported.isolate_of(row)
    return {
        ResultField.TEST_CODE: test.code,
        ResultField.TEST_NAME: test.name,
        ResultField.TEST_SYSTEM: test.system,
        ResultField.TEST_DETAIL: test.detail,
        ResultField.LOINC: test.loinc,
        ResultField.LOINC_NAME: test.loinc_name,
        ResultField.RUN: row["run"],
        ResultField.ISOLATE: isolate.number if isolate else "",
        ResultField.ORGANISM: isolate.organism if isolate else "",
    }


def _of_value(row: Row) -> _Said:
    status = status_of(row)
    flags = row.get("abnormal_flags")
    said: _Said = {
        ResultField.STATUS: status,
        ResultField.UNIT: reported.unit_of(row),
        ResultField.REFERENCE_RANGE: reported.range_of(row),
        ResultField.FLAGS: " ".join([FLAGS[one] for one in flags.split(",")]) if flags else "",
        ResultField.INSTRUMENT_FLAGS: " ".join(reported.instrument_flags_of(row)),
    }
    return said if status in _WITHOUT_VALUE else said | _value(row)


def _value(row: Row) -> _Said:
    kind = ValueKind(row["value_kind"])
    comparator = row.get("comparator") or ""
    said: _Said = {ResultField.VALUE_KIND: kind.value}
    if kind is ValueKind.NUMBER:
        number = reported.number_of(row)
        whole = f"{comparator}{number}"
        return said | {
            ResultField.VALUE: whole,
            ResultField.COMPARATOR: comparator,
            ResultField.NUMBER: number,
        }
    if kind is ValueKind.TITER:
        return said | {ResultField.VALUE: f"{comparator}1:{reported.number_of(row)}"}
    if kind is ValueKind.RANGE:
        return said | {ResultField.VALUE: f"{reported.number_of(row)}-{reported.upper_of(row)}"}
    if kind is ValueKind.ABSENT:
        return said
    code = reported.code_of(row) if kind is ValueKind.CODED else ""
    return said | {ResultField.VALUE: reported.text_of(row), ResultField.VALUE_CODE: code}


def _of_making(row: Row) -> _Said:
    return {
        ResultField.MEASURED_AT: iso_time.measured(row, "seconds"),
        ResultField.VERIFIER: row.get("verifier"),
        ResultField.OPERATOR: row.get("operator"),
        ResultField.LINE: row["line"],
        ResultField.ANALYZER: row.get("analyzer"),
        ResultField.MODULE: row.get("module"),
        ResultField.COMMENTS: "\n".join(reported.comments_of(row)),
    }
