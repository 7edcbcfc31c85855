"""LOINC codes: their form and check digit (Luhn modulo 10), and the words by which a deprecated one is known. Pure."""

from __future__ import annotations

import re

SYSTEM = "LN"
"""HL7 table 0396."""

_FORM = re.compile(r"([1-9][0-9]{0,6})-([0-9])")
_NINE = 9


def check_digit(digits: str) -> int:
    """The digit after the hyphen of a code that begins with `digits`."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - _NINE if value > _NINE else value
    return -total % 10


def is_loinc(code: str) -> bool:
    """Whether `code` has the form of a LOINC code and its check digit is right."""
    found = _FORM.fullmatch(code)
    return found is not None and check_digit(found[1]) == int(found[2])


def looks_deprecated(name: str) -> bool:
    """LOINC writes the word before the long name of a code that it has withdrawn."""
    return name.casefold().startswith("deprecated")
