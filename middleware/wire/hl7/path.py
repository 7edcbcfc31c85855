"""One segment, split into fields only when somebody asks, and the compiled paths that read it.

`OBX(2)-5[1].3.1` is the second OBX, field 5, repetition 1, component 3, sub-component 1; everything
after the field may be left out, and so may `(2)`. Without repetition and component a path means the
whole field as sent, with its delimiters, escapes decoded; a component without a repetition means
the first repetition.
"""

from __future__ import annotations

import re
from functools import lru_cache

from middleware.wire.errors import LocalProtocolError
from middleware.wire.hl7.delimiters import Delimiters, unescape

# An explicit null: the sender asks to delete what the receiver has. An empty field only says
# nothing.
NULL = '""'

_PATH = re.compile(
    r"([A-Z][A-Z0-9]{2})(?:\(([1-9]\d*)\))?-([1-9]\d*)"
    r"(?:\[([1-9]\d*)\])?(?:\.([1-9]\d*)(?:\.([1-9]\d*))?)?"
)
_DECLARATION = ("MSH", 1), ("MSH", 2)


class Segment:
    """One segment: its raw text and, when asked, its fields. `index` counts from 1 in the message."""

    __slots__ = ("_fields", "delimiters", "encoding", "index", "name", "raw")

    def __init__(self, raw: str, index: int, delimiters: Delimiters, encoding: str) -> None:
        self.raw = raw
        self.name = raw[:3]
        self.index = index
        self.delimiters = delimiters
        self.encoding = encoding
        self._fields: list[str] | None = None

    def __repr__(self) -> str:
        return f"Segment({self.name}, index {self.index})"  # no text: it may name a patient

    def fields(self) -> list[str]:
        """What stands between the separators, raw. Element n is field n, in MSH field n + 1. Do not
        change it.
        """
        fields = self._fields
        if fields is None:
            fields = self._fields = self.raw.split(self.delimiters.field)
        return fields

    def field(self, number: int) -> str:
        """Field `number` as sent; '' when absent. MSH-1 is the field separator itself."""
        if self.name == "MSH":
            if number == 1:
                return self.delimiters.field
            number -= 1
        fields = self.fields()
        return fields[number] if 0 < number < len(fields) else ""

    def repetitions(self, number: int) -> list[str]:
        """The repetitions of a field, raw; an absent or empty field has none."""
        text = self.field(number)
        return text.split(self.delimiters.repetition) if text else []

    def components(self, number: int, repetition: int = 1) -> list[str]:
        """The components of one repetition of a field, escapes decoded; an absent or empty one has
        none.
        """
        repetitions = self.repetitions(number)
        text = repetitions[repetition - 1] if 0 < repetition <= len(repetitions) else ""
        if not text:
            return []
        return [
            unescape(part, self.delimiters, self.encoding)
            for part in text.split(self.delimiters.component)
        ]

    def get(self, path: str) -> str:
        """What `path` (`OBX-5.1`) names in this segment, '' when absent."""
        return Path.parse(path).of(self)


class Path:
    """A compiled path. Make it once with `parse`, read with `of`."""

    __slots__ = (
        "_at",
        "_is_declaration",
        "component",
        "field",
        "occurrence",
        "repetition",
        "segment",
        "subcomponent",
    )

    def __init__(self, segment: str, occurrence: int, numbers: tuple[int, int, int, int]) -> None:
        self.segment = segment
        self.occurrence = occurrence
        self.field, self.repetition, self.component, self.subcomponent = numbers
        self._at = self.field - 1 if segment == "MSH" else self.field
        self._is_declaration = (segment, self.field) in _DECLARATION

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> Path:
        """Compile `OBX(2)-5.1`; what is no path raises LocalProtocolError (settings are checked
        with this).
        """
        found = _PATH.fullmatch(text)
        if found is None:
            raise LocalProtocolError(
                f"{text!r} is not a path into an HL7 message",
                what_to_do="Write a segment and a field number, such as OBX-5.1 or PID-3[2].1.",
            )
        segment, *rest = found.groups()
        occurrence, field, repetition, component, subcomponent = (int(n or 0) for n in rest)
        return Path(segment, occurrence or 1, (field, repetition, component, subcomponent))

    def of(self, segment: Segment) -> str:
        """The text at this place of `segment`; '' when absent or in another segment."""
        if segment.name != self.segment:
            return ""
        if self._is_declaration:
            return segment.field(self.field)
        try:
            text = (segment._fields or segment.fields())[self._at]
        except IndexError:
            return ""
        if not text:
            return text
        delimiters = segment.delimiters
        if self.repetition or self.component:
            text = _part(text, delimiters.repetition, self.repetition)
        if self.component:
            text = _part(text, delimiters.component, self.component)
            if self.subcomponent:
                text = _part(text, delimiters.subcomponent, self.subcomponent)
        if delimiters.escape in text:
            return unescape(text, delimiters, segment.encoding)
        return text


def _part(text: str, delimiter: str, number: int) -> str:
    """Part `number` of `text`, from 1; 0 means the first."""
    number = number or 1
    if delimiter not in text:
        return text if number == 1 else ""
    parts = text.split(delimiter, number)
    return parts[number - 1] if len(parts) >= number else ""
