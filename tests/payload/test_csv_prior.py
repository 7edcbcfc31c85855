"""Earlier results as CSV: each line exactly, or refused with its number and its reason; no patient is named."""

from __future__ import annotations

from decimal import Decimal

import pytest

from middleware.model import EarlierResult, ValueKind
from middleware.payload.csv_prior import BadLine, NoEarlierResults, read_csv

HEAD = "patient_id,lis_code,value,measured_at,unit\n"


def lines(text: str) -> list[EarlierResult | BadLine]:
    return list(read_csv(text, "Europe/Berlin"))


def one(line: str) -> EarlierResult | BadLine:
    (found,) = lines(HEAD + line + "\n")
    return found


def test_a_line_is_read_exactly() -> None:
    found = one("P1,GLU,5.40,2031-03-01T08:00:00+01:00,mmol/L")
    assert isinstance(found, EarlierResult)
    assert (found.value.number, found.value.raw) == (Decimal("5.40"), "5.40")
    assert found.measured_at.isoformat() == "2031-03-01T07:00:00+00:00"
    assert (found.lis_code, found.unit, found.source) == ("GLU", "mmol/L", 2)


@pytest.mark.parametrize(
    "at", ["2031-03-01 08:00", "20310301080000", "20310301080000+0100", "2031-03-01T07:00:00Z"]
)
def test_times_without_offset_are_of_the_node(at: str) -> None:
    found = one(f"P1,GLU,5.4,{at},")
    assert isinstance(found, EarlierResult)
    assert found.measured_at.isoformat() == "2031-03-01T07:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "kind"), [("<0.5", ValueKind.NUMBER), ("positive", ValueKind.TEXT)]
)
def test_values_are_numbers_or_words(value: str, kind: ValueKind) -> None:
    found = one(f"P1,GLU,{value},20310301080000,")
    assert isinstance(found, EarlierResult)
    assert found.value.kind is kind


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",GLU,5.4,20310301080000,", "patient_id is empty"),
        ("P1,,5.4,20310301080000,", "lis_code is empty"),
        ("P1,GLU,,20310301080000,", "value is empty"),
        ("P1,GLU,5.4,2031-03-01,", "no time"),
        ("P1,GLU,5.4,20310301,", "no time"),
        ("P1,GLU,5.4,yesterday,", "no time"),
        ("P1,GLU,5.4,2031-10-26T02:30:00,", "no time"),
        ("P1,GLU,5.4,20311026023000,", "no time"),
        ("P1,GLU,5.4,0001-01-01T00:00:00+23:00,", "no time"),
        ("P1,GLU,5.4", "fewer fields"),
        ("P1,GLU,5.4,20310301080000,mmol/L,more", "more or fewer fields"),
        ("P1,GLU\x07,5.4,20310301080000,", "lis_code is damaged"),
        (f"P1,GLU,{'9' * 201},20310301080000,", "value is damaged or too long"),
        ('P1,"GLU"x,5.4,20310301080000,', "no CSV"),
    ],
)
def test_a_bad_line_says_why(line: str, words: str) -> None:
    found = one(line)
    assert isinstance(found, BadLine)
    assert found.line == 2
    assert words in found.reason
    assert "P1" not in found.reason


def test_semicolons_do_as_well() -> None:
    (found,) = lines(HEAD.replace(",", ";") + "P1;GLU;5,4;20310301080000;mmol/L\n")
    assert isinstance(found, EarlierResult)
    assert found.value.kind is ValueKind.TEXT


@pytest.mark.parametrize(
    "head", ["", "patient_id,lis_code,value\n", HEAD.replace("unit", "colour"), "unit," + HEAD]
)
def test_another_table_is_refused_with_what_is_needed(head: str) -> None:
    with pytest.raises(NoEarlierResults) as raised:
        lines(head)
    assert "patient_id, lis_code, value, measured_at" in raised.value.what_to_do
