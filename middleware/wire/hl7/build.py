"""Writing segments and messages.

Field text is escaped; only `Raw` is taken as written, and it is refused when it holds a field
separator or a control character. So no text (a patient's name, a comment) can begin a new field or
segment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from middleware.wire.errors import LocalProtocolError
from middleware.wire.hl7.charset import UTF_8, codec_for
from middleware.wire.hl7.delimiters import DEFAULT_DELIMITERS, Delimiters, escape, is_plain

_NAME = re.compile("[A-Z][A-Z0-9]{2}")
_CONTROL = re.compile("[\\x00-\\x1f\\x7f]")
_CHARSET_AT = 17  # MSH-18 in a split header


class Raw(str):
    """Field text already written with the message's delimiters: a composite, or a copied field."""

    __slots__ = ()


FieldValue = str | Raw | None


def segment(
    name: str, fields: Mapping[int, FieldValue], delimiters: Delimiters = DEFAULT_DELIMITERS
) -> str:
    """One segment without its CR. Keys are field numbers; MSH-1 and MSH-2 are written from
    `delimiters`.

    Trailing empty fields are left out. Raises LocalProtocolError for a bad name, number, or `Raw`
    text.
    """
    first = _first_field(name)
    written = [""] * max(fields, default=0)
    for number, value in fields.items():
        if number < first:
            raise LocalProtocolError(f"{name}: fields are given from number {first}")
        written[number - 1] = value or ""
    while written and not written[-1]:
        written.pop()
    if first == 1:
        return delimiters.field.join([name, *_safe(written, delimiters)])
    return delimiters.field.join([name, delimiters.declaration, *_safe(written[2:], delimiters)])


@lru_cache(maxsize=256)
def _first_field(name: str) -> int:
    if _NAME.fullmatch(name) is None:
        raise LocalProtocolError(f"{name!r} is no segment name")
    return 3 if name == "MSH" else 1


def _safe(values: list[str], delimiters: Delimiters) -> list[str]:
    """The values as they go on the wire; looked at together first, for most need nothing."""
    plain = "".join([value for value in values if value.__class__ is not Raw])
    if is_plain(plain, delimiters):
        everything = "".join(values)
        if everything.isprintable() and delimiters.field not in everything:
            return values
    return [write_field(value, delimiters) for value in values]


def write_field(value: str, delimiters: Delimiters = DEFAULT_DELIMITERS) -> str:
    """One field as it goes on the wire."""
    if not isinstance(value, Raw):
        return escape(value, delimiters)
    if delimiters.field in value or _CONTROL.search(value) is not None:
        raise LocalProtocolError("a raw field holds a field separator or a control character")
    return str(value)


def components(*values: str | None, delimiters: Delimiters = DEFAULT_DELIMITERS) -> Raw:
    """One repetition of a field from its components: text is escaped, `Raw` (sub-components) is
    not.
    """
    return _joined(values, delimiters.component, delimiters)


def subcomponents(*values: str | None, delimiters: Delimiters = DEFAULT_DELIMITERS) -> Raw:
    """One component from its sub-components."""
    return _joined(values, delimiters.subcomponent, delimiters)


def repetitions(values: Sequence[str], delimiters: Delimiters = DEFAULT_DELIMITERS) -> Raw:
    """A field from its repetitions: text is escaped, `Raw` (composites) is not."""
    return _joined(values, delimiters.repetition, delimiters)


def _joined(values: Sequence[str | None], delimiter: str, delimiters: Delimiters) -> Raw:
    written = [value or "" for value in values]
    while written and not written[-1]:
        written.pop()
    return Raw(delimiter.join(_safe(written, delimiters)))


def compose(segments: Sequence[str], charset: str = UTF_8) -> bytes:
    """The bytes of a message from its segments, MSH first; MSH-18 is set to `charset` where it is
    empty.

    Encoded as `charset` says (UTF-8 where that names no known codec); a character that it lacks
    becomes `?`. Raises LocalProtocolError when a segment holds a segment terminator or the first
    one is not MSH.
    """
    text = "\r".join(segments) + "\r"
    if text.count("\r") != len(segments) or "\n" in text:
        raise LocalProtocolError("a segment holds a segment terminator")
    if not text.startswith("MSH"):
        raise LocalProtocolError("a message begins with MSH")
    if charset:
        text = _with_charset(segments[0], charset) + text[len(segments[0]) :]
    return text.encode(codec_for(charset) or "utf-8", "replace")


def _with_charset(header: str, charset: str) -> str:
    fields = header.split(header[3])
    fields += [""] * (_CHARSET_AT + 1 - len(fields))
    if not fields[_CHARSET_AT]:
        fields[_CHARSET_AT] = charset
    return header[3].join(fields)
