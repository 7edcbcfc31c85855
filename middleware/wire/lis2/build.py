"""Writing records and messages: for replies to a host query, for LIS that speak ASTM, and for
emulators.

A field is given as text (escaped), as a list of components, as a list of lists (repeats of
components), or as `Raw` (already written). Text can never become structure: whatever it holds comes
back unchanged from `parse_message`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from middleware.wire.errors import LocalProtocolError
from middleware.wire.lis2.delimiters import DEFAULT_DELIMITERS, Delimiters, escape
from middleware.wire.lis2.records import RECORD_TYPES

# Field 1 is the record letter.
FIRST_FIELD = 2


class Raw(str):
    """Field text already written with the message's delimiters; it may not hold CR or LF."""

    __slots__ = ()


FieldValue = str | Sequence[str] | Sequence[Sequence[str]]


def build_record(
    letter: str,
    fields: Mapping[int, FieldValue],
    delimiters: Delimiters = DEFAULT_DELIMITERS,
) -> str:
    """One record without its CR. Keys are field numbers from 2; H-2 is always written from
    `delimiters`.

    Field 1 is `letter`; trailing empty fields are left out. Raises LocalProtocolError for a field
    number below 2.
    """
    if fields and min(fields) < FIRST_FIELD:
        raise LocalProtocolError(f"record {letter}: fields are numbered from 2")
    written = [letter]
    for number in range(FIRST_FIELD, max(fields, default=1) + 1):
        value = fields.get(number)
        written.append("" if value is None else write_field(value, delimiters))
    if letter == "H":
        written[1:2] = [delimiters.declaration]
    while not written[-1]:
        written.pop()
    return delimiters.field.join(written)


def write_field(value: FieldValue, delimiters: Delimiters = DEFAULT_DELIMITERS) -> str:
    """One field: see the module's text for the forms of `value`."""
    if isinstance(value, Raw):
        if "\r" in value or "\n" in value or delimiters.field in value:
            raise LocalProtocolError("a raw field holds a delimiter of fields or records")
        return str(value)
    if isinstance(value, str):
        return escape(value, delimiters)
    parts = list(value)
    if any(not isinstance(part, str) for part in parts):
        return delimiters.repeat.join([write_field(part, delimiters) for part in parts])
    components = [escape(part, delimiters) for part in parts if isinstance(part, str)]
    while components and not components[-1]:
        components.pop()
    return delimiters.component.join(components)


class MessageBuilder:
    """Collects the records of one message and numbers them (field 2) as LIS02-A2 5.1 asks."""

    def __init__(
        self, delimiters: Delimiters = DEFAULT_DELIMITERS, encoding: str = "iso8859-1"
    ) -> None:
        self._delimiters = delimiters
        self._encoding = encoding
        self._records: list[str] = []
        self._numbers: dict[str, int] = {}

    def header(self, fields: Mapping[int, FieldValue] | None = None) -> MessageBuilder:
        """The H record; fields from 3."""
        self._numbers.clear()
        self._records.append(build_record("H", fields or {}, self._delimiters))
        return self

    def add(self, letter: str, fields: Mapping[int, FieldValue] | None = None) -> MessageBuilder:
        """Any other record; field 2 is numbered unless it is given."""
        kind = RECORD_TYPES[letter]
        number = self._numbers[letter] = self._numbers.get(letter, 0) + 1
        self._restart_below(4 if kind.level is None else kind.level)
        self._records.append(
            build_record(letter, {2: str(number), **(fields or {})}, self._delimiters)
        )
        return self

    def _restart_below(self, level: int) -> None:
        for letter in list(self._numbers):
            below = RECORD_TYPES[letter].level
            if (4 if below is None else below) > level:
                del self._numbers[letter]

    def terminator(self, code: str = "N") -> MessageBuilder:
        """The L record with its termination code (LIS02-A2 12.3)."""
        self._records.append(build_record("L", {2: "1", 3: code}, self._delimiters))
        return self

    def text(self) -> str:
        """All records, each ended by CR."""
        return "".join([record + "\r" for record in self._records])

    def encoded(self) -> bytes:
        """`text` in the message's encoding; LocalProtocolError names the first character that it
        lacks.
        """
        text = self.text()
        try:
            return text.encode(self._encoding)
        except UnicodeEncodeError as error:
            raise LocalProtocolError(
                f"{self._encoding} has no character U+{ord(text[error.start]):04X}",
                what_to_do="Set an encoding for the line that has all letters of your names.",
            ) from error
