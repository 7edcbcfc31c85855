"""Which protocol the analyzer speaks, and the texts of its messages, read with as much patience as possible.

This reading is evidence only: whether the link would have taken the frames is tried with the link itself (`framing`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Kind(StrEnum):
    """What the recording holds, as the protocols are called in profiles."""

    LIS2 = "lis2"
    HL7 = "hl7"
    LAW = "law"
    POCT1A = "poct1a"
    TABLE = "columns"
    TELEGRAM = "framed"


@dataclass(frozen=True, slots=True)
class Traffic:
    """The messages of a recording. `is_framed`: frames or blocks of a connection stand in it, so it is no file.

    `steps`: what the analyzer sends before it waits for an answer, in order; a file is one step.
    """

    kind: Kind
    is_framed: bool
    texts: tuple[bytes, ...]
    steps: tuple[bytes, ...]


_LIS2_HEADER = re.compile(
    rb"(?:\A|[\x02\r\n])(?:\xef\xbb\xbf)?[0-7]?H([^\w\s\x00-\x1f])[^\w\s\x00-\x1f]{1,3}(?:\1|\r)"
)
_HL7_HEADER = re.compile(rb"MSH([^\w\s\x00-\x1f])[^\w\s\x00-\x1f]{2,5}\1")
_HL7_PART = re.compile(rb"(?m)(?:^|\r)(?:OBR|OBX)\|")
_POCT1A = re.compile(rb"<(?:HEL|OBS|DST|KPA|EOT|EVS|DTV)\.[A-Z]\d\d|<HDR[ >/]")
_LAW = re.compile(rb"LAB-2[789]\^IHE|\|WOS\^[^|]*\^IHE")
_LIS1_UNIT = re.compile(
    rb"\x05|\x04|\x02[^\x02\x05]*?[\x03\x17](?:[0-9A-Fa-f]{2})?\r?\n?", re.DOTALL
)
_LIS1_FRAME = re.compile(
    rb"\x02([0-7]?)([^\x02\x03\x04\x05\x17]*)([\x03\x17])(?:[0-9A-Fa-f]{2}(?=[\r\n\x02\x04]|\Z))?"
)
_NUMBERED = re.compile(rb"(?m)^[0-7](?=[A-Z][^\w\s])")
_BEGINS_HEADER = re.compile(rb"(?m)^H[^\w\s]")
_CHECKSUM_LINE = re.compile(rb"(?m)^[\x03\x17]?[0-9A-Fa-f]{2}$\n?")
ENQ, EOT = b"\x05", b"\x04"


def recognise(data: bytes) -> Traffic | None:
    """What the bytes are; None when nothing known is in them (a table and a telegram are told elsewhere)."""
    if _POCT1A.search(data) or _POCT1A.search(data.replace(b"\0", b"")):
        return Traffic(Kind.POCT1A, is_framed=True, texts=_documents(data), steps=(data,))
    if _HL7_HEADER.search(data):
        return _hl7(data)
    if _LIS2_HEADER.search(data):
        return _lis2(data)
    return None


def _documents(data: bytes) -> tuple[bytes, ...]:
    pieces = re.split(rb"(?=<\?xml|<(?:HEL|OBS|DST|KPA|EOT|EVS|DTV)\.[A-Z]\d\d[ >])", data)
    return tuple(piece for piece in pieces if _POCT1A.search(piece))


# -- HL7 -------------------------------------------------------------------------------------------


def _hl7(data: bytes) -> Traffic:
    is_framed = b"\x0b" in data
    texts = tuple(
        text for text in _hl7_texts(data) if not re.match(rb"MSH(?:[^\r]*?\|){7}ACK", text)
    )
    kind = Kind.LAW if _LAW.search(data) else Kind.HL7
    if not is_framed:
        return Traffic(kind, is_framed=False, texts=texts, steps=(data,))
    if b"\x1c" not in data:  # the logger left out what ends a block
        data = data.rstrip(b"\x1a") + b"\x1c\r"
    steps = tuple(re.findall(rb"[^\x0b]*\x0b[^\x1c]*\x1c\r?|[^\x0b]*\x0b[^\x1c]*\Z", data))
    return Traffic(kind, is_framed=True, texts=texts, steps=steps)


def _hl7_texts(data: bytes) -> list[bytes]:
    plain = data.replace(b"\r\n", b"\r").replace(b"\n", b"\r").replace(b"\0", b"")
    starts = [found.start() for found in _HL7_HEADER.finditer(plain)]
    edges = [*starts, len(plain)]
    texts = [plain[a:b] for a, b in pairwise(edges)]
    return [re.split(rb"[\x0b\x1c]", text, maxsplit=1)[0].rstrip(b"\r") + b"\r" for text in texts]


# -- LIS2 ------------------------------------------------------------------------------------------


def _lis2(data: bytes) -> Traffic:
    frames = _LIS1_FRAME.findall(data)
    if not frames:
        return Traffic(Kind.LIS2, is_framed=False, texts=_messages_of(data), steps=(data,))
    text = b"".join(_frame_text(body, end) for _, body, end in frames)
    return Traffic(Kind.LIS2, is_framed=True, texts=_messages_of(text), steps=_units(data))


def _frame_text(body: bytes, end: bytes) -> bytes:
    if end == b"\x17" and not re.search(rb"\r\n?\Z", body):
        return body
    return body if body.endswith((b"\r", b"\n")) else body + b"\r"


def _units(data: bytes) -> tuple[bytes, ...]:
    units: list[bytes] = []
    for unit in _LIS1_UNIT.findall(data):
        if not (unit in (ENQ, EOT) and units and units[-1] == unit):  # a logger wrote it twice
            units.append(unit)
    if ENQ not in units:
        units.insert(0, ENQ)
    if units[-1] != EOT:
        units.append(EOT)
    return tuple(units)


def _messages_of(text: bytes) -> tuple[bytes, ...]:
    """The messages in lines of records: numbers, checksums and other text between them are dropped."""
    lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removeprefix(b"\xef\xbb\xbf")
    lines = re.sub(rb"[\x00\x02-\x06]", b"", lines)
    lines = _CHECKSUM_LINE.sub(b"", _NUMBERED.sub(b"", lines))
    starts = [found.start() for found in _BEGINS_HEADER.finditer(lines)]
    edges = [*starts, len(lines)]
    return tuple(
        lines[a:b].rstrip(b"\n\x1a").replace(b"\n", b"\r") + b"\r" for a, b in pairwise(edges)
    )
