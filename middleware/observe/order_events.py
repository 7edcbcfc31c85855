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
