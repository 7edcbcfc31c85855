"""Tells what a message is by its record letters, without decoding it. Never raises."""

from __future__ import annotations

from middleware.model import MessageKind

_CR = b"\r"
_HEADER_PROCESSING_ID = 11  # H-12, counted from 0 (LIS02-A2 6.12)
_ORDER_ACTION = 11  # O-12 (LIS02-A2 8.4.12)
_NOT_A_PATIENTS = frozenset({b"Q", b"T", b"D"})


def glance(text: bytes) -> MessageKind:
    """QC for results that the standard's own marks call a control; RESULT; QUERY for a request record; else OTHER.

    A message that reports and asks is a result: the asking may wait, what it reports must go on.
    """
    text = text.lstrip(b"\xef\xbb\xbf\r\n\0")
    if b"\n" in text:
        text = text.replace(b"\n", _CR)
    field = text[1:2]
    if text[:1] not in (b"H", b"h") or not field:
        return MessageKind.UNREADABLE
    has_results = _CR + b"R" + field in text
    if not has_results and _CR + b"Q" + field in text:
        return MessageKind.QUERY
    order = text.find(_CR + b"O" + field)
    if order < 0 and not has_results:
        return MessageKind.OTHER
    header = text[: text.find(_CR)].split(field)
    if _field(header, _HEADER_PROCESSING_ID) in _NOT_A_PATIENTS:
        return MessageKind.QC
    if order >= 0:
        end = text.find(_CR, order + 1)
        record = text[order : end if end >= 0 else len(text)].split(field)
        if _field(record, _ORDER_ACTION) == b"Q":
            return MessageKind.QC
    return MessageKind.RESULT


def _field(fields: list[bytes], index: int) -> bytes:
    return fields[index].strip() if index < len(fields) else b""
