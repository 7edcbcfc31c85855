"""Reads comment records: what is said of a patient, an order or a result, and which of it is an alarm."""

from __future__ import annotations

from typing import NamedTuple

from drivers.protocols.lis2.paths import read_together
from drivers.protocols.lis2.tables import COMMENT_INSTRUMENT_FLAG
from middleware.driver.rules import PathRule
from middleware.model import Comment, proven
from middleware.wire.lis2 import Record

_COMMENT = "C"
_PARTS = read_together([PathRule(path=path) for path in ("C-3", "C-4", "C-5")], _COMMENT)
_new_comment = proven(Comment)


class Remarks(NamedTuple):
    """All comments on one record, and the texts of those that are the analyzer's alarms (C-5 is I)."""

    comments: tuple[Comment, ...] = ()
    alarms: tuple[str, ...] = ()

    def beside(self, other: Remarks) -> Remarks:
        """These and `other` together."""
        if not other.comments:
            return self
        return Remarks(self.comments + other.comments, self.alarms + other.alarms)


NO_REMARKS = Remarks()


def read_remarks(record: Record, no_flag: frozenset[str]) -> Remarks:
    """The comments directly on `record`. Left out are empty ones, and alarms whose text (in `no_flag`) means none."""
    said = [child for child in record.children if child.letter == _COMMENT]
    if not said:
        return NO_REMARKS
    comments: list[Comment] = []
    alarms: list[str] = []
    for comment in said:
        source, text, kind = _PARTS(comment)
        is_alarm = kind == COMMENT_INSTRUMENT_FLAG
        if not text or (is_alarm and text in no_flag):
            continue
        comments.append(_new_comment(text=text, source=source, kind=kind))
        if is_alarm:
            alarms.append(text)
    return Remarks(tuple(comments), tuple(alarms))
