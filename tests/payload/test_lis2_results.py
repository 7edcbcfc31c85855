"""What a LIS that speaks ASTM reads is exactly what was released, whatever characters it holds."""

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
from middleware.payload.lis2_results import WITHDRAWN_WORDS, Lis2Names, Lis2Renderer
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext
from middleware.wire.lis2 import Message, parse_message
from tests.kit.made_setups import RECEIVED_AT, made_result
from tests.kit.stored_rows import stored_row

CONTEXT = RenderContext("TEST01-0000000042", RECEIVED_AT, "D", "Europe/Berlin", "core-lab")


def rendered(*rows: dict[str, Any], names: Lis2Names | None = None) -> bytes:
    renderer = Lis2Renderer(names or Lis2Names())
    return renderer.render(OutgoingSpecimen(rows[0]["sample_id"], rows), CONTEXT)


def read(*results: Any, **decision: Any) -> Message:
    return parse_message(rendered(*[stored_row(one, **decision) for one in results]), "utf-8")


def value(kind: ValueKind, raw: str, **more: Any) -> ResultValue:
    return ResultValue(kind=kind, raw=raw, **more)


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
        instrument_flags=("HEM",),
        operator="OP1",
        module="2",
    )
    assert rendered(stored_row(result)).decode().split("\r") == [
        "H|\\^&|TEST01-0000000042||LABWIRE|||||LIS||D|LIS2-A2|20310304103000",
        "P|1|PT1001|||TESTCASE^ADA||19791105|F",
        "O|1|26030401||^Glucose^^GLU|||||||||||SER|||||||20310304103000|||F",
        "R|1|^Glucose^^GLU|5.4|mmol/L|3.9-6.1|N||F||OP1^auto:identity+form@setup 1||20310304101500|Chemist 9^2",
        "C|1|I|checked|G",
        "C|2|I|HEM|I",
        "L|1|N",
        "",
    ]


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (value(ValueKind.NUMBER, " 5.40", number=Decimal("5.40")), "5.40"),
        (value(ValueKind.NUMBER, "<0.10", number=Decimal("0.10"), comparator="<"), "<0.10"),
        (value(ValueKind.NUMBER, "1,5", number=Decimal("1.5"), rule="comma"), "1.5"),
        (value(ValueKind.TITER, "1/128", number=Decimal(128)), "1:128"),
        (value(ValueKind.RANGE, "3 - 5", number=Decimal(3), upper=Decimal(5)), "3-5"),
        (value(ValueKind.CODED, "POS^Positive", text="Positive"), "POS^Positive"),
        (value(ValueKind.TEXT, "clumps & clots", text="clumps & clots"), "clumps & clots"),
        (value(ValueKind.NUMBER, "1E-7", number=Decimal("1E-7"), rule="x"), "0.0000001"),
    ],
)
def test_values_keep_their_digits(made: ResultValue, wanted: str) -> None:
    assert read(made_result(value=made)).get("R-4") == wanted


def test_the_table_of_codes_decides_what_the_lis_reads() -> None:
    message = read(
        made_result(test_detail="1"),
        code_source="codes.csv",
        lis_code="2345",
        lis_name="Glucose",
        lis_system="L",
        loinc="14749-6",
        loinc_name="Glucose S",
        reported_value="97.3",
        reported_unit="mg/dL",
        reported_range="",
    )
    (result,) = message.results
    assert result.components(3) == ["14749-6", "Glucose S", "LN", "2345"]
    assert [result.get(f"R-{at}") for at in (4, 5, 6)] == ["97.3", "mg/dL", ""]


def test_what_nobody_verified_is_preliminary() -> None:
    message = read(made_result(), verifier=None)
    assert (message.get("R-9"), message.get("O-26")) == ("P", "P")


def test_a_later_release_is_a_correction() -> None:
    message = read(made_result(), supersedes=7)
    assert (message.get("R-9"), message.get("O-26")) == ("C", "C")


def test_a_withdrawn_result_is_cancelled_and_says_so() -> None:
    """W would be read as `validity questionable`, with its value."""
    message = read(made_result(status=ResultStatus.WITHDRAWN))
    assert (message.get("R-4"), message.get("R-9"), message.get("C-4")) == (
        "",
        "X",
        WITHDRAWN_WORDS,
    )


def test_each_isolate_has_an_order_of_its_own() -> None:
    """No susceptibility may be read as another isolate's, whatever a LIS makes of comments."""
    first, second = '["1", "E. coli", "ID"]', '["2", "K. pneumoniae", "ID"]'
    rows = [
        stored_row(made_result(test=test), isolate=isolate)
        for test, isolate in (("ID", first), ("ID", second), ("AMP", first))
    ]
    message = parse_message(rendered(*rows), "utf-8")
    named = [(one.get("O-3.1"), one.get("O-3.2")) for one in message.all("O")]
    assert named == [("S1001", "1"), ("S1001", "2")]
    tests = [(one.get("O-3.2"), one.get("R-3.4")) for one in message.results]
    assert tests == [("1", "ID"), ("1", "AMP"), ("2", "ID")]
    assert "E. coli" in message.get("C-4")


def test_each_order_has_its_own_number_and_time_of_collection() -> None:
    rows = [
        stored_row(made_result(test=test), placer_number=placer, collected_at=RECEIVED_AT)
        for test, placer in (("GLU", "O1"), ("UREA", "O1"), ("TSH", "O2"))
    ]
    message = parse_message(rendered(*rows, names=Lis2Names(placer_field=19)), "utf-8")
    told = [(one.get("O-19"), one.get("O-8"), len(one.results)) for one in message.all("O")]
    assert told == [("O1", "20310304103000", 2), ("O2", "20310304103000", 1)]


def test_what_names_a_patient_is_never_a_tube() -> None:
    message = read(made_result(), identified_by="encounter", journal_id=7)
    assert message.get("O-3") == ""
    assert message.get("O-4").startswith("core-lab-7-")


def test_a_further_run_says_which() -> None:
    assert read(made_result(run=2)).get("C-4") == "Run 2"


@pytest.mark.parametrize(("field", "path"), [(3, "P-3"), (4, "P-4"), (5, "P-5")])
def test_the_patient_s_number_stands_where_the_lis_reads_it(field: int, path: str) -> None:
    patient = Patient(identifiers=(Identifier(id="PT1"),))
    row = stored_row(made_result(specimen=Specimen(sample_id="S1", patient=patient)))
    text = rendered(row, names=Lis2Names(patient_field=field))
    assert parse_message(text, "utf-8").get(path) == "PT1"


@given(st.text(min_size=1, max_size=60), st.text(max_size=60))
def test_no_text_can_begin_a_field_or_a_record(code: str, comment: str) -> None:
    """Whatever an analyzer wrote comes back as it was, in its place."""
    result = made_result(test=code, comments=(Comment(text=comment),))
    message = read(result)
    assert [one.letter for one in message.records].count("R") == 1
    is_plain = code.isascii() and code.isprintable()
    if is_plain:
        assert message.results[0].components(3)[3:4] == [code]
