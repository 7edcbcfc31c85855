"""Finds the part of a result field that holds the value, or says why there is no such part.

A profile that names the whole field leaves it to this rule: the first component, and nothing beside it. A profile that
names one component knows that the others are not the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from middleware.driver.values import (
    REASON_MISPLACED,
    REASON_REPEATED,
    REASON_SPLIT,
    ValueRule,
)
from middleware.wire.lis2 import Path, Record, unescape


class ValuePart(NamedTuple):
    """The text of the value, the whole field, the rule that chose, or the reason why none could."""

    text: str
    raw: str
    rule: str = ""
    reason: str = ""


def value_reader(path_text: str, rules: frozenset[ValueRule]) -> Callable[[Record], ValuePart]:
    """A function from a result record to its value."""
    path = Path.parse(path_text)
    whole = Path(path.letter, path.field)
    if path.component or path.repeat:
        return lambda record: ValuePart(path.of(record), whole.of(record), str(path))
    number = path.field

    def read(record: Record) -> ValuePart:
        raw = record.field(number)
        delimiters = record.delimiters
        if delimiters.repeat in raw or delimiters.component in raw:
            return _choose(raw, record, rules)
        text = unescape(raw, delimiters, record.encoding)
        return ValuePart(text, text)

    return read


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
        return ValuePart("", raw, reason=REASON_MISPLACED)
    text = unescape(parts[0], delimiters, encoding)
    if filled and ValueRule.TRAILING_DELIMITERS not in rules:
        return ValuePart("", raw, reason=REASON_SPLIT)
    return ValuePart(text, raw, rule=ValueRule.TRAILING_DELIMITERS if filled else "")
