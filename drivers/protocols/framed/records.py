"""Cuts the text of a telegram into named texts, and into one row for each result in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from drivers.protocols.columns.row import Row
from drivers.protocols.framed.settings import FramedSettings
from middleware.driver.mapping import Locate
from middleware.errors import DriverError
from middleware.wire.capture import from_lossless

PART = "column."
JOINED = "joined."
MOST_RESULTS = 10_000

Cut = Callable[[str], tuple[dict[str, str], list[dict[str, str]]]]
"""A telegram to its own texts, and to those of each result in it; no result: the telegram itself is one."""


class Records:
    """I turn a telegram into rows, as its profile says."""

    def __init__(self, settings: FramedSettings, locate: Locate[Row]) -> None:
        self._cut = _cut_of(settings)
        self._has_groups = settings.groups is not None or bool(settings.listed)
        self._value_of = locate(PART + "value")
        self._joined = [
            (JOINED + name, [locate(path) for path in paths])
            for name, paths in settings.joined.items()
        ]

    def head(self, text: str) -> Row:
        """What the telegram says of the specimen."""
        return self._row(self._cut(text)[0], "telegram")

    def rows(self, text: str) -> Iterator[Row]:
        """A row for each result that has a value."""
        head, groups = self._cut(text)
        if not self._has_groups:
            yield self._row(head, "telegram")
            return
        if len(groups) > MOST_RESULTS:
            raise DriverError(
                f"the telegram holds {len(groups)} results; at most {MOST_RESULTS} are read",
                what_to_do="Look at the raw message; the profile does not fit it.",
            )
        for number, group in enumerate(groups, start=1):
            row = self._row({**head, **group}, f"result {number}")
            if self._value_of(row) or any(text.strip() for text in group.values()):
                yield row

    def _row(self, texts: dict[str, str], name: str) -> Row:
        row = Row(1, texts, name)
        for path, readers in self._joined:
            texts[path] = " ".join([text for read in readers if (text := read(row))])
        return row


def _cut_of(settings: FramedSettings) -> Cut:
    if settings.positions:
        return _fixed(settings)
    if settings.names:
        return _delimited(settings)
    return _tagged(settings) if settings.tags else _listed(settings)


def _fixed(settings: FramedSettings) -> Cut:
    places, groups = settings.positions, settings.groups

    def cut(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
        head = {name: text[first - 1 : last] for name, (first, last) in places.items()}
        if groups is None:
            return head, []
        begin = groups.start - 1
        return head, [
            {
                PART + name: text[at + first - 1 : at + last]
                for name, (first, last) in groups.columns.items()
            }
            for at in range(begin, len(text), groups.width)
        ]

    return cut


def _delimited(settings: FramedSettings) -> Cut:
    delimiter = from_lossless(settings.delimiter).decode("latin-1")
    names, groups = settings.names, settings.groups

    def cut(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
        fields = text.split(delimiter)
        head = {name: field for name, field in zip(names, fields, strict=False) if name}
        if groups is None:
            return head, []
        begin = groups.start - 1
        return head, [
            _group(fields[at : at + groups.width], groups.columns, delimiter)
            for at in range(begin, len(fields), groups.width)
        ]

    return cut


def _group(fields: Sequence[str], columns: object, delimiter: str) -> dict[str, str]:
    assert isinstance(columns, dict)
    return {
        PART + name: delimiter.join(fields[first - 1 : last])
        for name, (first, last) in columns.items()
    }


def _tagged(settings: FramedSettings) -> Cut:
    delimiter = from_lossless(settings.delimiter).decode("latin-1")
    end = from_lossless(settings.field_end).decode("latin-1")
    length = settings.tags

    def cut(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
        head: dict[str, str] = {}
        for field in text.split(delimiter):
            tag, said = field[:length], field[length:]
            if len(tag) < length:
                continue
            if tag in head:
                raise DriverError(
                    f"the telegram says {tag!r} twice; it could be either",
                    what_to_do="Look at the raw message; the profile does not fit it.",
                    field=tag,
                )
            head[tag] = said.removesuffix(end) if end else said
        return head, []

    return cut


def _listed(settings: FramedSettings) -> Cut:
    head_patterns = {name: re.compile(one, re.MULTILINE) for name, one in settings.head.items()}
    result = re.compile(settings.listed, re.MULTILINE)

    def cut(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        head = {}
        for name, pattern in head_patterns.items():
            found = {one[1] if one.re.groups else one[0] for one in pattern.finditer(plain)}
            if len(found) > 1:
                raise DriverError(
                    f"the listing says {name!r} more than once; it could be either",
                    what_to_do="Let the analyzer send one report at a time.",
                    field=name,
                )
            head[name] = found.pop() if found else ""
        rows = [
            {PART + name: text or "" for name, text in one.groupdict().items()}
            for one in result.finditer(plain)
        ]
        return head, rows

    return cut
