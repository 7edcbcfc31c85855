"""Replaces texts by others of the same length: the same by the same under one key, different ones by different ones."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import date, timedelta

from middleware.anonymise.tables import KEPT_WORDS

SHORTEST_TOKEN = 4
"""Shorter identifiers are replaced where they stand, but not looked for elsewhere: they would be found in values."""

_WORD = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"[A-Za-z0-9\x80-\xff]+")
_RUN = re.compile(r"[0-9]+|[A-Za-z\x80-\xff]+")
_LONG_NUMBER = re.compile(
    r"[0-9]{6,}"
)  # the number of an identifier, whatever letters it is written with
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})(\d*(?:\.\d+)?(?:[+-]\d{4})?)")
_ESCAPED = re.compile(r"(\\[A-Za-z.0-9+-]*\\)")
_OLDEST, _NEWEST = 1880, 2200
_DIGITS, _UPPER, _LOWER = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_TRIES = 64


class Masks:
    """I am responsible that one text is always replaced by the same other text, under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        weeks = 52 + int.from_bytes(self._digest("days", 0)[:4], "big") % 200
        self._shift = timedelta(weeks=-weeks)  # whole weeks: the day of the week stays
        self._replaced: dict[str, str] = {}
        self._known: set[str] = set()  # in lower case: a comment writes names as it likes
        self._taken: set[str] = set()
        self.counts: dict[str, int] = {}

    def identifier(self, text: str) -> str:
        """Digits by digits, letters by letters; words that tell what the material is stay."""
        self._count("identifiers", text)
        return _TOKEN.sub(lambda found: self._token(found[0]), text)

    def name(self, text: str) -> str:
        """Each word by another; escape sequences stay, so that the text can still be read."""
        self._count("names", text)
        pieces = _ESCAPED.split(text)
        return "".join(
            piece if at % 2 else _TOKEN.sub(lambda found: self._replace(found[0]), piece)
            for at, piece in enumerate(pieces)
        )

    def date(self, text: str) -> str:
        """The same time of day some weeks earlier; what is no date is masked."""
        found = _DATE.fullmatch(text.strip())
        if found is None or not _OLDEST <= int(found[1]) <= _NEWEST:
            return self.mask(text)
        try:
            moved = date(int(found[1]), int(found[2]), int(found[3])) + self._shift
        except ValueError:
            return self.mask(text)
        self._count("dates", text)
        return text.replace(found[0], moved.strftime("%Y%m%d") + found[4])

    def mask(self, text: str) -> str:
        """Letters by X, digits by 0; escape sequences stay, so that the text can still be read."""
        if text.strip():
            self._count("masked fields", text)
        pieces = _ESCAPED.split(text)
        return "".join(
            piece if at % 2 else "".join(map(_masked, piece)) for at, piece in enumerate(pieces)
        )

    def known(self, text: str) -> str:
        """Identifiers and names replaced elsewhere, as whole words or as runs of digits or letters in words."""
        return _TOKEN.sub(lambda found: self._elsewhere(found[0]), text)

    def known_words(self, text: str) -> str:
        """As `known`, in words that hold a letter only: a number in a value is the measurement."""
        return _TOKEN.sub(
            lambda found: found[0] if found[0].isdigit() else self._elsewhere(found[0]), text
        )

    def _elsewhere(self, token: str) -> str:
        if self._is_known(token):
            return self._replace_known(token)
        return _RUN.sub(
            lambda run: self._replace_known(run[0]) if self._is_known(run[0]) else run[0], token
        )

    def _is_known(self, token: str) -> bool:
        return len(token) >= SHORTEST_TOKEN and token.lower() in self._known

    def _replace_known(self, token: str) -> str:
        self._count("found elsewhere", token)
        return self._replace(token)

    def _token(self, token: str) -> str:
        if token.upper() in KEPT_WORDS or not token.strip("0"):
            return token  # a placeholder of zeros, or a word of the laboratory
        word = _WORD.match(token)
        head = word[0] if word is not None and word[0].upper() in KEPT_WORDS else ""
        return head + self._replace(token[len(head) :]) if head else self._replace(token)

    def _replace(self, text: str) -> str:
        known = self._replaced.get(text)
        if known is not None:
            return known
        other = self._other(text, 0)
        for attempt in range(1, _TRIES):  # of one letter there are only so many others
            if other not in self._taken and other != text:
                break
            other = self._other(text, attempt)
        self._replaced[text] = other
        self._known.update(one.lower() for one in (text, *_LONG_NUMBER.findall(text)))
        self._taken.add(other)
        return other

    def _other(self, text: str, attempt: int) -> str:
        stream = b""
        while len(stream) < len(text):
            stream += self._digest(text, attempt, len(stream))
        return "".join(_like(letter, stream[at]) for at, letter in enumerate(text))

    def _digest(self, text: str, attempt: int, part: int = 0) -> bytes:
        said = f"{attempt}/{part}/{text}".encode()
        return hmac.new(self._key, said, hashlib.sha256).digest()

    def _count(self, what: str, text: str) -> None:
        if text:
            self.counts[what] = self.counts.get(what, 0) + 1


Replace = Callable[[str], str]


def _like(letter: str, number: int) -> str:
    for alphabet in (_DIGITS, _UPPER, _LOWER):
        if letter in alphabet:
            return alphabet[number % len(alphabet)]
    return _LOWER[
        number % len(_LOWER)
    ]  # a letter beyond ASCII, in whatever encoding: one byte each


def _masked(letter: str) -> str:
    if letter.isdigit():
        return "0"
    return "X" if letter.isalpha() or ord(letter) > 127 else letter  # noqa: PLR2004
