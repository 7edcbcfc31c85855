"""Units as analyzers write them, and the same in UCUM. Exact and case-sensitive; what is not here stays unknown.

Case is often the only difference between two units, so nothing is folded: `G/L` (giga) and `g/L` (gram), `M` for mega
and milli. What means different things on different analyzers (`G/L`, `U/mL`, `kU/L`, `IU` of enzymes) is left to the
profile's `[units]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType

# UCUM code: other spellings. Each code also stands for itself.
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "%": (),
    "[pH]": ("pH",),
    "[IU]/L": ("[iU]/L",),
    "[IU]/mL": ("[iU]/mL", "IU/mL", "IU/ml"),
    "m[IU]/L": ("m[iU]/L", "mIU/L", "mIU/l"),
    "m[IU]/mL": ("m[iU]/mL", "mIU/mL", "mIU/ml"),
    "u[IU]/mL": ("u[iU]/mL", "uIU/mL", "uIU/ml", "µIU/mL", "µIU/ml"),
    "k[IU]/L": ("k[iU]/L", "kIU/L", "kIU/l"),
    "U/L": ("U/l",),
    "ukat/L": ("µkat/L", "µkat/l", "ukat/l"),
    "g/L": ("g/l",),
    "g/dL": ("g/dl", "g%"),
    "mg/dL": ("mg/dl", "MG/DL"),
    "mg/L": ("mg/l", "MG/L"),
    "mg/mL": ("mg/ml",),
    "ug/dL": ("ug/dl", "µg/dL", "µg/dl", "UG/DL"),
    "ug/L": ("ug/l", "µg/L", "µg/l", "UG/L"),
    "ug/mL": ("ug/ml", "µg/mL", "µg/ml", "UG/ML"),
    "ng/dL": ("ng/dl", "NG/DL"),
    "ng/L": ("ng/l", "NG/L"),
    "ng/mL": ("ng/ml", "NG/ML"),
    "pg/mL": ("pg/ml", "PG/ML"),
    "ng/uL": ("ng/ul", "ng/µL", "ng/µl"),
    "mg/L{FEU}": ("mg/L FEU", "mg/l FEU"),
    "ug/mL{FEU}": ("ug/mL FEU", "µg/mL FEU", "ug/ml FEU"),
    "ng/mL{FEU}": ("ng/mL FEU", "ng/ml FEU"),
    "mmol/L": ("mmol/l", "MMOL/L", "mM/L"),
    "mmol/mol": (),
    "umol/L": ("umol/l", "µmol/L", "µmol/l", "UMOL/L"),
    "nmol/L": ("nmol/l", "NMOL/L"),
    "pmol/L": ("pmol/l", "PMOL/L"),
    "meq/L": ("mEq/L", "mEq/l", "meq/l", "MEQ/L"),
    "mosm/kg": ("mOsm/kg", "mOsm/kg H2O"),
    "mg/g": (),
    "mg/mmol": (),
    "g/mol": (),
    "g/(24.h)": ("g/24h", "g/24 h"),
    "mg/(24.h)": ("mg/24h", "mg/24 h"),
    "mL/min": ("ml/min",),
    "mL/min/{1.73_m2}": ("mL/min/1.73m2", "ml/min/1.73m2", "mL/min/1.73 m2", "mL/min/1.73m²"),
    "fL": ("fl", "um3", "µm3", "µm³"),
    "pg": ("pg/cell",),
    "s": ("sec", "SEC", "secs", "Sec", "seconds"),
    "min": (),
    "mm/h": ("mm/hr",),
    "mm[Hg]": ("mmHg", "mm Hg"),
    "kPa": (),
    "Cel": ("°C",),
    "g/mL": ("g/ml",),
    "{INR}": ("INR",),
    "{ratio}": ("ratio", "Ratio", "RATIO"),
    "{S_CO}": ("S/CO",),
    "{RLU}": ("RLU",),
    "{copies}/mL": ("{Copies}/mL", "copies/mL", "copies/ml", "Copies / mL", "cp/mL", "cp/ml"),
    "[arb'U]/mL": (),
    "[arb'U]/L": (),
    "/[HPF]": ("/HPF", "/hpf"),
    "/[LPF]": ("/LPF", "/lpf"),
    "/uL": ("/ul", "/µL", "/µl"),
    "/mL": ("/ml",),
    "{cells}/mm3": ("cells/mm3", "cells/mm³"),
    "{Leu}/uL": ("Leu/uL", "Leu/ul", "Leu/µL", "Leu/µl"),
    "{Ery}/uL": ("Ery/uL", "Ery/ul", "Ery/µL", "Ery/µl"),
    "{cells}/uL": ("cells/uL", "cells/µL", "cells/ul", "cells/µl"),
    "10*12/L": ("T/L", "T/l"),
}
# Counts: a power of ten in a volume, as `x10^9/L`, `10E3/uL`, `10³/µL`.
_BEFORE = ("", "x", "x ", "X", "*")
_POWERS: Mapping[int, tuple[str, ...]] = {
    exponent: (*(f"10{mark}{exponent}" for mark in ("*", "^", "E", "e", "**")), f"10{raised}")
    for exponent, raised in ((3, "³"), (4, "⁴"), (5, "⁵"), (6, "⁶"), (9, "⁹"), (12, "¹²"))
}
_VOLUMES: Mapping[str, tuple[str, ...]] = {
    "L": ("L", "l"),
    "mL": ("mL", "ml"),
    "uL": ("uL", "ul", "UL", "µL", "µl"),
    "mm3": ("mm3", "mm³"),
}
_LETTERS: Mapping[str, int] = {"K": 3, "k": 3, "M": 6}
_MICRO_SIGN, _GREEK_MU = "\u00b5", "\u03bc"


def _counts() -> dict[str, str]:
    found = {}
    for (exponent, powers), (volume, written) in product(_POWERS.items(), _VOLUMES.items()):
        for before, power, last in product(_BEFORE, powers, written):
            found[f"{before}{power}/{last}"] = f"10*{exponent}/{volume}"
    for letter, last in product(_LETTERS, _VOLUMES["uL"]):
        found[f"{letter}/{last}"] = f"10*{_LETTERS[letter]}/uL"
    return found


def _all() -> dict[str, str]:
    found = _counts()
    for code, spellings in _SPELLINGS.items():
        for text in (code, *spellings):
            found[text] = code
    # The micro sign and the Greek letter look alike and are both sent.
    found |= {text.replace(_MICRO_SIGN, _GREEK_MU): code for text, code in found.items()}
    return found


UCUM: Mapping[str, str] = MappingProxyType(_all())
"""UCUM code of each known spelling (UCUM 1.9, case-sensitive codes)."""
