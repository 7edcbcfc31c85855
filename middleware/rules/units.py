"""Units of limits: the same spelling for both sides, and exact conversion of a limit to the unit of its test."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from fractions import Fraction
from functools import lru_cache

from middleware.driver.units import UCUM
from middleware.routing import ucum
from middleware.routing.ucum import UnknownUnit

EXACT = Context(prec=120)
"""Wide enough for every product of values and limits that we form."""
_BY_CODE: dict[str, frozenset[str]] = {}
for _code in set(UCUM.values()):
    _BY_CODE[_code] = frozenset(text for text, code in UCUM.items() if code == _code)


def in_ucum(text: str) -> str:
    """A usual spelling as UCUM; what is not known stays as it is."""
    return UCUM.get(text, text)


def spellings(text: str) -> frozenset[str]:
    """Every way to write this unit that means the same."""
    return _BY_CODE.get(in_ucum(text), frozenset()) | {text}


@lru_cache(maxsize=1024)
def factor(written: str, wanted: str) -> Fraction:
    """What a number in `written` is multiplied with to be one in `wanted`. Raises UnknownUnit."""
    if not written or in_ucum(written) == in_ucum(wanted):
        return Fraction(1)
    return ucum.factor(in_ucum(written), in_ucum(wanted))


def is_known(text: str) -> bool:
    """Whether UCUM's reader knows what the unit means."""
    try:
        ucum.unit(in_ucum(text))
    except UnknownUnit:
        return text in UCUM
    return True


def converted(number: Decimal, by: Fraction) -> Decimal:
    """The exact product. Raises ValueError where it is no decimal number of reasonable length."""
    if by == 1:
        return number
    context = EXACT.copy()
    context.traps[Inexact] = True
    try:
        product = context.multiply(number, Decimal(by.numerator))
        return context.divide(product, Decimal(by.denominator)).normalize(context)
    except Inexact as error:
        raise ValueError("is no exact decimal number in the unit of the test") from error
