"""What counts as a number, what as a word, and what is held for a person."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.driver.values import (
    LONGEST_NUMBER,
    VALUE_RULES,
    SentValue,
    ValuePolicy,
    ValueRule,
)
from middleware.model import ResultStatus, ResultValue, ValueKind

STRICT = ValuePolicy()
USUAL = ValuePolicy(
    frozenset({ValueRule.BLANK_PADDING, ValueRule.TRAILING_DELIMITERS, ValueRule.EXPONENT_EXPANDED})
)


def _explain(
    text: str,
    policy: ValuePolicy = USUAL,
    *,
    unit: str = "",
    status: ResultStatus = ResultStatus.FINAL,
    flag: str = "",
) -> ResultValue:
    return policy.explain(SentValue(text, text, unit, status, flag))


@pytest.mark.parametrize(
    "text", ["0", "5.4", "-1.25", "+2.3", "007", "0.00", "2329285", "98.189848"]
)
def test_a_plain_decimal_is_a_number_with_its_raw_text(text: str) -> None:
    """The number that the analyzer measured reaches the LIS to the last digit."""
    value = _explain(text, STRICT, unit="mmol/L")
    assert (value.kind, value.number, value.raw) == (ValueKind.NUMBER, Decimal(text), text)
    assert str(value.number) == str(Decimal(text))


@pytest.mark.parametrize(
    ("text", "comparator", "number"),
    [("<0.1", "<", "0.1"), (">100.00", ">", "100.00"), ("<= 5", "<=", "5"), (">=7", ">=", "7")],
)
def test_a_comparator_is_kept_beside_the_number(text: str, comparator: str, number: str) -> None:
    """Below the measuring range is not the same as the limit of the range."""
    value = _explain(text, STRICT, unit="mmol/L")
    assert (value.kind, value.comparator, str(value.number)) == (
        ValueKind.NUMBER,
        comparator,
        number,
    )


@pytest.mark.parametrize(("text", "number", "comparator"), [("1:64", "64", ""), ("<1:8", "8", "<")])
def test_a_titer_is_no_number_but_a_titer(text: str, number: str, comparator: str) -> None:
    """1:64 is neither 1.64 nor 64."""
    value = _explain(text)
    assert (value.kind, str(value.number), value.comparator) == (
        ValueKind.TITER,
        number,
        comparator,
    )


@pytest.mark.parametrize(
    ("rule", "text", "number"),
    [
        (ValueRule.BLANK_PADDING, "  5.5", "5.5"),
        (ValueRule.EXPONENT_EXPANDED, "2.52E+3", "2520"),
        (ValueRule.EXPONENT_EXPANDED, "1.5e-2", "0.015"),
        (ValueRule.DECIMAL_COMMA, "7,41", "7.41"),
        (ValueRule.THOUSANDS_COMMA, "1,094,012", "1094012"),
        (ValueRule.BARE_POINT, "173.", "173"),
        (ValueRule.BARE_POINT, ".5", "0.5"),
    ],
)
def test_a_rule_explains_only_where_the_profile_names_it(
    rule: ValueRule, text: str, number: str
) -> None:
    """A notation of one maker is never guessed for another."""
    named = _explain(text, ValuePolicy(frozenset({rule})), unit="g/L")
    assert (named.kind, named.rule, named.raw) == (ValueKind.NUMBER, rule, text)
    assert named.number == Decimal(number)
    assert "E" not in str(named.number)
    assert _explain(text, STRICT, unit="g/L").kind is ValueKind.UNEXPLAINED


def test_a_range_is_read_only_by_its_rule_and_only_upwards() -> None:
    """3-5 may be a range of cells in a field of view, or a date gone wrong."""
    policy = ValuePolicy(frozenset({ValueRule.RANGE}))
    value = _explain("3-5", policy)
    assert (value.kind, value.number, value.upper) == (ValueKind.RANGE, Decimal(3), Decimal(5))
    assert _explain("5-3", policy).kind is ValueKind.UNEXPLAINED
    assert _explain("3-5", USUAL).kind is ValueKind.UNEXPLAINED


@pytest.mark.parametrize(
    "text",
    [
        "---",
        "---.-",
        "***",
        "----",
        ".....",
        "-",
        "NA",
        "n/a",
        "NaN",
        "Infinity",
        '""',
        "No Result",
        "Invalid",
        "FAILED",
        "Not tested",
        "Error 12",
        "ERR-7",
    ],
)
def test_a_masked_value_is_held(text: str) -> None:
    """Dashes in place of a value are no value, whatever the unit."""
    for unit in ("", "g/L"):
        value = _explain(text, unit=unit)
        assert (value.kind, value.reason) == (ValueKind.UNEXPLAINED, "masked value")
        assert value.number is None


@pytest.mark.parametrize(
    "text",
    [
        "1_000", "٣", "５.4", "1e5x", "0x1F", "5.4.1", "1 000", "7,41", "5 g", "2.52E+3 (3.40)", "1E999999",
        "--5", "<", "<<5", "< NaN", "~5", "5 - 3", "20310304", "1" * (LONGEST_NUMBER + 1),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_number_never_becomes_another_number(text: str) -> None:
    """Python would read several of these as numbers; a laboratory must not."""
    value = _explain(text, unit="g/L")
    if value.kind is ValueKind.NUMBER:
        assert text == "20310304"
    else:
        assert (value.kind, value.number) == (ValueKind.UNEXPLAINED, None)


@pytest.mark.parametrize("text", ["*5.4", "!5.4", "(5.4)", "# 12", "5.4H"])
def test_a_number_with_a_mark_is_held_with_or_without_a_unit(text: str) -> None:
    """The mark says something of the number that nobody would see."""
    for unit in ("", "g/L"):
        value = _explain(text, unit=unit)
        assert (value.kind, value.number) == (ValueKind.UNEXPLAINED, None)


def test_a_word_of_failure_is_a_value_where_the_profile_says_so() -> None:
    """An analyzer may report Invalid as its outcome."""
    policy = ValuePolicy(qualitative=frozenset({"invalid"}))
    assert _explain("INVALID", policy).kind is ValueKind.TEXT


@pytest.mark.parametrize("text", ["POS", "NEG", "DARK YELLOW", "+", "++", "2+", "+-", "PNG\\1.PNG"])
def test_a_word_without_a_unit_is_text(text: str) -> None:
    """A qualitative result is delivered as the analyzer words it."""
    value = _explain(text, STRICT)
    assert (value.kind, value.text) == (ValueKind.TEXT, text)


def test_a_word_beside_a_unit_is_held_unless_the_profile_knows_it() -> None:
    """`Not detected` in copies/mL is a result of one test and a fault of another."""
    policy = ValuePolicy(qualitative=frozenset({"not detected"}))
    assert _explain("Not detected", policy, unit="copies/mL").kind is ValueKind.TEXT
    assert _explain("Not detected", STRICT, unit="copies/mL").kind is ValueKind.UNEXPLAINED
    assert _explain("2+", STRICT, unit="Leu/uL").kind is ValueKind.UNEXPLAINED


def test_an_empty_value_is_absent_only_when_the_status_says_so() -> None:
    """Nothing measured is a statement; nothing sent is a fault."""
    for status in (ResultStatus.CANNOT_OBTAIN, ResultStatus.PENDING):
        assert _explain("", status=status).kind is ValueKind.ABSENT
        assert _explain("NO COAG", status=status, unit="s").kind is ValueKind.ABSENT
        assert _explain("----", status=status, unit="s").kind is ValueKind.ABSENT
    assert _explain("").reason == "no value"


def test_a_number_with_a_status_that_denies_it_is_held() -> None:
    """Two statements that contradict each other are for a person."""
    assert _explain("5.4", status=ResultStatus.CANNOT_OBTAIN).kind is ValueKind.UNEXPLAINED


def test_a_flag_stands_for_a_missing_value_only_by_its_rule() -> None:
    """Interpretive messages of some analyzers are a flag and nothing else."""
    named = _explain("", ValuePolicy(frozenset({ValueRule.FLAG_AS_VALUE})), flag="A")
    assert (named.kind, named.text, named.rule) == (ValueKind.TEXT, "A", "flag_as_value")
    assert _explain("", USUAL, flag="A").kind is ValueKind.UNEXPLAINED


def test_a_profile_may_mask_a_number() -> None:
    """-1.00 cycles means that there was no cycle."""
    policy = ValuePolicy(masked=frozenset({"-1.00"}))
    assert _explain("-1.00", policy, unit="cycle number").reason == "masked value"
    assert _explain("-1.01", policy, unit="cycle number").kind is ValueKind.NUMBER


@pytest.mark.slow
@given(st.text(max_size=60), st.booleans())
def test_any_text_is_explained_or_held_and_never_raises(text: str, has_unit: bool) -> None:
    """No text can stop a message; a number is always made of exactly the digits that were sent."""
    every = ValuePolicy(frozenset(VALUE_RULES) - {ValueRule.DECIMAL_COMMA})
    value = _explain(text, every, unit="g/L" if has_unit else "")
    assert value.raw == text
    if value.kind is ValueKind.NUMBER:
        assert value.number is not None
        assert value.number.is_finite()
        assert text.strip().isascii()
    if value.kind is ValueKind.UNEXPLAINED:
        assert value.reason


@pytest.mark.slow
@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9
    )
)
def test_every_decimal_that_is_sent_comes_back_unchanged(number: Decimal) -> None:
    """Not one digit more or less."""
    assert str(_explain(str(number), unit="g/L").number) == str(number)
