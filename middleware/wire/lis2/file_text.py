"""From the text of a file to the messages in it: a file has lines instead of frames, and may hold many messages.

Lines end with CR, LF or CR LF; a byte order mark and blank lines mean nothing. A message runs from its header to its
terminator. Only a terminator shows that a message is whole, so one without it is refused, and the file with it: the
last value of a file that was cut short could be half a number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from middleware.wire.errors import RemoteProtocolError

# Tolerances, granted only when asked for.
FRAME_RESIDUE = "frame_residue"
TEXT_BEFORE_HEADER = "text_before_header"

MOST_LINES = 50_000
"""In one file: a day of a busy analyzer. Reading more at once would keep every other line waiting."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A frame ends with ETX or ETB, its checksum and CR LF; the next begins with STX and a number. Where ETB stood, the
# record goes on.
_FRAME_ENDS = re.compile(rb"[\x03\x17][0-9A-Fa-f]{2}\r*")
_FRAME_BEGINS = re.compile(rb"\x02[0-7]?")
_SESSION = b"\x03\x04\x05\x06"
_CHECKSUM = re.compile(rb"[0-9A-Fa-f]{2}")
_NUMBERED_HEADER = re.compile(rb"[0-7][Hh][^0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class FileText:
    """The messages of a file in order, each record ended by CR, and the tolerances that were needed."""

    messages: tuple[bytes, ...]
    quirks: tuple[str, ...] = ()


def split_file(text: bytes, quirks: frozenset[str] = frozenset()) -> FileText:
    """Cut a file into its messages.

    `quirks` may hold `frame_residue`, `text_before_header` and `records_numbered`. Raises RemoteProtocolError with the
    line (from 1) where a message is missing its header or its terminator, or where there is no message at all.
    """
    cutting = _Cutting(quirks)
    text = text.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    if max(text.count(end) for end in (b"\r", b"\x02", b"\x03", b"\x17")) > MOST_LINES:
        raise _error(f"the file has more than {MOST_LINES} lines", 0)
    if FRAME_RESIDUE in quirks:
        text = cutting.without_frames(text)
    for number, line in enumerate(text.split(b"\r"), start=1):
        cutting.add(line.removeprefix(_BYTE_ORDER_MARK), number)
    return cutting.end()


class _Cutting:
    """One pass over the lines."""

    def __init__(self, quirks: frozenset[str]) -> None:
        self._has_residue = FRAME_RESIDUE in quirks
        self._skips_text = TEXT_BEFORE_HEADER in quirks
        self._digits = b"01234567" if "records_numbered" in quirks else b""
        self._messages: list[bytes] = []
        self._lines: list[bytes] = []
        self._is_ended = True
        self._began_at = 0
        self._used: dict[str, None] = {}

    def without_frames(self, text: bytes) -> bytes:
        """Without the characters of frames; checksums are not compared, for often they are not what was sent."""
        bare = _FRAME_ENDS.sub(lambda end: b"\r" if end[0][0] == 3 else b"", text)  # noqa: PLR2004
        bare = _FRAME_BEGINS.sub(b"", bare).translate(None, _SESSION)
        if bare != text:
            self._used[FRAME_RESIDUE] = None
        return bare

    def add(self, line: bytes, number: int) -> None:
        """The next line."""
        if self._has_residue:
            line = self._without_residue(line)
        if not line.strip(b" \t\0\x1a"):  # also the end-of-file character of old systems
            return
        letter = self._letter(line)
        if letter == b"H":
            self._begin(line, number)
        elif not self._lines:
            self._before_header(number)
        else:
            self._lines.append(line)
            self._is_ended = self._is_ended or letter == b"L"

    def end(self) -> FileText:
        """Nothing more comes."""
        self._close()
        if not self._messages:
            raise _error("the file holds no header record", 0)
        return FileText(tuple(self._messages), tuple(self._used))

    def _letter(self, line: bytes) -> bytes:
        """The record type, H only for a header; a digit before it counts only where it is allowed."""
        if self._digits and line[:1] in self._digits and line[:1]:
            line = line[1:]
        if line[1:2].isalnum():
            return b""
        return line[:1].upper()

    def _without_residue(self, line: bytes) -> bytes:
        if _NUMBERED_HEADER.match(line):
            self._used[FRAME_RESIDUE] = None
            return line[1:]
        if self._is_ended and _CHECKSUM.fullmatch(line):
            self._used[FRAME_RESIDUE] = None
            return b""
        return line

    def _before_header(self, number: int) -> None:
        if not self._skips_text:
            raise _error("the file does not begin with a header record", number)
        self._used[TEXT_BEFORE_HEADER] = None

    def _begin(self, line: bytes, number: int) -> None:
        self._close()
        self._lines = [line]
        self._began_at = number
        self._is_ended = False

    def _close(self) -> None:
        if not self._lines:
            return
        if not self._is_ended:
            raise _error(
                "a message has no terminator record; the file may be cut short", self._began_at
            )
        self._messages.append(b"\r".join(self._lines) + b"\r")
        self._lines = []


def _error(text: str, line: int) -> RemoteProtocolError:
    place = f" (line {line} of the file)" if line else ""
    return RemoteProtocolError(text + place, reason="no_message", clause="LIS02-A2 5.1", offset=0)
