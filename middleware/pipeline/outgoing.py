"""Outgoing messages into the outbox: numbered, given their place in a lane, and rendered, all in
the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from middleware.errors import StoreError
from middleware.model import ReleaseState
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext, Row, by_order
from middleware.setup import ConnectorSetup, Setup
from middleware.store import meta, order_facts, outbox, results
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


VERSIONS_MAX = 1000
"""So many versions of one result are followed back; nobody corrects one more often."""


def lane_of(sample_id: str, lanes: int) -> int:
    """The lane of a specimen: the same one always, so that its messages stay in order (DESIGN 6.15)."""
    return crc32(sample_id.encode("utf-8", "surrogatepass")) % lanes if lanes > 1 else 0


def only_true_corrections(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Before rendering stored rows: what follows a result that was sent unverified corrects nothing, for that one was
    preliminary; nor what follows a withdrawn one, for the LIS has none any more.
    """
    earlier = {row["supersedes"] for row in rows} - {None}
    no_report = {
        row["id"]
        for row in results.by_ids(conn, earlier)
        if not row["verifier"] or row["release_state"] == ReleaseState.WITHDRAWN
    }
    for row in rows:
        if row["supersedes"] in no_report:
            row["follows"], row["supersedes"] = row["supersedes"], None


_STEP = "work_order_step_id"
_NO_STEPS: Mapping[int, int] = {}


def enqueue(
    conn: Connection,
    messages: Sequence[Outgoing],
    setup: Setup,
    now: float,
    steps: Mapping[int, int] = _NO_STEPS,
) -> list[int]:
    """Render and store; returns their numbers. The order given is the order in each lane.

    `steps` are the work order steps of results whose rows do not say them yet.
    """
    if not messages:
        return []
    _add_orders(conn, messages, steps)
    _add_firsts(conn, messages)
    first = outbox.allocate_numbers(conn, len(messages))
    store_id = _store_id(conn)
    lanes, next_seq = _lanes_of(conn, messages, setup)
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


_Lane = tuple[str, int]


def _lanes_of(
    conn: Connection, messages: Sequence[Outgoing], setup: Setup
) -> tuple[list[_Lane], dict[_Lane, int]]:
    """The lane of each message, and the next place in each of these lanes."""
    lanes = [
        (one.connector, lane_of(one.sample_id, setup.connectors[one.connector].lanes))
        for one in messages
    ]
    next_seq = {
        (connector, lane): outbox.allocate_lane(conn, connector, lane, count)
        for (connector, lane), count in Counter(lanes).items()
    }
    return lanes, next_seq


def _add_orders(conn: Connection, messages: Sequence[Outgoing], steps: Mapping[int, int]) -> None:
    stored = {step for one in messages for row in one.rows if (step := row.get(_STEP)) is not None}
    if not stored and not steps:
        return
    facts = order_facts.of_steps(conn, stored.union(steps.values()))
    nothing: Mapping[str, Any] = {}
    for one in messages:
        rows = [
            {**row, **facts.get(steps.get(row["id"]) or row.get(_STEP) or 0, nothing)}
            for row in one.rows
        ]
        one.rows = _side_by_side(rows)


def _add_firsts(conn: Connection, messages: Sequence[Outgoing]) -> None:
    """`first_id` into the rows that follow a released one: all versions of a result have one name outside."""
    before = {
        row["id"]: earlier
        for one in messages
        for row in one.rows
        if (earlier := row.get("follows") or row.get("supersedes"))
    }
    if not before:
        return
    firsts = _firsts_of(conn, set(before.values()))
    for one in messages:
        one.rows = [
            {**row, "first_id": firsts[before[row["id"]]]} if row.get("id") in before else row
            for row in one.rows
        ]


def _firsts_of(conn: Connection, result_ids: set[int]) -> dict[int, int]:
    """The first of the versions that each of these results ends. One that was released again after its correction
    corrects that, and stands before it as well: then it is the one where the way back comes round."""
    firsts = {result_id: result_id for result_id in result_ids}
    seen = {result_id: {result_id} for result_id in result_ids}
    for _ in range(VERSIONS_MAX):
        earlier = {
            row["id"]: row["supersedes"]
            for row in results.by_ids(conn, set(firsts.values()))
            if row["supersedes"]
        }
        further = {
            last: earlier[first]
            for last, first in firsts.items()
            if first in earlier and earlier[first] not in seen[last]
        }
        if not further:
            break
        for last, first in further.items():
            seen[last].add(first)
        firsts |= further
    return firsts


def as_sent(conn: Connection, rows: Sequence[Row]) -> list[Row]:
    """Stored rows (by id) with what their orders add, in the order in which a message carries them."""
    one = Outgoing("", "", "", 0, 0.0, rows=list(rows))
    _add_orders(conn, [one], _NO_STEPS)
    return one.rows


def _side_by_side(rows: Sequence[Row]) -> list[Row]:
    """Results of one order together, the orders as they come first; a culture has an order of its own."""
    if any(row.get("isolate") for row in rows):
        return list(rows)
    parts = by_order(rows)
    if len(parts) == 1:
        return list(rows)
    orders: dict[tuple[Any, Any], list[Row]] = {}
    for part in parts:
        key = (part[0].get("placer_number"), part[0].get("parent_placer"))
        orders.setdefault(key, []).extend(part)
    return [row for part in orders.values() for row in part]


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
