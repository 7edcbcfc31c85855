"""Formulas as data: what is refused, what has no value and why, and what follows from a changed result."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.calculated.codes import NoValue, Rounding, Sex
from middleware.calculated.dependents import CalculatedTest, CalculatedTests
from middleware.calculated.evaluate import Known, is_true, value_of
from middleware.calculated.expression import (
    DEPTH_MAX,
    PARTS_MAX,
    FormulaWrong,
    read_condition,
    read_expression,
)
from middleware.calculated.formula import (
    Calculated,
    FormulaInput,
    FormulaSettings,
    Parent,
    PatientFacts,
    Validity,
    calculate,
    make_formula,
)
from middleware.calculated.tables import FORMULAS
from middleware.model.codes import ValueKind
from middleware.model.value import ResultValue

D = Decimal


def settings(expression, **changes) -> FormulaSettings:
    fields = {
        "id": "made_up",
        "name": "Made up",
        "source": "this test",
        "inputs": (FormulaInput(name="a", unit="mmol/L"), FormulaInput(name="b", unit="mmol/L")),
        "expression": expression,
        "unit": "mmol/L",
        "decimals": 2,
    }
    return FormulaSettings(**{**fields, **changes})


def number(text: str, /, unit: str = "mmol/L", result_id: int = 1, **changes) -> Parent:
    fields = {"kind": ValueKind.NUMBER, "raw": text, "number": D(text), **changes}
    return Parent(result_id, ResultValue(**fields), unit)


def work(expression, a: Parent | None, b: Parent | None, **changes) -> Calculated:
    given = {"a": a, "b": b}
    parents = {name: one for name, one in given.items() if one is not None}
    return calculate(make_formula(settings(expression, **changes)), parents)


def evaluate(notation, **inputs) -> Decimal:
    return value_of(
        read_expression(notation), Known({name: D(text) for name, text in inputs.items()})
    )


OPERATIONS = [
    (["+", "a", "b", 1], "13"),
    (["-", "a", "b"], "4"),
    (["-", "a"], "-8"),
    (["*", "a", "b", "0.5"], "16"),
    (["/", "a", "b"], "2"),
    (["pow", "b", 3], "64"),
    (["pow", "b", "0.5"], "2"),
    (["min", "a", "b", 9], "4"),
    (["max", "a", "b", 9], "9"),
    (["ln", ["exp", "b"]], "4"),
    (["if", ["<", "a", "b"], 1, 2], "2"),
    (["if", ["or", ["<", "a", "b"], [">=", "b", 4]], 1, 2], "1"),
    (["if", ["and", [">", "a", "b"], ["not", ["<=", "b", 4]]], 1, 2], "2"),
]


@pytest.mark.parametrize(("notation", "expected"), OPERATIONS)
def test_each_operator_does_what_its_name_says(notation, expected: str) -> None:
    """With a = 8 and b = 4."""
    assert abs(evaluate(notation, a="8", b="4") - D(expected)) < D("1e-30")


@pytest.mark.parametrize(
    ("comparison", "below", "same", "above"),
    [("<", 1, 0, 0), ("<=", 1, 1, 0), (">", 0, 0, 1), (">=", 0, 1, 1)],
)
def test_comparisons_on_both_sides_and_on_the_limit(comparison, below, same, above) -> None:
    """The limit belongs to the sign that says so."""
    condition = read_condition([comparison, "a", 5])
    found = [is_true(condition, Known({"a": D(a)})) for a in ("4.999", "5", "5.001")]
    assert found == [below, same, above]


def test_age_bands_and_sex_choose() -> None:
    """The age is that at collection, in completed years."""
    notation = ["if", ["and", ["sex_is", "female"], [">=", "age_years", 50]], 1, 0]
    expression = read_expression(notation)
    found = [
        value_of(expression, Known({}, sex, age))
        for sex, age in ((Sex.FEMALE, 49), (Sex.FEMALE, 50), (Sex.MALE, 50))
    ]
    assert found == [0, 1, 0]


WRONG = [
    (0.5, "write it as text"),
    (True, "no exact number"),
    (None, "no exact number"),
    ("1e", "neither a number"),
    ("NaN", "no number that a formula can use"),
    ("Infinity", "no number that a formula can use"),
    ("1" * 31, "no number that a formula can use"),
    ([], "no operator"),
    (["sin", 1], "no operator"),
    ([["+"], 1], "no operator"),
    (["/", 1], "does not take 1 operands"),
    (["-", 1, 2, 3], "does not take 3"),
    (["if", ["<", 1, 2], 3], "if takes a condition"),
    (["if", "a", 1, 2], "is no condition"),
    (["if", ["=", 1, 2], 1, 2], "is no condition"),
    (["if", ["<", 1], 1, 2], "is no condition"),
    (["if", ["not", ["<", 1, 2], ["<", 1, 2]], 1, 2], "does not take 2 conditions"),
    (["if", ["and", ["<", 1, 2]], 1, 2], "does not take 1 conditions"),
    (["if", ["sex_is", "other"], 1, 2], "female or male"),
    (["__import__", "os"], "no operator"),
]


@pytest.mark.parametrize(("notation", "expected"), WRONG)
def test_what_is_no_formula_is_refused_in_words(notation, expected: str) -> None:
    """When the settings are checked, never when a result comes."""
    with pytest.raises(FormulaWrong, match=expected):
        read_expression(notation)


def test_endless_formulas_are_refused() -> None:
    """Depth and length have an end, so reading and calculating have one."""
    deep: object = "a"
    for _ in range(DEPTH_MAX):
        deep = ["-", deep]
    with pytest.raises(FormulaWrong, match="levels"):
        read_expression(deep)
    with pytest.raises(FormulaWrong, match="parts"):
        read_expression(["+", *[["+", *["a"] * 60]] * (PARTS_MAX // 60 + 1)])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from("+-*/"),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@given(JSON)
def test_whatever_stands_in_the_settings_is_read_or_refused(notation) -> None:
    """Nothing else comes out."""
    try:
        read_expression(notation)
    except FormulaWrong as wrong:
        assert str(wrong)


NAMES = [
    (["+", "a", "b", "c"], {}, "c is used but not declared"),
    (["+", "a", 1], {}, "b is declared but not used"),
    (["+", "a", "b"], {"unit": "mmool/L"}, "mmool of mmool/L is not a UCUM unit"),
    (
        ["+", "a", "a"],
        {"inputs": (FormulaInput(name="a", unit="g"), FormulaInput(name="a", unit="g"))},
        "declared twice",
    ),
    (["+", "a"], {"inputs": (FormulaInput(name="a", unit="g"),)}, "formula made_up: "),
    (
        ["-", "a"],
        {"inputs": (FormulaInput(name="a", unit="g", also={"mol": "1/0"}),)},
        "no factor for mol",
    ),
    (
        ["-", "a"],
        {"inputs": (FormulaInput(name="a", unit="g", also={"mol": "-1"}),)},
        "not greater than zero",
    ),
    (
        ["-", "age_years"],
        {"inputs": (FormulaInput(name="age_years", unit="a"),)},
        "no name of an input|not a UCUM unit",
    ),
]


@pytest.mark.parametrize(("expression", "changes", "expected"), NAMES)
def test_inputs_and_units_are_checked_before_use(expression, changes, expected: str) -> None:
    """A misspelt name is found by `check`, not by a patient."""
    with pytest.raises(FormulaWrong, match=expected):
        make_formula(settings(expression, **changes))


SUM = ["+", "a", "b"]


def test_a_result_names_its_parents_and_its_formula() -> None:
    """Who looks at it finds where it came from."""
    calculated = work(SUM, number("1.5", result_id=7), number("2", result_id=9))
    assert calculated.parents == (7, 9)
    assert calculated.value is not None
    assert (calculated.value.raw, calculated.value.rule) == ("3.50", "calculated_made_up")
    assert (calculated.formula, calculated.unit, calculated.reason) == ("made_up", "mmol/L", None)


FAULTS = [
    (None, NoValue.INPUT_MISSING, "b was not measured."),
    (
        Parent(9, number("2").value, "mmol/L", is_held=True),
        NoValue.INPUT_HELD,
        "b is held for a person.",
    ),
    (number("2", comparator="<"), NoValue.INPUT_CENSORED, "b is <2, not a number."),
    (
        number("2", kind=ValueKind.TEXT, number=None, text="clotted"),
        NoValue.INPUT_NOT_A_NUMBER,
        "b is not a number.",
    ),
    (number("2", kind=ValueKind.TITER), NoValue.INPUT_NOT_A_NUMBER, "b is not a number."),
    (
        number("2", "mg/dL"),
        NoValue.INPUT_UNIT,
        "b: mg/dL and mmol/L do not measure the same kind of quantity.",
    ),
    (number("2", ""), NoValue.INPUT_UNIT, "b: no unit."),
    (number("2", "G/L"), NoValue.INPUT_UNIT, "b: G of G/L is not a UCUM unit that we know."),
]


@pytest.mark.parametrize(("parent", "reason", "why"), FAULTS)
def test_an_input_that_cannot_be_used_gives_no_value_and_says_why(parent, reason, why) -> None:
    """No guess, no old value, no zero."""
    calculated = work(SUM, number("1"), parent)
    assert calculated.value is None
    assert calculated.reason is reason
    assert calculated.why == (why,)


def test_all_faults_are_told_at_once() -> None:
    """A person goes once."""
    assert work(SUM, None, None).why == ("a was not measured.", "b was not measured.")


@pytest.mark.parametrize(
    "expression",
    [
        ["/", "a", ["-", "b", "b"]],
        ["+", "b", ["ln", ["-", "a"]]],
        ["pow", ["-", "a"], ["/", "b", 3]],
        ["exp", ["*", "a", "b", 100000]],
        ["pow", ["+", "a", 10], ["pow", "b", 900]],
    ],
)
def test_what_cannot_be_calculated_has_no_value(expression) -> None:
    """A division by zero, a logarithm of nothing, a number beyond all bounds."""
    calculated = work(expression, number("1"), number("2"))
    assert calculated.reason is NoValue.IMPOSSIBLE


def test_units_of_one_kind_are_converted_exactly_and_others_by_the_declared_factor() -> None:
    """umol/L to mmol/L by UCUM; mg/dL by what the formula says."""
    inputs = (
        FormulaInput(name="a", unit="mmol/L"),
        FormulaInput(name="b", unit="mmol/L", also={"mg/dL": "1/18"}),
    )
    calculated = work(SUM, number("1500", "umol/L"), number("9", "mg/dL"), inputs=inputs)
    assert calculated.value is not None
    assert calculated.value.raw == "2.00"


@pytest.mark.parametrize(
    ("rounding", "low", "high", "negative"),
    [(Rounding.HALF_UP, "0.13", "0.14", "-0.13"), (Rounding.HALF_EVEN, "0.12", "0.14", "-0.12")],
)
def test_a_half_is_rounded_as_declared(rounding, low, high, negative) -> None:
    """0.125, 0.135 and -0.125 with two decimals."""
    found = [
        work(SUM, number(text), number("0"), rounding=rounding).value
        for text in ("0.125", "0.135", "-0.125")
    ]
    assert [one.raw for one in found if one] == [low, high, negative]


def test_a_result_that_rounds_to_nothing_has_no_sign() -> None:
    """`-0.00` would be read as negative."""
    value = work(SUM, number("-0.004"), number("0")).value
    assert value is not None
    assert value.raw == "0.00"


def test_a_formula_that_does_not_hold_says_every_reason() -> None:
    """Two conditions, both broken."""
    valid = (
        Validity(when=["<", "a", 1], reason="a is one or more."),
        Validity(when=["<", "b", 1], reason="b is one or more."),
    )
    calculated = work(SUM, number("1"), number("1"), valid=valid)
    assert calculated.reason is NoValue.NOT_APPLICABLE
    assert calculated.why == ("a is one or more.", "b is one or more.")
    assert work(SUM, number("0.9"), number("0.9"), valid=valid).value is not None


def _tests(*tests: CalculatedTest) -> CalculatedTests:
    return CalculatedTests(tests, FORMULAS)


INDIRECT = {"bilirubin_total": "TBIL", "bilirubin_direct": "DBIL"}


def test_calculated_tests_are_made_parents_first() -> None:
    """A test that is calculated from a calculated one waits for it; a changed result makes both anew."""
    later = CalculatedTest(
        code="GLOB2", formula="globulin", inputs={"total_protein": "GLOB", "albumin": "ALB"}
    )
    first = CalculatedTest(
        code="GLOB", formula="globulin", inputs={"total_protein": "TP", "albumin": "ALB"}
    )
    other = CalculatedTest(code="IBIL", formula="bilirubin_indirect", inputs=INDIRECT)
    tests = _tests(later, other, first)
    assert tests.order.index("GLOB") < tests.order.index("GLOB2")
    assert tests.dependents_of("TP") == ("GLOB", "GLOB2")
    assert tests.dependents_of("GLOB") == ("GLOB2",)
    assert tests.dependents_of("TBIL") == ("IBIL",)
    assert tests.dependents_of("NA") == ()


def test_calculated_tests_that_cannot_be_made_are_refused() -> None:
    """A circle, an unknown formula, inputs that do not fit, a code twice."""
    one = CalculatedTest(
        code="X", formula="globulin", inputs={"total_protein": "Y", "albumin": "ALB"}
    )
    other = CalculatedTest(
        code="Y", formula="globulin", inputs={"total_protein": "X", "albumin": "ALB"}
    )
    with pytest.raises(FormulaWrong, match="need each other: X, Y"):
        _tests(one, other)
    with pytest.raises(FormulaWrong, match="calculated twice"):
        _tests(one, one)
    with pytest.raises(FormulaWrong, match="no formula is called martin"):
        _tests(CalculatedTest(code="LDL", formula="martin", inputs={}))
    with pytest.raises(FormulaWrong, match="needs bilirubin_direct, bilirubin_total"):
        _tests(CalculatedTest(code="IBIL", formula="bilirubin_indirect", inputs={"a": "TBIL"}))


def test_the_same_inputs_give_the_same_digits_whatever_the_callers_arithmetic() -> None:
    """The precision is the formula's own."""
    import decimal  # noqa: PLC0415 - the context of this test alone

    parents = {"creatinine": number("1.09", "mg/dL")}
    patient = PatientFacts(Sex.MALE, 55)
    before = calculate(FORMULAS["egfr_ckd_epi_2021"], parents, patient)
    with decimal.localcontext() as context:
        context.prec = 2
        context.rounding = decimal.ROUND_UP
        assert calculate(FORMULAS["egfr_ckd_epi_2021"], parents, patient) == before
