"""The text format of a capture: what passed over one line, with times, in both directions, losslessly.

One line of text for each read and write. `>` is what the analyzer sent, `<` what it was sent, `=` what became of the
connection. Times are seconds since the capture began, from the monotonic clock. Printable ASCII stands for itself;
control characters have their names, and what is left its hexadecimal number (`<x9F>`), so that a technician can read it
and nothing is lost. Lines that begin with `#` say what the capture is.

    # labwire capture 1
    # CONTAINS PATIENT DATA: keep it like a result, delete it when it has served
    # line: chem-1
    # driver: generic_astm
    # began: 2031-03-14T08:59:00+00:00
    +0.000000 = opened 10.1.2.3
    +0.012345 > <ENQ>
    +0.012689 < <ACK>
    +1.500000 = closed Connection was closed cleanly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from middleware.wire.control import Control
from middleware.wire.errors import RemoteProtocolError

FIRST_LINE = "# labwire capture 1"
WARNING_LINE = "# CONTAINS PATIENT DATA: keep it like a result, delete it when it has served"

_NAMES: Mapping[int, str] = {
    **{member.value: member.name for member in Control},
    **{code: f"x{code:02X}" for code in (ord("<"), *range(0x80, 0x100))},
}
_ESCAPES = {code: f"<{name}>" for code, name in _NAMES.items()}
_CODES = {name: code for code, name in _NAMES.items()}
_ESCAPED = re.compile(r"<([^<>]*)>")
_LINE = re.compile(r"\+(\d+\.\d{6}) ([<>=]) (.*)")


class Way(StrEnum):
    """What one line of a capture tells."""

    FROM_ANALYZER = ">"
    TO_ANALYZER = "<"
    CONNECTION = "="


@dataclass(frozen=True, slots=True)
class Moment:
    """One read or write, or (`CONNECTION`) what became of the connection, as text in UTF-8."""

    at_s: float
    way: Way
    data: bytes


def heading(facts: Mapping[str, str]) -> str:
    """The first lines of a capture; `facts` such as `line`, `driver`, `began`."""
    told = [f"# {name}: {value}" for name, value in facts.items()]
    return "\n".join([FIRST_LINE, WARNING_LINE, *told]) + "\n"


def format_moment(moment: Moment) -> str:
    """One line of a capture, with its end."""
    if moment.way is Way.CONNECTION:
        said = " ".join(moment.data.decode("utf-8", "replace").split())
    else:
        said = lossless(moment.data)
    return f"+{moment.at_s:.6f} {moment.way.value} {said}\n"


def lossless(data: bytes) -> str:
    """Bytes as printable ASCII; `from_lossless` gives the same bytes again."""
    return data.decode("latin-1").translate(_ESCAPES)


def from_lossless(text: str) -> bytes:
    """The bytes of `lossless`. Raises KeyError for a name that is none, ValueError for what is not ASCII."""
    if not text.isascii():
        raise ValueError("a letter that is not ASCII")
    return _ESCAPED.sub(lambda found: chr(_CODES[found[1]]), text).encode("latin-1")


def facts_of(lines: Iterable[str]) -> dict[str, str]:
    """What the heading says; reads no further than the heading."""
    facts: dict[str, str] = {}
    for line in lines:
        told = line.rstrip("\n")
        if not told.startswith("#"):
            break
        name, colon, value = told[2:].partition(": ")
        if colon and told != WARNING_LINE:
            facts[name] = value
    return facts


def read_capture(lines: Iterable[str]) -> Iterator[Moment]:
    """The moments of a capture, in order. Raises RemoteProtocolError that names the line which is none.

    A last line without its end is left out: the capture was cut off there.
    """
    for number, line in enumerate(lines, start=1):
        if number == 1 and line.rstrip("\n") != FIRST_LINE:
            raise _no_capture(number, f"a capture begins with {FIRST_LINE!r}")
        if line.startswith("#") or not line.strip() or not line.endswith("\n"):
            continue
        yield _moment(number, line.rstrip("\n"))


def _moment(number: int, line: str) -> Moment:
    found = _LINE.fullmatch(line)
    if found is None:
        raise _no_capture(number, "neither a comment nor a time, a direction and bytes")
    way = Way(found[2])
    if way is Way.CONNECTION:
        return Moment(float(found[1]), way, found[3].encode("utf-8"))
    try:
        return Moment(float(found[1]), way, from_lossless(found[3]))
    except (KeyError, ValueError) as error:
        raise _no_capture(number, f"bytes that cannot be read: {error}") from error


def _no_capture(number: int, why: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"line {number} of the capture: {why}", reason="no_capture")
