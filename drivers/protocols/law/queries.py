"""Reads a query for work (LAB-27): what it asks, or what is wrong with it; for link, decoding and answer alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drivers.protocols.law.header import printable
from drivers.protocols.law.tables import REQUIRED_QUERY_FIELD, QueryScope
from middleware.driver.mapping import EXPLICIT_NULL
from middleware.model import HostQuery, SourcePointer
from middleware.wire.hl7 import (
    AckCode,
    AckError,
    ErrorCode,
    ErrorLocation,
    Message,
    Raw,
    Segment,
)

QUERY = "QBP"
CANCEL_QUERY = "QCN"
QUERY_EVENT = "Q11"
_CONTAINER, _CARRIER, _POSITION, _TRAY, _TRAY_POSITION = 3, 4, 5, 6, 7
MOST_CONTAINERS = 99
"""Of one query: racks hold five or ten tubes, a large tray ninety-six."""


@dataclass(frozen=True, slots=True)
class AskedWork:
    """A query that can be answered. `containers` are QPD-3 as written, one for each repetition; empty for all."""

    scope: QueryScope
    containers: tuple[Raw, ...]
    qpd: Segment


@dataclass(frozen=True, slots=True)
class QueryFault:
    """Why a query cannot be answered: MSA-1 and ERR of the reply, and the same in words."""

    code: AckCode
    error: AckError

    @property
    def text(self) -> str:
        """A sentence."""
        return self.error.text


def is_query(message: Message) -> bool:
    """The message asks for something (MSH-9)."""
    return message.header.get("MSH-9.1").strip().upper() in (QUERY, CANCEL_QUERY)


def read_asked(message: Message, scopes: Mapping[str, QueryScope]) -> AskedWork | QueryFault:
    """What a QBP asks, or what is wrong with it."""
    kind, event = message.header.get("MSH-9.1").strip(), message.header.get("MSH-9.2").strip()
    if kind.upper() != QUERY or event.upper() != QUERY_EVENT:
        code = ErrorCode.UNSUPPORTED_EVENT
        text = f"{kind} {event} is no query of IHE LAW; only QBP Q11 is answered"
        return _fault(AckCode.APPLICATION_REJECT, code, text, ErrorLocation("MSH", 1, 9))
    qpd = message.segment("QPD")
    if qpd is None:
        text = "the query has no QPD segment"
        return _fault(AckCode.APPLICATION_ERROR, ErrorCode.SEGMENT_SEQUENCE, text)
    name = qpd.get("QPD-1.1").strip()
    scope = scopes.get(name)
    if scope is None:
        return _unknown_name(name)
    return _asked(qpd, scope, name)


def _asked(qpd: Segment, scope: QueryScope, name: str) -> AskedWork | QueryFault:
    wanted = REQUIRED_QUERY_FIELD.get(scope)
    if wanted is not None and not _said(qpd, wanted):
        text = f"the query {name} needs QPD-{wanted}, which is empty"
        place = ErrorLocation("QPD", 1, wanted)
        return _fault(AckCode.APPLICATION_ERROR, ErrorCode.REQUIRED_FIELD_MISSING, text, place)
    containers = tuple(
        [
            printable(one)
            for one in qpd.repetitions(_CONTAINER)
            if one.strip() and one != EXPLICIT_NULL
        ]
    )
    if len(containers) > MOST_CONTAINERS:
        text = f"the query names {len(containers)} containers; at most {MOST_CONTAINERS} are taken"
        return _fault(AckCode.APPLICATION_ERROR, ErrorCode.DATA_TYPE, text)
    return AskedWork(scope, containers, qpd)


def _said(qpd: Segment, number: int) -> bool:
    return qpd.field(number).strip() not in ("", EXPLICIT_NULL)


def _unknown_name(name: str) -> QueryFault:
    place = ErrorLocation("QPD", 1, 1)
    if not name:
        text = "the query has no name (QPD-1)"
        return _fault(AckCode.APPLICATION_ERROR, ErrorCode.REQUIRED_FIELD_MISSING, text, place)
    text = f"the query name {name!r} (QPD-1) is not known"
    return _fault(AckCode.APPLICATION_REJECT, ErrorCode.TABLE_VALUE_NOT_FOUND, text, place)


def _fault(
    code: AckCode, error: ErrorCode, text: str, place: ErrorLocation | None = None
) -> QueryFault:
    return QueryFault(code, AckError(error, text, () if place is None else (place,)))


def host_query(asked: AskedWork) -> HostQuery:
    """The query in the words of the model. A rack or a tray is a carrier; a query for one asks for nothing else."""
    qpd = asked.qpd
    at = (_CARRIER, _POSITION) if asked.scope is not QueryScope.TRAY else (_TRAY, _TRAY_POSITION)
    carrier, position = (qpd.get(f"QPD-{number}.1").strip() for number in at)
    ids = [qpd.get(f"QPD-3[{at}].1.1").strip() for at in range(1, len(qpd.repetitions(3)) + 1)]
    return HostQuery(
        sample_ids=tuple(dict.fromkeys(one for one in ids if one and one != EXPLICIT_NULL)),
        is_for_all=asked.scope is QueryScope.ALL and not asked.containers,
        carrier=carrier,
        position=position,
        source=SourcePointer(record=qpd.index, name="QPD"),
    )
