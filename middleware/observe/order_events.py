"""Events of orders; imported by everybody from `middleware.observe.events`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from middleware.observe import log
from middleware.observe.metrics import counter, gauge


@dataclass(frozen=True, slots=True)
class OrdersTaken:
    """A message of orders was stored and judged: how many tests were taken and refused, or the whole message."""

    connector: str
    accepted: int
    refused: int
    is_message_refused: bool = False

    def emit(self) -> None:
        received = counter("labwire_orders_received_total")
        received.labels(self.connector, "accepted").inc(self.accepted)
        received.labels(self.connector, "refused").inc(self.refused)
        if self.is_message_refused:
            received.labels(self.connector, "message_refused").inc()
            log.write(logging.WARNING, "a message of orders was refused", connector=self.connector)


@dataclass(frozen=True, slots=True)
class OrdersAsked:
    """An analyzer's tube was asked for at a system: found, nothing, refused, unreadable, no_answer, not_connected."""

    connector: str
    outcome: str

    def emit(self) -> None:
        counter("labwire_orders_asked_total").labels(self.connector, self.outcome).inc()


@dataclass(frozen=True, slots=True)
class OrdersExpired:
    """Time ended steps of orders: freed from an analyzer without a result, or expired; and tubes that were deleted."""

    freed: int
    expired: int
    deleted: int

    def emit(self) -> None:
        ended = counter("labwire_orders_ended_total")
        ended.labels("freed").inc(self.freed)
        ended.labels("expired").inc(self.expired)
        ended.labels("deleted").inc(self.deleted)
        level = logging.WARNING if self.freed or self.expired else logging.INFO
        log.write(
            level,
            "orders were ended by time",
            freed=self.freed,
            expired=self.expired,
            deleted=self.deleted,
        )


@dataclass(frozen=True, slots=True)
class WorkDownloaded:
    """A message of work that an analyzer did not ask for had its outcome: tests it took and refused, tubes it did not
    take; or it was told what became of work that it has (`told` messages)."""

    line: str
    sent: int = 0
    refused: int = 0
    not_taken: int = 0
    told: int = 0

    def emit(self) -> None:
        downloaded = counter("labwire_work_downloaded_total")
        for outcome in ("sent", "refused", "not_taken", "told"):
            count = getattr(self, outcome)
            if count:
                downloaded.labels(self.line, outcome).inc(count)


@dataclass(frozen=True, slots=True)
class WorkGauged:
    """How many steps are open, by state, and when the oldest was ordered that no analyzer asked for."""

    states: Mapping[str, int]
    oldest_pending_at: float | None

    def emit(self) -> None:
        for state, count in self.states.items():
            gauge("labwire_work_order_steps").labels(state).set(count)
        oldest = self.oldest_pending_at
        gauge("labwire_work_orders_oldest_timestamp_seconds").set(
            float("nan") if oldest is None else oldest
        )
