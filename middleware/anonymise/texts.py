"""Replaces the fields of one message as the tables say; the text keeps its length, so that it fits where it stood."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from middleware.anonymise.masks import Masks
from middleware.anonymise.tables import COMMENT_FIELDS, DOCUMENT_TYPES, HL7, LIS2, Action

_RECORD = re.compile(r"[^\r\n]+")
_NUMBERED_RECORD = re.compile(r"[0-7](?=[A-Z]\W)")
# Else it is a line of text: a comment or a document that was broken into lines.
_NAME = re.compile(r"[A-Z][A-Z0-9]{0,2}")
_MSH = "MSH"
# The identifier stands in these components; the others say whose it is.
_HL7_ID_COMPONENTS = (1, 2)


class Delimiters(NamedTuple):
    """As the header of the message declares them."""

    field: str = "|"
    component: str = "^"
    repeat: str = "\\"


class Field(NamedTuple):
    """One field of a message: where it stands, and what becomes of it."""

    start: int
    end: int
    action: Action
    delimiters: Delimiters
    is_hl7: bool


def replace_fields(text: str, masks: Masks, *, keep_comments: bool = False) -> str:
    """`text` with every field replaced as its table says. It is as long as before."""
    pieces: list[str] = []
    at = 0
    for field in fields_of(text, keep_comments=keep_comments):
        pieces.append(text[at : field.start])
        pieces.append(_replaced(text[field.start : field.end], field, masks))
        at = field.end
    pieces.append(text[at:])
    return "".join(pieces)


def replace_known(text: str, masks: Masks) -> str:
    """A second look, when all identifiers are known: those that stand where the tables did not expect them."""
    pieces: list[str] = []
    at = 0
    for field in fields_of(text, keep_comments=True):
        if field.end - field.start > 1:
            pieces.append(text[at : field.start])
            pieces.append(_looked_at_again(text[field.start : field.end], field, masks))
            at = field.end
    pieces.append(text[at:])
    return "".join(pieces)


def fields_of(text: str, *, keep_comments: bool) -> Iterator[Field]:
    """Every field of every record or segment, in order."""
    delimiters = Delimiters()
    for found in _RECORD.finditer(text):
        record, start = found[0], found.start()
        numbered = _NUMBERED_RECORD.match(record)
        if numbered is not None:
            record, start = record[1:], start + 1
        if record[:3] == _MSH and len(record) > 5:  # noqa: PLR2004
            delimiters = Delimiters(record[3], record[4], record[5])
        elif record[:1] == "H" and len(record) > 4 and not record[1].isalnum():  # noqa: PLR2004
            delimiters = Delimiters(record[1], record[3], record[2])
        yield from _fields_of_record(record, start, delimiters, keep_comments)


def _fields_of_record(
    record: str, start: int, delimiters: Delimiters, keep_comments: bool
) -> Iterator[Field]:
    texts = record.split(delimiters.field)
    name = texts[0].strip()
    is_hl7 = len(name) == len(_MSH)
    actions = (HL7 if is_hl7 else LIS2).get(name, {})
    # Of MSH the delimiter itself is field 1; LIS2 counts the letter of the record.
    first = 0 if is_hl7 and name != _MSH else 1
    at = start
    for index, text in enumerate(texts):
        number = index + first
        action = actions.get(number, Action.MASK) if index else Action.MASK
        if keep_comments and (name, number) in COMMENT_FIELDS:
            action = Action.KEEP
        if action is Action.VALUE and name == "OBX" and texts[2] in DOCUMENT_TYPES:
            action = Action.MASK
        declares = index == 1 and name in (_MSH, "H")
        is_name = not index and (bool(actions) or (len(texts) > 1 and _NAME.fullmatch(name)))
        if text and not declares and not is_name:
            yield Field(at, at + len(text), action, delimiters, is_hl7)
        at += len(text) + 1


def _replaced(text: str, field: Field, masks: Masks) -> str:
    if field.action in (Action.KEEP, Action.VALUE):
        return text
    if field.action is Action.NAME:
        return masks.name(text)
    if field.action is Action.MASK:
        return masks.mask(text)
    repeat = field.delimiters.repeat
    return repeat.join(_replaced_parts(one, field, masks) for one in text.split(repeat))


def _replaced_parts(text: str, field: Field, masks: Masks) -> str:
    is_date = field.action is Action.DATE
    change = masks.date if is_date else masks.identifier
    component = field.delimiters.component
    return component.join(
        change(part) if is_date or not field.is_hl7 or at in _HL7_ID_COMPONENTS else part
        for at, part in enumerate(text.split(component), start=1)
    )


def _looked_at_again(text: str, field: Field, masks: Masks) -> str:
    if field.action in (Action.KEEP, Action.MASK):
        return masks.known(text)
    if field.action is Action.VALUE:
        return masks.known_words(text)
    if field.action is not Action.IDENTIFIER or not field.is_hl7:
        return text
    component, repeat = field.delimiters.component, field.delimiters.repeat
    return repeat.join(
        component.join(
            part if at in _HL7_ID_COMPONENTS else masks.known(part)
            for at, part in enumerate(one.split(component), start=1)
        )
        for one in text.split(repeat)
    )
