"""Writes the text of one telegram: fixed places, fields between delimiters, or tagged fields, and groups of results.

A text may stand left, right or with zeros before it in its place: the first way that the profile's patterns allow is
taken. What a profile does not read is blank, or else as an example of its pattern has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from random import Random

from drivers.protocols.framed.records import COLUMN
from drivers.protocols.framed.settings import FramedSettings, GroupSection
from middleware.driver.pattern_text import text_matching
from middleware.driver.rules import RoleRule
from middleware.driver.speak import Texts
from middleware.errors import DriverError
from middleware.wire.capture import from_lossless

_TESTS = ("GLU", "001", "ABO", "NA", "002", "CRP", "CL", "003", "HGB", "ALT")
_A_VALUE = "5.4"
_A_NUMBER = "1"
_MOST_EXAMPLES = 40


class TelegramText:
    """I write telegrams by one profile."""

    def __init__(self, settings: FramedSettings, roles: Sequence[RoleRule]) -> None:
        self._settings, self._groups, self._roles = settings, settings.groups, roles
        self._shape = re.compile(settings.shape, re.DOTALL)
        self._results = re.compile(settings.results, re.DOTALL)
        self._group = re.compile(self._groups.pattern) if self._groups is not None else None
        self._delimiter = from_lossless(settings.delimiter).decode("latin-1")

    @property
    def widths(self) -> dict[str, int]:
        """How long the text of each fixed place may be."""
        places = self._settings.positions
        widths = {name: last - first + 1 for name, (first, last) in places.items()}
        if places and self._groups is not None:
            columns = self._groups.columns.items()
            widths |= {COLUMN + name: last - first + 1 for name, (first, last) in columns}
        return widths

    def digits(self) -> dict[str, str]:
        """Patterns of fixed places that must be full of digits."""
        full = {}
        example = text_matching(self._settings.shape, Random(1), "") or ""  # noqa: S311 - any will do
        for name, (first, last) in self._settings.positions.items():
            ways = [
                one
                for one in _ways(_A_NUMBER, last - first + 1)
                if self._shape.match(example[: first - 1] + one + example[last:])
            ]
            if ways == [_A_NUMBER.rjust(last - first + 1, "0")]:
                full[name] = f"[0-9]{{{last - first + 1}}}"
        return full

    def tests(self) -> list[str]:
        """Test codes that fit into a group of fixed places; none where any does."""
        if not self._settings.positions or self._groups is None:
            return []
        fitting = []
        for test in _TESTS:
            texts = {COLUMN + "test": test, COLUMN + "value": _A_VALUE}
            if next(self._written_groups(texts, self._groups), None) is not None:
                fitting.append(test)
        return fitting

    def write(self, head: Texts, rows: Sequence[Texts], lots: Random) -> str:
        """The text. Raises DriverError for what the patterns refuse."""
        head = {**head, **self._count(len(rows))}
        if self._settings.positions:
            text = self._at_places(head, rows, lots)
        elif self._settings.names:
            text = self._between_delimiters(head, rows, lots)
        else:
            text = self._tagged(head, lots)
        if not (self._shape.match(text) and self._results.match(text)):
            raise _refusal(f"the telegram would not have the shape of the profile: {text[:80]!r}")
        return text

    def _count(self, rows: int) -> dict[str, str]:
        groups = self._groups
        return {groups.count: f"{rows:02d}"} if groups and isinstance(groups.count, str) else {}

    # -- fixed places -----------------------------------------------------------------------------

    def _at_places(self, head: Texts, rows: Sequence[Texts], lots: Random) -> str:
        places = self._settings.positions
        example = text_matching(self._settings.shape, lots, "") or ""
        text = example.ljust(max(last for _, last in places.values()))
        for name, (first, last) in places.items():
            text = self._placed(text, head.get(name, ""), first, last)
        return text if self._groups is None else self._with_groups(text, rows, self._groups)

    def _placed(self, text: str, said: str, first: int, last: int) -> str:
        width = last - first + 1
        for written in _ways(said, width):
            trial = text[: first - 1] + written + text[last:]
            if self._shape.match(trial):
                return trial
        if said:
            raise _refusal(f"{said!r} does not fit into places {first} to {last}")
        return text

    def _with_groups(self, text: str, rows: Sequence[Texts], groups: GroupSection) -> str:
        begin = groups.start - 1
        count = groups.count if isinstance(groups.count, int) else len(rows)
        if len(rows) > count:
            raise _refusal(f"a telegram holds {count} results")
        behind = text[begin + count * groups.width :] if isinstance(groups.count, int) else ""
        written = [next(self._written_groups(one, groups), None) for one in rows]
        if None in written:
            raise _refusal("a result does not fit into its group")
        blank = [" " * groups.width] * (count - len(rows))
        return text[:begin].ljust(begin) + "".join(map(str, [*written, *blank])) + behind

    def _written_groups(self, texts: Texts, groups: GroupSection) -> Iterator[str]:
        """Every way to write one group that its pattern allows."""
        places = list(groups.columns.items())
        ways = [
            list(_ways(texts.get(COLUMN + name, ""), last - first + 1))
            for name, (first, last) in places
        ]
        for choice in product(*ways):
            text = " " * groups.width
            for (_, (first, last)), written in zip(places, choice, strict=True):
                text = text[: first - 1] + written + text[last:]
            if self._group is None or not groups.pattern or self._group.fullmatch(text):
                yield text

    # -- delimiters and tags ----------------------------------------------------------------------

    def _between_delimiters(self, head: Texts, rows: Sequence[Texts], lots: Random) -> str:
        settings, mark = self._settings, self._delimiter
        fields: list[str] = []
        for _ in range(_MOST_EXAMPLES):
            example = (text_matching(settings.shape, lots, "") or "").split(mark)
            example += [""] * (len(settings.names) - len(example))
            usual = dict(zip(settings.names, example, strict=False))
            fields = [
                head.get(name) or one for name, one in zip(settings.names, example, strict=False)
            ]
            if not any(_marks(rule, usual) for rule in self._roles if not head.get(rule.path)):
                break
        if self._groups is not None:
            for row in rows:
                group = [""] * self._groups.width
                for name, (first, _) in self._groups.columns.items():
                    group[first - 1] = row.get(COLUMN + name, "")
                fields += group
        if any(mark in one for one in fields):
            raise _refusal("a text holds the delimiter")
        return mark.join(fields)

    def _tagged(self, head: Texts, lots: Random) -> str:
        end = from_lossless(self._settings.field_end).decode("latin-1")
        if any((end and end in text) or self._delimiter in text for text in head.values()):
            raise _refusal("a text holds the end of a field")
        begin = text_matching(self._settings.results, lots, "") or ""
        fields = [f"{self._delimiter}{tag}{text}{end}" for tag, text in head.items()]
        return begin + "".join(fields)


def _marks(rule: RoleRule, texts: Texts) -> bool:
    """Whether a text that nobody chose would make a control of the specimen."""
    text = texts.get(rule.path, "").strip()
    return bool(rule.pattern) and re.fullmatch(rule.pattern, text, re.IGNORECASE) is not None


def _ways(text: str, width: int) -> Iterator[str]:
    """A text in its place: left, right, with zeros before digits; nothing where it is too long."""
    if len(text) > width:
        return
    yield from dict.fromkeys((text.ljust(width), text.rjust(width)))
    if text.isdigit():
        yield text.rjust(width, "0")


def _refusal(why: str) -> DriverError:
    return DriverError(why, what_to_do="See [protocol] of the profile.", record=1)
