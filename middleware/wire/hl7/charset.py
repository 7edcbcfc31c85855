"""MSH-18 (HL7 table 0211) to codec and back. Decoding never fails; see `middleware.wire.decoding`
for what it marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from middleware.wire.decoding import Decoded, decode

UTF_8 = "UNICODE UTF-8"

# Upper-case MSH-18 -> Python codec. 8859/n is made below. UTF-16 and UTF-32 cannot travel in MLLP
# blocks; CNS 11643-1992 has no codec in the standard library: a line that needs it names its
# encoding.
CODECS: Mapping[str, str] = MappingProxyType(
    {
        "UNICODE UTF-8": "utf-8",
        "UTF-8": "utf-8",
        "UTF8": "utf-8",
        "UNICODE": "utf-8",
        "ISO IR14": "shift_jis",
        "ISO IR87": "iso2022_jp",
        "ISO IR159": "iso2022_jp_1",
        "GB 18030-2000": "gb18030",
        "GBK": "gb18030",
        "GB2312": "gb18030",
        "KS X 1001": "euc_kr",
        "BIG-5": "big5",
        **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
    }
)
_UNDECLARED = frozenset(("", "ASCII"))


def codec_for(charset: str) -> str | None:
    """The codec of one MSH-18 value; None when it declares none or one that we do not know."""
    return CODECS.get(charset.strip().upper())


def decode_text(data: bytes, charset: str, fallback: str) -> tuple[Decoded, str]:
    """The text of a message and the codec used.

    Undeclared (empty or ASCII) means UTF-8 where the bytes are, else `fallback`, the encoding that
    the line is set to; an unknown character set means `fallback` at once.
    """
    codec = codec_for(charset)
    if codec is None and charset.strip().upper() in _UNDECLARED:
        found = decode(data, "utf-8")
        if found.undecodable_at < 0:
            return found, "utf-8"
    codec = codec or fallback
    return decode(data, codec), codec
