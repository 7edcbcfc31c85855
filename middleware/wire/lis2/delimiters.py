"""The delimiters that a header declares, and the escape sequences written with them.

Order in H-2 is repeat, component, escape (LIS02-A2 5.4); HL7 has it the other way round. Nothing
here is hard-coded: every function takes the set that the message declared. Decoding is one pass
from left to right, after splitting.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from functools import lru_cache

from middleware.wire.decoding import decode

CLAUSE = "LIS02-A2 5.4"

# The field of a header in which they are declared.
DECLARATION_FIELD = 2
_DECLARED = 3  # repeat, component, escape
_WITHOUT_ESCAPE = 2

# Octets that a record may not hold, and CR, which ends one (LIS02-A2 5). Tab, VT, FF and BEL are
# allowed.
_NOT_ALLOWED = "\\x00-\\x06\\x08\\x0a\\x0d\\x0e-\\x1f\\x7f"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """Field, repeat, component and escape character. `escape` may be empty: then nothing is escaped
    or decoded. `declaration` is what stands in H-2.
    """

    field: str = "|"
    repeat: str = "\\"
    component: str = "^"
    escape: str = "&"
    declaration: str = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "declaration", self.repeat + self.component + self.escape)


DEFAULT_DELIMITERS = Delimiters()


def read_delimiters(header: str, fallback: Delimiters) -> tuple[Delimiters, str]:
    """The set that a header record declares, and what is wrong with it in words ('' when nothing
    is).

    A declaration without its escape character (`H|\\^|`) keeps the two that it gives; anything else
    that is broken is replaced by `fallback` as a whole.
    """
    field = header[1:2]
    if not _is_delimiter(field):
        return fallback, "the header names no field delimiter"
    end = header.find(field, 2)
    declared = header[2:] if end < 0 else header[2:end]
    if len(declared) == _WITHOUT_ESCAPE:
        declared += fallback.escape
        problem = "the header declares no escape delimiter"
    else:
        problem = (
            "the header declares more than three delimiters" if len(declared) > _DECLARED else ""
        )
    used = _delimiters(field, declared[:_DECLARED])
    if used is None:
        return fallback, "the header's delimiters are incomplete, alike, or letters"
    return used, problem


@lru_cache(maxsize=64)
def _delimiters(field: str, declared: str) -> Delimiters | None:
    """The set of these characters; None when they cannot be told apart."""
    if len(set(field + declared)) != 1 + _DECLARED or not all(map(_is_delimiter, declared)):
        return None
    return Delimiters(field, *declared)


def _is_delimiter(character: str) -> bool:
    return " " < character < "\x7f" and not character.isalnum()


def unescape(text: str, delimiters: Delimiters, encoding: str) -> str:
    """Decode the escape sequences of one component; `encoding` is for the bytes of hexadecimal
    data.

    Highlighting and unknown sequences are dropped, local ones (Z) kept as they are, `.br` is a line
    feed; an escape character that starts no sequence is kept: it is common in names and comments.
    """
    if not delimiters.escape or delimiters.escape not in text:
        return text
    sequence, characters = _decoding(delimiters)

    def meaning(found: re.Match[str]) -> str:
        body = found.group(1)
        known = characters.get(body)
        if known is not None:
            return known
        if body[0] == "X" and len(body) % 2 and len(body) > 1:
            return _hexadecimal(body[1:], encoding)
        return found.group() if body[0] == "Z" else ""

    return sequence.sub(meaning, text)


def _hexadecimal(digits: str, encoding: str) -> str:
    try:
        return decode(bytes.fromhex(digits), encoding).text
    except ValueError:
        return ""


@lru_cache(maxsize=64)
def _decoding(delimiters: Delimiters) -> tuple[re.Pattern[str], dict[str, str]]:
    escape = re.escape(delimiters.escape)
    pattern = f"{escape}(Z[^{escape}]*|\\.br|[A-Z][A-Za-z0-9]*){escape}"
    return re.compile(pattern), {
        "F": delimiters.field,
        "S": delimiters.component,
        "R": delimiters.repeat,
        "E": delimiters.escape,
        "H": "",
        "N": "",
        ".br": "\n",
    }


def escape(text: str, delimiters: Delimiters = DEFAULT_DELIMITERS) -> str:
    """Write `text` so that it stays inside one component: delimiters, CR, LF and octets not allowed
    are escaped.

    Without an escape character they are replaced by blanks: a text must never become structure.
    """
    special, written = _encoding(delimiters)
    if special.search(text) is None:
        return text
    return special.sub(lambda found: _write(found.group(), written, delimiters.escape), text)


def _write(character: str, written: dict[str, str], escape_character: str) -> str:
    if not escape_character:
        return " "
    body = written.get(character) or f"X{ord(character):02X}"
    return f"{escape_character}{body}{escape_character}"


@lru_cache(maxsize=64)
def _encoding(delimiters: Delimiters) -> tuple[re.Pattern[str], dict[str, str]]:
    written = {
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.repeat: "R",
    }
    if delimiters.escape:
        written[delimiters.escape] = "E"
    return re.compile(f"[{re.escape(''.join(written))}{_NOT_ALLOWED}]"), written
