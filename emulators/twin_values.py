"""Writes values as one profile's rules read them: for each rule a text that it explains, and what the text means.

The meaning comes from the rule's own words and not from the code that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from types import MappingProxyType

from middleware.driver.profile import Profile
from middleware.driver.value_rules import ValueRule
from middleware.model import ValueKind

PLAIN_UNITS = ("mmol/L", "U/L", "g/dL", "10*9/L", "%")
MASKS = ("---.-", "***.**", "")
_OTHERWISE = "*"
# How often a number has no decimals, a choice of two falls one way, a word is one of the profile's.
_WHOLE, _HALF, _OF_PROFILE = 0.4, 0.5, 0.7
_NUMBER = ValueKind.NUMBER


@dataclass(frozen=True, slots=True)
class SaidValue:
    """A text in the value's field and the unit sent beside it, and what they mean.

    `shown_unit` is the unit of the meaning; None where none has to be said. `needs_flag`: without one it says nothing.
    `mark` is a mark of the profile that stands in the field too.
    """

    text: str
    kind: ValueKind
    unit: str = ""
    number: Decimal | None = None
    upper: Decimal | None = None
    comparator: str = ""
    words: str = ""
    shown_unit: str | None = ""
    needs_flag: bool = False
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a value is for: a test, the unit that it must have (None: any), and whether it has its field to itself."""

    test_code: str
    unit: str | None = None
    has_unit: bool = True
    is_whole_field: bool = True
    component: str = ""


class ValueWriter:
    """I write values by one profile. The same random numbers give the same ones."""

    def __init__(self, profile: Profile, random: Random) -> None:
        self._values, self._units = profile.values, profile.units
        self._rules = frozenset(profile.values.rules)
        self._random = random

    @property
    def untold(self) -> tuple[str, ...]:
        """The rules for which no text is written."""
        strange = self._rules - _BY_RULE.keys() - _IN_UNITS
        return tuple(sorted(f"the value rule {rule}" for rule in strange))

    def told(self, wanted: Wanted) -> SaidValue:
        """A value that a rule explains, and that may therefore leave the node."""
        ways: list[Write] = [_plain]
        if ValueRule.MISSING_POINT not in self._rules:
            ways += [_compared, *(_BY_RULE[rule] for rule in sorted(self._rules & _BY_RULE.keys()))]
            ways += [_titer] if ValueRule.UNIT_SCALE not in self._rules else []
        if self._values.qualitative or (wanted.unit is None and not self._scaled):
            ways.append(_word)
        for _ in range(20):
            said = self._random.choice(ways)(self, wanted)
            if said is not None:
                return said
        return _plain(self, wanted)

    def held(self, wanted: Wanted) -> SaidValue:
        """A text that stands where a value should be and is none."""
        text = self._random.choice([*MASKS[:2], *self._values.masked])
        unit = wanted.unit or ""
        return SaidValue(text, ValueKind.UNEXPLAINED, unit, shown_unit=None)

    def number(self, wanted: Wanted) -> SaidValue:
        """A plain number, as most values are."""
        return _plain(self, wanted)

    # -- what the writers use ---------------------------------------------------------------------

    @property
    def random(self) -> Random:
        """Where every choice comes from."""
        return self._random

    @property
    def marks(self) -> tuple[str, ...]:
        """Marks that may stand beside a number."""
        return tuple(self._values.marks)

    @property
    def qualitative(self) -> tuple[str, ...]:
        """Words that are values beside a unit too."""
        return self._values.qualitative

    @property
    def units(self) -> tuple[str, ...]:
        """The units that the profile knows, where a number in any other is held."""
        return tuple(sorted(self._units)) if self._scaled else ()

    @property
    def _scaled(self) -> bool:
        return ValueRule.UNIT_SCALE in self._rules

    def digits(self, wanted: Wanted) -> tuple[str, Decimal]:
        """A number in the plainest notation that the rules leave, and what it is."""
        whole = self._random.randrange(1, 999)
        form = self._values.formats.get(wanted.test_code) or self._values.formats.get(_OTHERWISE)
        if ValueRule.MISSING_POINT in self._rules and form is not None:
            before, _, after = form.partition(".")
            digits = str(self._random.randrange(1, 10 ** (len(before) + len(after))))
            return digits, Decimal(digits).scaleb(-len(after))
        if ValueRule.THOUSANDS_POINT in self._rules or self._random.random() < _WHOLE:
            return str(whole), Decimal(whole)
        text = f"{whole}.{self._random.randrange(100):02d}"
        return text, Decimal(text)

    def in_unit(self, said: SaidValue, wanted: Wanted) -> SaidValue:
        """The number in a unit, multiplied as the unit says."""
        unit = self._pick_unit(wanted)
        scale = self._units.get(unit) if self._scaled else None
        if scale is not None:
            return _times(replace(said, unit=unit), scale.factor, scale.unit or unit)
        power, dot, rest = unit.removeprefix("10*").partition(".")
        if ValueRule.UNIT_POWER_OF_TEN in self._rules and dot and unit.startswith("10*"):
            return _times(replace(said, unit=unit), Decimal(1).scaleb(int(power)), rest)
        return replace(said, unit=unit, shown_unit=unit)

    def _pick_unit(self, wanted: Wanted) -> str:
        if wanted.unit is not None or not wanted.has_unit:
            return wanted.unit or ""
        if self.units:
            return self._random.choice(self.units)
        if ValueRule.UNIT_POWER_OF_TEN in self._rules and self._random.random() < _HALF:
            return self._random.choice(("10*-1.{copies}/mL", "10*3.[IU]/mL"))
        return self._random.choice(PLAIN_UNITS)


def _times(said: SaidValue, factor: Decimal, unit: str) -> SaidValue:
    number = None if said.number is None else said.number * factor
    upper = None if said.upper is None else said.upper * factor
    return replace(said, number=number, upper=upper, shown_unit=unit)


Write = Callable[[ValueWriter, Wanted], SaidValue | None]


def _plain(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    text, number = writer.digits(wanted)
    return writer.in_unit(SaidValue(text, _NUMBER, number=number), wanted)


def _compared(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    text, number = writer.digits(wanted)
    comparator = writer.random.choice(("<", ">", "<=", ">="))
    blank = writer.random.choice(("", " "))
    said = SaidValue(f"{comparator}{blank}{text}", _NUMBER, number=number, comparator=comparator)
    return writer.in_unit(said, wanted)


def _titer(writer: ValueWriter, wanted: Wanted) -> SaidValue | None:
    if wanted.unit:
        return None
    denominator = writer.random.choice((80, 160, 320))
    said = SaidValue(f"1:{denominator}", ValueKind.TITER, number=Decimal(denominator))
    return replace(said, unit="", shown_unit="")


def _word(writer: ValueWriter, wanted: Wanted) -> SaidValue | None:
    if writer.qualitative and (wanted.unit or writer.random.random() < _OF_PROFILE):
        word = writer.random.choice(writer.qualitative)
    elif wanted.unit:
        return None
    else:
        word = writer.random.choice(("Positive", "++", "2+", "Trace"))
    return SaidValue(
        word, ValueKind.TEXT, wanted.unit or "", words=word, shown_unit=wanted.unit or ""
    )


def _padded(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    said = _plain(writer, wanted)
    return replace(said, text=f"  {said.text} ")


def _trailing(writer: ValueWriter, wanted: Wanted) -> SaidValue | None:
    if not wanted.is_whole_field or not wanted.component:
        return None
    said = _plain(writer, wanted)
    return replace(said, text=said.text + wanted.component * writer.random.randint(1, 3))


def _later(writer: ValueWriter, wanted: Wanted) -> SaidValue | None:
    if not wanted.is_whole_field or not wanted.component:
        return None
    said = _plain(writer, wanted)
    return replace(said, text=wanted.component + said.text)


def _exponent(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    digits, power = writer.random.randrange(100, 999), writer.random.choice((3, 4, -2))
    text = f"{digits // 100}.{digits % 100:02d}E{power:+d}"
    return writer.in_unit(
        SaidValue(text, _NUMBER, number=Decimal(digits).scaleb(power - 2)), wanted
    )


def _decimal_comma(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    digits = writer.random.randrange(100, 9999)
    text = f"{digits // 100},{digits % 100:02d}"
    return writer.in_unit(SaidValue(text, _NUMBER, number=Decimal(digits).scaleb(-2)), wanted)


def _thousands_comma(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    number = writer.random.randrange(1_000, 9_999_999)
    return writer.in_unit(SaidValue(f"{number:,}", _NUMBER, number=Decimal(number)), wanted)


def _thousands_point(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    number, after = writer.random.randrange(1_000, 9_999_999), writer.random.randrange(10)
    text = f"{number:,}".replace(",", ".") + f",{after}"
    said = SaidValue(text, _NUMBER, number=Decimal(number) + Decimal(after).scaleb(-1))
    return writer.in_unit(said, wanted)


def _bare_point(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    digits = writer.random.randrange(1, 999)
    if writer.random.random() < _HALF:
        return writer.in_unit(SaidValue(f"{digits}.", _NUMBER, number=Decimal(digits)), wanted)
    said = SaidValue(f".{digits:03d}", _NUMBER, number=Decimal(digits).scaleb(-3))
    return writer.in_unit(said, wanted)


def _with_logarithm(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    number = Decimal(writer.random.randrange(20, 9_999_999))
    text = f"{number} ({number.log10():.2f})"
    return writer.in_unit(SaidValue(text, _NUMBER, number=number), wanted)


def _range(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    lower = writer.random.randrange(1, 50)
    upper = lower + writer.random.randrange(1, 50)
    said = SaidValue(
        f"{lower}-{upper}", ValueKind.RANGE, number=Decimal(lower), upper=Decimal(upper)
    )
    return writer.in_unit(said, wanted)


def _flag_alone(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    return SaidValue("", ValueKind.TEXT, wanted.unit or "", shown_unit=None, needs_flag=True)


def _marked(writer: ValueWriter, wanted: Wanted) -> SaidValue:
    said, mark = _plain(writer, wanted), writer.random.choice(writer.marks)
    return replace(said, text=f"{said.text} {mark}", mark=mark)


def _with_unit(writer: ValueWriter, wanted: Wanted) -> SaidValue | None:
    if wanted.unit is not None:
        return None
    unit = writer.random.choice(writer.units or PLAIN_UNITS)
    said = _plain(writer, replace(wanted, unit=unit))
    return replace(said, text=f"{said.text} {unit}", unit="")


_BY_RULE: Mapping[ValueRule, Write] = MappingProxyType(
    {
        ValueRule.BLANK_PADDING: _padded,
        ValueRule.TRAILING_DELIMITERS: _trailing,
        ValueRule.LATER_COMPONENT: _later,
        ValueRule.EXPONENT_EXPANDED: _exponent,
        ValueRule.DECIMAL_COMMA: _decimal_comma,
        ValueRule.THOUSANDS_COMMA: _thousands_comma,
        ValueRule.THOUSANDS_POINT: _thousands_point,
        ValueRule.BARE_POINT: _bare_point,
        ValueRule.LOGARITHM_BESIDE: _with_logarithm,
        ValueRule.RANGE: _range,
        ValueRule.FLAG_AS_VALUE: _flag_alone,
        ValueRule.FLAG_IN_VALUE: _marked,
        ValueRule.UNIT_IN_VALUE: _with_unit,
    }
)
# Rules that every number of a profile goes through, or those with one unit.
_IN_UNITS = frozenset({ValueRule.UNIT_POWER_OF_TEN, ValueRule.UNIT_SCALE, ValueRule.MISSING_POINT})
