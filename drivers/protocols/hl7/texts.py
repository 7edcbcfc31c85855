"""From the bytes of a journal entry to parsed messages: tolerances by name, and the messages of a file apart."""

from __future__ import annotations

import re
from typing import NamedTuple

from middleware.driver.api import DecodeContext
from middleware.driver.quirks import NUL_IN_TEXT, SHORT_SEGMENT_NAMES
from middleware.errors import DriverError
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import Message, parse
from middleware.wire.hl7.parse import UNDECODABLE_BYTES

MOST_MESSAGES = 10_000
_HEADER = re.compile(rb"(?:^|(?<=[\r\n]))(?:\xef\xbb\xbf)?[\x0b\x1c ]*(?=MSH[^\w\s])")
_BATCH = re.compile(rb"[\r\n](?:BHS|FHS|BTS|FTS)[^\w\s]")
_FRAMING = b"\x0b\x1c"
_SHORT_HEADER = re.compile(rb"\A((?:\xef\xbb\xbf)?)H(?=\|\^~\\&)")
_SHORT_NAME = re.compile(rb"(?<=[\r\n])([HPC])(?=\|)")
_SHORT_END = re.compile(rb"(?<=[\r\n])L\|[^\r\n]*[\r\n]*")
_LONG_NAMES = {b"H": b"MSH", b"P": b"PID", b"C": b"NTE"}


class Texts(NamedTuple):
    """The messages of one text, and the tolerances that reading them took."""

    messages: list[Message]
    quirks: tuple[str, ...]


def read_texts(text: bytes, context: DecodeContext, allowed: frozenset[str]) -> Texts:
    """Parse a message, or all messages of a file. Raises DriverError for what cannot be read or is not allowed."""
    used: dict[str, None] = {}
    if b"\0" in text:
        used[NUL_IN_TEXT] = None
        text = text.replace(b"\0", b"")
    if context.is_file and _SHORT_HEADER.match(text):
        used[SHORT_SEGMENT_NAMES] = None
        text = _with_long_names(text)
    pieces = split_messages(text) if context.is_file else [text]
    messages = [_parse(piece, context.encoding) for piece in pieces]
    for message in messages:
        used.update(dict.fromkeys(note for note in message.notes if note != UNDECODABLE_BYTES))
        if any(one.name == "MSH" for one in message.segments_in_order[1:]):
            raise DriverError(
                "a second header stands inside the message; its results could be another's",
                what_to_do="Name the quirk several_messages_in_block if the analyzer sends messages so.",
                field="MSH",
            )
    refused = [quirk for quirk in used if quirk not in allowed]
    if refused:
        raise DriverError(
            f"the message needs a tolerance that the profile does not name: {', '.join(refused)}",
            what_to_do="Add it to `quirks` of the profile if the analyzer's manual explains it.",
        )
    return Texts(messages, tuple(used))


def _with_long_names(text: bytes) -> bytes:
    named = _SHORT_NAME.sub(lambda found: _LONG_NAMES[found[1]], _SHORT_END.sub(b"", text))
    return _SHORT_HEADER.sub(rb"\1MSH", named)


def split_messages(text: bytes) -> list[bytes]:
    """The messages of a file: each begins with MSH at the start of a line; framing bytes between them are dropped.

    What stands before the first one is left to it, so that it is refused unless it means nothing.
    """
    starts = [found.start() for found in _HEADER.finditer(text)]
    if len(starts) > MOST_MESSAGES:
        raise DriverError(
            f"the file holds {len(starts)} messages; at most {MOST_MESSAGES} are read",
            what_to_do="Let the analyzer write its results to smaller files.",
        )
    starts = [0, *starts[1:]] if starts else [0]
    ends = [*starts[1:], len(text)]
    pieces = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    return [piece.strip(_FRAMING + b"\r\n ") + b"\r" for piece in pieces]


def _parse(text: bytes, encoding: str) -> Message:
    try:
        return parse(text, encoding)
    except RemoteProtocolError as error:
        raise DriverError(
            f"{error} ({error.clause})",
            what_to_do="Look at the raw message; the driver or the framing does not fit it.",
        ) from error
