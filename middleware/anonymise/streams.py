"""Finds the messages in what one side of a connection sent, and puts them back: same places, checksums that are right.

The stream is never cut or lengthened, so the times of a capture stay true. What stands outside of frames and blocks is
no message; letters and digits there (a frame that was cut off, one with a wrong checksum) are masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from middleware.errors import WireError
from middleware.wire.lis1.frame import checksum
from middleware.wire.mllp.framing import END, START

_FRAME = re.compile(rb"\x02([0-7]?)([^\x02\x03\x04\x05\x17]*)([\x03\x17])([0-9A-Fa-f]{2})?")
_BLOCK = re.compile(rb"\x0b([^\x0b\x1c]*)\x1c")
_PRINTABLE = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
_NO_CHECK = frozenset({b"", b"00"})
_ENQ, _EOT = b"\x05", b"\x04"

Change = Callable[[str], str]
"""A whole message to one of the same length."""


class CannotAnonymise(WireError):
    """The capture holds something whose fields are not known. Nothing was written."""

    code = "cannot-anonymise"


@dataclass(slots=True)
class _Piece:
    """A part of a message: where it stands in the stream, and the frames that repeat it."""

    start: int
    end: int


@dataclass(slots=True)
class Stream:
    """What one side sent on one connection, with the messages that were found in it."""

    data: bytearray
    messages: list[list[_Piece]] = field(default_factory=list)
    repeated: list[tuple[_Piece, _Piece]] = field(
        default_factory=list
    )  # the first, and the same again
    checked: list[tuple[int, int, int]] = field(
        default_factory=list
    )  # frame number to end; checksum at
    masked: int = 0

    def change(self, change: Change) -> None:
        """Let `change` rewrite every message where it stands."""
        for pieces in self.messages:
            text = b"".join(self.data[one.start : one.end] for one in pieces).decode("latin-1")
            new = change(text).encode("latin-1")
            if len(new) != len(text):
                raise CannotAnonymise("a replacement is not as long as what it replaces")
            at = 0
            for one in pieces:
                length = one.end - one.start
                self.data[one.start : one.end] = new[at : at + length]
                at += length
        for first, again in self.repeated:
            self.data[again.start : again.end] = self.data[first.start : first.end]

    def mend_checksums(self) -> None:
        """Write the checksum of every frame that had a right one."""
        for start, end, at in self.checked:
            right = checksum(bytes(self.data[start:end]))
            is_lower = bytes(self.data[at : at + 2]).islower()
            self.data[at : at + 2] = right.lower() if is_lower else right


def find_messages(data: bytes) -> Stream:
    """The messages of a stream. Raises CannotAnonymise for text that is neither framed nor in blocks."""
    stream = Stream(bytearray(data))
    if START in data:
        _find_blocks(stream, data)
    elif _FRAME.search(data):
        _find_frames(stream, data)
    elif _PRINTABLE.search(data):
        raise CannotAnonymise(
            "text that is neither in LIS01 frames nor in MLLP blocks",
            what_to_do="Only captures of LIS2 and HL7 v2 can be anonymised.",
        )
    return stream


def _find_blocks(stream: Stream, data: bytes) -> None:
    at = 0
    for found in _BLOCK.finditer(data):
        _mask(stream, at, found.start())
        stream.messages.append([_Piece(found.start(1), found.end(1))])
        at = found.end() + len(END) - 1
    _mask(stream, at, len(data))


def _find_frames(stream: Stream, data: bytes) -> None:
    session: list[_Piece] = []
    last: tuple[bytes, _Piece] | None = None
    at = 0
    for found in _FRAME.finditer(data):
        between = data[at : found.start()]
        _mask(stream, at, found.start())
        at = found.end()
        if _ENQ in between or _EOT in between:
            _end_session(stream, session)
            session, last = [], None
        piece = _Piece(found.start(2), found.end(2))
        if not _is_good(stream, found):
            _mask(stream, found.start(2), found.end(2))
        elif last is not None and found[0] == last[0]:
            stream.repeated.append((last[1], piece))
        else:
            session.append(piece)
            last = (found[0], piece)
    _mask(stream, at, len(data))
    _end_session(stream, session)


def _is_good(stream: Stream, found: re.Match[bytes]) -> bool:
    """Whether the frame's checksum is right, or the analyzer writes none; a right one is mended later."""
    said = found[4] or b""
    body = found[1] + found[2] + found[3]
    if said.upper() == checksum(body):
        stream.checked.append((found.start(1), found.end(3), found.start(4)))
        return True
    return said in _NO_CHECK


def _end_session(stream: Stream, session: list[_Piece]) -> None:
    if session:
        stream.messages.append(session)


def _mask(stream: Stream, start: int, end: int) -> None:
    """Whatever can be read there is of no use to a replay and could name somebody."""
    for found in _PRINTABLE.finditer(bytes(stream.data[start:end])):
        stream.masked += 1
        stream.data[start + found.start() : start + found.end()] = b"X" * len(found[0])
