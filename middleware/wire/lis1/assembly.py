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
_BLANK = b"\r\n\0 "


class Piece(NamedTuple):
    """A part of the held text, by offsets:

    A complete message, or one that a new H record cut off.
    """

    is_complete: bool
    start: int
    end: int


class Assembly:
    """I am responsible for text that was accepted but belongs to no settled message yet."""

    __slots__ = (
        "_before",
        "_delimiter",
        "_message_at",
        "_needs_terminator",
        "_record_at",
        "_supplies_cr",
        "_text",
        "pieces",
        "used",
    )

    def __init__(self, options: Lis1Options) -> None:
        self._needs_terminator = "terminator_missing" not in options.quirks
        self._supplies_cr = "record_split_by_etx" not in options.quirks
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._text = bytearray()
        self._record_at = 0
        self._message_at = 0
        self._delimiter = ord("|")
        self._before = (0, 0, self._delimiter)
        self.pieces: deque[Piece] = deque()
        self.used: list[str] = []

    def __len__(self) -> int:
        return len(self._text)

    @property
    def is_blank(self) -> bool:
        """Nothing is held that a person could want to see."""
        return not self._text or not self._text.strip(_BLANK)

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
        return bytes(self._text)

    def text_of(self, piece: Piece) -> bytes:
        """The text of a staged piece; valid until `settle` or `restore`."""
        return bytes(self._text[piece.start : piece.end])

    def stage(self, text: bytes, *, is_end: bool) -> bool:
        """Add the text of a good frame;

        True when at least one message is now complete. Fills `pieces` and `used`.
        """
        held = self._text
        self._before = (len(held), self._record_at, self._delimiter)
        self._message_at = 0
        self.pieces.clear()
        self.used.clear()
        searched = len(held)
        held += text
        if is_end and held and held[-1] != c.CR:
            self._end_record()
        self._find_records(searched)
        if is_end and not self._needs_terminator and len(held) > self._message_at:
            self._end_message(len(held))
            self._record_at = len(held)
            self.used.append("terminator_missing")
        return bool(self.pieces) and self.has_message

    def settle(self) -> bool:
        """The staged pieces are dealt with; True when text of a further message stays held."""
        if self._message_at:
            del self._text[: self._message_at]
            self._record_at -= self._message_at
            self._message_at = 0
        self.pieces.clear()
        return bool(self._text)

    def restore(self) -> None:
        """Take the staged frame back: text as it was before it."""
        length, self._record_at, self._delimiter = self._before
        del self._text[length:]
        self._message_at = 0
        self.pieces.clear()

    def _end_record(self) -> None:
        """ETX came before the record's CR."""
        if self._supplies_cr:
            self._text.append(c.CR)
        else:
            self.used.append("record_split_by_etx")

    def _find_records(self, searched: int) -> None:
        """Look at every record that the new text completed."""
        held = self._text
        at = self._record_at
        end = held.find(b"\r", searched)
        while end >= 0:
            first = held[at]
            if first == _L:
                if held[at + 1] in (self._delimiter, c.CR):
                    self._end_message(end + 1)
            elif first == _H:
                self._begin_message(at)
            at = end + 1
            end = held.find(b"\r", at)
        self._record_at = at

    def _end_message(self, end: int) -> None:
        self.pieces.append(Piece(is_complete=True, start=self._message_at, end=end))
        self._message_at = end

    def _begin_message(self, at: int) -> None:
        """An H record at `at`: what stands before it is an unfinished message."""
        delimiter = self._text[at + 1]
        if chr(delimiter).isalnum():
            return  # "HISTOGRAM": text that slipped into a line of its own, not a header
        if delimiter != c.CR:
            self._delimiter = delimiter
        if at == self._message_at:
            return
        is_complete = not self._needs_terminator
        if is_complete:
            self.used.append("terminator_missing")
        self.pieces.append(Piece(is_complete, self._message_at, at))
        self._message_at = at
