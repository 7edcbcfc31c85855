"""Factors between units are exact, and what is not the same quantity is never converted."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.driver.units import UCUM
from middleware.routing.ucum import UnknownUnit, factor, unit

FACTORS = [
    ("mg/L", "ug/dL", Fraction(100)),
    ("g/dL", "g/L", Fraction(10)),
    ("10*3/uL", "10*9/L", Fraction(1)),
    ("10*6/uL", "10*12/L", Fraction(1)),
    ("m[IU]/L", "u[IU]/mL", Fraction(1)),
    ("U/L", "ukat/L", Fraction(1, 60)),
    ("10*-1.{copies}/mL", "{copies}/mL", Fraction(1, 10)),
    ("mm[Hg]", "kPa", Fraction(133322, 1_000_000)),
    ("fL", "um3", Fraction(1)),
    ("mg/(24.h)", "mg/d", Fraction(1)),
    ("/uL", "10*6/L", Fraction(1)),
    ("%", "10*-2", Fraction(1)),
]


@pytest.mark.parametrize(("sent", "wanted", "expected"), FACTORS)
def test_a_factor_is_exact(sent: str, wanted: str, expected: Fraction) -> None:
    """A laboratory would work it out the same way on paper."""
    assert factor(sent, wanted) == expected


APART = [
    ("mg/dL", "mmol/L", "same kind"),  # mass and amount need the molar mass
    ("mg/L{FEU}", "mg/L{DDU}", "annotations"),  # one is twice the other
    ("meq/L", "mmol/L", "same kind"),  # depends on the ion's charge
    ("U/L", "[IU]/L", "same kind"),
    ("G/L", "g/L", "not a UCUM unit"),  # giga and gram
    ("Cel", "K", "not a UCUM unit"),
]


@pytest.mark.parametrize(("sent", "wanted", "reason"), APART)
def test_what_is_not_the_same_quantity_has_no_factor(sent: str, wanted: str, reason: str) -> None:
    """The reason is told, for somebody must decide."""
    with pytest.raises(UnknownUnit, match=reason):
        factor(sent, wanted)


@pytest.mark.parametrize(
    "text", ["", "g/", "/", "g//L", "(g", "g)", "g L", "10*99", "0", "()", "g.", "x" * 99]
)
def test_what_is_no_unit_is_told(text: str) -> None:
    """A typing mistake in a table must not become a factor."""
    with pytest.raises(UnknownUnit):
        unit(text)


@given(st.sampled_from([one for pair in FACTORS for one in pair[:2]]), st.sampled_from(FACTORS))
def test_there_and_back_is_no_change(text: str, pair: tuple[str, str, Fraction]) -> None:
    """A factor and the one of the way back cancel out."""
    assert factor(text, text) == 1
    assert factor(pair[0], pair[1]) * factor(pair[1], pair[0]) == 1


@given(st.text(max_size=70))
def test_any_text_is_a_unit_or_a_reason(text: str) -> None:
    """Units come from analyzers too."""
    try:
        found = unit(text)
    except UnknownUnit as error:
        assert str(error)
    else:
        assert found.size > 0


def test_two_spellings_of_one_unit_are_equal() -> None:
    """The spellings that drivers know lead to units that can be read, but for the few that measure by eye."""
    unread = set()
    for code in set(UCUM.values()):
        try:
            unit(code)
        except UnknownUnit:
            unread.add(code)
    assert unread <= {"Cel"}
