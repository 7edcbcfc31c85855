"""From an analyzer's sample ids to those of the orders: each step, their order, and what is left alone."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from middleware.model.sample_id import CheckDigit, SampleIdSteps, check_digit_of


@pytest.mark.parametrize(
    ("steps", "sent", "ordered"),
    [
        ({}, "0012a", "0012a"),
        ({"upper": True}, "s10a", "S10A"),
        ({"strip_prefix": "A-"}, "A-4711", "4711"),
        ({"strip_prefix": "A-"}, "4711", "4711"),
        ({"strip_suffix": "-1"}, "4711-1", "4711"),
        ({"pad_zeros_to": 8}, "4711", "00004711"),
        ({"pad_zeros_to": 8}, "A4711", "A4711"),
        ({"pad_zeros_to": 3}, "4711", "4711"),
        ({"check_digit": "luhn"}, "79927398713", "79927398713"),
        ({"check_digit": "luhn", "strip_check_digit": True}, "79927398713", "7992739871"),
        (
            {"check_digit": "luhn", "strip_check_digit": True, "pad_zeros_to": 12},
            "79927398713",
            "007992739871",
        ),
        ({"strip_prefix": "LAB"}, "LAB", "LAB"),
        ({"upper": True, "strip_prefix": "X", "strip_suffix": "Y"}, "x12y", "12"),
    ],
)
def test_an_id_becomes_that_of_the_order(steps: dict, sent: str, ordered: str) -> None:
    found = SampleIdSteps.model_validate(steps).as_ordered(sent)
    assert found == (ordered, False)


@pytest.mark.parametrize(
    ("kind", "text", "digit"),
    [
        (CheckDigit.MOD10, "1234567", "0"),
        (CheckDigit.LUHN, "7992739871", "3"),
        (CheckDigit.MOD11, "030640615", "2"),
        (CheckDigit.MOD11, "080442957", "X"),
        (CheckDigit.MOD43, "12345ABCDE/", "T"),
        (CheckDigit.MOD10, "12A4", None),
        (CheckDigit.MOD43, "a", None),
    ],
)
def test_a_check_digit_is_worked_out(kind: CheckDigit, text: str, digit: str | None) -> None:
    """Published examples: ISBN 0-306-40615-2 and 0-8044-2957-X, and Luhn's own number."""
    assert check_digit_of(text, kind) == digit


@pytest.mark.parametrize("sent", ["79927398710", "1", "", "7992739871A", "٣٣"])
def test_an_id_with_a_wrong_check_digit_stays_as_sent(sent: str) -> None:
    steps = SampleIdSteps(check_digit=CheckDigit.LUHN, strip_check_digit=True, pad_zeros_to=20)
    assert steps.as_ordered(sent) == (sent, True)


def test_a_label_is_made_from_an_ordered_id() -> None:
    """What a download writes is what the analyzer will read from the tube."""
    steps = SampleIdSteps(
        strip_prefix="L", strip_suffix="-1", check_digit=CheckDigit.LUHN, strip_check_digit=True
    )
    label = steps.as_labelled("7992739871")
    assert label == "L79927398713-1"
    assert steps.as_ordered(label).id == "7992739871"


def test_a_check_digit_of_no_kind_cannot_be_taken_off() -> None:
    with pytest.raises(ValidationError, match="needs check_digit"):
        SampleIdSteps(strip_check_digit=True)
