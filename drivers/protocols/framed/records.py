"""Cuts the text of a telegram into named texts, and into one row for each result in it; what is cut off is unread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from drivers.protocols.columns.row import Row
from drivers.protocols.framed.listing import listing_cutter
from drivers.protocols.framed.settings import MOST_RESULTS, FramedSettings, GroupSection
from middleware.driver.mapping import Locate
from middleware.errors import DriverError
from middleware.wire.capture import from_lossless

COLUMN, PART, JOINED = "column.", "part.", "joined."
KIND = COLUMN + "kind"
LONGEST_FIELD = 4_096
"""Characters. Beyond it the profile does not fit, and no regular expression of a profile looks through it."""

_LOOK = "Look at the raw message; the profile does not fit it."


@dataclass(slots=True)
class Pieces:
    """A telegram in pieces: its own texts, those of each result with a name for it, and what could not be read."""

    head: dict[str, str]
    groups: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Telegram:
    """What the readers of specimens and results are given."""

    head: Row
    rows: Sequence[Row]
    unread: Sequence[str]


Cut = Callable[[str], Pieces]


class Records:
    """I turn a telegram into rows, as its profile says."""

    def __init__(self, settings: FramedSettings, locate: Locate[Row]) -> None:
        self._cut = _cut_of(settings, locate)
        self._is_one_result = not (settings.groups or settings.listed or settings.each)
        self._parts = [
            (path, locate(path), re.compile(pattern)) for path, pattern in settings.parts.items()
        ]
        self._joined = [
            (JOINED + name, [locate(path) for path in rule.paths], rule.between)
            for name, rule in settings.joined.items()
        ]
        self._letters = settings.letters

    def read(self, text: str) -> Telegram:
        """The telegram. Raises DriverError when nothing in it can be trusted."""
        pieces = self._cut(text)
        head = self._row(dict(pieces.head), "telegram")
        rows: list[Row] = []
        unread = list(pieces.unread)
        groups = [("telegram", {})] if self._is_one_result else pieces.groups
        for name, group in groups:
            row = self._row({**pieces.head, **group}, name)
            misfit = self._misfit(row)
            if misfit:
                unread.append(f"{name}: {misfit}")
            else:
                rows.append(row)
        return Telegram(head, rows, unread)

    def _row(self, texts: dict[str, str], name: str) -> Row:
        row = Row(1, texts, name)
        for path, _, pattern in self._parts:
            found = pattern.fullmatch(texts[path]) if path in texts else None
            said = found.groupdict() if found is not None else {}
            texts.update({PART + part: text or "" for part, text in said.items()})
        for path, readers, between in self._joined:
            texts[path] = between.join([text for read in readers if (text := read(row))])
        for path in self._letters:
            texts[path] = " ".join(texts.get(path, "").replace(" ", ""))
        return row

    def _misfit(self, row: Row) -> str:
        """Which text is not written as the profile says; '' for none. An empty one has no parts."""
        for path, text_of, pattern in self._parts:
            text = row.texts.get(path, "")
            if text_of(row) and not pattern.fullmatch(text):
                return f"{path} is {text[:80]!r}, and the profile expects another form"
        return ""


def _cut_of(settings: FramedSettings, locate: Locate[Row]) -> Cut:
    if settings.listed:
        return _listed(settings)
    if settings.positions:
        cut = _fixed(settings, locate)
    elif settings.names:
        cut = _delimited(settings, locate)
    else:
        cut = _tagged(settings)
    return _each(cut, settings.each) if settings.each else cut


def _listed(settings: FramedSettings) -> Cut:
    read = listing_cutter(settings)

    def cut(text: str) -> Pieces:
        head, results, unread = read(text)
        named = [
            (f"line {number}", {COLUMN + name: text for name, text in parts.items()})
            for number, parts in results
        ]
        return Pieces(head, named, unread)

    return cut


def _each(cut: Cut, kinds: Mapping[str, Mapping[str, str]]) -> Cut:
    def cut_each(text: str) -> Pieces:
        pieces = cut(text)
        for kind, parts in kinds.items():
            said = {COLUMN + part: pieces.head.get(path, "") for part, path in parts.items()}
            if said[COLUMN + "value"].strip():
                pieces.groups.append((kind, {KIND: kind, **said}))
        return pieces

    return cut_each


def _fixed(settings: FramedSettings, locate: Locate[Row]) -> Cut:
    places, groups = settings.positions, settings.groups
    end = max(last for _, last in places.values())
    pattern = re.compile(groups.pattern) if groups is not None and groups.pattern else None

    def cut(text: str) -> Pieces:
        if len(text) < end:
            raise _refusal(f"the telegram is cut off: {len(text)} characters, not {end}")
        pieces = Pieces({name: text[first - 1 : last] for name, (first, last) in places.items()})
        if groups is None:
            return pieces
        count = _count(groups, pieces.head, locate, len(text))
        for number in range(1, count + 1):
            begin = groups.start - 1 + (number - 1) * groups.width
            whole, name = text[begin : begin + groups.width], f"result {number}"
            if not whole.strip():
                continue
            if len(whole) < groups.width:
                pieces.unread.append(f"{name} is cut off: {whole!r}")
            elif pattern is not None and not pattern.fullmatch(whole):
                pieces.unread.append(f"{name} is not written as the profile says: {whole[:80]!r}")
            else:
                parts = {
                    COLUMN + part: whole[first - 1 : last]
                    for part, (first, last) in groups.columns.items()
                }
                pieces.groups.append((name, parts))
        return pieces

    return cut


def _delimited(settings: FramedSettings, locate: Locate[Row]) -> Cut:
    delimiter = from_lossless(settings.delimiter).decode("latin-1")
    names, groups = settings.names, settings.groups

    def cut(text: str) -> Pieces:
        fields = _split(text, delimiter)
        if len(fields) < len(names):
            raise _refusal(f"the telegram is cut off: {len(fields)} fields, not {len(names)}")
        pieces = Pieces({name: said for name, said in zip(names, fields, strict=False) if name})
        if groups is None:
            return pieces
        while (len(fields) - groups.start + 1) % groups.width and not fields[-1].strip():
            fields.pop()  # delimiters behind the last field
        count = _count(groups, pieces.head, locate, len(fields))
        for number in range(1, count + 1):
            begin = groups.start - 1 + (number - 1) * groups.width
            whole, name = fields[begin : begin + groups.width], f"result {number}"
            if not any(map(str.strip, whole)):
                continue
            if len(whole) < groups.width:
                pieces.unread.append(f"{name} is cut off: {delimiter.join(whole)[:80]!r}")
                continue
            parts = {
                COLUMN + part: delimiter.join(whole[first - 1 : last])
                for part, (first, last) in groups.columns.items()
            }
            pieces.groups.append((name, parts))
        return pieces

    return cut


def _count(groups: GroupSection, head: dict[str, str], locate: Locate[Row], length: int) -> int:
    """How many groups a telegram of so many characters or fields has, a last one that is cut off among them."""
    there = -(-max(0, length - groups.start + 1) // groups.width)
    if there > MOST_RESULTS:
        raise _refusal(f"the telegram holds {there} results; at most {MOST_RESULTS} are read")
    if groups.count is None:
        return there
    said = groups.count
    if isinstance(said, str):
        text = locate(said)(Row(1, head))
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST_RESULTS))):
            raise _refusal(f"{said} should be the number of results and is {text[:20]!r}", said)
        said = int(text)
        if said != there:
            raise _refusal(f"the telegram should hold {said} results and holds {there}")
    if there < said:
        raise _refusal(f"the telegram is cut off: {there} results, not {said}")
    return said


def _tagged(settings: FramedSettings) -> Cut:
    delimiter = from_lossless(settings.delimiter).decode("latin-1")
    end = from_lossless(settings.field_end).decode("latin-1")
    length = settings.tags

    def cut(text: str) -> Pieces:
        head: dict[str, str] = {}
        for said in _split(text, delimiter):
            if not said.strip():
                continue
            tag = said[:length]
            if len(tag) < length or not said.endswith(end):
                raise _refusal(f"a field of the telegram is cut off: {said[:80]!r}")
            if tag in head:
                raise _refusal(f"the telegram says {tag!r} twice; it could be either", tag)
            head[tag] = said[length : len(said) - len(end)]
        return Pieces(head)

    return cut


def _split(text: str, delimiter: str) -> list[str]:
    """The fields; counted before they are cut."""
    count = text.count(delimiter)
    most = MOST_RESULTS * 10
    if count > most:
        raise _refusal(f"the telegram has {count} fields; at most {most} are read")
    fields = text.split(delimiter)
    longest = max(map(len, fields))
    if longest > LONGEST_FIELD:
        raise _refusal(f"a field has {longest} characters; at most {LONGEST_FIELD} are read")
    return fields


def _refusal(why: str, path: str = "") -> DriverError:
    return DriverError(why, what_to_do=_LOOK, record=1, field=path)
