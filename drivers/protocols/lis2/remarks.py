"""Reads comment records: what is said of a patient, an order or a result, and which of it is an alarm."""

from __future__ import annotations

from typing import NamedTuple

from drivers.protocols.lis2.paths import locate
from drivers.protocols.lis2.tables import COMMENT_INSTRUMENT_FLAG
from middleware.model import Comment
from middleware.wire.lis2 import Record

_SOURCE = locate("C-3")
_TEXT = locate("C-4")
_KIND = locate("C-5")
_COMMENT = "C"


class Remarks(NamedTuple):
    """All comments on one record, and the texts of those that are the analyzer's alarms (C-5 is I)."""

    comments: tuple[Comment, ...] = ()
    alarms: tuple[str, ...] = ()

    def beside(self, other: Remarks) -> Remarks:
        """These and `other` together."""
        return Remarks(self.comments + other.comments, self.alarms + other.alarms)


NO_REMARKS = Remarks()


def read_remarks(record: Record, no_flag: frozenset[str]) -> Remarks:
    """The comments directly on `record`. Left out are empty ones, and alarms whose text (in `no_flag`) means none."""
    children = record.children
    if not children:
        return NO_REMARKS
    comments = [_read(child) for child in children if child.letter == _COMMENT]
    kept = [
        comment
        for comment in comments
        if comment.text and not (_is_alarm(comment) and comment.text in no_flag)
    ]
    return Remarks(tuple(kept), tuple(comment.text for comment in kept if _is_alarm(comment)))


def _is_alarm(comment: Comment) -> bool:
    return comment.kind == COMMENT_INSTRUMENT_FLAG


def _read(record: Record) -> Comment:
    return Comment(text=_TEXT(record), source=_SOURCE(record), kind=_KIND(record))
