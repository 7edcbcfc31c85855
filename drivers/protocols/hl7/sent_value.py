"""Finds the value of an observation by its type (OBX-2), or says why nothing in it can be one.

The types of the standard explain how a field is put together; what the text in it means is for the value policy. A
type that is missing, unknown or does not fit what was sent is no obstacle: the field is then read as text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from drivers.protocols.hl7 import tables
from drivers.protocols.hl7.paths import pick
from middleware.driver.values import (
    REASON_MISPLACED,
    REASON_NO_TEST,
    REASON_REPEATED,
    REASON_SPLIT,
    SentValue,
    ValuePolicy,
    ValueRule,
)
from middleware.model import ResultStatus, ResultValue, ValueKind, proven
from middleware.wire.hl7 import NULL, Path, Segment, unescape

LONGEST_VALUE = 4000
"""Characters. No measured value or report line is longer; images and documents that come as text are."""

REASON_SERIES = "a series of numbers"
_KEPT_OF_LONG = 200
_COMPARATORS = frozenset({"", "=", "<", ">", "<=", ">="})
_CODED_FROM = frozenset({ValueKind.TEXT, ValueKind.NUMBER, ValueKind.TITER, ValueKind.RANGE})
_new_value = proven(ResultValue)


class Said(NamedTuple):
    """What stands beside a value and bears on it; texts as sent."""

    value_type: str
    test_code: str
    unit: str
    status: ResultStatus
    flag: str


class _Field(NamedTuple):
    """OBX-5: as sent, with escapes decoded, and cut at its delimiters (first repetition; escapes decoded)."""

    sent: str
    raw: str
    parts: list[str]
    repeats: list[str]


class ValueReader:
    """I read the value of an observation at one path."""

    def __init__(self, path_text: str, policy: ValuePolicy) -> None:
        self._path = path = Path.parse(path_text)
        self._is_whole = not (path.component or path.repetition)
        self._policy = policy
        self._numbers = replace(policy, rules=policy.rules | {ValueRule.RANGE})
        self._by_type: dict[str, Callable[[_Field, Said], ResultValue]] = {
            **dict.fromkeys(tables.TYPES_NUMBERED, self._numbered),
            **dict.fromkeys(tables.TYPES_CODED, self._coded),
            **dict.fromkeys(tables.TYPES_OF_TIME, self._as_it_is),
            **dict.fromkeys(tables.TYPES_OF_NAMES, self._as_it_is),
            **dict.fromkeys(tables.TYPES_OF_LINES, self._lines),
            **dict.fromkeys(tables.TYPES_OF_SERIES, self._series),
        }

    @property
    def field(self) -> int:
        """The number of the field that holds the value."""
        return self._path.field

    def read(self, obx: Segment, said: Said) -> ResultValue:
        """The value; UNEXPLAINED when nothing says for which test it is, or what it is."""
        field, marks = obx.field(self._path.field), obx.delimiters
        by_type = self._by_type.get(said.value_type)
        if by_type is None and said.test_code and self._is_whole:
            value = self._policy.plain_number(field, said.status, said.unit)
            if value is not None:
                return value
        if len(field) > LONGEST_VALUE:
            return _too_long(field)
        raw = unescape(field, marks, obx.encoding)
        if not said.test_code:
            return self._explain("", raw, said, reason=REASON_NO_TEST)
        if not self._is_whole:
            return self._explain(pick(field, self._path, obx), raw, said, rule=str(self._path_text))
        repeats = [one for one in field.split(marks.repetition) if one.strip()]
        first = repeats[0] if repeats else ""
        parts = [unescape(one, marks, obx.encoding) for one in first.split(marks.component)]
        cut = _Field(field, raw, parts, [unescape(one, marks, obx.encoding) for one in repeats])
        return (by_type or self._text)(cut, said)

    @property
    def _path_text(self) -> str:
        path = self._path
        repetition = f"[{path.repetition}]" if path.repetition else ""
        return f"{path.segment}-{path.field}{repetition}.{path.component or 1}"

    def _explain(
        self, text: str, raw: str, said: Said, *, rule: str = "", reason: str = ""
    ) -> ResultValue:
        return self._policy.explain(
            SentValue(text, raw, said.unit, said.status, said.flag, rule, reason)
        )

    def _text(self, field: _Field, said: Said) -> ResultValue:
        """The first component, and nothing beside it."""
        if len(field.repeats) > 1:
            return self._explain("", field.raw, said, reason=REASON_REPEATED)
        parts = field.parts
        filled = [number for number, part in enumerate(parts) if part.strip()]
        if len(filled) > 1:
            return self._explain("", field.raw, said, reason=REASON_SPLIT)
        if filled and filled[0] > 0:
            return self._explain("", field.raw, said, reason=REASON_MISPLACED)
        if filled and len(parts) > 1:
            if ValueRule.TRAILING_DELIMITERS not in self._policy.rules:
                return self._explain("", field.raw, said, reason=REASON_SPLIT)
            return self._explain(
                parts[0], field.raw, said, rule=ValueRule.TRAILING_DELIMITERS.value
            )
        return self._explain(parts[0], field.raw, said)

    def _lines(self, field: _Field, said: Said) -> ResultValue:
        """TX and FT: each repetition is a line (HL7 2.5.1 7.4.2.5)."""
        if len(field.repeats) > 1:
            return self._explain("\n".join(field.repeats), field.raw, said)
        return self._text(field, said)

    def _as_it_is(self, field: _Field, said: Said) -> ResultValue:
        """Times and names: digits in them are no number."""
        text = field.raw.strip()
        if not text or text == NULL or said.status is ResultStatus.CANNOT_OBTAIN:
            return self._explain(text, field.raw, said)
        return _new_value(kind=ValueKind.TEXT, raw=field.raw, text=text)

    def _coded(self, field: _Field, said: Said) -> ResultValue:
        """The words of a code, else the code (HL7 2.5.1 2.A.11, 2.A.13). Digits of a code are no number."""
        if len(field.repeats) > 1:
            return self._explain("", field.raw, said, reason=REASON_REPEATED)
        parts = [part.strip() for part in field.parts] + [""] * 9
        words = next((parts[at] for at in (1, 0, 4, 3, 8) if parts[at]), "")
        value = self._explain(words, field.raw, said._replace(unit=""))
        if value.kind not in _CODED_FROM:
            return value
        return _new_value(kind=ValueKind.CODED, raw=field.raw, text=words, rule=value.rule)

    def _numbered(self, field: _Field, said: Said) -> ResultValue:
        """SN and NR (HL7 2.5.1 2.A.71, 2.A.48): comparator, number, separator, number."""
        parts = [part.strip() for part in field.parts]
        if len(field.repeats) > 1:
            return self._explain("", field.raw, said, reason=REASON_REPEATED)
        text = _range(parts) if said.value_type == "NR" else _structured(parts)
        reason = "" if text is not None else REASON_SPLIT
        sent = SentValue(text or "", field.raw, said.unit, said.status, said.flag, "", reason)
        return self._numbers.explain(sent)

    def _series(self, field: _Field, said: Said) -> ResultValue:
        """NA and MA: one number is a number; several are a curve or the values of several things."""
        if len(field.repeats) > 1 or sum(1 for part in field.parts if part.strip()) > 1:
            return self._explain("", field.raw, said, reason=REASON_SERIES)
        return self._text(field, said)


def _range(parts: list[str]) -> str | None:
    if len(parts) == 1:
        return parts[0]
    lower, upper, *others = parts
    return f"{lower}-{upper}" if lower and upper and not any(others) else None


def _structured(parts: list[str]) -> str | None:
    """The plain notation of a structured numeric; None when its parts do not fit together."""
    if len(parts) == 1:
        return parts[0]
    comparator, first, separator, second, *others = [*parts, "", ""]
    if any(others) or comparator not in _COMPARATORS:
        return None
    comparator = comparator.replace("=", "") if comparator == "=" else comparator
    if not separator and not second:
        return comparator + first
    is_suffix = separator == "+" and not second
    is_pair = separator in {"-", ":"} and bool(second)
    if comparator or not first or not (is_suffix or is_pair):
        return None
    return first + separator + second


def _too_long(field: str) -> ResultValue:
    return _new_value(
        kind=ValueKind.UNEXPLAINED,
        raw=field[:_KEPT_OF_LONG],
        reason=f"a text of {len(field)} characters; the journal holds all of it",
    )
