"""What the LIS reads is exactly what was released, whatever characters it holds (DESIGN 8.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.model import (
    AbnormalFlag,
    Comment,
    Identifier,
    Patient,
    ResultStatus,
    ResultValue,
    Specimen,
    ValueKind,
)
from middleware.payload.hl7_header import Hl7Names
from middleware.payload.hl7_oru import OruRenderer, OulRenderer
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from middleware.wire.hl7.parse import Message, parse
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.stored_rows import stored_row

CONTEXT = RenderContext("TEST01-0000000042", RECEIVED_AT, "D", "Europe/Berlin", "core-lab")
ORU = OruRenderer(Hl7Names())
MSH = (
    "MSH|^~\\&|LABWIRE|core-lab|LIS||20310304103000+0100||ORU^R01^ORU_R01"
    "|TEST01-0000000042|D|2.5.1||||||UNICODE UTF-8"
)


def rendered(*rows: dict[str, Any], renderer: Any = ORU) -> bytes:
    return renderer.render(OutgoingSpecimen(rows[0]["sample_id"], rows), CONTEXT)


def read(*results: Any, **decision: Any) -> Message:
    return parse(rendered(*[stored_row(result, **decision) for result in results]))


def test_the_whole_message_of_an_ordinary_result() -> None:
    """Every byte that a LIS integrator will look at."""
    patient = Patient(
        identifiers=(Identifier(id="PT1001", authority="HOSP"),),
        name="TESTCASE^ADA",
        birth_date="19791105",
        sex="F",
    )
    specimen = Specimen(sample_id="26030401", specimen_type="SER", patient=patient)
    result = made_result(
        specimen=specimen,
        test_name="Glucose",
        reference_range="3.9-6.1",
        abnormal_flags=(AbnormalFlag.NORMAL,),
        comments=(Comment(text="checked"),),
        module="2",
    )
    auto = "auto:identity+form@setup 1"
    assert rendered(stored_row(result)).decode() == "\r".join(
        [
            MSH,
            "PID|1||PT1001^^^HOSP||TESTCASE^ADA||19791105|F",
            "OBR|1||26030401|GLU^Glucose^99LAB||||||||||||||||||20310304103000+0100|||F",
            "OBX|1|NM|GLU^Glucose^99LAB||5.4|mmol/L|3.9-6.1|N|||F|||20310304101500+0100||"
            + auto
            + "||Chemist 9~2|20310304101500+0100",
            "NTE|1|L|checked|RE",
            "SPM|1|26030401||SER|||||||P^Patient^HL70369",
            "",
        ]
    )


def test_the_same_rows_give_the_same_bytes() -> None:
    """A resend is byte-identical, and so is what a re-run of the transaction makes."""
    rows = [stored_row(made_result(test=f"T{number}")) for number in range(12)]
    assert rendered(*rows) == rendered(*[dict(row) for row in rows])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ResultValue(kind=ValueKind.NUMBER, raw=" 5.40 ", number=Decimal("5.40")), ("NM", "5.40")),
        (ResultValue(kind=ValueKind.NUMBER, raw="-0.5", number=Decimal("-0.5")), ("NM", "-0.5")),
        (
            ResultValue(kind=ValueKind.NUMBER, raw="54", number=Decimal("5.4"), rule="one_decimal"),
            ("NM", "5.4"),
        ),
        (
            ResultValue(kind=ValueKind.NUMBER, raw="1.2E3", number=Decimal("1.2E3")),
            ("NM", "1200"),
        ),
        (
            ResultValue(
                kind=ValueKind.NUMBER, raw="< 0.01", number=Decimal("0.01"), comparator="<"
            ),
            ("SN", "<^0.01"),
        ),
        (ResultValue(kind=ValueKind.TITER, raw="1:128", number=Decimal(128)), ("SN", "^1^:^128")),
        (
            ResultValue(kind=ValueKind.RANGE, raw="10-20", number=Decimal(10), upper=Decimal(20)),
            ("SN", "^10^-^20"),
        ),
        (
            ResultValue(kind=ValueKind.CODED, raw="POS", text="Positive"),
            ("CE", "POS^Positive^99LAB"),
        ),
        (ResultValue(kind=ValueKind.TEXT, raw=" Neg ", text="Neg"), ("ST", "Neg")),
        (
            ResultValue(kind=ValueKind.TEXT, raw="x", text="a|b^c&d~e\\"),
            ("ST", "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\"),
        ),
        (ResultValue(kind=ValueKind.TEXT, raw="x", text="one\ntwo"), ("TX", r"one\.br\two")),
        (ResultValue(kind=ValueKind.UNEXPLAINED, raw="*54*", reason="masked"), ("ST", "*54*")),
    ],
    ids=str,
)
def test_each_kind_of_value_has_its_type(value: ResultValue, expected: tuple[str, str]) -> None:
    """The digits as released; a value that a named rule read goes as read."""
    line = rendered(stored_row(made_result(value=value))).decode().split("\r")[2]
    fields = line.split("|")
    assert (fields[2], fields[5]) == expected


def test_what_could_not_be_obtained_goes_without_a_value() -> None:
    """X says that there is nothing; a stray number beside it must not be read."""
    message = read(made_result(status=ResultStatus.CANNOT_OBTAIN))
    assert message.get("OBX-11") == "X"
    assert (message.get("OBX-2"), message.get("OBX-5")) == ("", "")
    assert message.get("OBR-25") == "X"


@pytest.mark.parametrize(
    ("status", "decision", "expected"),
    [
        (ResultStatus.FINAL, {}, "F"),
        (ResultStatus.FINAL, {"verifier": None}, "P"),
        (ResultStatus.PRELIMINARY, {}, "P"),
        (ResultStatus.CORRECTED, {"verifier": "ada"}, "C"),
        (ResultStatus.QUESTIONABLE, {"verifier": "ada"}, "F"),
        (ResultStatus.FINAL, {"verifier": "ada", "supersedes": 7}, "C"),
        (ResultStatus.WITHDRAWN, {"verifier": "ada"}, "W"),
    ],
)
def test_the_status_says_who_verified(
    status: ResultStatus, decision: dict[str, Any], expected: str
) -> None:
    """Unverified is preliminary; a verified result after a released one is its correction."""
    message = read(made_result(status=status), **decision)
    assert message.get("OBX-11") == expected
    assert message.get("OBX-16") == (decision.get("verifier", "auto:identity+form@setup 1") or "")


def test_details_and_runs_keep_kinds_of_a_test_apart() -> None:
    """Two aspects of one test never become one result at the LIS."""
    message = read(made_result(test_detail="IgG"), made_result(test_detail="IgM", run=2))
    assert [segment.get("OBX-3.4") for segment in message.segments("OBX")] == ["IgG", "IgM"]
    assert [segment.get("OBX-4") for segment in message.segments("OBX")] == ["", "2"]


def test_instrument_flags_and_comments_are_told() -> None:
    """Nothing that the analyzer said beside the value is lost on the way."""
    result = made_result(
        instrument_flags=("HEMOLYSIS", "CLOT"),
        comments=(Comment(text="line one\nline two"), Comment(text=" ")),
        abnormal_flags=(AbnormalFlag.CRITICAL_HIGH, AbnormalFlag.ABOVE_SCALE),
    )
    message = read(result)
    notes = [segment.get("NTE-3") for segment in message.segments("NTE")]
    assert notes == ["line one\nline two", "Instrument flags: HEMOLYSIS, CLOT"]
    assert message.segments("OBX")[0].get("OBX-8[2]") == ">"


def test_a_time_is_no_more_precise_than_what_was_sent() -> None:
    """A date does not become midnight."""
    result = made_result()
    measured = result.measured.model_copy(update={"text": "20310304"})
    message = read(result.model_copy(update={"measured": measured}))
    assert message.get("OBX-14") == "20310304+0100"


def test_a_result_without_time_has_none() -> None:
    """The time of sending is not the time of measuring."""
    row = stored_row(made_result()) | {"measured_at": None, "measured_offset": None}
    message = parse(rendered(row))
    assert (message.get("OBX-14"), message.get("OBX-19")) == ("", "")


def test_oul_carries_the_same_results_specimen_first() -> None:
    """The other message structure, the same content."""
    renderer = OulRenderer(Hl7Names(is_enhanced=True, sending_facility="LAB1"))
    text = rendered(stored_row(made_result()), renderer=renderer).decode()
    assert [line[:3] for line in text.split("\r")] == ["MSH", "SPM", "OBR", "OBX", ""]
    message = parse(text.encode())
    assert message.get("MSH-9.1") == "OUL"
    assert (message.get("MSH-4"), message.get("MSH-15"), message.get("MSH-16")) == (
        "LAB1",
        "AL",
        "AL",
    )


@given(
    sample_id=st.text(min_size=1, max_size=20),
    name=st.text(max_size=20),
    comment=st.text(max_size=30).filter(lambda text: text.strip()),
    unit=st.text(max_size=8),
    flag=st.text(max_size=8),
)
def test_no_text_can_begin_a_segment_or_a_field(
    sample_id: str, name: str, comment: str, unit: str, flag: str
) -> None:
    """A name or a comment is data, whatever it holds: the message keeps its shape and its values."""
    specimen = Specimen(sample_id=sample_id, patient=Patient(name="X" + name))
    result = made_result(
        specimen=specimen, unit=unit, comments=(Comment(text=comment),), instrument_flags=(flag,)
    )
    data = rendered(stored_row(result))
    lines = data.split(b"\r")
    assert [line[:3] for line in lines] == [
        b"MSH",
        b"PID",
        b"OBR",
        b"OBX",
        b"NTE",
        b"NTE",
        b"SPM",
        b"",
    ]
    assert not set(data) & {0x0B, 0x1C}
    obx = lines[3].split(b"|")
    assert len(obx) == 20
    if all(0x20 <= ord(letter) < 0xD800 for letter in sample_id + unit):
        message = parse(data)
        assert message.get("OBX-6.1") == unit
        assert message.get("SPM-2.1") == sample_id
