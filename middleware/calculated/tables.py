"""The formulas that come with Labwire, as data. Constants and limits are those of the publication named beside each."""

from __future__ import annotations

from collections.abc import Mapping

from middleware.calculated.formula import (
    Formula,
    FormulaInput,
    FormulaSettings,
    Validity,
    make_formula,
)

# Monovalent ions: an equivalent is a mole.
_EQUIVALENTS = {"meq/L": "1"}
# mg/dL of creatinine is 88.4 umol/L (NKDEP).
_CREATININE = FormulaInput(
    name="creatinine", unit="mg/dL", also={"umol/L": "10/884", "mmol/L": "10000/884"}
)
_ADULT = Validity(when=[">=", "age_years", 18], reason="The formula is for 18 years and older.")


def _ion(name: str) -> FormulaInput:
    return FormulaInput(name=name, unit="mmol/L", also=_EQUIVALENTS)


def _in(unit: str, *names: str) -> tuple[FormulaInput, ...]:
    return tuple(FormulaInput(name=name, unit=unit) for name in names)


_LIPIDS = _in("mg/dL", "cholesterol", "hdl", "triglycerides")

SETTINGS: tuple[FormulaSettings, ...] = (
    FormulaSettings(
        id="anion_gap",
        name="Anion gap without potassium",
        source="Emmett and Narins, Medicine 1977;56:38",
        inputs=(_ion("sodium"), _ion("chloride"), _ion("bicarbonate")),
        expression=["-", "sodium", ["+", "chloride", "bicarbonate"]],
        unit="mmol/L",
        decimals=1,
    ),
    FormulaSettings(
        id="anion_gap_with_potassium",
        name="Anion gap with potassium",
        source="Emmett and Narins, Medicine 1977;56:38",
        inputs=(_ion("sodium"), _ion("potassium"), _ion("chloride"), _ion("bicarbonate")),
        expression=["-", ["+", "sodium", "potassium"], ["+", "chloride", "bicarbonate"]],
        unit="mmol/L",
        decimals=1,
    ),
    FormulaSettings(
        id="ldl_friedewald",
        name="LDL cholesterol, Friedewald",
        source="Friedewald, Levy and Fredrickson, Clin Chem 1972;18:499",
        inputs=_LIPIDS,
        expression=["-", ["-", "cholesterol", "hdl"], ["/", "triglycerides", 5]],
        unit="mg/dL",
        decimals=0,
        valid=(
            Validity(when=["<=", "triglycerides", 400], reason="Triglycerides are over 400 mg/dL."),
        ),
    ),
    FormulaSettings(
        id="ldl_friedewald_molar",
        name="LDL cholesterol, Friedewald, in mmol/L",
        source="Friedewald, Levy and Fredrickson, Clin Chem 1972;18:499",
        inputs=_in("mmol/L", "cholesterol", "hdl", "triglycerides"),
        expression=["-", ["-", "cholesterol", "hdl"], ["/", "triglycerides", "2.2"]],
        unit="mmol/L",
        decimals=2,
        valid=(
            Validity(
                when=["<=", "triglycerides", "4.5"], reason="Triglycerides are over 4.5 mmol/L."
            ),
        ),
    ),
    FormulaSettings(
        id="ldl_sampson",
        name="LDL cholesterol, Sampson (NIH equation 2)",
        source="Sampson and others, JAMA Cardiol 2020;5:540",
        inputs=_LIPIDS,
        expression=[
            "-",
            [
                "-",
                ["-", ["/", "cholesterol", "0.948"], ["/", "hdl", "0.971"]],
                [
                    "-",
                    [
                        "+",
                        ["/", "triglycerides", "8.56"],
                        ["/", ["*", "triglycerides", ["-", "cholesterol", "hdl"]], 2140],
                    ],
                    ["/", ["*", "triglycerides", "triglycerides"], 16100],
                ],
            ],
            "9.44",
        ],
        unit="mg/dL",
        decimals=0,
        valid=(
            Validity(when=["<=", "triglycerides", 800], reason="Triglycerides are over 800 mg/dL."),
        ),
    ),
    FormulaSettings(
        id="non_hdl_cholesterol",
        name="Non-HDL cholesterol",
        source="NCEP ATP III, JAMA 2001;285:2486",
        inputs=_in("mg/dL", "cholesterol", "hdl"),
        expression=["-", "cholesterol", "hdl"],
        unit="mg/dL",
        decimals=0,
    ),
    FormulaSettings(
        id="egfr_ckd_epi_2021",
        name="eGFR from creatinine, CKD-EPI 2021",
        source="Inker and others, N Engl J Med 2021;385:1737",
        inputs=(_CREATININE,),
        expression=[
            "*",
            142,
            [
                "if",
                ["sex_is", "female"],
                [
                    "*",
                    ["pow", ["min", ["/", "creatinine", "0.7"], 1], "-0.241"],
                    ["pow", ["max", ["/", "creatinine", "0.7"], 1], "-1.200"],
                    "1.012",
                ],
                [
                    "*",
                    ["pow", ["min", ["/", "creatinine", "0.9"], 1], "-0.302"],
                    ["pow", ["max", ["/", "creatinine", "0.9"], 1], "-1.200"],
                ],
            ],
            ["pow", "0.9938", "age_years"],
        ],
        unit="mL/min/{1.73_m2}",
        decimals=0,
        valid=(
            _ADULT,
            Validity(when=[">", "creatinine", 0], reason="Creatinine is not above zero."),
        ),
    ),
    FormulaSettings(
        id="egfr_mdrd",
        name="eGFR from IDMS-traceable creatinine, MDRD, without race",
        source="Levey and others, Ann Intern Med 2006;145:247",
        inputs=(_CREATININE,),
        expression=[
            "*",
            175,
            ["pow", "creatinine", "-1.154"],
            ["pow", "age_years", "-0.203"],
            ["if", ["sex_is", "female"], "0.742", 1],
        ],
        unit="mL/min/{1.73_m2}",
        decimals=0,
        valid=(
            _ADULT,
            Validity(when=[">", "creatinine", 0], reason="Creatinine is not above zero."),
        ),
    ),
    FormulaSettings(
        id="calcium_corrected",
        name="Calcium corrected for albumin",
        source="Payne and others, Br Med J 1973;4:643",
        inputs=_in("mg/dL", "calcium") + _in("g/dL", "albumin"),
        expression=["+", "calcium", ["*", "0.8", ["-", 4, "albumin"]]],
        unit="mg/dL",
        decimals=1,
    ),
    FormulaSettings(
        id="calcium_corrected_molar",
        name="Calcium corrected for albumin, in mmol/L",
        source="Payne and others, Br Med J 1973;4:643",
        inputs=_in("mmol/L", "calcium") + _in("g/L", "albumin"),
        expression=["+", "calcium", ["*", "0.02", ["-", 40, "albumin"]]],
        unit="mmol/L",
        decimals=2,
    ),
    FormulaSettings(
        id="osmolality",
        name="Calculated osmolality from glucose and urea nitrogen in mg/dL",
        source="Smithline and Gardner, JAMA 1976;236:1594",
        inputs=(_ion("sodium"), *_in("mg/dL", "glucose", "urea_nitrogen")),
        expression=["+", ["*", 2, "sodium"], ["/", "glucose", 18], ["/", "urea_nitrogen", "2.8"]],
        unit="mosm/kg",
        decimals=0,
    ),
    FormulaSettings(
        id="osmolality_molar",
        name="Calculated osmolality from glucose and urea in mmol/L",
        source="Smithline and Gardner, JAMA 1976;236:1594",
        inputs=(_ion("sodium"), *_in("mmol/L", "glucose", "urea")),
        expression=["+", ["*", 2, "sodium"], "glucose", "urea"],
        unit="mosm/kg",
        decimals=0,
    ),
    FormulaSettings(
        id="fib_4",
        name="FIB-4 index of liver fibrosis",
        source="Sterling and others, Hepatology 2006;43:1317",
        inputs=_in("U/L", "ast", "alt") + _in("10*9/L", "platelets"),
        expression=["/", ["*", "age_years", "ast"], ["*", "platelets", ["pow", "alt", "0.5"]]],
        unit="{score}",
        decimals=2,
        valid=(_ADULT,),
    ),
    FormulaSettings(
        id="homa_ir",
        name="HOMA index of insulin resistance",
        source="Matthews and others, Diabetologia 1985;28:412",
        inputs=(
            FormulaInput(name="glucose", unit="mmol/L", also={"mg/dL": "1/18"}),
            *_in("m[IU]/L", "insulin"),
        ),
        expression=["/", ["*", "glucose", "insulin"], "22.5"],
        unit="{score}",
        decimals=2,
    ),
    FormulaSettings(
        id="estimated_average_glucose",
        name="Estimated average glucose from HbA1c",
        source="Nathan and others, Diabetes Care 2008;31:1473",
        inputs=_in("%", "hba1c"),
        expression=["-", ["*", "28.7", "hba1c"], "46.7"],
        unit="mg/dL",
        decimals=0,
    ),
    FormulaSettings(
        id="mcv",
        name="Mean corpuscular volume",
        source="Wintrobe, Am J Med Sci 1929;177:513",
        inputs=_in("%", "haematocrit") + _in("10*12/L", "red_cells"),
        expression=["/", ["*", 10, "haematocrit"], "red_cells"],
        unit="fL",
        decimals=1,
    ),
    FormulaSettings(
        id="mch",
        name="Mean corpuscular haemoglobin",
        source="Wintrobe, Am J Med Sci 1929;177:513",
        inputs=_in("g/dL", "haemoglobin") + _in("10*12/L", "red_cells"),
        expression=["/", ["*", 10, "haemoglobin"], "red_cells"],
        unit="pg",
        decimals=1,
    ),
    FormulaSettings(
        id="mchc",
        name="Mean corpuscular haemoglobin concentration",
        source="Wintrobe, Am J Med Sci 1929;177:513",
        inputs=_in("g/dL", "haemoglobin") + _in("%", "haematocrit"),
        expression=["/", ["*", 100, "haemoglobin"], "haematocrit"],
        unit="g/dL",
        decimals=1,
    ),
    FormulaSettings(
        id="globulin",
        name="Globulin",
        source="Total protein less albumin",
        inputs=_in("g/L", "total_protein", "albumin"),
        expression=["-", "total_protein", "albumin"],
        unit="g/L",
        decimals=1,
    ),
    FormulaSettings(
        id="bilirubin_indirect",
        name="Indirect bilirubin",
        source="Total less direct bilirubin",
        inputs=_in("mg/dL", "bilirubin_total", "bilirubin_direct"),
        expression=["-", "bilirubin_total", "bilirubin_direct"],
        unit="mg/dL",
        decimals=2,
    ),
    FormulaSettings(
        id="transferrin_saturation",
        name="Transferrin saturation",
        source="Iron divided by total iron binding capacity",
        inputs=_in("ug/dL", "iron", "iron_binding_capacity"),
        expression=["/", ["*", 100, "iron"], "iron_binding_capacity"],
        unit="%",
        decimals=0,
    ),
)

FORMULAS: Mapping[str, Formula] = {one.id: make_formula(one) for one in SETTINGS}
"""The formulas by their ids."""
