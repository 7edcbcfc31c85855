"""Every formula that comes with Labwire against values that others worked out."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest

from middleware.calculated.codes import NoValue, Sex
from middleware.calculated.formula import Calculated, Parent, PatientFacts, calculate
from middleware.calculated.tables import FORMULAS, SETTINGS
from middleware.model.codes import ValueKind
from middleware.model.value import ResultValue

MAN, WOMAN = Sex.MALE, Sex.FEMALE


def parent(number: str, unit: str, result_id: int = 1) -> Parent:
    value = ResultValue(kind=ValueKind.NUMBER, raw=number, number=Decimal(number))
    return Parent(result_id, value, unit)


def work(formula: str, values: str, sex: Sex | None = None, age: int | None = None) -> Calculated:
    """`values` as `name=number unit, ...`."""
    parents = {}
    for at, text in enumerate(values.split(", "), start=1):
        name, measured = text.split("=")
        number, unit = measured.split(" ")
        parents[name] = parent(number, unit, at)
    return calculate(FORMULAS[formula], parents, PatientFacts(sex, age))


# Formula, inputs, sex, age, published value, and where it was published.
WORKED = [
    (
        "anion_gap",
        "sodium=140 mmol/L, chloride=104 meq/L, bicarbonate=24 mmol/L",
        None,
        None,
        "12.0",
    ),
    (
        "anion_gap_with_potassium",
        "sodium=140 mmol/L, potassium=4 mmol/L, chloride=104 mmol/L, bicarbonate=24 mmol/L",
        None,
        None,
        "16.0",
    ),
    # TC 200, HDL 50, TG 150 gives 120; TC 180, HDL 45, TG 100 gives 115: standard cases of the ldlC package.
    (
        "ldl_friedewald",
        "cholesterol=200 mg/dL, hdl=50 mg/dL, triglycerides=150 mg/dL",
        None,
        None,
        "120",
    ),
    (
        "ldl_friedewald",
        "cholesterol=180 mg/dL, hdl=45 mg/dL, triglycerides=100 mg/dL",
        None,
        None,
        "115",
    ),
    (
        "ldl_friedewald_molar",
        "cholesterol=5.2 mmol/L, hdl=1.3 mmol/L, triglycerides=1.1 mmol/L",
        None,
        None,
        "3.40",
    ),
    ("non_hdl_cholesterol", "cholesterol=200 mg/dL, hdl=50 mg/dL", None, None, "150"),
    # National Kidney Foundation's calculator, as quoted by the tests of pharmaverse/admiral.
    ("egfr_ckd_epi_2021", "creatinine=1.09 mg/dL", MAN, 55, "80"),
    ("egfr_ckd_epi_2021", "creatinine=85 umol/L", WOMAN, 65, "66"),
    # The same calculator for 1.2 mg/dL, and 1.1 mg/dL of a man of 50.
    ("egfr_ckd_epi_2021", "creatinine=1.2 mg/dL", MAN, 55, "71"),
    ("egfr_ckd_epi_2021", "creatinine=1.1 mg/dL", MAN, 50, "82"),
    # 70.2 by MDCalc (admiral); 91.803 and 68.118 by the R package scicalc.
    ("egfr_mdrd", "creatinine=1.09 mg/dL", MAN, 55, "70"),
    ("egfr_mdrd", "creatinine=1 mg/dL", MAN, 24, "92"),
    ("egfr_mdrd", "creatinine=1 mg/dL", WOMAN, 24, "68"),
    ("calcium_corrected", "calcium=8.0 mg/dL, albumin=2.0 g/dL", None, None, "9.6"),
    ("calcium_corrected_molar", "calcium=2.00 mmol/L, albumin=20 g/L", None, None, "2.40"),
    # 135 mmol/L, 100 and 1.4 mg/dL give 276.06; 130, 540 and 56 give 310 (two teaching pages).
    (
        "osmolality",
        "sodium=135 meq/L, glucose=100 mg/dL, urea_nitrogen=1.4 mg/dL",
        None,
        None,
        "276",
    ),
    (
        "osmolality",
        "sodium=130 mmol/L, glucose=540 mg/dL, urea_nitrogen=56 mg/dL",
        None,
        None,
        "310",
    ),
    ("osmolality_molar", "sodium=130 mmol/L, glucose=30 mmol/L, urea=20 mmol/L", None, None, "310"),
    # Age 50, AST 40, ALT 36, platelets 200: 2000 / 1200 = 1.67 (a guideline's teaching page).
    ("fib_4", "ast=40 U/L, alt=36 U/L, platelets=200 10*9/L", None, 50, "1.67"),
    # 82 mg/dL and 14 uIU/mL give 2.83 (a laboratory's teaching page).
    ("homa_ir", "glucose=82 mg/dL, insulin=14 u[IU]/mL", None, None, "2.83"),
    # Wikipedia, red blood cell indices: Hct 40 %, Hb 10 g/dL, RBC 5 T/L; a second case from a teaching sheet.
    ("mcv", "haematocrit=40 %, red_cells=5 10*12/L", None, None, "80.0"),
    ("mch", "haemoglobin=10 g/dL, red_cells=5 10*12/L", None, None, "20.0"),
    ("mchc", "haemoglobin=10 g/dL, haematocrit=40 %", None, None, "25.0"),
    ("mcv", "haematocrit=23 %, red_cells=2.93 10*12/L", None, None, "78.5"),
    ("mch", "haemoglobin=8.1 g/dL, red_cells=2.93 10*12/L", None, None, "27.6"),
    ("mchc", "haemoglobin=8.1 g/dL, haematocrit=23 %", None, None, "35.2"),
    ("globulin", "total_protein=72 g/L, albumin=4.2 g/dL", None, None, "30.0"),
    (
        "bilirubin_indirect",
        "bilirubin_total=1.2 mg/dL, bilirubin_direct=0.3 mg/dL",
        None,
        None,
        "0.90",
    ),
    ("transferrin_saturation", "iron=100 ug/dL, iron_binding_capacity=400 ug/dL", None, None, "25"),
]
# American Diabetes Association: HbA1c in percent and estimated average glucose in mg/dL.
WORKED += [
    ("estimated_average_glucose", f"hba1c={percent} %", None, None, glucose)
    for percent, glucose in zip(
        range(6, 13), ("126", "154", "183", "212", "240", "269", "298"), strict=True
    )
]


@pytest.mark.parametrize(("formula", "values", "sex", "age", "expected"), WORKED)
def test_a_formula_gives_the_published_value(formula, values, sex, age, expected) -> None:
    """Digit for digit, with the number of decimals that is declared."""
    calculated = work(formula, values, sex, age)
    assert calculated.why == ()
    assert calculated.value is not None
    assert calculated.value.raw == expected


def test_every_formula_has_a_worked_value() -> None:
    """Nobody adds one without. Sampson's is below: its paper prints the equation and no case."""
    assert {row[0] for row in WORKED} | {"ldl_sampson"} == set(FORMULAS)
    assert len(SETTINGS) == len(FORMULAS)


SAMPSON = [(cholesterol, 40, 800) for cholesterol in range(150, 400, 7)]
SAMPSON += [(200, 50, 150), (200, 50, 500), (180, 45, 100), (120, 30, 800), (250, 60, 0)]


@pytest.mark.parametrize(("cholesterol", "hdl", "triglycerides"), SAMPSON)
def test_sampson_is_the_printed_equation(cholesterol, hdl, triglycerides) -> None:
    """JAMA Cardiol 2020;5:540, worked with fractions: an order of operations of its own."""
    c, h, t = (Fraction(number) for number in (cholesterol, hdl, triglycerides))
    expected = c / Fraction("0.948") - h / Fraction("0.971")
    expected -= t / Fraction("8.56") + t * (c - h) / 2140 - t**2 / 16100
    expected -= Fraction("9.44")
    values = f"cholesterol={c} mg/dL, hdl={h} mg/dL, triglycerides={t} mg/dL"
    calculated = work("ldl_sampson", values)
    assert calculated.value is not None
    assert calculated.value.number == Decimal(math.floor(expected + Fraction(1, 2)))


CKD_EPI = {  # (sex, below the knee): constant, knee, exponent, as the equation is printed piecewise
    (WOMAN, True): (142 * 1.012, 0.7, -0.241),
    (WOMAN, False): (142 * 1.012, 0.7, -1.200),
    (MAN, True): (142, 0.9, -0.302),
    (MAN, False): (142, 0.9, -1.200),
}


@pytest.mark.parametrize("sex", [MAN, WOMAN])
@pytest.mark.parametrize("creatinine", ["0.3", "0.69", "0.7", "0.71", "0.89", "0.9", "0.91", "7.5"])
@pytest.mark.parametrize("age", [18, 61, 99])
def test_ckd_epi_is_the_piecewise_equation_on_both_sides_of_its_knee(sex, creatinine, age) -> None:
    """Worked in floating point from the other way of printing it."""
    calculated = work("egfr_ckd_epi_2021", f"creatinine={creatinine} mg/dL", sex, age)
    knee = 0.7 if sex is WOMAN else 0.9
    constant, knee, power = CKD_EPI[(sex, float(creatinine) <= knee)]
    expected = constant * (float(creatinine) / knee) ** power * 0.9938**age
    assert calculated.value is not None
    assert abs(float(calculated.value.number or 0) - expected) <= 0.5 + 1e-9


INVALID = [
    ("ldl_friedewald", "cholesterol=300 mg/dL, hdl=40 mg/dL, triglycerides={} mg/dL", "400", "401"),
    (
        "ldl_friedewald_molar",
        "cholesterol=7 mmol/L, hdl=1 mmol/L, triglycerides={} mmol/L",
        "4.5",
        "4.51",
    ),
    ("ldl_sampson", "cholesterol=300 mg/dL, hdl=40 mg/dL, triglycerides={} mg/dL", "800", "801"),
]


@pytest.mark.parametrize(("formula", "values", "last", "beyond"), INVALID)
def test_ldl_is_not_calculated_beyond_its_triglycerides(formula, values, last, beyond) -> None:
    """On the limit it is; beyond it the reason names the limit."""
    assert work(formula, values.format(last)).value is not None
    calculated = work(formula, values.format(beyond))
    assert calculated.reason is NoValue.NOT_APPLICABLE
    assert "over" in calculated.why[0]


@pytest.mark.parametrize("formula", ["egfr_ckd_epi_2021", "egfr_mdrd"])
def test_egfr_needs_an_adult_and_a_known_sex(formula: str) -> None:
    """A child, or nobody knows whom: no value rather than a wrong one."""
    values = "creatinine=1 mg/dL"
    assert work(formula, values, MAN, 18).value is not None
    assert work(formula, values, MAN, 17).reason is NoValue.NOT_APPLICABLE
    assert work(formula, values, MAN, None).reason is NoValue.PATIENT_UNKNOWN
    unknown = work(formula, values, None, 40)
    assert unknown.reason is NoValue.PATIENT_UNKNOWN
    assert unknown.why == ("The patient's sex is not known.",)
    assert work(formula, "creatinine=0 mg/dL", MAN, 40).reason is NoValue.NOT_APPLICABLE
