"""From the text of a message to its records, their hierarchy, and what is wrong with them.

Theory. A message runs from H to L (LIS02-A2 5.1). P, Q and S stand on level 1, O on 2, R on 3; C
and M belong to the record before them. A record two levels deeper than the one before lacks its
parent: an empty one is made, so that a driver always finds R below O below P. Records of unknown
type are kept where an M would stand. Nothing here refuses a message except that it does not begin
with H: then there are no delimiters and nothing can be read.
"""

from __future__ import annotations

import re

from middleware.wire.decoding import decode
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.lis2.delimiters import (
    CLAUSE,
    DEFAULT_DELIMITERS,
    Delimiters,
    read_delimiters,
)
from middleware.wire.lis2.faults import Fault, FaultCode
from middleware.wire.lis2.fields import Record
from middleware.wire.lis2.records import RECORD_TYPES

CLAUSE_HIERARCHY = "LIS02-A2 5.1"

# Tolerances. The first two are always granted and reported, the last only when asked for.
LINE_FEED_SEPARATORS = "line_feed_separators"
BYTE_ORDER_MARK = "byte_order_mark"
RECORDS_NUMBERED = "records_numbered"

_LEVELS = {letter: kind.level for letter, kind in RECORD_TYPES.items()}
_BELOW_HEADER = frozenset(_LEVELS) - {"H"}
# A record of this type starts the numbering of the types below it anew.
_RESTARTS = {
    letter: dict.fromkeys(below, 1)
    for letter, below in {
        "H": ("P", "Q", "S", "O", "R", "C", "M"),
        "P": ("O", "R", "C", "M"),
        "Q": ("O", "R", "C", "M"),
        "S": ("O", "R", "C", "M"),
        "O": ("R", "C", "M"),
        "R": ("C", "M"),
        "L": ("C", "M"),
    }.items()
}
_SEQUENCE_NUMBER = re.compile("[0-9]{1,9}")
_NUMBERS = {number: str(number) for number in range(1, 1000)}


class Message:
    """One message. `records` are in the order of arrival; the properties below give the tree.

    `faults` and `quirks` (names of tolerances used) are complete when `parse_message` returns.
    """

    __slots__ = (
        "encoding",
        "faults",
        "header",
        "patients",
        "queries",
        "quirks",
        "records",
        "scientific",
        "terminator",
    )

    def __init__(self, encoding: str, quirks: tuple[str, ...]) -> None:
        self.encoding = encoding
        self.quirks = quirks
        self.records: list[Record] = []
        self.faults: list[Fault] = []
        self.patients: list[Record] = []
        self.queries: list[Record] = []
        self.scientific: list[Record] = []
        self.terminator: Record | None = None
        self.header: Record

    def all(self, letter: str) -> list[Record]:
        """Every record of one type that was sent, in the order of arrival."""
        return [record for record in self.records if record.letter == letter]

    @property
    def results(self) -> list[Record]:
        """Every R record, whatever it stands under."""
        return self.all("R")

    @property
    def delimiters(self) -> Delimiters:
        """The delimiters that the header declared."""
        return self.header.delimiters

    def get(self, path: str) -> str:
        """What `path` names in the first record of its type; '' when there is none."""
        letter = path.partition("-")[0]
        for record in self.records:
            if record.letter == letter:
                return record.get(path)
        return ""

    def cut(self) -> None:
        """Take the tree apart when it is read: records that know each other would stay in memory until the garbage
        collector comes, which costs more than this. `nearest` and paths to other records find nothing afterwards.
        """
        for record in self.records:
            record.parent = None

    def text(self) -> str:
        """The records as read, each ended by CR."""
        return "".join([record.raw + "\r" for record in self.records])


def parse_message(
    text: bytes,
    encoding: str = "iso8859-1",
    quirks: frozenset[str] = frozenset(),
    fallback: Delimiters = DEFAULT_DELIMITERS,
) -> Message:
    """Read one reassembled message.

    `quirks` may hold `records_numbered` (a digit before each record letter is dropped); `fallback`
    is used when a header declares no usable delimiters. Raises RemoteProtocolError when the text
    does not begin with a header record.
    """
    reading = _Reading(encoding, fallback, numbered=RECORDS_NUMBERED in quirks)
    reading.read(text)
    return reading.message


def _is_header(line: str) -> bool:
    return line[0] in "Hh" and not line[1:2].isalnum()


def _as_number(text: str) -> int | None:
    text = text.strip()
    return int(text) if _SEQUENCE_NUMBER.fullmatch(text) else None


class _Reading:
    """The state of one pass over the records."""

    __slots__ = (
        "_commented",
        "_delimiters",
        "_expected",
        "_fallback",
        "_numbered",
        "_order",
        "_patient",
        "message",
    )

    def __init__(self, encoding: str, fallback: Delimiters, *, numbered: bool) -> None:
        self.message = Message(encoding, ())
        self._fallback = fallback
        self._numbered = numbered
        self._delimiters = fallback
        self._expected = dict.fromkeys(_BELOW_HEADER, 1)
        self._patient: Record | None = None
        self._order: Record | None = None
        self._commented: Record | None = None

    def read(self, data: bytes) -> None:
        lines = self._lines(data)
        if self._numbered:
            lines = [self._without_number(line) for line in lines]
        if not lines or not _is_header(lines[0]):
            raise RemoteProtocolError(
                "the message does not begin with a header record",
                reason="header_missing",
                clause="LIS02-A2 6",
                offset=0,
            )
        for index, line in enumerate(lines, start=1):
            self._add(line, index)
        if self.message.terminator is None:
            self._fault(FaultCode.TERMINATOR_MISSING, None, "no terminator record", "LIS02-A2 12")

    def _lines(self, data: bytes) -> list[str]:
        message = self.message
        text, undecodable_at = decode(data, message.encoding)
        if undecodable_at >= 0:
            message.faults.append(
                Fault(
                    FaultCode.UNDECODABLE_BYTES,
                    0,
                    "",
                    0,
                    f"not {message.encoding} at byte {undecodable_at}",
                    "LIS02-A2 5",
                    undecodable_at,
                )
            )
        if text.startswith("\ufeff"):
            text = text[1:]
            self._used(BYTE_ORDER_MARK)
        if "\0" in text:
            text = text.replace("\0", "")
            self._fault(FaultCode.NUL_REMOVED, None, "NUL characters were removed", "LIS02-A2 5")
        if "\n" in text:
            text = text.replace("\n", "\r")
            self._used(LINE_FEED_SEPARATORS)
        return [line for line in text.split("\r") if line]

    def _used(self, quirk: str) -> None:
        if quirk not in self.message.quirks:
            self.message.quirks += (quirk,)

    def _without_number(self, line: str) -> str:
        if line[0].isdigit() and line[1:2].isalpha():
            self._used(RECORDS_NUMBERED)
            return line[1:]
        return line

    def _fault(self, code: FaultCode, record: Record | None, text: str, clause: str) -> None:
        field = 2 if code is FaultCode.SEQUENCE_GAP else 0
        if record is None:
            self.message.faults.append(Fault(code, 0, "", field, text, clause))
        else:
            self.message.faults.append(
                Fault(code, record.index, record.letter, field, text, clause)
            )

    def _add(self, line: str, index: int) -> None:
        message, problem = self.message, ""
        fields = line.split(self._delimiters.field)
        letter = fields[0]
        if letter not in _BELOW_HEADER:
            letter, problem = self._unusual(line, letter)
            fields = line.split(self._delimiters.field)
        record = Record(fields, letter, index, self._delimiters, message.encoding)
        if problem:
            self._fault(FaultCode.DELIMITERS_BROKEN, record, problem, CLAUSE)
        if message.terminator is not None:
            self._fault(
                FaultCode.RECORD_AFTER_TERMINATOR,
                record,
                "a record follows the terminator",
                "LIS02-A2 12",
            )
        message.records.append(record)
        parent = self._place(record, letter)
        if parent is not None:
            record.parent = parent
            parent.children.append(record)
        number = fields[1] if len(fields) > 1 else ""
        expected = self._expected.get(letter)  # None for a header and for no known type
        if expected is not None and number == _NUMBERS.get(expected):
            self._expected[letter] = expected + 1
        elif expected is not None:
            self._check_number(record, letter, number)

    def _unusual(self, line: str, first: str) -> tuple[str, str]:
        """The letter of a header, which sets the delimiters, or of a type that is no known one as it
        stands; and what is wrong with the delimiters.
        """
        if _is_header(line):
            self._delimiters, problem = read_delimiters(line, self._fallback)
            return "H", problem
        upper = first.upper()
        return (upper if upper in _LEVELS else first), ""

    def _place(self, record: Record, letter: str) -> Record | None:
        """Find the place in the tree: the parent, None for a record without one."""
        parent: Record | None = None
        if letter == "R":
            parent = self._order or self._implicit_order(record)
        elif letter == "O":
            self._order = record
            parent = self._patient or self._implicit_patient(record)
        elif letter in ("C", "M") or letter not in _LEVELS:
            return self._place_below_preceding(record, letter)
        elif letter in ("P", "Q", "S"):
            self._place_on_first_level(record, letter)
        elif letter == "H":
            self._place_header(record)
        else:
            self._place_terminator(record)
        self._commented = record
        self._expected.update(_RESTARTS[letter])
        return parent

    def _implicit_patient(self, record: Record) -> Record:
        self._fault(
            FaultCode.PARENT_MISSING,
            record,
            "no patient record before this record",
            CLAUSE_HIERARCHY,
        )
        self._patient = self._implicit("P")
        self.message.patients.append(self._patient)
        return self._patient

    def _implicit_order(self, record: Record) -> Record:
        self._fault(
            FaultCode.PARENT_MISSING, record, "no order record before this record", CLAUSE_HIERARCHY
        )
        order = self._order = self._implicit("O")
        patient = order.parent = self._patient or self._implicit_patient(record)
        patient.children.append(order)
        return order

    def _implicit(self, letter: str) -> Record:
        return Record([letter], letter, 0, self._delimiters, self.message.encoding)

    def _place_below_preceding(self, record: Record, letter: str) -> Record:
        if letter not in _LEVELS:
            self._fault(
                FaultCode.RECORD_TYPE_UNKNOWN,
                record,
                "a record type that the standard does not have",
                CLAUSE_HIERARCHY,
            )
        return self._commented or self.message.header

    def _place_on_first_level(self, record: Record, letter: str) -> None:
        message = self.message
        mixed = message.queries if letter == "P" else message.patients if letter == "Q" else None
        if mixed:
            self._fault(
                FaultCode.ORDER_VIOLATED,
                record,
                "patient and request records in one message",
                CLAUSE_HIERARCHY,
            )
        self._order = None
        self._patient = record if letter == "P" else None
        kept = {"P": message.patients, "Q": message.queries, "S": message.scientific}
        kept[letter].append(record)

    def _place_header(self, record: Record) -> None:
        if record.index == 1:
            self.message.header = record
        else:
            self._fault(
                FaultCode.HEADER_REPEATED, record, "a second header in one message", "LIS02-A2 6"
            )
        self._patient = self._order = None

    def _place_terminator(self, record: Record) -> None:
        if self.message.terminator is None:
            self.message.terminator = record

    def _check_number(self, record: Record, letter: str, number: str) -> None:
        """Judge a number that is not, as it is written, the one expected."""
        expected = self._expected[letter]
        value = _as_number(number)
        self._expected[letter] = (expected if value is None else value) + 1
        if value != expected:
            self._fault(
                FaultCode.SEQUENCE_GAP,
                record,
                f"sequence number {expected} was expected",
                f"{RECORD_TYPES[letter].clause}.2",
            )
