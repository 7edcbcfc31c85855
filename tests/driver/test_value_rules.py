"""Each rule explains what it names, two never explain one text in two ways, and none changes a plain number."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.driver.beside import BesideRules
from middleware.driver.notation import read_number
from middleware.driver.policy import policy_of
from middleware.driver.scales import Scale
from middleware.driver.units import UCUM
from middleware.driver.value_rules import VALUE_RULES, ValueRule, two_meanings
from middleware.driver.values import (
    REASON_NUMBER_LIKE,
    REASON_TWO_UNITS,
    REASON_UNIT,
    SentValue,
    ValuePolicy,
)
from middleware.model import ResultStatus, ResultValue, ValueKind
from tests.kit.made_profiles import made_profile

MARKS = ("H", "HH", "L", "*", "!", "+", "-")
BESIDE = BesideRules(MARKS, frozenset(UCUM))
NOTATIONS = [
    ValueRule.EXPONENT_EXPANDED,
    ValueRule.DECIMAL_COMMA,
    ValueRule.THOUSANDS_COMMA,
    ValueRule.THOUSANDS_POINT,
    ValueRule.BARE_POINT,
    ValueRule.RANGE,
]
TEXTS = st.text(alphabet="0123456789.,+-<>=eE :*HLs%/", max_size=14)


def _policy(*rules: ValueRule, **more: object) -> ValuePolicy:
    return ValuePolicy(frozenset(rules), beside=BESIDE, **more)  # type: ignore[arg-type]


def _explain(text: str, policy: ValuePolicy, unit: str = "") -> ResultValue:
    return policy.explain(SentValue(text, text, unit))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.094,5", "1094.5"),
        ("1.094.012", "1094012"),
        ("1.094.012,25", "1094012.25"),
        ("-12.345,0", "-12345.0"),
        ("<1.000,0", "1000.0"),
        ("1094", "1094"),
    ],
)
def test_points_may_divide_thousands_before_a_decimal_comma(text: str, number: str) -> None:
    """What a German printout writes."""
    value = _explain(text, _policy(ValueRule.THOUSANDS_POINT))
    assert (value.kind, str(value.number)) == (ValueKind.NUMBER, number)


@pytest.mark.parametrize("text", ["1.094", "5.4", "12.34", "<1.094", "1.0945,1", "1.094,5.6"])
def test_one_point_that_could_be_either_is_held(text: str) -> None:
    """Between 1.094 and 1094 nobody guesses."""
    policy = _policy(ValueRule.THOUSANDS_POINT, ValueRule.DECIMAL_COMMA)
    assert _explain(text, policy, "g/L").reason == REASON_NUMBER_LIKE
    assert policy.plain_number(text, ResultStatus.FINAL, "g/L") is None


@pytest.mark.parametrize(
    ("text", "number", "beside"),
    [
        ("5.4 H", "5.4", "H"),
        ("5.4HH", "5.4", "HH"),
        ("*5.4", "5.4", "*"),
        ("! 5.4", "5.4", "!"),
        ("5.4+", "5.4", "+"),
        ("<0.1 L", "0.1", "L"),
        ("-2.5 L", "-2.5", "L"),
    ],
)
def test_a_mark_of_the_profile_is_taken_off_the_number(text: str, number: str, beside: str) -> None:
    """The number without its mark; the mark is kept for the flags."""
    value = _explain(text, _policy(ValueRule.FLAG_IN_VALUE), "g/L")
    assert (value.kind, str(value.number), value.text) == (ValueKind.NUMBER, number, beside)
    assert value.rule == "flag_in_value"


@pytest.mark.parametrize("text", ["5.4 X", "H5.4L", "5.4 H H", "- 5.4", "H", "5,4H", "5.4.1H"])
def test_any_other_mark_is_held_or_a_word(text: str) -> None:
    """A sign before a number is the number's; two marks, or an unknown one, are for a person."""
    assert _explain(text, _policy(ValueRule.FLAG_IN_VALUE), "g/L").number is None


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("5.4 mmol/L", "5.4", "mmol/L"),
        ("12%", "12", "%"),
        ("5.4 10*9/L", "5.4", "10*9/L"),
        ("< 0.1 mg/dL", "0.1", "mg/dL"),
        ("7.4pH", "7.4", "pH"),
    ],
)
def test_a_known_unit_is_taken_off_the_number(text: str, number: str, unit: str) -> None:
    """Value and unit in one field."""
    for sent in ("", unit):
        value = _explain(text, _policy(ValueRule.UNIT_IN_VALUE), sent)
        assert (value.kind, str(value.number), value.text) == (ValueKind.NUMBER, number, unit)


def test_a_unit_in_the_value_never_contradicts_the_unit_beside_it() -> None:
    """5.4 mmol/L in mg/dL is one of two numbers."""
    policy = _policy(ValueRule.UNIT_IN_VALUE)
    assert _explain("5.4 mmol/L", policy, "mg/dL").reason == REASON_TWO_UNITS
    for text in ("5.4 G/L", "5.410*9/L", "5.4 mmol", "1:64 mmol/L"):
        assert _explain(text, policy).number is None


def test_a_power_of_ten_in_a_unit_of_the_value_counts() -> None:
    """Wherever the unit stands."""
    scales = {"10^(-1)%": Scale(Decimal("0.1"), "%"), "%": Scale(Decimal(1), "%")}
    policy = ValuePolicy(
        frozenset({ValueRule.UNIT_SCALE, ValueRule.UNIT_IN_VALUE}),
        scales=scales,
        beside=BesideRules((), frozenset(scales)),
    )
    for text, unit in (("806", "10^(-1)%"), ("806 10^(-1)%", "")):
        value = _explain(text, policy, unit)
        assert (str(value.number), value.rule.split(",")[-1]) == ("80.6", "unit_scale")
    assert policy.shown_unit("10^(-1)%", value) == "%"
    plain = policy.plain_number("80", ResultStatus.FINAL, "%")
    assert plain is not None
    assert (plain.number, plain.rule) == (Decimal(80), "")


@pytest.mark.parametrize("text", ["806", "1:8", "<806"])
def test_with_unit_scale_a_number_in_a_unit_of_no_table_is_held(text: str) -> None:
    """A new unit after an update of the analyzer is noticed."""
    policy = ValuePolicy(frozenset({ValueRule.UNIT_SCALE}), scales={"%": Scale(Decimal(1), "%")})
    assert _explain(text, policy, "10^(-1)%").reason == REASON_UNIT
    assert policy.plain_number(text, ResultStatus.FINAL, "10^(-1)%") is None
    word = _explain("NEG", policy)
    assert (word.kind, policy.shown_unit("x", word)) == (ValueKind.TEXT, "x")


@pytest.mark.slow
@given(TEXTS, st.sampled_from(list(combinations(NOTATIONS, 2))))
def test_two_rules_never_read_one_text_as_two_numbers(
    text: str, pair: tuple[ValueRule, ValueRule]
) -> None:
    """Otherwise the profile that names both is refused."""
    read = [number for rule in pair if (number := read_number(text, {rule})) is not None]
    if len(read) == 2 and read[0][:4] != read[1][:4]:
        assert two_meanings(pair)


@pytest.mark.slow
@given(TEXTS)
def test_a_mark_and_a_unit_never_explain_one_text_together(text: str) -> None:
    """Marks that are units too are refused with the profile."""
    both = BESIDE.read(text, frozenset())
    alone = [
        BesideRules(MARKS, ()).read(text, frozenset()),
        BesideRules((), frozenset(UCUM)).read(text, frozenset()),
    ]
    assert both == next((one for one in alone if one is not None), None)


@pytest.mark.slow
@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**7), max_value=10**7
    ),
    st.sets(st.sampled_from(sorted(VALUE_RULES))),
)
def test_no_rule_of_notation_changes_a_plain_number(number: Decimal, rules: set[ValueRule]) -> None:
    """It stays what it is, or is held; it never becomes another."""
    text = str(number)
    policy = ValuePolicy(frozenset(rules) - {ValueRule.UNIT_SCALE}, beside=BESIDE)
    value = _explain(text, policy, "mmol/L")
    assert value.kind in (ValueKind.NUMBER, ValueKind.UNEXPLAINED)
    assert value.number is None or str(value.number) == text
    assert policy.plain_number(text, ResultStatus.FINAL, "mmol/L") in (value, None)


def test_every_pair_that_gives_a_text_two_meanings_is_refused_with_the_profile() -> None:
    """At the bench, not with a patient's result."""
    assert two_meanings([ValueRule.DECIMAL_COMMA, ValueRule.THOUSANDS_COMMA])
    assert len(two_meanings(list(ValueRule))) == 10
    assert two_meanings([ValueRule.THOUSANDS_POINT, ValueRule.DECIMAL_COMMA]) == []
    assert two_meanings([]) == []


def test_a_policy_holds_what_the_profile_declares() -> None:
    """One way from the words to the rules, for every protocol."""
    policy = policy_of(
        made_profile(
            "[values]\nrules = ['unit_scale', 'flag_in_value', 'unit_in_value']\nmasked = ['OVER']\n"
            "marks = { '!' = '' }\n[units]\n'10%' = { unit = '%', factor = '10' }\n'wibble' = '{w}'\n"
        )
    )
    assert policy.masked == {"over"}
    assert policy.scales["10%"] == Scale(Decimal(10), "%")
    assert policy.scales["wibble"] == Scale(Decimal(1), "wibble")
    assert policy.beside.marks == ("!",)
    assert "wibble" in policy.beside.units
    assert policy_of(made_profile()) == ValuePolicy()
