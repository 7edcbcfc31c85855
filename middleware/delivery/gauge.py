"""Tells how full the outbox is: true at once after a restart, because it is read from the store's own counters."""

from __future__ import annotations

from collections.abc import Iterable

from middleware.observe.events import OutboxGauged
from middleware.observe.health import Health, WarnableCode
from middleware.store import outbox
from middleware.store.connection import Connection
from middleware.store.schema import OutboxState

BacklogRow = tuple[str, dict[OutboxState, int], float | None]


def read_backlog(conn: Connection, connectors: Iterable[str]) -> list[BacklogRow]:
    """For each connector: its counts by state, and when its oldest waiting message was received."""
    counts = outbox.counts(conn)
    return [
        (
            connector,
            counts.get(connector) or dict.fromkeys(OutboxState, 0),
            outbox.oldest_waiting(conn, connector),
        )
        for connector in connectors
    ]


def tell_backlog(rows: Iterable[BacklogRow], health: Health | None = None) -> None:
    """Set the gauges; a connector without refused messages has no such warning any more."""
    for connector, counts, oldest_at in rows:
        OutboxGauged(connector, {state.value: n for state, n in counts.items()}, oldest_at).emit()
        if health is not None and not counts.get(OutboxState.REFUSED):
            health.clear(WarnableCode.LIS_REFUSES, connector)
