"""Reads host queries: the specimens that an analyzer asks about. Several may stand in one record (LIS02-A2 11.3)."""

from __future__ import annotations

from typing import NamedTuple

from drivers.protocols.lis2.paths import check_paths, locate
from drivers.protocols.lis2.tables import (
    QUERY_ALL,
    QUERY_CANCEL,
    QUERY_NOT_FOR_WORK,
    QUERY_ORDERS,
)
from middleware.driver.mapping import text_reader
from middleware.driver.profile import QuerySection
from middleware.model import HostQuery, SourcePointer
from middleware.wire.lis2 import Path, Record

_START, _END, _STATUS = 3, 4, 13  # LIS02-A2 11.3, 11.4, 11.13


class Named(NamedTuple):
    """A sample id as a query names it, and the repeat of the field where it stands (from 1)."""

    sample_id: str
    repeat: int


class QueryReader:
    """I make a HostQuery from a request record."""

    def __init__(self, section: QuerySection | None) -> None:
        self._paths: list[Path] = []
        self._carrier = text_reader(section.carrier if section is not None else None, locate)
        self._position = text_reader(section.position if section is not None else None, locate)
        self._empty_asks_all = section is not None and section.empty_asks_all
        self._for_work = {QUERY_ORDERS}
        if section is not None:
            check_paths("query", (section.sample_id, section.carrier, section.position), "Q")
            self._paths = [Path.parse(path) for path in section.sample_id.paths]
            self._for_work |= {code.upper() for code in section.work_codes}
        self._end_paths = [
            Path(path.letter, _END, path.repeat, path.component)
            for path in self._paths
            if path.field == _START
        ]

    def read(self, record: Record) -> HostQuery:
        """The query. Without a `query` section of the profile no sample id is read from it."""
        starts = self.named(record)
        ranges = self._ranges(record, starts)
        first = {start for start, _ in ranges}
        ids = tuple(dict.fromkeys([one.sample_id for one in starts if one.sample_id not in first]))
        codes = {text.strip().upper() for text in record.repeats(_STATUS)} - {""}
        carrier, position = self._carrier(record), self._position(record)
        return HostQuery(
            sample_ids=ids,
            is_for_all=not starts and self._is_for_all(record, bool(carrier or position)),
            is_cancel=QUERY_CANCEL in codes,
            ranges=ranges,
            carrier=carrier,
            position=position,
            is_for_work=bool(codes & self._for_work) or not codes & QUERY_NOT_FOR_WORK,
            source=SourcePointer(record=record.index, name=record.letter),
        )

    def named(self, record: Record) -> list[Named]:
        """Of each repeat the first path that is not empty: the id, and where it stands."""
        found = [
            Named(text, repeat) for repeat, text in enumerate(_rows(self._paths, record), start=1)
        ]
        return [one for one in found if one.sample_id and one.sample_id.upper() != QUERY_ALL]

    def _ranges(self, record: Record, starts: list[Named]) -> tuple[tuple[str, str], ...]:
        """First and last id, of each repeat; the same id twice is one specimen."""
        if not record.field(_END):
            return ()
        ends = dict(enumerate(_rows(self._end_paths, record), start=1))
        pairs = [(one.sample_id, ends.get(one.repeat, "")) for one in starts]
        return tuple([(start, end) for start, end in pairs if end and end != start])

    def _is_for_all(self, record: Record, names_a_place: bool) -> bool:
        said = [part.strip().upper() for part in record.components(_START)]
        if not any(said):
            return self._empty_asks_all and not names_a_place
        return QUERY_ALL in said


def _rows(paths: list[Path], record: Record) -> list[str]:
    """Of each repeat the first path that is not empty, without blanks around."""
    rows = zip(*[path.each(record) for path in paths], strict=True)
    return [next((text.strip() for text in row if text.strip()), "") for row in rows]
