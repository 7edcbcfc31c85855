"""Turns the bytes of a file into lines of text, whatever ends them, and refuses what is no text or too much."""

from __future__ import annotations

import codecs

from middleware.errors import DriverError

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes. A day's table has a few hundred thousand; a larger file would keep every other line waiting."""
MOST_LINES = 100_000

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 512  # bytes that tell UTF-16 without a mark
_NUL = "\0"
_END_OF_FILE = "\x1a"  # what programs of old systems write behind the last line


def lines_of(data: bytes, encoding: str) -> list[str]:
    """The lines of a file, without their ends (CR, LF or both); DriverError for what cannot be a table."""
    if len(data) > LARGEST_FILE:
        raise DriverError(
            f"the file has {len(data)} bytes; at most {LARGEST_FILE} are read",
            what_to_do="Let the analyzer export fewer results at a time.",
        )
    text = _decode(data, encoding).removesuffix(_END_OF_FILE)
    if _NUL in text:
        raise DriverError(
            f"character {text.index(_NUL) + 1} of the file is NUL: it is no text file",
            what_to_do="Let the analyzer export text (CSV or tab separated), not a workbook.",
        )
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    count = text.count("\n")
    if count > MOST_LINES:
        raise DriverError(
            f"the file has {count} lines; at most {MOST_LINES} are read",
            what_to_do="Let the analyzer export fewer results at a time.",
        )
    return text.split("\n")


def _decode(data: bytes, encoding: str) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    else:
        encoding = _unmarked_utf16(data) or encoding
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DriverError(
            f"the file is not written in {encoding}: {error}",
            what_to_do="Name its character encoding in `encoding` of the profile or of the line.",
        ) from error


def _unmarked_utf16(data: bytes) -> str:
    """UTF-16 without a mark: every second byte of western text is NUL, which no other text holds."""
    start = data[:_LOOKED_AT]
    half = len(start) // 2
    if half == 0:
        return ""
    if start[1::2].count(0) == half and not start[::2].count(0):
        return "utf-16-le"
    if start[::2].count(0) >= half and not start[1::2].count(0):
        return "utf-16-be"
    return ""
