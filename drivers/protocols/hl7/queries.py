"""Reads host queries: the specimens that an analyzer asks about, in the old and the new query messages."""

from __future__ import annotations

from drivers.protocols.hl7.paths import check_paths, locate
from drivers.protocols.hl7.tables import CANCEL_TYPES, ORDER_QUERY
from middleware.driver.mapping import text_reader
from middleware.driver.profile import QuerySection
from middleware.model import HostQuery, SourcePointer
from middleware.wire.hl7 import Message, Path, Segment

# The segment that holds a query: QBP (HL7 2.5.1 5.5.4), QRY (2.3.1 2.24.4), cancel (2.5.1 5.5.5).
_ASKING = ("QPD", "QRD", "QID")
_EVERYTHING = frozenset({"WOS_ALL", "ALL"})
_NAMES = frozenset({"QPD", "QRD", "QRF", "QID", "ORC", "OBR"})


class QueryReader:
    """I make a HostQuery from a query message."""

    def __init__(self, section: QuerySection | None) -> None:
        self._paths: list[Path] = []
        self._carrier = text_reader(section.carrier if section is not None else None, locate)
        self._position = text_reader(section.position if section is not None else None, locate)
        self._everything = _EVERYTHING
        if section is not None:
            self._everything |= {name.upper() for name in section.all_names}
            check_paths("query", (section.sample_id, section.carrier, section.position), _NAMES)
            self._paths = [Path.parse(path) for path in section.sample_id.paths]

    def read(self, message: Message) -> tuple[HostQuery, ...]:
        """The queries of a message; () when it asks nothing."""
        asking = [one for one in message.segments_in_order if one.name in _ASKING]
        if not asking:
            orders = message.segments("ORC")
            asking = [one for one in orders if one.get("ORC-1").strip() == ORDER_QUERY]
        return tuple([self._query(one, message) for one in asking])

    def _query(self, segment: Segment, message: Message) -> HostQuery:
        scope = {segment.name: segment}
        for other in message.segments_in_order[segment.index :]:
            if other.name in scope:
                break
            scope[other.name] = other
        name = segment.get("QPD-1.1").strip().upper() or segment.get("QRD-8.1").strip().upper()
        return HostQuery(
            sample_ids=self._sample_ids(scope),
            is_for_all=name in self._everything,
            is_cancel=message.header.get("MSH-9.1") in CANCEL_TYPES,
            carrier=self._carrier(scope),
            position=self._position(scope),
            source=SourcePointer(record=segment.index, name=segment.name),
        )

    def _sample_ids(self, scope: dict[str, Segment]) -> tuple[str, ...]:
        """Of the first path that finds any, all repetitions; each id once."""
        for path in self._paths:
            segment = scope.get(path.segment)
            if segment is None:
                continue
            count = 1 if path.repetition else len(segment.repetitions(path.field))
            ids = [
                _part_of(segment, path, path.repetition or number + 1) for number in range(count)
            ]
            found = tuple(dict.fromkeys(one for one in ids if one and one not in _EVERYTHING))
            if found:
                return found
        return ()


def _part_of(segment: Segment, path: Path, repetition: int) -> str:
    place = f"{path.segment}-{path.field}[{repetition}].{path.component or 1}"
    return locate(place)({segment.name: segment})
