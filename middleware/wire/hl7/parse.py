"""From bytes to segments; a segment is split into fields only when somebody asks.

Segments end with CR. LF and CR LF are accepted and reported: senders that write text files use
them. The character set of MSH-18 is read before anything is decoded; an undecodable byte is marked
and reported, never a reason to refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7.charset import decode_text
from middleware.wire.hl7.delimiters import Delimiters, read_delimiters
from middleware.wire.hl7.path import Path, Segment

# Tolerances used, and faults found, by name.
LINE_FEED_SEPARATORS = "line_feed_separators"
BYTE_ORDER_MARK = "byte_order_mark"
DELIMITERS_DAMAGED = "delimiters_damaged"
UNDECODABLE_BYTES = "undecodable_bytes"

_BOM = b"\xef\xbb\xbf"
_CHARSET_FIELD = 18
_HEADER_LENGTH = 4  # "MSH" and the field separator
_LINE_END = re.compile(b"[\r\n]")


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `notes` names tolerances used and faults found; `undecodable_at` is a byte
    offset or -1.
    """

    segments_in_order: tuple[Segment, ...]
    encoding: str
    notes: tuple[str, ...]
    undecodable_at: int = -1

    @property
    def header(self) -> Segment:
        """The MSH segment."""
        return self.segments_in_order[0]

    @property
    def delimiters(self) -> Delimiters:
        """The delimiters that MSH declared."""
        return self.segments_in_order[0].delimiters

    def segments(self, name: str) -> list[Segment]:
        """All segments of one name, in the order of arrival."""
        return [segment for segment in self.segments_in_order if segment.name == name]

    def segment(self, name: str, occurrence: int = 1) -> Segment | None:
        """One segment of a name, counted from 1; None when there are fewer."""
        for segment in self.segments_in_order:
            if segment.name == name:
                occurrence -= 1
                if not occurrence:
                    return segment
        return None

    def get(self, path: str | Path) -> str:
        """What `path` names, '' when absent."""
        if isinstance(path, str):
            path = Path.parse(path)
        segment = self.segment(path.segment, path.occurrence)
        return "" if segment is None else path.of(segment)

    def text(self) -> str:
        """The segments as read, each ended by CR."""
        return "".join([segment.raw + "\r" for segment in self.segments_in_order])


def parse(data: bytes, fallback: str = "iso8859-1") -> Message:
    """Read one message (a block of MLLP, or a file). `fallback` is the codec where MSH-18 declares
    none that is known.

    Raises RemoteProtocolError when the bytes do not begin with MSH: nothing can be read then.
    """
    notes: list[str] = []
    if data.startswith(_BOM):
        data = data[len(_BOM) :]
        notes.append(BYTE_ORDER_MARK)
    data = data.lstrip(b"\r\n")
    _refuse_without_header(data)
    decoded, encoding = decode_text(data, _declared_charset(data), fallback)
    if decoded.undecodable_at >= 0:
        notes.append(UNDECODABLE_BYTES)
    text = decoded.text
    if "\n" in text:
        text = text.replace("\n", "\r")
        notes.append(LINE_FEED_SEPARATORS)
    lines = text.split("\r")
    delimiters, is_damaged = read_delimiters(lines[0])
    if is_damaged:
        notes.append(DELIMITERS_DAMAGED)
    present = enumerate([line for line in lines if line], start=1)
    segments = [Segment(line, index, delimiters, encoding) for index, line in present]
    return Message(tuple(segments), encoding, tuple(notes), decoded.undecodable_at)


def _refuse_without_header(data: bytes) -> None:
    if not data.startswith(b"MSH") or len(data) < _HEADER_LENGTH:
        raise RemoteProtocolError(
            "the message does not begin with MSH",
            reason="header_missing",
            clause="HL7 2.5.1 2.5",
            offset=0,
        )


def _first_line(data: bytes) -> bytes:
    end = _LINE_END.search(data)
    return data if end is None else data[: end.start()]


def _declared_charset(data: bytes) -> str:
    """MSH-18, first repetition. Repetitions are divided by MSH-2's second character, `~` when it is
    damaged.
    """
    fields = _first_line(data).split(data[3:4], _CHARSET_FIELD)
    if len(fields) < _CHARSET_FIELD:
        return ""
    mark = read_delimiters(data[:10].decode("latin-1"))[0].repetition
    return fields[_CHARSET_FIELD - 1].decode("latin-1").split(mark, 1)[0]


class Glance(NamedTuple):
    """What a link must know of a message to route it; texts as sent, by ISO 8859-1, '' when absent."""

    control_id: str
    acknowledged_id: str
    accept_condition: str
    application_condition: str
    is_acknowledgement: bool


def glance(data: bytes) -> Glance | None:
    """Read MSH-9, 10, 15, 16 and MSA-2 from the bytes without decoding the rest; None when this is
    no HL7 message.

    An acknowledgement is a message of type ACK, or one with an MSA segment (a response counts as
    one).
    """
    data = data.removeprefix(_BOM).lstrip(b"\r\n")
    if not data.startswith(b"MSH") or len(data) < _HEADER_LENGTH:
        return None
    separator = data[3:4]
    header = _first_line(data).decode("latin-1").split(separator.decode("latin-1"), 16)
    header += [""] * (16 - len(header))
    start = _acknowledgement_at(data, separator)
    acknowledged_id = ""
    if start >= 0:
        fields = _first_line(data[start : start + 1024]).split(separator, 3)
        acknowledged_id = fields[2].decode("latin-1") if len(fields) > 2 else ""  # noqa: PLR2004
    return Glance(
        control_id=header[9],
        acknowledged_id=acknowledged_id,
        accept_condition=header[14],
        application_condition=header[15],
        is_acknowledgement=start >= 0 or header[8].startswith("ACK"),
    )


def _acknowledgement_at(data: bytes, separator: bytes) -> int:
    """Where the MSA segment begins, -1 without one."""
    found = max(data.find(end + b"MSA" + separator) for end in (b"\r", b"\n"))
    return found + 1 if found >= 0 else -1
