"""One decoded result as the row of the results table, all but what review decides. Pure, on the hot path.

Every row names the same columns, so that one prepared statement takes them all. (`_value_` of an
enum's member is its value
without the call that `value` costs.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from middleware.model import Comment, MeasuredTime, Result, ResultValue, Specimen
from middleware.payload.hl7_time import offset_at


def specimen_columns(specimen: Specimen) -> dict[str, Any]:
    """What all results of one specimen share."""
    patient = specimen.patient
    identifier = patient.identifiers[0] if patient is not None and patient.identifiers else None
    return {
        "sample_id": specimen.sample_id,
        "instrument_sample_id": specimen.instrument_sample_id or None,
        "carrier": specimen.carrier or None,
        "position": specimen.position or None,
        "sample_role": specimen.role._value_,
        "role_rule": specimen.role_rule or None,
        "control_lot": specimen.control_lot or None,
        "control_level": specimen.control_level or None,
        "specimen_type": specimen.specimen_type or None,
        "patient_id": identifier.id if identifier is not None else None,
        "patient_authority": (identifier.authority or None) if identifier is not None else None,
        "patient_name": (patient.name or None) if patient is not None else None,
        "birth_date": (patient.birth_date or None) if patient is not None else None,
        "sex": (patient.sex or None) if patient is not None else None,
    }


def measured_columns(measured: MeasuredTime, time_zone: str) -> dict[str, Any]:
    """When it was measured, often once for all results of a specimen. `time_zone` is the line's, for the offset."""
    at = measured.at
    return {
        "measured_text": measured.text or None,
        "measured_at": None if at is None else at.timestamp(),
        "measured_offset": None if at is None else offset_at(at, time_zone),
        "time_mark": measured.mark or None,
    }


EMPTY_RESULT: Mapping[str, Any] = dict.fromkeys(
    (
        "record",
        "record_name",
        "module",
        "test_code",
        "test_name",
        "test_detail",
        "test_id_raw",
        "run",
        "value_kind",
        "value_raw",
        "value_number",
        "value_upper",
        "comparator",
        "value_text",
        "value_rule",
        "unit",
        "unit_ucum",
        "reference_range",
        "abnormal_flags",
        "abnormal_flags_raw",
        "instrument_flags",
        "comments",
        "result_status",
        "status_raw",
        "operator",
        "reagent_lot",
        "dilution_factor",
        "is_manual",
        "fingerprint",
        "verdict",
        "release_state",
        "findings",
        "verifier",
    )
)
"""What belongs to one result and not to its specimen: the columns that `result_row` and the decision fill."""


def result_row(shared: dict[str, Any], result: Result) -> dict[str, Any]:
    """The row of one result. `shared` has every column: those of EMPTY_RESULT, of the specimen and of the message.

    A copy with what the result says put in is quicker than two unions, and most columns say nothing.
    """
    row = shared.copy()
    source = result.source
    row["record"] = source.record
    row["record_name"] = source.name
    row["module"] = result.module
    row["test_code"] = result.test_code
    row["test_name"] = result.test_name or None
    row["test_detail"] = result.test_detail
    row["test_id_raw"] = result.test_id_raw or None
    row["run"] = result.run
    row["unit"] = result.unit
    row["unit_ucum"] = result.unit_ucum or None
    row["reference_range"] = result.reference_range or None
    row["result_status"] = result.status._value_
    row["status_raw"] = result.status_raw or None
    row["operator"] = result.operator or None
    row["reagent_lot"] = result.reagent_lot or None
    row["is_manual"] = result.is_manual
    if result.dilution_factor is not None:
        row["dilution_factor"] = str(result.dilution_factor)
    put_value(row, result.value)
    _put_remarks(row, result)
    return row


def put_value(row: dict[str, Any], value: ResultValue) -> None:
    """Write the value into its columns; those that it does not need stay as they are."""
    row["value_kind"] = value.kind._value_
    row["value_raw"] = value.raw
    if value.number is not None:
        row["value_number"] = str(value.number)
    if value.upper is not None:
        row["value_upper"] = str(value.upper)
    row["comparator"] = value.comparator or None
    row["value_text"] = value.text or None
    row["value_rule"] = value.rule or None


def _put_remarks(row: dict[str, Any], result: Result) -> None:
    flags = result.abnormal_flags
    if flags:
        row["abnormal_flags"] = ",".join(flags)
    row["abnormal_flags_raw"] = result.abnormal_flags_raw or None
    if result.instrument_flags:
        row["instrument_flags"] = json.dumps(result.instrument_flags)
    if result.comments:
        row["comments"] = comments_json(result.comments)


def comments_json(comments: tuple[Comment, ...]) -> str:
    """Comments as the store keeps them."""
    return json.dumps(
        [{"text": one.text, "source": one.source, "kind": one.kind} for one in comments],
        ensure_ascii=False,
    )


def isolate_columns(result: Result) -> dict[str, Any]:
    """Which isolate, of the few results that are of one. `isolate` is a list: number, organism, code of the
    identification. `parent_id` is given with the ids.
    """
    isolate = result.isolate
    if isolate is None:
        return {}
    return {
        "isolate": json.dumps(
            [isolate.number, isolate.organism, isolate.test_code], ensure_ascii=False
        ),
        "result_group": result.result_group or None,
        "parent_id": None,
    }
