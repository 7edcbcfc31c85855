"""Explains one sent value: a number, a word, nothing, or something that a person must look at.

Theory. A value is taken as a number only when every character of it is explained, either by the
plain decimal notation of LIS02-A2 or by a rule that the profile names. Whatever is masked, split,
scaled or merely looks like a number is UNEXPLAINED and held (DESIGN promise 2). Only ASCII digits
count: `Decimal` itself would also take `NaN`, `1_000` and the digits of other scripts. Nothing here
is ever a float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from middleware.driver.beside import BesideRules
from middleware.driver.notation import DECIMAL, LONGEST_NUMBER, Number, is_plain, read_number
from middleware.driver.scales import (
    Scales,
    has_power_of_ten,
    scaled,
    scaled_by_unit,
    unit_without_power,
)
from middleware.driver.value_rules import VALUE_RULES, ValueRule, is_by, joined
from middleware.model import ResultStatus, ResultValue, ValueKind, proven

__all__ = ["LONGEST_NUMBER", "VALUE_RULES", "SentValue", "ValuePolicy", "ValueRule"]

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

_MASK = re.compile(r"[-*.#?_/=~ ]+")
_ORDINAL = re.compile(r"\++|[1-4]\+|\+/?-")
_NUMBER_LIKE = "<>=~≤≥±+-.,"
_MARKED_NUMBER = re.compile(r"[^\w\s]+\s*[0-9].*", re.DOTALL)  # `*5.4`: a flag in the value
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
REASON_UNIT = "a unit that the profile's table of units does not name"
REASON_TWO_UNITS = "a unit in the value that is not the unit sent beside it"


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


@dataclass(frozen=True, slots=True)
class ValuePolicy:
    """What a profile declares of values. `qualitative` and `masked` are words in lower case (`str.casefold`).

    `scales` belongs to the rule unit_scale, `beside` to flag_in_value and unit_in_value.
    """

    rules: frozenset[ValueRule] = frozenset()
    qualitative: frozenset[str] = frozenset()
    masked: frozenset[str] = frozenset()
    scales: Scales = field(default_factory=dict)
    beside: BesideRules = field(default_factory=BesideRules)
    is_wary: bool = field(init=False, default=False)
    """A number in plain notation may mean something else, or nothing."""

    def __post_init__(self) -> None:
        wary = {ValueRule.THOUSANDS_POINT, ValueRule.UNIT_SCALE} & self.rules
        object.__setattr__(self, "is_wary", bool(wary))

    def plain_number(self, text: str, status: ResultStatus, unit: str = "") -> ResultValue | None:
        """The value of a whole field that is a number in plain notation and nothing else; None: see `explain`.

        Nearly every value is one. This says what `explain` would say, at once.
        """
        if len(text) > LONGEST_NUMBER or status in _WITHOUT_VALUE or text in self.masked:
            return None
        if unit[:2] == "10" and has_power_of_ten(unit):
            return None
        if self.is_wary and not self._is_plain_here(text, unit):
            return None
        return _plain_number(text)

    def _is_plain_here(self, text: str, unit: str) -> bool:
        if ValueRule.UNIT_SCALE in self.rules:
            scale = self.scales.get(unit)
            if scale is None or scale.factor != 1:
                return False
        return is_plain(text, self.rules)

    def shown_unit(self, unit: str, value: ResultValue) -> str:
        """The unit that belongs to an explained value: as sent, or without the factor that is in the value now."""
        if value.number is None:
            return unit
        scale = self.scales.get(unit)
        if scale is not None:
            return scale.unit
        if is_by(ValueRule.UNIT_POWER_OF_TEN, value.rule):
            return unit_without_power(unit)
        return unit

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
            rule = joined(rule, ValueRule.BLANK_PADDING)
        number = read_number(text, self.rules) or self.beside.read(text, self.rules)
        if sent.status in _WITHOUT_VALUE:
            if number is not None:
                return _unexplained(sent, REASON_STATUS)
            return ResultValue(kind=ValueKind.ABSENT, raw=sent.raw, text=text, rule=rule)
        if self._is_masked(text):
            return _unexplained(sent, REASON_MASKED)
        if number is not None:
            return self._explain_number(sent, number, rule)
        return self._explain_words(sent, text, rule)

    def _explain_number(self, sent: SentValue, number: Number, rule: str) -> ResultValue:
        unit = sent.unit
        if is_by(ValueRule.UNIT_IN_VALUE, number.rule):
            if unit not in ("", number.beside):
                return _unexplained(sent, REASON_TWO_UNITS)
            unit = number.beside
        made, reason = self._in_its_unit(number, unit)
        if made is None:
            return _unexplained(sent, reason)
        return ResultValue(
            kind=made.kind,
            raw=sent.raw,
            number=made.number,
            upper=made.upper,
            comparator=made.comparator,
            text=made.beside,
            rule=joined(rule, made.rule) if made.rule else rule,
        )

    def _in_its_unit(self, number: Number, unit: str) -> tuple[Number | None, str]:
        """The number with the factor of its unit carried into it, or why that cannot be."""
        is_titer = number.kind is ValueKind.TITER
        if has_power_of_ten(unit) and unit not in self.scales:
            if ValueRule.UNIT_POWER_OF_TEN not in self.rules or is_titer:
                return None, REASON_SCALED_UNIT
            return scaled_by_unit(number, unit), ""
        if ValueRule.UNIT_SCALE not in self.rules:
            return number, ""
        scale = self.scales.get(unit)
        if scale is None or is_titer:
            return None, REASON_UNIT
        if scale.factor == 1:
            return number, ""
        return scaled(number, scale.factor, ValueRule.UNIT_SCALE), ""

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


@lru_cache(maxsize=_KNOWN_NUMBERS)
def _plain_number(text: str) -> ResultValue | None:
    if not DECIMAL.fullmatch(text):
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


def _is_number_like(text: str) -> bool:
    first = text[0]
    return first in _NUMBER_LIKE or first.isnumeric() or bool(_MARKED_NUMBER.fullmatch(text))


def _unexplained(sent: SentValue, reason: str) -> ResultValue:
    return ResultValue(
        kind=ValueKind.UNEXPLAINED,
        raw=sent.raw,
        text=sent.text.strip(),
        rule=sent.rule,
        reason=reason,
    )
