"""Explains one sent value: a number, a word, nothing, or something that a person must look at.

Theory. A value is taken as a number only when every character of it is explained, either by the
plain decimal notation of LIS02-A2 or by a rule that the profile names. Whatever is masked, split,
scaled or merely looks like a number is UNEXPLAINED and held (DESIGN promise 2). Only ASCII digits
count: `Decimal` itself would also take `NaN`, `1_000` and the digits of other scripts. Nothing here
is ever a float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from middleware.model import ResultStatus, ResultValue, ValueKind, proven


class ValueRule(StrEnum):
    """A named rule that explains a value which is neither a plain number nor a plain word."""

    BLANK_PADDING = "blank_padding"
    TRAILING_DELIMITERS = "trailing_delimiters"
    EXPONENT_EXPANDED = "exponent_expanded"
    DECIMAL_COMMA = "decimal_comma"
    THOUSANDS_COMMA = "thousands_comma"
    BARE_POINT = "bare_point"
    RANGE = "range"
    FLAG_AS_VALUE = "flag_as_value"
    UNIT_POWER_OF_TEN = "unit_power_of_ten"


VALUE_RULES: Mapping[ValueRule, str] = MappingProxyType(
    {
        ValueRule.BLANK_PADDING: "Blanks before and after the value are padding.",
        ValueRule.TRAILING_DELIMITERS: "Component delimiters after the last part of the value mean nothing.",
        ValueRule.EXPONENT_EXPANDED: "`2.52E+3` is the number 2520.",
        ValueRule.DECIMAL_COMMA: "`7,41` is the number 7.41.",
        ValueRule.THOUSANDS_COMMA: "`1,094,012` is the number 1094012.",
        ValueRule.BARE_POINT: "`173.` is the number 173 and `.5` is 0.5.",
        ValueRule.RANGE: "`3-5` is the range from 3 to 5.",
        ValueRule.FLAG_AS_VALUE: "A result without value but with an abnormal flag states that flag.",
        ValueRule.UNIT_POWER_OF_TEN: "`367` in `10*-1.{copies}/mL` is 36.7 `{copies}/mL`.",
    }
)

# Longer than any measured value; keeps `1E999999` and digit floods from becoming large numbers.
LONGEST_NUMBER = 40
LARGEST_EXPONENT = 30
_KNOWN_NUMBERS = 2048  # bound of a cache; most measured values have two or three digits

# Words that stand where a value should be and say that there is none.
MASKED_WORDS = frozenset(
    {
        "na",
        "n/a",
        "n.a.",
        "nan",
        "inf",
        "infinity",
        "null",
        "none",
        "<none>",
        "error",
        "err",
        "no result",
        "no value",
        "invalid",
        "failed",
        "aborted",
        "cancelled",
        "canceled",
        "pending",
        "not tested",
        "not done",
        "not measured",
        "qns",
        "undefined",
        '""',
    }
)

_DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_BARE_POINT = re.compile(r"[+-]?(?:[0-9]+\.|\.[0-9]+)")
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?[eE]([+-]?[0-9]{1,3})")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_THOUSANDS_COMMA = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_COMPARATOR = re.compile(r"(<=|>=|<|>) *(?=[^ ])")
_TITER = re.compile(r"1:([0-9]+(?:\.[0-9]+)?)")
_RANGE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?- ?([0-9]+(?:\.[0-9]+)?)")
_MASK = re.compile(r"[-*.#?_/=~ ]+")
_ORDINAL = re.compile(r"\++|[1-4]\+|\+/?-")
_NUMBER_LIKE = "<>=~≤≥±+-.,"
_MARKED_NUMBER = re.compile(r"[^\w\s]+\s*[0-9].*", re.DOTALL)  # `*5.4`: a flag in the value
# A power of ten that multiplies another unit, not one that counts (`10*9/L`).
_SCALED_UNIT = re.compile(r"10[*^]([+-]?[0-9]{1,2})\.(.+)")
_ERROR_CODE = re.compile(r"err(?:or)?[ :._#-]*[0-9].*", re.IGNORECASE | re.DOTALL)

# A status that says there is no value (LIS02-A2 9.9, X and I).
_WITHOUT_VALUE = frozenset({ResultStatus.CANNOT_OBTAIN, ResultStatus.PENDING})

_NUMBER = ValueKind.NUMBER
_new_value = proven(ResultValue)

REASON_MASKED = "masked value"
REASON_SPLIT = "value split over components"
REASON_MISPLACED = "value not in the first component"
REASON_REPEATED = "value repeated"
REASON_NONE = "no value"
REASON_WORD = "a word where a number with a unit is expected"
REASON_NUMBER_LIKE = "looks like a number but is none that a rule explains"
REASON_PADDED = "padded with blanks"
REASON_STATUS = "a value although the status says that there is none"
REASON_NO_TEST = "no test code"
REASON_SCALED_UNIT = "a unit that multiplies the value by a power of ten"


class SentValue(NamedTuple):
    """One value as sent.

    `text` is the part of the field that holds the value, `raw` the whole field, both with escapes decoded. `rule` names
    the rule that already chose `text` from `raw`, `reason` says why no part could be chosen (then `text` is not looked
    at). `flag` is the abnormal flags field as sent.
    """

    text: str
    raw: str
    unit: str = ""
    status: ResultStatus = ResultStatus.FINAL
    flag: str = ""
    rule: str = ""
    reason: str = ""


class _Number(NamedTuple):
    kind: ValueKind
    number: Decimal
    upper: Decimal | None = None
    comparator: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class ValuePolicy:
    """What a profile declares of values. `qualitative` and `masked` are words in lower case (`str.casefold`)."""

    rules: frozenset[ValueRule] = frozenset()
    qualitative: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()

    def plain_number(self, text: str, status: ResultStatus, unit: str = "") -> ResultValue | None:
        """The value of a whole field that is a number in plain notation and nothing else; None: see `explain`.

        Nearly every value is one. This says what `explain` would say, at once.
        """
        if len(text) > LONGEST_NUMBER or status in _WITHOUT_VALUE or text in self.masked:
            return None
        if unit[:2] == "10" and _SCALED_UNIT.fullmatch(unit):
            return None
        return _plain_number(text)

    def explain(self, sent: SentValue) -> ResultValue:
        """The value, or UNEXPLAINED with the reason for a person."""
        text = sent.text.strip()
        if sent.reason:
            return _unexplained(sent, sent.reason)
        if not text:
            return self._explain_nothing(sent)
        rule = sent.rule
        if len(text) != len(sent.text):
            if ValueRule.BLANK_PADDING not in self.rules:
                return _unexplained(sent, REASON_PADDED)
            rule = _join(rule, ValueRule.BLANK_PADDING)
        number = self._read_number(text)
        if sent.status in _WITHOUT_VALUE:
            if number is not None:
                return _unexplained(sent, REASON_STATUS)
            return ResultValue(kind=ValueKind.ABSENT, raw=sent.raw, text=text, rule=rule)
        if self._is_masked(text):
            return _unexplained(sent, REASON_MASKED)
        if number is not None:
            return self._explain_number(sent, number, rule)
        return self._explain_words(sent, text, rule)

    def _explain_number(self, sent: SentValue, number: _Number, rule: str) -> ResultValue:
        scale = _SCALED_UNIT.fullmatch(sent.unit)
        if scale is not None:
            if ValueRule.UNIT_POWER_OF_TEN not in self.rules or number.kind is ValueKind.TITER:
                return _unexplained(sent, REASON_SCALED_UNIT)
            number = _scaled(number, int(scale.group(1)))
        return ResultValue(
            kind=number.kind,
            raw=sent.raw,
            number=number.number,
            upper=number.upper,
            comparator=number.comparator,
            rule=_join(rule, number.rule) if number.rule else rule,
        )

    def _explain_nothing(self, sent: SentValue) -> ResultValue:
        if sent.status in _WITHOUT_VALUE:
            return ResultValue(kind=ValueKind.ABSENT, raw=sent.raw)
        if sent.flag and ValueRule.FLAG_AS_VALUE in self.rules:
            return ResultValue(
                kind=ValueKind.TEXT, raw=sent.raw, text=sent.flag, rule=ValueRule.FLAG_AS_VALUE
            )
        return _unexplained(sent, REASON_NONE)

    def _explain_words(self, sent: SentValue, text: str, rule: str) -> ResultValue:
        is_ordinal = _ORDINAL.fullmatch(text) is not None
        if text.casefold() not in self.qualitative:
            if not is_ordinal and _is_number_like(text):
                return _unexplained(sent, REASON_NUMBER_LIKE)
            if _ERROR_CODE.fullmatch(text):
                return _unexplained(sent, REASON_MASKED)
            if sent.unit:
                return _unexplained(sent, REASON_WORD)
        return ResultValue(kind=ValueKind.TEXT, raw=sent.raw, text=text, rule=rule)

    def _is_masked(self, text: str) -> bool:
        if _MASK.fullmatch(text):
            return text.casefold() not in self.qualitative
        word = text.casefold()
        return word in self.masked or (word in MASKED_WORDS and word not in self.qualitative)

    def _read_number(self, text: str) -> _Number | None:
        if len(text) > LONGEST_NUMBER:
            return None
        if _DECIMAL.fullmatch(text):
            return _Number(_NUMBER, Decimal(text))
        compared = _COMPARATOR.match(text)
        if compared is None:
            return self._read_notation(text)
        rest = text[compared.end() :]
        if _DECIMAL.fullmatch(rest):
            return _Number(_NUMBER, Decimal(rest), comparator=compared.group(1))
        number = self._read_notation(rest)
        if number is None or number.kind is ValueKind.RANGE:
            return None
        return number._replace(comparator=compared.group(1))

    def _read_notation(self, text: str) -> _Number | None:
        """A number in a notation other than the plain one."""
        titer = _TITER.fullmatch(text)
        if titer:
            return _Number(ValueKind.TITER, Decimal(titer.group(1)))
        if ValueRule.EXPONENT_EXPANDED in self.rules:
            exponent = _EXPONENT.fullmatch(text)
            if exponent and abs(int(exponent.group(1))) <= LARGEST_EXPONENT:
                return _plain(format(Decimal(text), "f"), ValueRule.EXPONENT_EXPANDED)
        if ValueRule.DECIMAL_COMMA in self.rules and _DECIMAL_COMMA.fullmatch(text):
            return _plain(text.replace(",", "."), ValueRule.DECIMAL_COMMA)
        if ValueRule.THOUSANDS_COMMA in self.rules and _THOUSANDS_COMMA.fullmatch(text):
            return _plain(text.replace(",", ""), ValueRule.THOUSANDS_COMMA)
        if ValueRule.BARE_POINT in self.rules and _BARE_POINT.fullmatch(text):
            return _plain(text, ValueRule.BARE_POINT)
        if ValueRule.RANGE in self.rules:
            return _read_range(text)
        return None


@lru_cache(maxsize=_KNOWN_NUMBERS)
def _plain_number(text: str) -> ResultValue | None:
    if not _DECIMAL.fullmatch(text):
        return None
    return _new_value(
        kind=_NUMBER,
        raw=text,
        number=Decimal(text),
        upper=None,
        comparator="",
        text="",
        rule="",
        reason="",
    )


def shown_unit(unit: str, value: ResultValue) -> str:
    """The unit that belongs to an explained value: as sent, or without the power of ten that is in the value now."""
    if value.rule and ValueRule.UNIT_POWER_OF_TEN in value.rule.split(","):
        scale = _SCALED_UNIT.fullmatch(unit)
        return scale.group(2) if scale is not None else unit
    return unit


def _scaled(number: _Number, exponent: int) -> _Number:
    """The number times a power of ten, in plain notation."""
    upper = number.upper
    return number._replace(
        number=_shifted(number.number, exponent),
        upper=None if upper is None else _shifted(upper, exponent),
        rule=_join(number.rule, ValueRule.UNIT_POWER_OF_TEN),
    )


def _shifted(number: Decimal, exponent: int) -> Decimal:
    return Decimal(format(number.scaleb(exponent), "f"))


def _is_number_like(text: str) -> bool:
    first = text[0]
    return first in _NUMBER_LIKE or first.isnumeric() or bool(_MARKED_NUMBER.fullmatch(text))


def _read_range(text: str) -> _Number | None:
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    lower, upper = Decimal(found.group(1)), Decimal(found.group(2))
    if lower > upper:
        return None
    return _Number(ValueKind.RANGE, lower, upper, rule=ValueRule.RANGE)


def _plain(digits: str, rule: ValueRule) -> _Number:
    return _Number(_NUMBER, Decimal(digits), rule=rule)


def _join(first: str, second: str) -> str:
    return f"{first},{second}" if first else str(second)


def _unexplained(sent: SentValue, reason: str) -> ResultValue:
    return ResultValue(
        kind=ValueKind.UNEXPLAINED,
        raw=sent.raw,
        text=sent.text.strip(),
        rule=sent.rule,
        reason=reason,
    )
