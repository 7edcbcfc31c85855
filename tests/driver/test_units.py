"""Units in UCUM: exact, case-sensitive, and silent about what nobody can know."""

from __future__ import annotations

import re

import pytest

from middleware.driver.units import UCUM


@pytest.mark.parametrize(
    ("sent", "ucum"),
    [
        ("mg/dl", "mg/dL"),
        ("MG/DL", "mg/dL"),
        ("mmol/l", "mmol/L"),
        ("µmol/L", "umol/L"),
        ("\u03bcmol/L", "umol/L"),
        ("x10^9/L", "10*9/L"),
        ("10E9/L", "10*9/L"),
        ("10³/µL", "10*3/uL"),
        ("K/uL", "10*3/uL"),
        ("M/uL", "10*6/uL"),
        ("um3", "fL"),
        ("sec", "s"),
        ("mEq/L", "meq/L"),
        ("IU/mL", "[IU]/mL"),
        ("mmHg", "mm[Hg]"),
        ("g/L", "g/L"),
    ],
)
def test_a_common_spelling_is_known(sent: str, ucum: str) -> None:
    """The LIS gets one unit for what ten analyzers write in ten ways."""
    assert UCUM[sent] == ucum


@pytest.mark.parametrize("sent", ["G/L", "G/l", "U/mL", "IU/L", "kU/L", "MMOL/l", "g/l ", "", "u"])
def test_what_could_be_two_units_is_not_known(sent: str) -> None:
    """`G/L` is giga on one analyzer and nothing on another; only its profile can say."""
    assert sent not in UCUM


def test_every_code_stands_for_itself_and_is_written_as_ucum_has_it() -> None:
    """No blanks, no micro sign; brackets and braces in pairs."""
    for code in set(UCUM.values()):
        assert UCUM[code] == code
        assert re.fullmatch(r"[!-z{|}~]+", code), code
        assert code.count("[") == code.count("]")
        assert code.count("{") == code.count("}")


def test_no_two_units_differ_only_in_case() -> None:
    """Spellings may; what they mean must then be the same."""
    known: dict[str, set[str]] = {}
    for sent, code in UCUM.items():
        known.setdefault(sent.casefold(), set()).add(code)
    assert {text: codes for text, codes in known.items() if len(codes) > 1} == {}
