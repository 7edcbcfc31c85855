"""Outgoing messages into the outbox: numbered, given their place in a lane, and rendered, all in
the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from middleware.errors import StoreError
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext, Row
from middleware.setup import ConnectorSetup, Setup
from middleware.store import meta, outbox, results
from middleware.store.connection import Connection
from middleware.store.schema import OutboxState


@dataclass(slots=True)
class Outgoing:
    """One message to be: released results of one specimen for one connector. `replaces` names a
    message that it mends.
    """

    connector: str
    sample_id: str
    line: str
    journal_id: int
    received_at: float
    rows: list[Row] = field(default_factory=list)
    result_ids: list[int] = field(default_factory=list)
    replaces: int | None = None


def lane_of(sample_id: str, lanes: int) -> int:
    """The lane of a specimen: the same one always, so that its messages stay in order (DESIGN 6.15)."""
    return crc32(sample_id.encode("utf-8", "surrogatepass")) % lanes if lanes > 1 else 0


def only_true_corrections(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Before rendering stored rows: what follows a result that was sent unverified corrects nothing, for that one was
    preliminary.
    """
    earlier = {row["supersedes"] for row in rows} - {None}
    unverified = {row["id"] for row in results.by_ids(conn, earlier) if not row["verifier"]}
    for row in rows:
        if row["supersedes"] in unverified:
            row["supersedes"] = None


def enqueue(conn: Connection, messages: Sequence[Outgoing], setup: Setup, now: float) -> list[int]:
    """Render and store; returns their numbers. The order given is the order in each lane."""
    if not messages:
        return []
    first = outbox.allocate_numbers(conn, len(messages))
    store_id = _store_id(conn)
    lanes = [
        (one.connector, lane_of(one.sample_id, setup.connectors[one.connector].lanes))
        for one in messages
    ]
    next_seq = {
        (connector, lane): outbox.allocate_lane(conn, connector, lane, count)
        for (connector, lane), count in Counter(lanes).items()
    }
    rows = []
    links = []
    for number, one, place in zip(
        range(first, first + len(messages)), messages, lanes, strict=True
    ):
        context = RenderContext(
            control_id=meta.control_id(store_id, number),
            created_at=now,
            processing_id=setup.node.processing_id,
            time_zone=setup.node.time_zone,
            node=setup.node.name,
        )
        connector = setup.connectors[one.connector]
        rows.append(_row(one, (number, place[1], next_seq[place]), connector, context))
        links += [(number, result_id) for result_id in one.result_ids]
        next_seq[place] += 1
    outbox.enqueue(conn, rows, links)
    return list(range(first, first + len(rows)))


def _store_id(conn: Connection) -> str:
    store_id = meta.get(conn, "store_id")
    if store_id is None:
        raise StoreError(
            "the store has no id yet", what_to_do="Start the node once, or run `labwire db init`."
        )
    return store_id


def _row(
    one: Outgoing,
    place: tuple[int, int, int],
    connector: ConnectorSetup,
    context: RenderContext,
) -> dict[str, object]:
    number, lane, lane_seq = place
    renderer = connector.renderer
    return {
        "number": number,
        "connector": one.connector,
        "lane": lane,
        "lane_seq": lane_seq,
        "control_id": context.control_id,
        "format": renderer.format,
        "payload": renderer.render(OutgoingSpecimen(one.sample_id, one.rows), context),
        "journal_id": one.journal_id,
        "line": one.line,
        "sample_id": one.sample_id,
        "state": OutboxState.WAITING.value,
        "created_at": context.created_at,
        "received_at": one.received_at,
        "replaces": one.replaces,
    }
