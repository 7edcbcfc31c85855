"""What becomes of orders, on its way to the system that gave them: flat and ready to render."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from middleware.payload.outgoing import RenderContext


class OrderStatus(StrEnum):
    """What a system is told of a test that it ordered."""

    SCHEDULED = "scheduled"  # an analyzer has it, or it waits for one again
    IN_PROCESS = "in_process"
    REFUSED = "refused"  # the analyzer will not do it
    CANCELLED = "cancelled"  # by a person
    EXPIRED = "expired"  # nobody did it in time


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One test of one specimen. `reason` is a sentence for people; `at` seconds since 1970 UTC."""

    placer_number: str
    lis_code: str
    test_name: str
    status: OrderStatus
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class SpecimenStatus:
    """What became of tests of one specimen; `changes` are never empty."""

    sample_id: str
    changes: Sequence[StatusChange]


class OrderStatusRenderer(Protocol):
    """Renders one message of order status in the format of one connector. Pure: same arguments, same bytes."""

    @property
    def format(self) -> str:
        """The outbox's `format`, for example "hl7_orm_sc"."""
        ...

    @property
    def order_source(self) -> str:
        """Whose orders are told of."""
        ...

    def render(self, specimen: SpecimenStatus, context: RenderContext) -> bytes:
        """The bytes to send."""
        ...
