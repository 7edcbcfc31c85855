"""The delimiters of MSH-1 and MSH-2, and the escape sequences written with them.

Escapes are decoded in one pass from left to right, inside field data only (HL7 2.5.1 chapter 2,
2.7). What is no known sequence is kept as it stands.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import lru_cache

from middleware.wire.decoding import decode

CLAUSE = "HL7 2.5.1 2.5.4"
CLAUSE_ESCAPES = "HL7 2.5.1 2.7"

_PUNCTUATION = frozenset(string.punctuation)
# Characters in MSH-2: as it should be, and with the truncation character of 2.7. Some senders leave
# out the last of the four.
_COMPLETE, _LONGEST = 4, 5
# Formatting commands (HL7 2.5.1 2.7.6) that end a line; all others but `.sk` have no text of their
# own.
_LINE_ENDS = frozenset((".br", ".sp", ".ce"))

# No report skips more lines or blanks than this; a sender must not make us write millions.
_LONGEST_SKIP = 256


@dataclass(frozen=True, slots=True)
class Delimiters:
    """Field, component, repetition, escape and sub-component character; truncation is '' before
    2.7.
    """

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def declaration(self) -> str:
        """What stands in MSH-2."""
        return self.component + self.repetition + self.escape + self.subcomponent + self.truncation


DEFAULT_DELIMITERS = Delimiters()


def read_delimiters(header: str) -> tuple[Delimiters, bool]:
    """The set that an MSH segment declares, and whether its declaration was damaged.

    Damaged means: not three to five different punctuation characters of ASCII. Then the usual set
    is used with the declared field separator.
    """
    end = header.find(header[3:4], 4)
    return _declared_delimiters(header[3:] if end < 0 else header[3:end])


@lru_cache(maxsize=64)
def _declared_delimiters(declaration: str) -> tuple[Delimiters, bool]:
    """From MSH-1 and MSH-2 written together."""
    field, declared = declaration[:1], declaration[1:]
    if field not in _PUNCTUATION:
        return DEFAULT_DELIMITERS, True
    usual = DEFAULT_DELIMITERS.subcomponent
    if len(declared) == _COMPLETE - 1 and usual not in declaration:
        declared += usual
    usable = (
        _COMPLETE <= len(declared) <= _LONGEST
        and len(set(field + declared)) == len(declared) + 1
        and _PUNCTUATION.issuperset(declared)
    )
    return (Delimiters(field, *declared), False) if usable else (Delimiters(field), True)


def unescape(text: str, delimiters: Delimiters, encoding: str = "utf-8") -> str:
    """Decode the escape sequences of one value; `encoding` is for the bytes of hexadecimal data.

    Highlighting is dropped, line breaks become line feeds; character-set switches, local and
    unknown sequences and a lone escape character are kept.
    """
    if delimiters.escape not in text:
        return text
    sequence, characters = _decoding(delimiters)

    def meaning(found: re.Match[str]) -> str:
        body = found.group(1)
        known = characters.get(body)
        if known is not None:
            return known
        if body[0] == "X":
            return decode(bytes.fromhex(body[1:]), encoding).text
        return _formatted(body) if body[0] == "." else found.group()

    return sequence.sub(meaning, text)


def _formatted(body: str) -> str:
    command, digits = body[:3], body[3:]
    count = min(int(digits), _LONGEST_SKIP) if digits.isdecimal() else 1
    if command in _LINE_ENDS:
        return "\n" * count
    return " " * count if command == ".sk" else ""


@lru_cache(maxsize=64)
def _decoding(delimiters: Delimiters) -> tuple[re.Pattern[str], dict[str, str]]:
    mark = re.escape(delimiters.escape)
    pattern = (
        f"{mark}([FSTREHNP]|X(?:[0-9A-Fa-f]{{2}})+|[CM][0-9A-Fa-f]+|Z[^{mark}]*"
        f"|\\.(?:br|sp[0-9]{{0,4}}|ce|fi|nf|sk[0-9]{{1,4}}|(?:in|ti)[+-]?[0-9]{{0,4}})){mark}"
    )
    characters = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "H": "",
        "N": "",
    }
    if delimiters.truncation:
        characters["P"] = delimiters.truncation
    return re.compile(pattern), characters


def escape(text: str, delimiters: Delimiters = DEFAULT_DELIMITERS) -> str:
    """Write `text` so that it stays one value: delimiters and control characters are escaped.

    CR and LF become hexadecimal sequences, so that reading gives back exactly `text`.
    """
    if is_plain(text, delimiters):
        return text
    special, written = _encoding(delimiters)
    return special.sub(lambda found: written[found.group()], text)


def escape_formatted(text: str, delimiters: Delimiters = DEFAULT_DELIMITERS) -> str:
    """As `escape`, but every line end becomes `.br`: for formatted text (FT, TX) such as NTE-3."""
    line_break = f"{delimiters.escape}.br{delimiters.escape}"
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return line_break.join([escape(line, delimiters) for line in lines])


@lru_cache(maxsize=64)
def _encoding(delimiters: Delimiters) -> tuple[re.Pattern[str], dict[str, str]]:
    mark = delimiters.escape
    written = {chr(code): f"{mark}X{code:02X}{mark}" for code in (*range(32), 127)}
    names = {
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.subcomponent: "T",
        delimiters.repetition: "R",
        delimiters.escape: "E",
    }
    if delimiters.truncation:
        names[delimiters.truncation] = "P"
    written.update({character: f"{mark}{name}{mark}" for character, name in names.items()})
    return re.compile(f"[{re.escape(''.join(written))}]"), written


def is_plain(text: str, delimiters: Delimiters) -> bool:
    """True when `text` certainly needs no escaping: the fast answer for nearly every field.

    False is no proof of the opposite: a few printable characters count as doubtful.
    """
    return text.isprintable() and not (
        delimiters.field in text
        or delimiters.component in text
        or delimiters.repetition in text
        or delimiters.escape in text
        or delimiters.subcomponent in text
        or (delimiters.truncation != "" and delimiters.truncation in text)
    )
