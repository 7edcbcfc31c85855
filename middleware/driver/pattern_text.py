"""Writes a text that a regular expression of a profile accepts: the inverse of a pattern.

It knows what profiles use: literals, escapes, classes, groups, alternatives, and repetition. Every text is tried on the
pattern before it is given; where none is found the pattern cannot be inverted, and None says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

_TRIES = 24
_ESCAPED = {"d": "0123456789", "w": "ABCDEFGH", "s": " ", "S": "ABCDEFGH", "b": "", "B": ""}
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789 -.%/()abc"
_MOST = 3  # repetitions of what may be repeated without end
_GROUP = re.compile(r"\(\?(?:P<(\w+)>|:)")
_COUNT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")


def text_matching(
    pattern: str, random: Random, fill: str = "", named: Mapping[str, str] | None = None
) -> str | None:
    """A whole text for `pattern`, upper and lower case alike; None when none was found.

    `fill` stands where the pattern takes anything (`.*`); `named` gives the text of named groups.
    """
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    wanted = {name: one for name, one in (named or {}).items() if name in compiled.groupindex}
    for attempt in range(_TRIES):
        text = _Writer(pattern, random, fill if attempt < _TRIES // 2 else "", wanted).write()
        found = compiled.fullmatch(text)
        if found and all(
            (found[name] or "").strip() == one.strip() for name, one in wanted.items()
        ):
            return text
    return None


class _Writer:
    """I walk one pattern from left to right."""

    def __init__(self, pattern: str, random: Random, fill: str, named: Mapping[str, str]) -> None:
        self._pattern, self._random, self._fill, self._named = pattern, random, fill, named
        self._at = 0

    def write(self) -> str:
        return self._alternatives()

    def _alternatives(self) -> str:
        """Up to the closing bracket: one of the alternatives."""
        written = [self._sequence()]
        while self._next() == "|":
            self._at += 1
            written.append(self._sequence())
        return self._random.choice(written)

    def _sequence(self) -> str:
        text = ""
        while self._next() not in ("", "|", ")"):
            text += self._repeated()
        return text

    def _repeated(self) -> str:
        start = self._at
        is_any = self._pattern[start] == "."
        first = self._one()
        end = self._at
        least, most = self._times()
        after = self._at
        if is_any and most > 1:
            return self._fill or "A" * least
        text = first if most else ""
        for _ in range(self._random.randint(least, most) - 1):
            self._at = start
            text += self._one()
        self._at = after
        return text if least or (end == after) or self._random.choice((True, False)) else ""

    def _times(self) -> tuple[int, int]:
        mark = self._next()
        counted = _COUNT.match(self._pattern, self._at)
        least, most = {"*": (0, _MOST), "+": (1, _MOST), "?": (0, 1)}.get(mark, (1, 1))
        if counted:
            least = int(counted[1])
            most = least if not counted[2] else int(counted[3] or least + _MOST)
        if counted or mark in ("*", "+", "?"):
            self._at = counted.end() if counted else self._at + 1
            if self._next() in ("?", "+"):
                self._at += 1
        return least, most

    def _one(self) -> str:
        mark = self._pattern[self._at]
        self._at += 1
        if mark == "(":
            return self._group()
        if mark == "[":
            return self._class()
        if mark == "\\":
            self._at += 1
            escaped = self._pattern[self._at - 1]
            choices = _ESCAPED.get(escaped, escaped)
            return self._random.choice(choices) if choices else ""
        if mark in "^$":
            return ""
        return self._random.choice("ABCD") if mark == "." else mark

    def _group(self) -> str:
        opened = _GROUP.match(self._pattern, self._at - 1)
        if opened:
            self._at = opened.end()
        text = self._alternatives()
        self._at += 1
        return self._named.get(opened[1] or "", text) if opened else text

    def _class(self) -> str:
        start = self._at
        if self._next() == "^":
            self._at += 1
        # The first character of a class may be its end mark.
        self._at += 2 if self._next() == "\\" else 1
        while self._next() != "]":
            self._at += 2 if self._next() == "\\" else 1
        self._at += 1
        one = re.compile("[" + self._pattern[start : self._at])
        fitting = [letter for letter in _LETTERS if one.fullmatch(letter)]
        fitting = fitting or [letter for letter in map(chr, range(127)) if one.fullmatch(letter)]
        return self._random.choice(fitting) if fitting else ""

    def _next(self) -> str:
        return self._pattern[self._at : self._at + 1]
