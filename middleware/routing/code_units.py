"""The factor of one row of a table of codes: declared, or derived from UCUM; and confirmed by it where both are there.

Derived when the table is read, never at run time. A factor between mass and amount of substance, or between units that
UCUM does not know, is the laboratory's own: it stands in the table with the name of who approved it.
"""

from __future__ import annotations

import re
from fractions import Fraction

from middleware.driver.units import UCUM
from middleware.routing import ucum
from middleware.routing.code_row import NOT_SENT, CodeRow

_DECLARED = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?|[0-9]{1,20}/[0-9]{1,20}")


class FactorFault(Exception):
    """The factor or the units of a row are wrong: which column, and what to write instead."""

    def __init__(self, column: str, message: str, cure: str) -> None:
        super().__init__(message)
        self.column, self.cure = column, cure


def factor_of(row: CodeRow, cell: str) -> Fraction:
    """What a value of this row is multiplied with; `cell` is what the table declares. Raises FactorFault."""
    declared = _declared(cell)
    if not row.lis_unit:
        if declared is not None and declared != 1:
            raise FactorFault("lis_unit", "a factor, but no unit that it leads to", "write it")
        return Fraction(1)
    if not row.unit:
        message = "only a unit that is named can become another one"
        raise FactorFault("unit", message, "write the unit as the analyzer sends it, or - for none")
    factor = _confirmed(row, declared)
    if row.decimals is None and power_of_ten(factor) is None:
        message = "a value that is converted must be rounded"
        raise FactorFault("decimals", message, "write decimals and rounding")
    return factor


def power_of_ten(factor: Fraction) -> int | None:
    """n where the factor is 10**n, which moves the point and rounds nothing; None otherwise."""
    larger = max(factor.numerator, factor.denominator)
    digits = str(larger)
    if min(factor.numerator, factor.denominator) != 1 or digits.strip("0") != "1":
        return None
    return len(digits) - 1 if factor >= 1 else 1 - len(digits)


def _declared(cell: str) -> Fraction | None:
    if not cell:
        return None
    if not _DECLARED.fullmatch(cell) or re.fullmatch(r"[0-9]+/0+", cell) or not Fraction(cell):
        raise FactorFault("factor", f"{cell!r} is no factor", "write it as 0.0555 or 1/60")
    return Fraction(cell)


def _confirmed(row: CodeRow, declared: Fraction | None) -> Fraction:
    derived, reason = _derived(row)
    if declared is None:
        if derived is None:
            cure = "write the factor, and in approved_by who approved it"
            raise FactorFault("factor", f"cannot be derived: {reason}", cure)
        return derived
    if derived is not None and derived != declared:
        cure = f"write {in_words(derived)}, or leave it empty"
        message = f"is {in_words(declared)}, but from {row.unit} to {row.lis_unit} UCUM says {in_words(derived)}"
        raise FactorFault("factor", message, cure)
    if derived is None and not row.approved_by:
        message = f"nobody approved the factor, and UCUM does not confirm it: {reason}"
        raise FactorFault("approved_by", message, "write who approved it")
    return declared


def _derived(row: CodeRow) -> tuple[Fraction | None, str]:
    if row.unit == row.lis_unit:
        return Fraction(1), ""
    if row.unit == NOT_SENT:
        return None, "the analyzer sends no unit"
    try:
        return ucum.factor(_in_ucum(row.unit), _in_ucum(row.lis_unit)), ""
    except ucum.UnknownUnit as error:
        return None, str(error)


def _in_ucum(text: str) -> str:
    """A usual spelling as UCUM; what is not known stays as it is."""
    return UCUM.get(text, text)


def in_words(factor: Fraction) -> str:
    """A factor as a table writes it: a decimal number where it is one, else a fraction."""
    rest = factor.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{factor.numerator}/{factor.denominator}"
    places = 0
    while (factor * 10**places).denominator != 1:
        places += 1
    digits = str((factor * 10**places).numerator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits
