"""One record as its fields, and the compiled paths that read it.

Numbers are the standard's own, from 1. A path is a record letter and a field, then optionally a
repeat in brackets and a component: `R-3.4`, `R-6[2].1`, `O-5`. Without repeat and component it
means the whole field as sent, with its delimiters, escapes decoded; a component without a repeat
means the first repeat.
"""

from __future__ import annotations

import re
from functools import lru_cache

from middleware.wire.errors import LocalProtocolError
from middleware.wire.lis2.delimiters import DECLARATION_FIELD, Delimiters, unescape
from middleware.wire.lis2.records import field_name

# An explicit null: the sender asks to delete what the receiver has. An empty field only says
# nothing.
NULL = '""'


class Record:
    """One record of a message: its fields, its place in the tree.

    `letter` is the record type in upper case, or the whole first field when that is no known type.
    `index` counts the records of the message from 1; an implicit parent, made because the sender
    left it out, has index 0 and no text. `parent` is None for header, terminator and what stands on
    level 1; `children` are in the order of arrival.
    """

    __slots__ = (
        "_fields",
        "children",
        "delimiters",
        "encoding",
        "index",
        "letter",
        "parent",
    )

    def __init__(
        self, fields: list[str], letter: str, index: int, delimiters: Delimiters, encoding: str
    ) -> None:
        self._fields = fields
        self.letter = letter
        self.index = index
        self.delimiters = delimiters
        self.encoding = encoding
        self.parent: Record | None = None
        self.children: list[Record] = []

    def __repr__(self) -> str:
        return f"Record({self.letter}, index {self.index})"  # no text: it may name a patient

    @property
    def is_implicit(self) -> bool:
        """True for a parent record that the sender left out."""
        return self.index == 0

    @property
    def raw(self) -> str:
        """The record as it was sent."""
        return self.delimiters.field.join(self._fields)

    def fields(self) -> list[str]:
        """All fields, raw; element 0 is field 1, the record type. Do not change the list."""
        return self._fields

    def field(self, number: int) -> str:
        """Field `number` as sent, escapes and delimiters in it; '' when absent."""
        fields = self._fields
        return fields[number - 1] if 0 < number <= len(fields) else ""

    def repeats(self, number: int) -> list[str]:
        """The repeats of a field, raw; an absent or empty field has none."""
        text = self.field(number)
        return text.split(self.delimiters.repeat) if text else []

    def components(self, number: int, repeat: int = 1) -> list[str]:
        """The components of one repeat of a field, escapes decoded; an absent or empty one has
        none.
        """
        repeats = self.repeats(number)
        text = repeats[repeat - 1] if 0 < repeat <= len(repeats) else ""
        if not text:
            return []
        return [
            unescape(part, self.delimiters, self.encoding)
            for part in text.split(self.delimiters.component)
        ]

    def get(self, path: str) -> str:
        """What `path` names, '' when absent. Compile with `Path.parse` what is read often."""
        return Path.parse(path).of(self)

    def nearest(self, letter: str) -> Record | None:
        """This record or its nearest ancestor of type `letter`; None when there is none."""
        record: Record | None = self
        while record is not None and record.letter != letter:
            record = record.parent
        return record

    def named_fields(self) -> list[tuple[int, str, str]]:
        """Number, name and raw text of every field that is not empty; for people."""
        return [
            (number, field_name(self.letter, number), text)
            for number, text in enumerate(self._fields, start=1)
            if text
        ]

    @property
    def orders(self) -> list[Record]:
        """The O records below."""
        return self.below("O")

    @property
    def results(self) -> list[Record]:
        """The R records below."""
        return self.below("R")

    @property
    def comments(self) -> list[Record]:
        """The C records that belong to this record."""
        return self.below("C")

    @property
    def manufacturer(self) -> list[Record]:
        """The M records that belong to this record; records of unknown type stand in `children`
        only.
        """
        return self.below("M")

    def below(self, letter: str) -> list[Record]:
        """The records of one type directly below this one."""
        return [child for child in self.children if child.letter == letter]


_PATH = re.compile(r"([A-Z][A-Z0-9]*)-([1-9]\d*)(?:\[([1-9]\d*)\])?(?:\.([1-9]\d*))?")


class Path:
    """A compiled place in a record. Make it once with `parse`, read with `of` or `each`."""

    __slots__ = ("_at", "component", "field", "letter", "repeat")

    def __init__(self, letter: str, field: int, repeat: int = 0, component: int = 0) -> None:
        self.letter = letter
        self.field = field
        self.repeat = repeat
        self.component = component
        self._at = field - 1

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> Path:
        """Compile `R-3.4`; what is no path raises LocalProtocolError (settings are checked with
        this).
        """
        found = _PATH.fullmatch(text)
        if found is None:
            raise LocalProtocolError(
                f"{text!r} is not a path into a record",
                what_to_do="Write a record letter and a field number, such as R-3.4 or O-5[2].4.",
            )
        letter, *numbers = found.groups()
        field, repeat, component = (int(number or 0) for number in numbers)
        return Path(letter, field, repeat, component)

    def __str__(self) -> str:
        repeat = f"[{self.repeat}]" if self.repeat else ""
        component = f".{self.component}" if self.component else ""
        return f"{self.letter}-{self.field}{repeat}{component}"

    def of(self, record: Record) -> str:
        """The text at this place of `record`, or of its nearest ancestor of this path's type; ''
        when absent.
        """
        if record.letter != self.letter:
            ancestor = record.nearest(self.letter)
            if ancestor is None:
                return ""
            record = ancestor
        try:
            text = record._fields[self._at]
        except IndexError:
            return ""
        if not text:
            return text
        delimiters = record.delimiters
        if self.repeat or self.component:
            text = self._within(text, delimiters)
        if delimiters.escape and delimiters.escape in text:
            return self._decoded(text, record)
        return text

    def _within(self, text: str, delimiters: Delimiters) -> str:
        if delimiters.repeat in text or self.repeat > 1:
            repeats = text.split(delimiters.repeat, self.repeat or 1)
            text = repeats[(self.repeat or 1) - 1] if len(repeats) >= self.repeat else ""
        if not self.component:
            return text
        components = text.split(delimiters.component, self.component)
        return components[self.component - 1] if len(components) >= self.component else ""

    def _decoded(self, text: str, record: Record) -> str:
        if self.letter == "H" and self.field == DECLARATION_FIELD:
            return text  # the declaration of the delimiters is itself no text
        return unescape(text, record.delimiters, record.encoding)

    def each(self, record: Record) -> list[str]:
        """The text at this place in every repeat of the field; an empty field has none."""
        found = record.nearest(self.letter)
        count = len(found.repeats(self.field)) if found is not None else 0
        return [
            Path(self.letter, self.field, repeat, self.component).of(record)
            for repeat in range(1, count + 1)
        ]
