"""JSON documents fit the schemas that are published, and say exactly what was released or ordered."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.model import (
    AbnormalFlag,
    Comment,
    Identifier,
    OrderAction,
    OrderAnswer,
    OrderOutcome,
    Patient,
    ResultStatus,
    ResultValue,
    Specimen,
    ValueKind,
)
from middleware.payload.hl7_orders import UnreadableOrders
from middleware.payload.json_orders import json_answer, read_json_orders
from middleware.payload.json_results import JsonRenderer
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.places import ROOT
from tests.kit.stored_rows import stored_row

CONTEXT = RenderContext("TEST01-0000000042", RECEIVED_AT, "D", "Europe/Berlin", "core-lab")


def published(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "config" / name).read_text(encoding="utf-8"))
    return found


def read(*results: Any, **decision: Any) -> dict[str, Any]:
    rows = [stored_row(one, **decision) for one in results]
    text = JsonRenderer().render(OutgoingSpecimen(rows[0]["sample_id"], rows), CONTEXT)
    document: dict[str, Any] = json.loads(text)
    assert set(document) == set(published("results.schema.json")["required"])
    part = published("results.schema.json")["$defs"]["JsonResult"]
    assert all(set(one) == set(part["required"]) for one in document["results"])
    return document


def test_the_whole_document_of_an_ordinary_result() -> None:
    patient = Patient(
        identifiers=(Identifier(id="PT1001", authority="HOSP"),), name="TESTCASE^ADA", sex="F"
    )
    result = made_result(
        specimen=Specimen(sample_id="26030401", specimen_type="SER", patient=patient),
        test_name="Glucose",
        reference_range="3.9-6.1",
        abnormal_flags=(AbnormalFlag.NORMAL,),
        comments=(Comment(text="checked"),),
        instrument_flags=("HEM",),
    )
    assert read(result) == {
        "format": "labwire-results-1",
        "message_id": "TEST01-0000000042",
        "created_at": "2031-03-04T10:30:00+01:00",
        "environment": "D",
        "node": "core-lab",
        "sample_id": "26030401",
        "filler_number": "26030401",
        "specimen_type": "SER",
        "patient": {
            "id": "PT1001",
            "authority": "HOSP",
            "name": "TESTCASE^ADA",
            "birth_date": "",
            "sex": "F",
        },
        "results": [
            {
                "order": None,
                "test": {
                    "code": "GLU",
                    "name": "Glucose",
                    "system": "",
                    "detail": "",
                    "loinc": "",
                    "loinc_name": "",
                },
                "run": 1,
                "value": {
                    "kind": "number",
                    "comparator": "",
                    "number": "5.4",
                    "upper": "",
                    "code": "",
                    "text": "",
                },
                "unit": "mmol/L",
                "reference_range": "3.9-6.1",
                "flags": ["normal"],
                "instrument_flags": ["HEM"],
                "status": "final",
                "corrects": False,
                "measured_at": "2031-03-04T10:15:00+01:00",
                "verifier": "auto:identity+form@setup 1",
                "operator": "",
                "line": "chem-1",
                "analyzer": "Chemist 9",
                "module": "",
                "comments": ["checked"],
                "isolate": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            ResultValue(kind=ValueKind.NUMBER, raw="5.40", number=Decimal("5.40")),
            {"number": "5.40"},
        ),
        (
            ResultValue(kind=ValueKind.NUMBER, raw="<1", number=Decimal(1), comparator="<"),
            {"number": "1", "comparator": "<"},
        ),
        (
            ResultValue(kind=ValueKind.RANGE, raw="3-5", number=Decimal(3), upper=Decimal(5)),
            {"number": "3", "upper": "5"},
        ),
        (
            ResultValue(kind=ValueKind.CODED, raw="POS^Positive", text="Positive"),
            {"code": "POS", "text": "Positive"},
        ),
        (ResultValue(kind=ValueKind.TEXT, raw="turbid", text="turbid"), {"text": "turbid"}),
    ],
)
def test_values_keep_their_digits_and_words(value: ResultValue, told: dict[str, str]) -> None:
    (result,) = read(made_result(value=value))["results"]
    said = {key: text for key, text in result["value"].items() if text and key != "kind"}
    assert said == told


def test_a_result_names_the_order_that_it_answers() -> None:
    more = {"placer_number": "O1", "collected_at": RECEIVED_AT, "is_reflex": True}
    (result,) = read(made_result(), **more, parent_placer="O0")["results"]
    assert result["order"] == {
        "placer_number": "O1",
        "collected_at": "2031-03-04T10:30:00+01:00",
        "is_reflex": True,
        "parent_placer_number": "O0",
    }


def test_what_names_a_patient_is_never_a_tube() -> None:
    document = read(made_result(), identified_by="patient", journal_id=7)
    assert document["sample_id"] == ""
    assert document["filler_number"].startswith("core-lab-7-")


def test_what_was_withdrawn_has_no_value() -> None:
    (result,) = read(made_result(status=ResultStatus.WITHDRAWN))["results"]
    assert (result["status"], result["value"]) == ("withdrawn", None)


@given(st.text(max_size=60), st.text(max_size=60))
def test_every_text_comes_back_as_it_was(code: str, comment: str) -> None:
    (result,) = read(made_result(test=code, comments=(Comment(text=comment),)))["results"]
    assert result["test"]["code"] == code
    assert result["comments"] == ([comment] if comment.strip() else [])


def test_orders_are_read_in_order() -> None:
    document = {
        "message_id": "M1",
        "environment": "D",
        "orders": [
            {"sample_id": "S1", "test_code": "GLU"},
            {"action": "cancel", "sample_id": "S1", "test_code": "UREA"},
        ],
    }
    found = read_json_orders(json.dumps(document).encode(), "UTC")
    assert (found.message_id, found.environments) == ("M1", ("D",))
    told = [(one.action, one.test_code, one.source) for one in found.requests]
    assert told == [(OrderAction.NEW, "GLU", 1), (OrderAction.CANCEL, "UREA", 2)]
    outcomes = [OrderOutcome(answer=OrderAnswer.ACCEPTED)] * 2
    answer = json.loads(json_answer(found, outcomes, "A1", None))
    assert set(answer) == set(published("order_answers.schema.json")["required"])


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    with contextlib.suppress(UnreadableOrders):
        read_json_orders(body, "UTC")
