"""Joins the texts of frames to messages: one rule for every packaging.

The rule: texts are concatenated in order; after an ETX frame a missing CR is supplied, after an ETB
frame nothing is; the only end of a record is CR. A message ends with its L record. A record whose
first letter is H begins the next message, so what stands before it without an L is an abandoned
one.

A frame is staged first. `settle` makes that final, `restore` takes it back to before the frame: a
frame that ends a message is only ours when the message is on the disk.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from middleware.wire.lis1 import constants as c
from middleware.wire.lis1.options import Lis1Options

_H = ord("H")
_L = ord("L")
_BEGIN_OR_END = frozenset((_H, _L))
_DIGITS = frozenset(b"01234567")
_CR = c.CR
_PIPE = ord("|")
_BLANK = b"\r\n\0 "


class Piece(NamedTuple):
    """A part of the held text, by offsets:

    A complete message, or one that a new H record cut off.
    """

    is_complete: bool
    start: int
    end: int


class Assembly:
    """I am responsible for `text` that was accepted but belongs to no settled message yet."""

    __slots__ = (
        "_before",
        "_delimiter",
        "_is_numbered",
        "_message_at",
        "_needs_terminator",
        "_record_at",
        "_supplies_cr",
        "pieces",
        "text",
        "used",
    )

    def __init__(self, options: Lis1Options) -> None:
        self._needs_terminator = "terminator_missing" not in options.quirks
        self._is_numbered = options.records_numbered
        self._supplies_cr = "record_split_by_etx" not in options.quirks
        self.text = bytearray()
        self.pieces: deque[Piece] = deque()
        self.used: list[str] = []
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.text.clear()
        self._record_at = 0
        self._message_at = 0
        self._delimiter = _PIPE
        self._before = (0, 0, _PIPE)
        self.pieces.clear()
        self.used.clear()

    @property
    def is_blank(self) -> bool:
        """Nothing is held that a person could want to see."""
        return not self.text or not self.text.strip(_BLANK)

    @property
    def has_message(self) -> bool:
        """A complete message waits among the pieces."""
        return any(piece.is_complete for piece in self.pieces)

    @property
    def end_of_messages(self) -> int:
        """The offset after the staged pieces;

        What stands behind it is held for a further message.
        """
        return self._message_at

    def held(self) -> bytes:
        """The text of the unfinished message."""
        return bytes(self.text)

    def text_of(self, piece: Piece) -> bytes:
        """The text of a staged piece; valid until `settle` or `restore`."""
        return bytes(self.text[piece.start : piece.end])

    def stage(self, text: bytes, *, is_end: bool) -> bool:
        """Add the text of a good frame;

        True when at least one message is now complete. Fills `pieces` and `used`.
        """
        held = self.text
        searched = len(held)
        self._before = (searched, self._record_at, self._delimiter)
        self._message_at = 0
        if self.pieces or self.used:
            self.pieces.clear()
            self.used.clear()
        held += text
        if is_end and held and held[-1] != _CR:
            self._end_record()
        # Every record that the new text completed.
        at = self._record_at
        end = held.find(b"\r", searched)
        while end >= 0:
            first = held[at]
            if first in _BEGIN_OR_END:
                self._look_at(first, at, at, end)
            elif self._is_numbered and first in _DIGITS and held[at + 1] in _BEGIN_OR_END:
                self._look_at(held[at + 1], at, at + 1, end)
            at = end + 1
            end = held.find(b"\r", at)
        self._record_at = at
        if is_end and not self._needs_terminator and len(held) > self._message_at:
            self._end_message(len(held))
            self._record_at = len(held)
            self.used.append("terminator_missing")
        return bool(self.pieces) and self.has_message

    def settle(self) -> bool:
        """The staged pieces are dealt with; True when text of a further message stays held."""
        if self._message_at:
            del self.text[: self._message_at]
            self._record_at -= self._message_at
            self._message_at = 0
        self.pieces.clear()
        return bool(self.text)

    def restore(self) -> None:
        """Take the staged frame back: text as it was before it."""
        length, self._record_at, self._delimiter = self._before
        del self.text[length:]
        self._message_at = 0
        self.pieces.clear()

    def _end_record(self) -> None:
        """ETX came before the record's CR."""
        if self._supplies_cr:
            self.text.append(_CR)
        else:
            self.used.append("record_split_by_etx")

    def _look_at(self, first: int, at: int, letter_at: int, end: int) -> None:
        """A record from `at` to its CR at `end` whose letter may begin or end a message."""
        if first == _H:
            self._begin_message(at, letter_at)
        elif self.text[letter_at + 1] in (self._delimiter, _CR):
            self._end_message(end + 1)

    def _end_message(self, end: int) -> None:
        self.pieces.append(Piece(is_complete=True, start=self._message_at, end=end))
        self._message_at = end

    def _begin_message(self, at: int, letter_at: int) -> None:
        """An H record at `at`: what stands before it is an unfinished message."""
        delimiter = self.text[letter_at + 1]
        if chr(delimiter).isalnum():
            return  # "HISTOGRAM": text that slipped into a line of its own, not a header
        if delimiter != _CR:
            self._delimiter = delimiter
        if at == self._message_at:
            return
        is_complete = not self._needs_terminator
        if is_complete:
            self.used.append("terminator_missing")
        self.pieces.append(Piece(is_complete, self._message_at, at))
        self._message_at = at
