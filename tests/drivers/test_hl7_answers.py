"""What a profile may say of answers in HL7, and what of an order never becomes structure of a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.protocols.hl7.answer_section import AnswerSection
from drivers.protocols.hl7.driver import PROTOCOL
from middleware.driver.api import OrderingDriver
from middleware.driver.catalogue import load_catalogue
from middleware.driver.profile import read_profile
from middleware.errors import DriverError
from middleware.model import Patient, SpecimenWork, WorkOrderStep
from middleware.wire.hl7 import parse
from tests.kit.answer_table import CONTEXT

CATALOGUE = load_catalogue()
ANALYZERS = Path(__file__).parents[2] / "drivers" / "analyzers"
QRY = (
    b"MSH|^~\\&|BS-DEMO|Vendor|||20310304092959||QRY^Q02|7|P|2.3.1||||||%s|||\r"
    b"QRD|20310304092959|R|D|7|||RD|S1|OTH|||T|\rQRF|BS-DEMO|||||RCT|COR|ALL||\r"
)
BASE: dict[str, Any] = {
    "message": "RSP^Z02",
    "header": "MSH|^~\\&|{receiver}|||",
    "status": ["MSA|{code}|{asked}"],
    "specimen": ["SPM|1|{sample_id}"],
    "test": ["OBR|1|||{test_code}"],
}


def chemistry() -> OrderingDriver:
    driver = CATALOGUE.driver("mindray_bs")
    assert isinstance(driver, OrderingDriver)
    return driver


def work(code: str = "GLU", sample_id: str = "S1", **more: Any) -> SpecimenWork:
    step = WorkOrderStep(id=1, test_code=code, lis_code=code, dilution=more.pop("dilution", ""))
    return SpecimenWork(sample_id=sample_id, steps=(step,), **more)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"test": ["OBR|1|||{test_kode}"]}, "test_kode"),
        ({"test": ["OBR|1|||{test_code!r}"]}, "test_code"),
        ({"test": ["OBR|1|||{test_code:>9}"]}, "test_code"),
        ({"test": ["OBR|1\r|||{test_code}"]}, "printed"),
        ({"test": []}, "test_code"),
        ({"without_work": "acknowledgement"}, "acknowledgement"),
    ],
)
def test_a_line_that_means_nothing_is_refused(change: dict[str, Any], complaint: str) -> None:
    """A profile is data: no line can do more than name a value."""
    AnswerSection.model_validate(BASE)
    with pytest.raises(ValidationError, match=complaint):
        AnswerSection.model_validate(BASE | change)


def test_an_answer_without_the_section_of_queries_is_refused() -> None:
    text = (ANALYZERS / "mindray_bs" / "driver.toml").read_text(encoding="utf-8")
    text = text.replace('[query]\nsample_id = "QRD-8.1"\n', "").replace(', "host_query"', "")
    with pytest.raises(DriverError, match="query"):
        PROTOCOL.make_driver(read_profile(text, "mindray_bs"))


def test_no_text_of_an_order_becomes_a_field_or_a_segment() -> None:
    """Marks of HL7 in an id or a code arrive as they were ordered."""
    odd = "a|b^c&d~e\\f{now}"
    _, answer = chemistry().answers(QRY % b"ASCII", [work(odd, sample_id="S1")], CONTEXT)
    lines = [one for one in parse(answer.text).segments("DSP") if one.get("DSP-1") == "29"]
    assert [one.get("DSP-3.1") for one in lines] == [odd]
    assert len(parse(answer.text).segments("DSP")) == 29


def test_names_may_lose_letters_and_codes_may_not() -> None:
    """The declared character set is UTF-8 or the line's own; a `?` in a code would be another test."""
    driver = CATALOGUE.driver("mindray_bc")
    assert isinstance(driver, OrderingDriver)
    patient = Patient(name="Łuczak^Ewa", birth_date="19791105")
    assert chemistry().answers(QRY % b"", [work(patient=patient)], CONTEXT)
    with pytest.raises(DriverError, match="no letter"):
        chemistry().answers(QRY % b"", [work("Ł")], CONTEXT)
    _, answer = chemistry().answers(QRY % b"UNICODE", [work("Ł")], CONTEXT)
    assert "Ł".encode() in answer.text


def test_a_wish_for_a_dilution_is_not_given_where_it_cannot_be_written() -> None:
    (answer,) = chemistry().answers(QRY % b"ASCII", [work(dilution="10")], CONTEXT)
    assert parse(answer.text).get("QAK-2") == "NF"


def test_each_specimen_of_several_has_a_message_and_a_number_of_its_own() -> None:
    query = (QRY % b"ASCII").replace(b"|S1|", b"|S1~S2|")
    said = chemistry().answers(query, [work(sample_id="S2"), work(sample_id="S1")], CONTEXT)
    messages = [parse(one.text) for one in said]
    assert [one.get("MSH-9.1") for one in messages] == ["QCK", "DSR", "DSR"]
    assert [one.get("MSH-10") for one in messages[1:]] == ["TEST01Q7-2", "TEST01Q7-3"]


def test_a_query_that_cannot_be_read_says_so() -> None:
    with pytest.raises(DriverError):
        chemistry().answers(b"no message", [], CONTEXT)
