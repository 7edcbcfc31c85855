"""A value in another unit: exact, rounded once, its comparator untouched."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.model import ResultValue, ValueKind
from middleware.routing.code_row import Rounding
from middleware.routing.code_value import CannotConvert, Conversion, range_in, reported
from tests.kit.code_tables import row_of

MOLAR = Conversion(Fraction("0.0555"), 1, Rounding.HALF_EVEN)
TENFOLD = Conversion(Fraction(10))
numbers = st.decimals("-1e9", "1e9", allow_nan=False, allow_infinity=False, places=4)
factors = st.fractions(Fraction(1, 1000), 1000).filter(bool)
comparators = st.sampled_from(["", "<", ">", "<=", ">="])


def number(raw: str, comparator: str = "") -> ResultValue:
    return ResultValue(
        kind=ValueKind.NUMBER, raw=comparator + raw, number=Decimal(raw), comparator=comparator
    )


def test_a_value_is_multiplied_and_rounded_once() -> None:
    """100 mg/dL of glucose are 5.55 mmol/L: half to even, at one digit."""
    assert reported(row_of(value="100"), MOLAR)["reported_value"] == "5.6"
    assert reported(row_of(value="99"), MOLAR)["reported_value"] == "5.5"


@pytest.mark.parametrize(
    ("rounding", "value", "expected"),
    [
        (Rounding.HALF_EVEN, "2.5", "2"),
        (Rounding.HALF_UP, "2.5", "3"),
        (Rounding.HALF_EVEN, "-2.5", "-2"),
        (Rounding.HALF_UP, "-2.5", "-3"),
        (Rounding.HALF_UP, "2.49", "2"),
    ],
)
def test_half_way_goes_where_the_table_says(rounding: Rounding, value: str, expected: str) -> None:
    """Two laboratories may do it differently; each declares it."""
    assert str(Conversion(Fraction(1), 0, rounding).number(Decimal(value))) == expected


def test_moving_the_point_keeps_every_digit() -> None:
    """5.40 g/dL are 54.0 g/L; the zero was measured."""
    assert str(TENFOLD.number(Decimal("5.40"))) == "54.0"
    assert str(Conversion(Fraction(1000)).number(Decimal("5.4"))) == "5400"
    assert str(Conversion(Fraction(1, 100)).number(Decimal(5))) == "0.05"


def test_a_limit_is_rounded_outward() -> None:
    """Below 1.25 is not below 1.2."""
    whole = Conversion(Fraction(1), 1, Rounding.HALF_EVEN)
    assert reported(row_of(value=number("1.21", "<")), whole)["reported_value"] == "1.3"
    assert reported(row_of(value=number("1.29", ">")), whole)["reported_value"] == "1.2"


def test_a_range_and_its_limits_go_the_same_way() -> None:
    """A value in one unit beside limits in another is a wrong report."""
    assert range_in("3.9-6.1", TENFOLD) == "39-61"
    assert range_in("70 to 110", MOLAR) == "3.9 to 6.1"
    assert range_in("< 200", TENFOLD) == "< 2000"


@pytest.mark.parametrize("text", ["see table", "3,9-6,1", "1-2-3", "^^", "9" * 70, "-"])
def test_a_range_that_cannot_be_read_is_left_out(text: str) -> None:
    """None is better than a wrong one."""
    assert range_in(text, TENFOLD) == ""


def test_rounding_alone_leaves_the_range_as_it_is() -> None:
    """Its limits are the analyzer's."""
    assert range_in("3.95-6.15", Conversion(Fraction(1), 1, Rounding.HALF_UP)) == "3.95-6.15"


@pytest.mark.parametrize("kind", [ValueKind.TEXT, ValueKind.CODED, ValueKind.TITER])
def test_what_is_no_number_is_not_converted(kind: ValueKind) -> None:
    """'5 to 6' in another unit would be another statement."""
    value = ResultValue(kind=kind, raw="5 to 6", text="5 to 6")
    with pytest.raises(CannotConvert):
        reported(row_of(value=value), TENFOLD)


def test_a_result_without_value_needs_no_conversion() -> None:
    """It could not be measured: there is nothing to multiply, and its range follows the unit."""
    value = ResultValue(kind=ValueKind.ABSENT, raw="")
    assert reported(row_of(value=value, reference_range="1-2"), TENFOLD) == {
        "reported_range": "10-20"
    }


def test_a_number_beyond_all_measure_is_not_converted() -> None:
    """No work for a number of ten thousand digits."""
    with pytest.raises(CannotConvert):
        TENFOLD.number(Decimal("9" * 100))
    with pytest.raises(CannotConvert):
        TENFOLD.number(Decimal("1E+9999"))


@given(numbers, factors, st.integers(0, 6), st.sampled_from(Rounding))
def test_rounding_is_that_of_the_decimal_standard(
    value: Decimal, factor: Fraction, decimals: int, rounding: Rounding
) -> None:
    """The standard library, with 200 digits, says the same."""
    exact = Fraction(value) * factor
    wide = Context(prec=200)
    divided = wide.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    how = ROUND_HALF_EVEN if rounding is Rounding.HALF_EVEN else ROUND_HALF_UP
    expected = divided.quantize(Decimal(1).scaleb(-decimals), how, context=wide)
    assert Conversion(factor, decimals, rounding).number(value) == expected


@given(numbers, factors, comparators)
def test_a_converted_limit_is_still_true(value: Decimal, factor: Fraction, comparator: str) -> None:
    """Whatever is below the limit is below the converted one; the comparator itself never changes."""
    row = row_of(value=number(str(value), comparator))
    columns = reported(row, Conversion(factor, 1, Rounding.HALF_UP))
    assert set(columns) == {"reported_value"}
    exact, said = Fraction(value) * factor, Fraction(columns["reported_value"])
    if comparator.startswith("<"):
        assert exact <= said < exact + Fraction(1, 10)
    elif comparator:
        assert exact - Fraction(1, 10) < said <= exact
    else:
        assert abs(exact - said) <= Fraction(1, 20)


@given(numbers, st.integers(-9, 9))
def test_moving_the_point_there_and_back_is_no_change(value: Decimal, places: int) -> None:
    """No digit is lost on the way."""
    there = Conversion(Fraction(10) ** places).number(value)
    assert Conversion(Fraction(10) ** -places).number(there) == value
