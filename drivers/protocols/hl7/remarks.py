"""Reads comments: what is said of a patient, a specimen, an order or a result, and which of it is an alarm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from drivers.protocols.hl7.tables import INSTRUMENT_COMMENT
from middleware.model import Comment, proven
from middleware.wire.hl7 import NULL, Path, Segment, unescape

_SOURCE = Path.parse("NTE-2")
_KIND = Path.parse("NTE-4.1")
_TEXT_FIELD = 3
_new_comment = proven(Comment)


class Remarks(NamedTuple):
    """All comments on one thing, and the texts of those that are the analyzer's alarms (NTE-4 is I)."""

    comments: tuple[Comment, ...] = ()
    alarms: tuple[str, ...] = ()

    def beside(self, other: Remarks) -> Remarks:
        """These and `other` together."""
        if not other.comments:
            return self
        return Remarks(self.comments + other.comments, self.alarms + other.alarms)


NO_REMARKS = Remarks()


def read_remarks(segments: Iterable[Segment], no_flag: frozenset[str]) -> Remarks:
    """The NTE among `segments`. Left out are empty ones, and alarms whose text (in `no_flag`) means none."""
    comments: list[Comment] = []
    alarms: list[str] = []
    for note in segments:
        if note.name != "NTE":
            continue
        text, kind = _text(note), _KIND.of(note).strip()
        is_alarm = kind == INSTRUMENT_COMMENT
        if not text or (is_alarm and text in no_flag):
            continue
        comments.append(comment(text, _SOURCE.of(note).strip(), kind))
        if is_alarm:
            alarms.append(text)
    return Remarks(tuple(comments), tuple(alarms)) if comments else NO_REMARKS


def comment(text: str, source: str = "", kind: str = "") -> Comment:
    """One comment."""
    return _new_comment(text=text, source=source, kind=kind)


def _text(note: Segment) -> str:
    """Each repetition of NTE-3 is a line (HL7 2.5.1 2.15.10.3); in a coded one the words are the text."""
    marks = note.delimiters
    lines = [unescape(line, marks, note.encoding).strip() for line in note.repetitions(_TEXT_FIELD)]
    return "\n".join([line for line in lines if line and line != NULL])
