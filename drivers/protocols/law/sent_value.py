"""Finds in OBX-2 and OBX-5 the value that was sent, or says why it is none that may be believed.

What is coded or a time is never taken for a number, whatever it looks like.
"""

from __future__ import annotations

from middleware.driver.mapping import EXPLICIT_NULL
from middleware.driver.values import (
    REASON_NO_TEST,
    REASON_REPEATED,
    REASON_SPLIT,
    SentValue,
    ValuePolicy,
)
from middleware.model import ResultStatus, ResultValue, ValueKind
from middleware.wire.hl7 import Segment, unescape

# OBX-2 (HL7 table 0125).
_PLAIN = frozenset(("", "NM", "ST", "TX", "FT", "IS", "ID", "SI"))
_CODED = frozenset(("CE", "CWE", "CNE", "CF"))
ATTACHED = frozenset(("ED", "RP", "OD", "NA", "MA"))
"""Pictures, files and curves: no results; the journal keeps them."""
_STRUCTURED = "SN"
_VALUE = 5
_SN_COMPARED, _SN_PARTS = 2, 4
_NUMERIC = frozenset((ValueKind.NUMBER, ValueKind.TITER, ValueKind.RANGE))


def read_value(
    obx: Segment, policy: ValuePolicy, test_code: str, unit: str, status: ResultStatus
) -> ResultValue:
    """The value of one OBX; UNEXPLAINED when nothing says for which test it is."""
    field = obx.field(_VALUE)
    kind = obx.field(2).strip().upper()
    if kind in _PLAIN and test_code:
        plain = policy.plain_number(field, status, unit)
        if plain is not None:
            return plain
    sent = _sent(obx, field, kind, SentValue("", "", unit, status, obx.field(8)))
    if not test_code:
        sent = sent._replace(reason=REASON_NO_TEST)
    value = policy.explain(sent)
    if value.kind in _NUMERIC and kind not in _PLAIN and kind != _STRUCTURED:
        return ResultValue(kind=ValueKind.TEXT, raw=value.raw, text=sent.text.strip())
    return value


def _sent(obx: Segment, field: str, kind: str, sent: SentValue) -> SentValue:
    marks, encoding = obx.delimiters, obx.encoding
    raw = unescape(field, marks, encoding)
    if field.strip() == EXPLICIT_NULL:
        return sent._replace(raw=raw)
    if any(one.strip() for one in field.split(marks.repetition)[1:]):
        return sent._replace(raw=raw, reason=REASON_REPEATED)
    parts = obx.components(_VALUE)
    if kind == _STRUCTURED:
        text, reason = _structured(parts)
        return sent._replace(text=text, raw=raw, reason=reason)
    if kind in _CODED:
        # The words are what a person reads; a code without words is its own word. A coded value has no unit.
        coded = [*parts, "", ""]
        return sent._replace(text=coded[1].strip() or coded[0].strip(), raw=raw, unit="")
    if len([part for part in parts if part.strip()]) > 1 and kind in _PLAIN:
        return sent._replace(raw=raw, reason=REASON_SPLIT)
    text = parts[0] if kind in _PLAIN and parts else raw
    return sent._replace(text=text, raw=raw)


def _structured(parts: list[str]) -> tuple[str, str]:
    """SN as it would be written in one piece (HL7 2.5.1 2.A.70): `>^100`, `^1^:^128`, `^3^-^5`; or why it cannot be."""
    texts = [part.strip() for part in parts]
    while texts and not texts[-1]:
        texts.pop()
    if len(texts) > _SN_PARTS:
        return "", REASON_SPLIT
    comparator, first, separator, second = (*texts, *[""] * (_SN_PARTS - len(texts)))
    if comparator == "=":
        comparator = ""
    if len(texts) <= _SN_COMPARED:
        return comparator + first, ""
    return f"{comparator}{first}{separator}{second}", ""
