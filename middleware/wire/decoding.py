"""Turning received bytes into text without ever failing; what cannot be decoded stays visible.

An undecodable byte E9 becomes the six characters `<xE9>`. Python's own `backslashreplace` is not
usable here: a backslash is the repeat delimiter of LIS2 and the escape character of HL7, so it
would change the meaning of what stands around it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_LONE_BYTE = re.compile("[\udc80-\udcff]")


class Decoded(NamedTuple):
    """`text`, and the offset in the bytes of the first one that the codec refused (-1: none)."""

    text: str
    undecodable_at: int


def decode(data: bytes, encoding: str) -> Decoded:
    """Decode `data`; an unknown `encoding` raises LookupError (settings are checked before they
    come here).
    """
    try:
        return Decoded(data.decode(encoding), -1)
    except UnicodeDecodeError as error:
        return Decoded(_decode_marking(data, encoding), error.start)


def _decode_marking(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding, "surrogateescape")
    except UnicodeDecodeError:  # a multi-byte codec that refuses a byte below 80 hex
        return data.decode(encoding, "replace")
    return _LONE_BYTE.sub(lambda lone: f"<x{ord(lone.group()) - 0xDC00:02X}>", text)
