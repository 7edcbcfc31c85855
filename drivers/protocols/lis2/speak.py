"""Speaks LIS2 as an analyzer: the texts of a twin as records, over a link with the profile's quirks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.protocols.lis2.quirky_link import FRAMES, QuirkyLink
from drivers.protocols.lis2.tables import ABNORMAL_FLAGS, RESULT_STATUSES
from middleware.driver.profile import Profile
from middleware.driver.quirks import RECORD_QUIRKS
from middleware.driver.speak import Dialect, Part, Said, SaidTube, Texts, written_field
from middleware.errors import DriverError
from middleware.wire.link import Link
from middleware.wire.lis1.options import Lis1Options
from middleware.wire.lis2 import Path
from middleware.wire.lis2.build import Raw, build_record
from middleware.wire.lis2.delimiters import DEFAULT_DELIMITERS, escape
from middleware.wire.lis2.file_text import FRAME_RESIDUE, TEXT_BEFORE_HEADER
from middleware.wire.lis2.message import BYTE_ORDER_MARK, LINE_FEED_SEPARATORS, RECORDS_NUMBERED

_MARKS = (DEFAULT_DELIMITERS.repeat, DEFAULT_DELIMITERS.component, "")
_ALL_TESTS = "ALL"
_TERMINATOR_MISSING = "terminator_missing"
# What framed the records; on a link it frames them still.
_IN_FILES = frozenset({FRAME_RESIDUE, TEXT_BEFORE_HEADER, RECORDS_NUMBERED})
_BYTES_OF_MARK = b"\xef\xbb\xbf"
_UNICODE = "utf-8"
_TITLE = b"Results of the day\r"
_STX, _ETX = b"\x02", b"\x03"

DIALECT = Dialect(
    of_message=("H-",),
    of_result=("R-",),
    flags=ABNORMAL_FLAGS,
    statuses={code: status for code, status in RESULT_STATUSES.items() if code},
    control=("O-12", "Q"),
    component=DEFAULT_DELIMITERS.component,
)


class Lis2Voice:
    """The analyzer's side of one LIS2 driver (`middleware.driver.speak.Voice`)."""

    dialect = DIALECT

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._quirks = profile.link.quirks
        self._of_text = tuple(name for name in self._quirks if name in RECORD_QUIRKS)

    @property
    def untold(self) -> tuple[str, ...]:
        """Quirks that it does not show."""
        known = FRAMES.keys() | RECORD_QUIRKS.keys() | {_TERMINATOR_MISSING}
        return tuple(f"the quirk {name}" for name in self._quirks if name not in known)

    def compose(self, said: Said, encoding: str) -> bytes:
        """H, then P, O and R for each specimen, or Q; and L."""
        shared = {path: text for tube in said.tubes for path, text in tube.shared.items()}
        header = {**_of("H", shared), **said.header}
        records = [_record("H", header, 0)]
        for number, tube in enumerate(said.tubes, start=1):
            records += _records(tube, number)
        if said.query is not None:
            records.append(_record("Q", {"Q-5": _ALL_TESTS, **said.query}, 1))
        if said.is_file or _TERMINATOR_MISSING not in self._quirks:
            records.append("L|1|N")
        try:
            data = [record.encode(encoding) for record in records]
        except UnicodeEncodeError as error:
            raise DriverError(
                f"{encoding} has no letter {error.object[error.start]!r}",
                what_to_do="Give the line and the twin an encoding that has it.",
            ) from error
        return self._with_quirk(data, said, encoding)

    def greeting(self, said: Said, encoding: str) -> tuple[bytes, ...]:
        """None: the first message says everything."""
        return ()

    def is_taken(self, reply: bytes) -> bool:
        """Always: a message whose last frame was acknowledged is the host's."""
        return not reply

    def make_link(self) -> Link:
        """A LIS01 link in the INSTRUMENT role."""
        return QuirkyLink(Lis1Options(), self._quirks)

    def _with_quirk(self, records: list[bytes], said: Said, encoding: str) -> bytes:
        """One of the quirks of the text, in turn."""
        lacking = set() if said.is_file else set(_IN_FILES)
        if not said.is_file and encoding != _UNICODE:
            lacking.add(BYTE_ORDER_MARK)  # only a reader of Unicode knows it
        fitting = [name for name in self._of_text if name not in lacking]
        quirk = fitting[said.number % len(fitting)] if fitting else ""
        if quirk == RECORDS_NUMBERED:
            records = [b"%d" % (at % 8) + record for at, record in enumerate(records, start=1)]
        if quirk == FRAME_RESIDUE:
            return _STX + b"1" + _text(records, b"\r") + _ETX + b"7F\r\n"
        end = b"\r\n" if said.is_file or quirk == LINE_FEED_SEPARATORS else b"\r"
        before = {BYTE_ORDER_MARK: _BYTES_OF_MARK, TEXT_BEFORE_HEADER: _TITLE}.get(quirk, b"")
        return before + _text(records, end)


def _text(records: Iterable[bytes], end: bytes) -> bytes:
    return b"".join([record + end for record in records])


def _records(tube: SaidTube, number: int) -> list[str]:
    records = [_record("P", _of("P", tube.shared), number), _record("O", _of("O", tube.shared), 1)]
    return records + [_record("R", texts, at) for at, texts in enumerate(tube.results, start=1)]


def _of(letter: str, texts: Texts) -> dict[str, str]:
    return {path: text for path, text in texts.items() if path.startswith(f"{letter}-")}


def _record(letter: str, texts: Mapping[str, str], number: int) -> str:
    fields: dict[int, dict[Part, str]] = {}
    for path_text, text in texts.items():
        path = Path.parse(path_text)
        fields.setdefault(path.field, {})[path.repeat or 0, path.component or 0, 0] = text
    written = {at: Raw(written_field(parts, _MARKS, escape)) for at, parts in fields.items()}
    numbered = {2: Raw(str(number))} if number else {}
    return build_record(letter, {**numbered, **written})
