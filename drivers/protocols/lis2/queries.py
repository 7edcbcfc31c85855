"""Reads host queries: the specimens that an analyzer asks about. Several may stand in one record (LIS02-A2 11.3)."""

from __future__ import annotations

from drivers.protocols.lis2.paths import check_paths, locate
from drivers.protocols.lis2.tables import QUERY_ALL, QUERY_CANCEL
from middleware.driver.mapping import text_reader
from middleware.driver.profile import QuerySection
from middleware.model import HostQuery, SourcePointer
from middleware.wire.lis2 import Path, Record

_RANGE = Path.parse("Q-3")
_STATUS = Path.parse("Q-13")


class QueryReader:
    """I make a HostQuery from a request record."""

    def __init__(self, section: QuerySection | None) -> None:
        self._paths: list[Path] = []
        self._carrier = text_reader(section.carrier if section is not None else None, locate)
        self._position = text_reader(section.position if section is not None else None, locate)
        if section is not None:
            check_paths("query", (section.sample_id, section.carrier, section.position), "Q")
            self._paths = [Path.parse(path) for path in section.sample_id.paths]

    def read(self, record: Record) -> HostQuery:
        """The query. Without a `query` section of the profile no sample id is read from it."""
        return HostQuery(
            sample_ids=self._sample_ids(record),
            is_for_all=self._is_for_all(record),
            is_cancel=_STATUS.of(record).strip() == QUERY_CANCEL,
            carrier=self._carrier(record),
            position=self._position(record),
            source=SourcePointer(record=record.index, name=record.letter),
        )

    def _is_for_all(self, record: Record) -> bool:
        return QUERY_ALL in (part.strip().upper() for part in record.components(_RANGE.field))

    def _sample_ids(self, record: Record) -> tuple[str, ...]:
        """Of each repeat the first path that is not empty; each id once."""
        columns = [path.each(record) for path in self._paths]
        rows = zip(*columns, strict=True)
        ids = (next((text.strip() for text in row if text.strip()), "") for row in rows)
        return tuple(dict.fromkeys(one for one in ids if one and one.upper() != QUERY_ALL))
