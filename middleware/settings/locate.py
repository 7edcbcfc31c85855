"""Which line of a TOML text a key stands on. The values come from `tomllib`; this reads only the
places.

Made for texts that `tomllib` accepted: a token reader and a walk over headers, keys, arrays and
inline tables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from middleware.settings.problems import Location

# The order matters: three quotes before one, strings before comments.
_TOKEN = re.compile(
    r'''(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')'''
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<newline>\n)"
    r"|(?P<bare>[A-Za-z0-9_\-]+)"
    r"|(?P<mark>[^\s])",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


class Locator:
    """Finds the line of a location; what is not there is found where its nearest parent stands."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Location, int] = {}
        for place, line in _Walk(text).places():
            self._lines.setdefault(place, line)

    def line_of(self, location: Location) -> int:
        """1-based line; 0 when not even the first part is in the text."""
        for length in range(len(location), 0, -1):
            found = self._lines.get(location[:length])
            if found is not None:
                return found
        return 0

    def has(self, location: Location) -> bool:
        """Whether exactly this location is written in the text."""
        return location in self._lines


class _Walk:
    """One pass over the tokens of a text."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._array_lengths: dict[Location, int] = {}

    def places(self) -> Iterator[tuple[Location, int]]:
        """Each location with its line, in the order of the text."""
        table: Location = ()
        while (token := self._peek()) is not None:
            if token.kind in ("newline", "comment"):
                self._at += 1
            elif token.text == "[":
                table = self._header()
                yield from ((table[:end], token.line) for end in range(1, len(table) + 1))
            else:
                yield from self._pair(table)

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take_if(self, text: str) -> bool:
        token = self._peek()
        if token is not None and token.kind == "mark" and token.text == text:
            self._at += 1
            return True
        return False

    def _header(self) -> Location:
        self._at += 1
        is_array = self._take_if("[")
        keys = self._keys()
        self._take_if("]")
        if is_array:
            self._take_if("]")
        table: Location = ()
        for number, key in enumerate(keys):
            table = (*table, key)
            if is_array and number == len(keys) - 1:
                self._array_lengths[table] = self._array_lengths.get(table, 0) + 1
            if table in self._array_lengths:
                table = (*table, self._array_lengths[table] - 1)
        return table

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while (token := self._peek()) is not None and token.kind in ("bare", "string"):
            keys.append(_key_text(token))
            self._at += 1
            if not self._take_if("."):
                break
        return keys

    def _pair(self, table: Location) -> Iterator[tuple[Location, int]]:
        start = self._tokens[self._at]
        keys = self._keys()
        place: Location = table
        for key in keys:
            place = (*place, key)
            yield place, start.line
        if not keys or not self._take_if("="):
            self._at += 1  # not TOML: go on, the reader of the values reports it
            return
        yield from self._value(place)

    def _value(self, place: Location) -> Iterator[tuple[Location, int]]:
        if self._take_if("["):
            yield from self._array(place)
        elif self._take_if("{"):
            yield from self._inline_table(place)
        else:
            self._scalar()

    def _array(self, place: Location) -> Iterator[tuple[Location, int]]:
        number = 0
        while (token := self._peek()) is not None and not self._take_if("]"):
            if token.kind in ("newline", "comment") or token.text == ",":
                self._at += 1
                continue
            yield (*place, number), token.line
            yield from self._value((*place, number))
            number += 1

    def _inline_table(self, place: Location) -> Iterator[tuple[Location, int]]:
        while (token := self._peek()) is not None and not self._take_if("}"):
            if token.kind in ("newline", "comment") or token.text == ",":
                self._at += 1
            else:
                yield from self._pair(place)

    def _scalar(self) -> None:
        """A string, number, truth value or time: all up to the end of the value."""
        self._at += 1
        while (token := self._peek()) is not None:
            if token.kind in ("newline", "comment") or token.text in (",", "]", "}"):
                return
            self._at += 1


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        yield _Token(found.lastgroup or "", found.group(), line)
        line += found.group().count("\n")


def _key_text(token: _Token) -> str:
    if token.kind == "bare":
        return token.text
    try:
        return str(tomllib.loads(f"key = {token.text}")["key"])
    except tomllib.TOMLDecodeError:  # a text that is not TOML: any name will do
        return token.text
