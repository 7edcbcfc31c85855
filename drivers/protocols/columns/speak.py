"""Writes tables as an analyzer: the texts of a twin in the columns, groups and preamble that the profile describes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drivers.protocols.columns.headings import Headings
from drivers.protocols.columns.paths import JOINED, PART, PREAMBLE
from drivers.protocols.columns.settings import ColumnsSettings
from drivers.protocols.columns.xml_rows import document_of
from middleware.driver.profile import Profile
from middleware.driver.rules import PathRule
from middleware.driver.speak import Dialect, Said, SaidTube, Texts
from middleware.errors import DriverError
from middleware.wire.link import Link

_VALUE = PART + "value"
_LINE_END = "\r\n"


class ColumnsVoice:
    """The analyzer's side of one table driver (`middleware.driver.speak.Voice`)."""

    untold: tuple[str, ...] = ()

    def __init__(self, profile: Profile, settings: ColumnsSettings) -> None:
        self._profile, self._settings = profile, settings
        self._headings = Headings(profile, settings)
        spread = settings.wide or settings.repeat
        pattern = settings.sample_id_pattern
        ids = profile.specimen.sample_id.paths if pattern else ()
        self.dialect = Dialect(
            of_message=(PREAMBLE,),
            of_result=(PART,) if spread is not None else _of_rows(profile),
            sets=self._headings.sets,
            patterns=dict.fromkeys(ids, pattern),
            name_delimiter=" ",
            is_value_needed=spread is not None,
            time_words=settings.time_words,
        )

    def compose(self, said: Said, encoding: str) -> bytes:
        """The file: preamble, headings, and the rows of every specimen."""
        settings = self._settings
        said_texts = {path: text for tube in said.tubes for path, text in tube.shared.items()}
        head = {**said_texts, **said.header}
        rows = [
            self._preamble_row(path, text)
            for path, text in head.items()
            if path.startswith(PREAMBLE)
        ]
        if settings.heading:
            rows.append(list(self._headings.names))
        if settings.wide is not None and settings.wide.units_row is not None:
            rows.append(self._headings.units_row())
        for tube in said.tubes:
            rows += self._rows(tube)
        text = self._written(rows)
        chosen = settings.encoding or encoding
        try:
            return text.encode(chosen)
        except UnicodeEncodeError as error:
            raise DriverError(
                f"{chosen} has no letter {error.object[error.start]!r}",
                what_to_do="Give the line and the twin an encoding that has it.",
            ) from error

    def _written(self, rows: list[list[str]]) -> str:
        if self._settings.sylk:
            return _sheet(rows)
        if self._settings.xml_row:
            at = rows.index(list(self._headings.names))
            return document_of(rows[at], rows[at + 1 :], self._settings.xml_row)
        return "".join([self._line(row) for row in rows])

    def greeting(self, said: Said, encoding: str) -> tuple[bytes, ...]:
        """None: the first message says everything."""
        return ()

    def is_taken(self, reply: bytes) -> bool:
        """A file that was taken away is the host's."""
        return not reply

    def make_link(self) -> Link:
        """There is none. Always raises DriverError."""
        raise DriverError(
            f"{self._profile.id} writes files, and a connection has none",
            what_to_do="Give a folder to write into.",
        )

    def _rows(self, tube: SaidTube) -> list[list[str]]:
        """One row for each result, or one with all of them."""
        if self._settings.wide is None and self._settings.repeat is None:
            return [self._row({**tube.shared, **one}) for one in tube.results]
        cells = self._row(tube.shared)
        for number, result in enumerate(tube.results, start=1):
            for at, text in self._headings.of_group(result, number):
                cells[at] = text
        return [cells]

    def _row(self, texts: Texts) -> list[str]:
        cells = [""] * len(self._headings.names)
        for path, text in self._unjoined(texts):
            at = self._headings.place(path)
            if at is not None:
                cells[at] = text
        return cells

    def _unjoined(self, texts: Texts) -> Iterable[tuple[str, str]]:
        """The texts by column: one that stands in several columns is cut at its blanks."""
        for path, text in texts.items():
            if not path.startswith(JOINED):
                yield path, text
                continue
            parts = self._settings.joined[path.removeprefix(JOINED)]
            yield from zip(parts, text.split(" ", len(parts) - 1), strict=False)

    def _preamble_row(self, path: str, text: str) -> list[str]:
        key, separator = path.removeprefix(PREAMBLE), self._settings.preamble_separator
        return [f"{key}{separator}{text}"] if separator else [key, text]

    def _line(self, cells: Sequence[str]) -> str:
        settings = self._settings
        if settings.positions:
            return _fixed(cells, settings) + _LINE_END
        delimiter, quote = settings.delimiter, settings.quote
        written = [_cell(one, delimiter, quote) for one in cells]
        if settings.trailing_delimiter and tuple(cells) != self._headings.names:
            written.append("")
        return delimiter.join(written) + _LINE_END


def _of_rows(profile: Profile) -> tuple[str, ...]:
    """The columns that only a result has; those of the specimen and the header are the same in all its rows."""
    result = {profile.result.value, *_paths(profile.result)}
    return tuple(result - {*_paths(profile.specimen), *_paths(profile.header)}) or (_VALUE,)


def _paths(section: object) -> Iterable[str]:
    for rule in vars(section).values():
        if isinstance(rule, PathRule):
            yield from rule.paths
        elif isinstance(rule, tuple):
            yield from (one.path for one in rule if hasattr(one, "path"))


def _cell(text: str, delimiter: str, quote: str) -> str:
    if quote and (delimiter in text or quote in text):
        return quote + text.replace(quote, quote * 2) + quote
    if delimiter in text:
        raise DriverError(
            f"{text!r} holds the delimiter, and the profile has no quote",
            what_to_do="Give `quote` in [protocol].",
        )
    return text


def _fixed(cells: Sequence[str], settings: ColumnsSettings) -> str:
    line = ""
    for text, (first, last) in zip(cells, settings.positions.values(), strict=False):
        line = line.ljust(first - 1) + text.ljust(last - first + 1)
    return line


def _sheet(rows: Sequence[Sequence[str]]) -> str:
    """A SYLK sheet with every text as a quoted cell."""
    lines = ["ID;PTWIN"]
    for y, row in enumerate(rows, start=1):
        for x, text in enumerate(row, start=1):
            if text:
                lines.append(f'C;Y{y};X{x};K"{text.replace(";", ";;")}"')
    return "".join([line + _LINE_END for line in (*lines, "E")])
