"""A result that is identified by patient: no format writes the patient's number where a tube's stands."""

from __future__ import annotations

import json

import pytest

from middleware.model import Identifier, Patient, Specimen
from middleware.payload.hl7_header import Hl7Names
from middleware.payload.hl7_oru import OruRenderer, OulRenderer
from middleware.payload.json_results import JsonRenderer
from middleware.payload.lis2_results import Lis2Names, Lis2Renderer
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from middleware.wire.hl7 import parse
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.stored_rows import stored_row

CONTEXT = RenderContext("TEST0142", RECEIVED_AT, "D", "Europe/Berlin", "test-lab")


def specimen(sample_id: str = "P1") -> OutgoingSpecimen:
    patient = Patient(identifiers=(Identifier(id="P1", authority="HOSP"),))
    result = made_result(specimen=Specimen(sample_id=sample_id, patient=patient))
    row = stored_row(result, identified_by="patient", journal_id=7)
    return OutgoingSpecimen(sample_id, [row])


@pytest.mark.parametrize("renderer", [OruRenderer, OulRenderer])
def test_hl7_has_a_number_of_ours_and_no_tube(renderer) -> None:
    message = parse(renderer(Hl7Names()).render(specimen(), CONTEXT))
    assert message.get("PID-3") == "P1^^^HOSP"
    assert (message.get("OBR-2"), message.get("SPM-2")) == ("", "")
    assert message.get("OBR-3").startswith("test-lab-7-")


def test_two_patients_of_one_message_have_two_numbers() -> None:
    numbers = {
        parse(OruRenderer(Hl7Names()).render(specimen(one), CONTEXT)).get("OBR-3")
        for one in ("P1", "P2")
    }
    assert len(numbers) == 2


def test_lis2_and_json_name_no_tube() -> None:
    text = Lis2Renderer(Lis2Names()).render(specimen(), CONTEXT).decode()
    (order,) = [line for line in text.split("\r") if line.startswith("O|")]
    assert order.split("|")[2] == ""
    document = json.loads(JsonRenderer().render(specimen(), CONTEXT))
    assert document["sample_id"] == ""
    assert document["patient"]["id"] == "P1"
