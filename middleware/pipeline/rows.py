"""One decoded result as the row of the results table, all but what review decides. Pure, on the hot path.

Every row names the same columns, so that one prepared statement takes them all. (`_value_` of an
enum's member is its value
without the call that `value` costs.)
"""

from __future__ import annotations

import json
from typing import Any

from middleware.model import Comment, MeasuredTime, Result, Specimen
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


def result_columns(result: Result) -> dict[str, Any]:
    """What belongs to the result itself."""
    value = result.value
    number, upper, dilution = value.number, value.upper, result.dilution_factor
    flags = result.abnormal_flags
    return {
        "record": result.source.record,
        "record_name": result.source.name,
        "module": result.module,
        "test_code": result.test_code,
        "test_name": result.test_name or None,
        "test_detail": result.test_detail,
        "test_id_raw": result.test_id_raw or None,
        "run": result.run,
        "value_kind": value.kind._value_,
        "value_raw": value.raw,
        "value_number": None if number is None else str(number),
        "value_upper": None if upper is None else str(upper),
        "comparator": value.comparator or None,
        "value_text": value.text or None,
        "value_rule": value.rule or None,
        "unit": result.unit,
        "unit_ucum": result.unit_ucum or None,
        "reference_range": result.reference_range or None,
        "abnormal_flags": ",".join(flags) if flags else None,
        "abnormal_flags_raw": result.abnormal_flags_raw or None,
        "instrument_flags": json.dumps(result.instrument_flags)
        if result.instrument_flags
        else None,
        "comments": comments_json(result.comments) if result.comments else None,
        "result_status": result.status._value_,
        "status_raw": result.status_raw or None,
        "operator": result.operator or None,
        "reagent_lot": result.reagent_lot or None,
        "dilution_factor": None if dilution is None else str(dilution),
        "is_manual": result.is_manual,
    }


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
