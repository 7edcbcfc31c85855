"""Text logs back to bytes: `<STX>`, `[ENQ]`, `{ACK}`, caret notation, hex dumps; a logger's own marks are dropped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from middleware.wire.control import Control


class Form(StrEnum):
    """How a recording was written down."""

    BYTES = "the bytes themselves"
    CAPTURE = "a capture of Labwire"
    NAMES = "text with control characters by name, such as <STX>"
    CARETS = "text in caret notation, such as ^B"
    ESCAPES = "text with escapes of a programming language, such as \\x02"
    NUMBERS = "a list of the bytes as decimal numbers"
    HEX = "a hex dump"


_ALIASES = {
    "NULL": "NUL",
    "TAB": "HT",
    "NL": "LF",
    "SB": "VT",
    "EB": "FS",
    "SOM": "STX",
    "EOM": "ETX",
}
_CODES = {member.name: member.value for member in Control} | {
    alias: Control[name].value for alias, name in _ALIASES.items()
}
_NAMES = "|".join(sorted(_CODES, key=len, reverse=True))
_BRACKETS = (("<", ">"), ("[", "]"), ("{", "}"), ("«", "»"), ("(", ")"))
_NAMED = {
    pair: re.compile(
        rf"{re.escape(pair[0])}(?:({_NAMES})|(?:0?x|\$)([0-9A-F]{{2}})){re.escape(pair[1])}",
        re.IGNORECASE,
    )
    for pair in _BRACKETS
}
_TELLING = ("STX", "ENQ", "EOT", "ETX", "ETB", "VT", "FS", "ACK", "CR", "SB", "EB")
_FEWEST_NAMES = 2
_CARET = re.compile(r"\^([@A-Z\[\\\]_])")
# Component delimiters look like carets: only where a frame or a block clearly begins is it caret notation.
_CARET_FRAME = re.compile(r"\^B(?:[0-7]?[A-Z]\W|[A-Z ])|\^K ?MSH|(?m:^\^[EFD]\s*$)")
_HEX_LINE = re.compile(
    r"\s*(?:[0-9A-Fa-f]{4,16}[:h]?\s+)?((?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,;:-]*)+"
    r"|(?:[0-9A-Fa-f]{4} ?){1,16}(?:[0-9A-Fa-f]{2})?)(?:\s{2,}.*|\s*\|.*\|?)?\s*"
)
_OFFSET = re.compile(r"\s*[0-9A-Fa-f]{4,16}(?:[:h]\s*|\s+(?=[0-9A-Fa-f]{2}(?:\s|$)))")
_READABLE = re.compile(r"\s*[0-9A-Fa-f]{4,16}:.*?\S {2,}\S")
_ONLY_OFFSET = re.compile(r"\s*[0-9A-Fa-f]{6,16}\s*")
_PAIR = re.compile(r"[0-9A-Fa-f]{2}")
_RAW_CONTROLS = re.compile(rb"[\x01-\x08\x0b\x0e-\x1f]")
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_MOST = 0.7


# U+2400 and following: how terminal programs show control characters.
_PICTURES = re.compile("[\u2400-\u2420]")


def without_pictures(data: bytes) -> bytes:
    """Text in UTF-8 that shows control characters as pictures (`␂`), with their names instead."""
    if b"\xe2\x90" not in data:
        return data
    text = data.decode("utf-8", "replace")
    named = _PICTURES.sub(
        lambda found: f"<{Control(ord(found[0]) - 0x2400).name}>" if found[0] != "\u2420" else " ",
        text,
    )
    return named.encode("latin-1", "replace")


def form_of(data: bytes) -> Form:
    """How these bytes are written down; never raises."""
    if _RAW_CONTROLS.search(data):
        return Form.BYTES
    text = data.decode("latin-1")
    if _pair_of(text) is not None:
        return Form.NAMES
    if _ESCAPED_FRAME.search(text):
        return Form.ESCAPES
    if _CARET_FRAME.search(text):
        return Form.CARETS
    if _NUMBERS.fullmatch(text) and _raw_of(text):
        return Form.NUMBERS
    lines = [line for line in _LINE_ENDS.split(text) if line.strip()]
    dumped = [line for line in lines if _HEX_LINE.fullmatch(line)]
    is_dump = any(len(_PAIR.findall(line)) > 3 for line in dumped)  # noqa: PLR2004
    is_dump = is_dump and len(dumped) >= _MOST * len(lines) and _says_something(dumped)
    return Form.HEX if is_dump else Form.BYTES


def _pair_of(text: str) -> tuple[str, str] | None:
    """The brackets in which this log writes control characters."""
    best: Counter[tuple[str, str]] = Counter()
    for pair, pattern in _NAMED.items():
        names = [found[1].upper() for found in pattern.finditer(text) if found[1]]
        best[pair] = sum(name in _TELLING for name in names)
    ((pair, count),) = best.most_common(1)
    if count >= _FEWEST_NAMES:
        return pair
    return pair if count and len(text) < 80 else None  # noqa: PLR2004


def _says_something(lines: Sequence[str]) -> bool:
    """A dump of traffic holds a control character; a column of numbers holds none."""
    data = from_hex("\n".join(lines))
    return bool(_RAW_CONTROLS.search(data)) or b"MSH" in data or b"H|" in data


def from_names(text: str) -> bytes:
    """Bytes of a log with names. Line ends of the log mean nothing where CR is written by name."""
    pair = _pair_of(text)
    if pair is None:
        return text.encode("latin-1", "replace")
    named = {found[1].upper() for found in _NAMED[pair].finditer(text) if found[1]}
    if named & {"CR", "LF", "NL"}:
        text = _LINE_ENDS.sub("", text)

    def replace(found: re.Match[str]) -> str:
        return chr(_CODES[found[1].upper()] if found[1] else int(found[2], 16))

    return _NAMED[pair].sub(replace, text).encode("latin-1", "replace")


def from_escapes(text: str) -> bytes:
    """Bytes of a string as programs print it; line ends of the log mean nothing where they are escaped too."""
    if "\\r" in text or "\\n" in text or "\\x0" in text:
        text = _LINE_ENDS.sub("", text)
    strings = [one[1] or one[2] or "" for one in _PRINTED.finditer(text)]
    pieces = strings or [text]
    return _ESCAPE.sub(_unescaped, "".join(pieces)).encode("latin-1", "replace")


_ESCAPED_FRAME = re.compile(
    r"\\(?:x|u00)0[2-5bB](?![0-9A-Fa-f])|\\(?:x|u00)(?:02[0-7]?[A-Z]|0b?MSH)|\\00[2-5]"
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u00([0-9A-Fa-f]{2})|00([0-7])|([rntf\\\"'/]))")
_PRINTED = re.compile(r"""[bu]?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")
_SINGLE = {"r": "\r", "n": "\n", "t": "\t", "f": "\f"}


def _unescaped(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    if digits:
        return chr(int(digits, 16))
    return chr(int(found[3], 8)) if found[3] else _SINGLE.get(found[4], found[4])


_NUMBERS = re.compile(r"[\s\[({]*\d{1,3}(?:[\s,;]+\d{1,3}){9,}[\s,;\])}]*")


def from_numbers(text: str) -> bytes:
    """Bytes of a list of decimal numbers."""
    return _raw_of(text)


def _raw_of(text: str) -> bytes:
    """The bytes of the list; empty when a number is none, or when no control character is among them."""
    numbers = [int(one) for one in re.findall(r"\d+", text)]
    if max(numbers) > 255:  # noqa: PLR2004
        return b""
    data = bytes(numbers)
    return data if _RAW_CONTROLS.search(data) else b""


def from_carets(text: str) -> bytes:
    """Bytes of a log in caret notation (`cat -v`). `^^` and a caret before what is no letter stay as they are."""
    has_line_ends = "^M" in text  # then the line ends of the log mean nothing
    pieces: list[str] = []
    at = 0
    for found in _CARET.finditer(text):
        plain = text[at : found.start()]
        pieces.append(_LINE_ENDS.sub("", plain) if has_line_ends else plain)
        pieces.append(_of_caret(text, found))
        at = found.end()
    rest = text[at:]
    pieces.append(_LINE_ENDS.sub("", rest) if has_line_ends else rest)
    return "".join(pieces).encode("latin-1", "replace")


def _of_caret(text: str, found: re.Match[str]) -> str:
    """A control character where one can stand; else the caret is a component delimiter, as in `DOE^JANE`."""
    letter, end = found[1], found.end()
    before, after = text[max(0, found.start() - 2) : found.start()], text[end : end + 4]
    fits = _FOLLOWED_BY.get(letter)
    if fits is None or not fits.match(after):
        return found[0]
    if letter == "J" and before != "^M":
        return found[0]
    if (
        letter in "EDFU"
        and before
        and before[-1] not in "\r\n"
        and before not in ("^J", "^D", "^E")
    ):
        return found[0]
    return chr(ord(letter) ^ 0x40)


# What follows each control character: a frame's number and record, a checksum, another control character, a line's end.
_END = r"\^[A-Z@\\]|[\r\n]|\Z"
_FOLLOWED_BY = {
    "B": re.compile(r"[0-7]?[A-Z]"),
    "C": re.compile(rf"[0-9A-Fa-f]{{2}}|{_END}"),
    "W": re.compile(rf"[0-9A-Fa-f]{{2}}|{_END}"),
    "M": re.compile(rf"[A-Z][^\w\s]|[A-Z][A-Z0-9]{{2}}[^\w\s]|{_END}"),
    "J": re.compile(""),
    "K": re.compile(r"MSH|\s*M"),
    "\\": re.compile(_END),
    **dict.fromkeys("EDFU@", re.compile(_END)),
}


def from_hex(text: str) -> bytes:
    """Bytes of a hex dump: xxd, hexdump -C, or plain pairs. Offsets and the readable column are dropped."""
    data = bytearray()
    lines = [line for line in _LINE_ENDS.split(text) if line.strip()]
    if any(map(_has_offset, lines)):  # the last line of a dump may be the offset of its end
        lines = [line for line in lines if not _ONLY_OFFSET.fullmatch(line)]
    for line in lines:
        body = _OFFSET.sub("", line, count=1) if _has_offset(line) else line
        body = body.replace("0x", "").replace("\\x", "").partition("|")[0]
        if _READABLE.match(line):  # `xxd` writes the letters behind two blanks
            body = re.split(r"\s{2,}", body.strip(), maxsplit=1)[0]
        # `hexdump -C` has two blanks in the middle of a line, xxd groups of four digits.
        groups = re.findall(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2})+(?![0-9A-Fa-f])", body)
        data += bytes.fromhex("".join(groups))
    return bytes(data)


def _has_offset(line: str) -> bool:
    found = _OFFSET.match(line)
    return found is not None and (":" in found[0] or len(found[0].strip()) >= 6)  # noqa: PLR2004
