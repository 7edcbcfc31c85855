"""Tells what a message is from its bytes, without decoding it. Never raises."""

from __future__ import annotations

from drivers.protocols.hl7.tables import ORDER_QUERY, ORDER_TYPES, QUERY_TYPES
from middleware.model import MessageKind

_TYPE, _PROCESSING = 8, 10  # MSH-9 and MSH-11 in a split header
_ROLE = 11  # SPM-11
_NOT_A_PATIENTS = frozenset({b"Q", b"T", b"D"})
_CONTROL_ROLES = frozenset({b"B", b"C", b"E", b"F", b"O", b"Q", b"R", b"V"})


def glance(text: bytes) -> MessageKind:
    """QC for results that the standard's own marks call a control; RESULT; QUERY; ORDER; else OTHER.

    Of several messages in one text (a file) the first with results tells. What reports results is a result, whatever
    its type says.
    """
    text = text.lstrip(b"\xef\xbb\xbf\r\n\0 ")
    if text[:3] != b"MSH" or len(text) < 4:  # noqa: PLR2004 - the name and the separator
        return MessageKind.UNREADABLE
    separator = text[3:4]
    header = _line(text, 0).split(separator, _PROCESSING + 2)
    kind = _first_part(header, _TYPE, text).decode("latin-1").upper()
    if _starts(text, b"OBX" + separator) < 0:
        return _without_results(kind, text, separator)
    if kind in QUERY_TYPES:
        return MessageKind.QUERY
    if kind in ORDER_TYPES:
        return _of_orders(text, separator)
    if _first_part(header, _PROCESSING, text) in _NOT_A_PATIENTS:
        return MessageKind.QC
    at = _starts(text, b"SPM" + separator)
    if at >= 0:
        specimen = _line(text, at).split(separator, _ROLE + 1)
        if _first_part(specimen, _ROLE, text) in _CONTROL_ROLES:
            return MessageKind.QC
    return MessageKind.RESULT


def _without_results(kind: str, text: bytes, separator: bytes) -> MessageKind:
    if kind in QUERY_TYPES or _starts(text, b"QPD" + separator) >= 0:
        return MessageKind.QUERY
    if kind in ORDER_TYPES:
        return _of_orders(text, separator)
    if kind in ("ORU", "OUL"):
        return MessageKind.RESULT
    return MessageKind.OTHER


def _of_orders(text: bytes, separator: bytes) -> MessageKind:
    """An order control says whether they are given or asked for; observations may say how it counts (Mindray BC)."""
    asks = _starts(text, b"ORC" + separator + ORDER_QUERY.encode() + separator) >= 0
    return MessageKind.QUERY if asks else MessageKind.ORDER


def _starts(text: bytes, segment: bytes) -> int:
    """Where a segment begins, -1 without one."""
    at = max(text.find(b"\r" + segment), text.find(b"\n" + segment))
    return at + 1 if at >= 0 else -1


def _line(text: bytes, at: int) -> bytes:
    end = text.find(b"\r", at)
    line = text[at : end if end >= 0 else len(text)]
    return line.partition(b"\n")[0]


def _first_part(fields: list[bytes], index: int, text: bytes) -> bytes:
    if index >= len(fields):
        return b""
    field, component = fields[index], text[4:5]
    return field.split(component, 1)[0].strip() if component else field.strip()
