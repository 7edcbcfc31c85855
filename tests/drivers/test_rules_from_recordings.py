"""Rules of values that recordings asked for: a number behind an empty component, and a logarithm beside a number."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.driver.api import DecodeContext
from middleware.driver.catalogue import load_catalogue
from middleware.driver.values import SentValue, ValuePolicy, ValueRule
from middleware.model import ResultValue, ValueKind

GENEXPERT = load_catalogue().driver("cepheid_genexpert")
LOGARITHM = ValuePolicy(frozenset({ValueRule.LOGARITHM_BESIDE, ValueRule.EXPONENT_EXPANDED}))


def component_value(field: str) -> ResultValue:
    text = (
        "H|@^\\|1||X^GeneXpert^6.4|||||L||P|1394-97|20310304\rP|1\rO|1|S1||^^^HIV|R\r"
        f"R|1|^^^HIV^Name^1^^|{field}|||||F\rL|1|N\r"
    )
    (result,) = GENEXPERT.decode(text.encode(), DecodeContext()).results
    return result.value


@pytest.mark.parametrize(
    ("field", "number", "reason"),
    [
        ("^1234.56", "1234.56", ""),
        ("^1234.56^", "1234.56", ""),
        ("DETECTED^1234.56", "None", "value split over components"),
        ("^1^2", "None", "value split over components"),
        ("^", "None", "no value"),
        ("^12@^13", "None", "value repeated"),
    ],
)
def test_a_number_behind_an_empty_component_is_read_and_two_texts_are_held(
    field: str, number: str, reason: str
) -> None:
    """The analyzer keeps the first component for words."""
    value = component_value(field)
    assert (str(value.number), value.reason) == (number, reason)


@pytest.mark.parametrize(
    ("text", "number"),
    [("2.52E+3 (3.40)", "2520"), ("2520 (3.40)", "2520"), ("< 20 (1.30)", "20"), ("1(0.00)", "1")],
)
def test_a_number_with_its_logarithm_is_that_number(text: str, number: str) -> None:
    """What is written twice, and fits, is read once."""
    value = LOGARITHM.explain(SentValue(text, text))
    assert (value.kind, str(value.number)) == (ValueKind.NUMBER, number)
    assert "logarithm_beside" in value.rule


@pytest.mark.parametrize("text", ["2520 (3.42)", "2520 (34)", "0 (0.00)", "1:64 (1.81)", "5 (H)"])
def test_a_second_number_that_does_not_fit_is_held(text: str) -> None:
    """Then it is not the logarithm, and nobody knows which of the two is meant."""
    assert LOGARITHM.explain(SentValue(text, text)).kind is ValueKind.UNEXPLAINED


@given(st.integers(1, 10**9), st.integers(1, 4), st.integers(-3, 3))
def test_only_the_right_logarithm_is_accepted(number: int, places: int, off: int) -> None:
    """One unit in the last digit away is already another number, unless rounding explains it."""
    step = Decimal(1).scaleb(-places)
    written = (Decimal(number).log10() + off * step).quantize(step)
    text = f"{number} ({written})"
    kind = LOGARITHM.explain(SentValue(text, text)).kind
    is_near = abs(Decimal(number).log10() - written) < step
    assert (kind is ValueKind.NUMBER) == (is_near and written >= 0)
