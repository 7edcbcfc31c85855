"""Finds the part of a result field that holds the value, or says why there is no such part.

A profile that names the whole field leaves it to this rule: the first component, and nothing beside it (by the rule
`later_component` another one, and nothing beside it). A profile that names one component knows that the others are not
the value.
"""

from __future__ import annotations

from typing import NamedTuple

from middleware.driver.values import (
    REASON_MISPLACED,
    REASON_NO_TEST,
    REASON_REPEATED,
    REASON_SPLIT,
    SentValue,
    ValuePolicy,
    ValueRule,
)
from middleware.model import ResultStatus, ResultValue
from middleware.wire.lis2 import Path, Record, unescape


class ValuePart(NamedTuple):
    """The text of the value, the whole field, the rule that chose, or the reason why none could."""

    text: str
    raw: str
    rule: str = ""
    reason: str = ""


class ValueReader:
    """I read the value of a result record at one path."""

    def __init__(self, path_text: str, policy: ValuePolicy) -> None:
        self._path = path = Path.parse(path_text)
        self._whole = Path(path.letter, path.field)
        self._is_whole = not (path.component or path.repeat)
        self._policy = policy

    def read(
        self, record: Record, test_code: str, unit: str, status: ResultStatus, flag: str
    ) -> ResultValue:
        """The value; UNEXPLAINED when nothing says for which test it is. `flag` is the flags field as sent."""
        field = record.field(self._path.field)
        delimiters = record.delimiters
        is_plain = (
            self._is_whole and delimiters.component not in field and delimiters.repeat not in field
        )
        if is_plain and test_code:
            value = self._policy.plain_number(field, status, unit)
            if value is not None:
                return value
        if not self._is_whole:
            part = ValuePart(self._path.of(record), self._whole.of(record), str(self._path))
        elif is_plain:
            text = unescape(field, delimiters, record.encoding)
            part = ValuePart(text, text)
        else:
            part = _choose(field, record, self._policy.rules)
        text, raw, rule, reason = part
        if not test_code:
            reason = REASON_NO_TEST
        return self._policy.explain(SentValue(text, raw, unit, status, flag, rule, reason))


def _choose(field: str, record: Record, rules: frozenset[ValueRule]) -> ValuePart:
    delimiters, encoding = record.delimiters, record.encoding
    raw = unescape(field, delimiters, encoding)
    if any(repeat.strip() for repeat in field.split(delimiters.repeat)[1:]):
        return ValuePart("", raw, reason=REASON_REPEATED)
    parts = field.partition(delimiters.repeat)[0].split(delimiters.component)
    filled = [number for number, part in enumerate(parts) if part.strip()]
    if len(filled) > 1:
        return ValuePart("", raw, reason=REASON_SPLIT)
    if filled and filled[0] > 0:
        if ValueRule.LATER_COMPONENT not in rules:
            return ValuePart("", raw, reason=REASON_MISPLACED)
        text = unescape(parts[filled[0]], delimiters, encoding)
        return ValuePart(text, raw, rule=ValueRule.LATER_COMPONENT)
    text = unescape(parts[0], delimiters, encoding)
    if filled and ValueRule.TRAILING_DELIMITERS not in rules:
        return ValuePart("", raw, reason=REASON_SPLIT)
    return ValuePart(text, raw, rule=ValueRule.TRAILING_DELIMITERS if filled else "")
