"""Reads units written in UCUM and derives, exactly, the factor from one to another. Pure, rational numbers only.

Not the whole of UCUM but the units of a clinical laboratory; what is not here is told, never guessed. In three places
it is stricter than UCUM, because a laboratory's meaning gets lost there: annotations must be the same (`mg/L{FEU}` is
twice `mg/L{DDU}`), an equivalent is not a mole (that depends on the ion's charge), and neither is a count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

LONGEST = 60
"""Characters of a unit; a longer one is no unit."""
_LARGEST_EXPONENT = 30

_Dimensions = Mapping[str, int]

# UCUM 1.9, 27: prefixes.
_PREFIXES: Mapping[str, int] = {
    "da": 1,
    "Y": 24,
    "Z": 21,
    "E": 18,
    "P": 15,
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "h": 2,
    "d": -1,
    "c": -2,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
    "a": -18,
    "z": -21,
    "y": -24,
}
_VOLUME = (Fraction(1, 1000), {"m": 3})
_PRESSURE = {"g": 1, "m": -1, "s": -2}
# UCUM 1.9, 28 to 45: atoms that take a prefix, in grams, metres, seconds, moles and units of their own kind.
_METRIC: Mapping[str, tuple[Fraction, _Dimensions]] = {
    "g": (Fraction(1), {"g": 1}),
    "m": (Fraction(1), {"m": 1}),
    "s": (Fraction(1), {"s": 1}),
    "mol": (Fraction(1), {"mol": 1}),
    "L": _VOLUME,
    "l": _VOLUME,
    "Pa": (Fraction(1000), _PRESSURE),
    "bar": (Fraction(100_000_000), _PRESSURE),
    "m[Hg]": (Fraction(133_322_000), _PRESSURE),
    "m[H2O]": (Fraction(9_806_650), _PRESSURE),
    "kat": (Fraction(1), {"mol": 1, "s": -1}),
    "U": (Fraction(1, 60_000_000), {"mol": 1, "s": -1}),
    "eq": (Fraction(1), {"eq": 1}),
    "osm": (Fraction(1), {"osm": 1}),
    "[IU]": (Fraction(1), {"[IU]": 1}),
    "[iU]": (Fraction(1), {"[IU]": 1}),
}
# The same, that take none.
_PLAIN: Mapping[str, tuple[Fraction, _Dimensions]] = {
    "min": (Fraction(60), {"s": 1}),
    "h": (Fraction(3600), {"s": 1}),
    "d": (Fraction(86400), {"s": 1}),
    "wk": (Fraction(604_800), {"s": 1}),
    "%": (Fraction(1, 100), {}),
    "[pH]": (Fraction(1), {"[pH]": 1}),
    "[HPF]": (Fraction(1), {"[HPF]": 1}),
    "[LPF]": (Fraction(1), {"[LPF]": 1}),
    "[arb'U]": (Fraction(1), {"[arb'U]": 1}),
    "[CFU]": (Fraction(1), {"[CFU]": 1}),
}

_PART = re.compile(
    r"(?P<operator>[./])|(?P<open>\()|(?P<close>\))|(?P<note>\{[^{}]*\})"
    r"|10[*^](?P<ten>[+-]?\d{1,2})?|(?P<number>\d{1,9})"
    r"|(?P<symbol>(?:[A-Za-z%]|\[[^\]\s]{1,20}\])+)(?P<power>[+-]?\d)?"
)


class UnknownUnit(ValueError):
    """This is not a unit that we know how to convert. The message says why."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a number of base units: `size` of `dimensions`, with its annotations in order."""

    size: Fraction
    dimensions: frozenset[tuple[str, int]]
    notes: tuple[str, ...]


@lru_cache(maxsize=512)
def unit(text: str) -> Unit:
    """What `text` means. Raises UnknownUnit."""
    if not text or len(text) > LONGEST:
        raise UnknownUnit("no unit")
    reading = _Reading(text)
    reading.read()
    return Unit(
        reading.size,
        frozenset((name, power) for name, power in reading.powers.items() if power),
        tuple(sorted(reading.notes)),
    )


def factor(sent: str, wanted: str) -> Fraction:
    """What a value in `sent` is multiplied with to be one in `wanted`. Raises UnknownUnit with the reason in words."""
    one, other = unit(sent), unit(wanted)
    if one.dimensions != other.dimensions:
        raise UnknownUnit(f"{sent} and {wanted} do not measure the same kind of quantity")
    if one.notes != other.notes:
        raise UnknownUnit(f"the annotations of {sent} and {wanted} differ")
    return one.size / other.size


class _Reading:
    """One walk over the text. UCUM 1.9, 7: the operators bind from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.size = Fraction(1)
        self.powers: Counter[str] = Counter()
        self.notes: list[str] = []
        self._sign = 1
        self._signs: list[int] = []  # those of the groups that are open
        self._is_after_term = False

    def read(self) -> None:
        at = 0
        while at < len(self._text):
            part = _PART.match(self._text, at)
            if part is None:
                raise UnknownUnit(f"{self._text} is not written in UCUM")
            self._take(part)
            at = part.end()
        if self._signs or not self._is_after_term:
            raise UnknownUnit(f"{self._text} is not complete")

    def _take(self, part: re.Match[str]) -> None:
        if part["operator"]:
            self._take_operator(part["operator"])
        elif part["note"]:
            self.notes.append(part["note"])
            self._is_after_term = True
        elif part["open"]:
            self._expect_term()
            self._signs.append(self._sign)
            self._is_after_term = False
        elif part["close"]:
            self._close()
        else:
            self._expect_term()
            self._take_term(part)
            self._is_after_term = True

    def _expect_term(self) -> None:
        if self._is_after_term:
            raise UnknownUnit(f"{self._text} lacks an operator")

    def _take_operator(self, operator: str) -> None:
        is_first = not self._is_after_term and operator == "/" and not self._signs
        if not self._is_after_term and not (is_first and self.size == 1 and not self.powers):
            raise UnknownUnit(f"{self._text} has an operator too many")
        outer = self._signs[-1] if self._signs else 1
        self._sign = -outer if operator == "/" else outer
        self._is_after_term = False

    def _close(self) -> None:
        if not self._signs or not self._is_after_term:
            raise UnknownUnit(f"{self._text} has a bracket too many")
        self._signs.pop()

    def _take_term(self, part: re.Match[str]) -> None:
        if part["symbol"]:
            size, dimensions = _atom(part["symbol"], self._text)
            power = int(part["power"] or 1) * self._sign
            self.size *= size**power
            for name, count in dimensions.items():
                self.powers[name] += count * power
        elif part["number"]:
            if int(part["number"]) == 0:
                raise UnknownUnit(f"{self._text} holds a zero")
            self.size *= Fraction(int(part["number"])) ** self._sign
        else:
            power = int(part["ten"] or 1)
            if abs(power) > _LARGEST_EXPONENT:
                raise UnknownUnit(f"{self._text} has too large an exponent")
            self.size *= Fraction(10) ** (power * self._sign)


def _atom(symbol: str, text: str) -> tuple[Fraction, _Dimensions]:
    for known in (_PLAIN, _METRIC):
        if symbol in known:
            return known[symbol]
    for prefix, power in _PREFIXES.items():
        if symbol.startswith(prefix) and symbol[len(prefix) :] in _METRIC:
            size, dimensions = _METRIC[symbol[len(prefix) :]]
            return size * Fraction(10) ** power, dimensions
    where = "" if symbol == text else f" of {text}"
    raise UnknownUnit(f"{symbol}{where} is not a UCUM unit that we know")
