"""Who stores the orders that a connector receives, and what every message of orders is stored with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from middleware.connectors.order_settings import OrderRules
from middleware.delivery.connector import OrderIntake, ReceivedOrders, TakenOrders
from middleware.model import OrderRequest


def content_id(text: bytes) -> str:
    """What a message without a number of its own is known by when it comes again."""
    return f"sha256:{hashlib.sha256(text).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a message of orders says. `text` is the message, `wire` its bytes as they came.

    `name`, `control_id`, `refusal` as in `ReceivedOrders`.
    """

    text: bytes
    wire: bytes
    requests: tuple[OrderRequest, ...] = ()
    control_id: str = ""
    refusal: str = ""
    name: str = ""
    can_be_told: bool = True


@dataclass(frozen=True, slots=True)
class OrderDesk:
    """The intake with what is the same for all messages of one connector.

    `processing_id` is that of this node's environment (HL7 table 0103), `time_zone` the zone of times without one.
    """

    connector: str
    rules: OrderRules
    intake: OrderIntake
    processing_id: str
    time_zone: str

    async def take(self, said: Said) -> TakenOrders:
        """Journaled and done in one commit. Raises StoreError when nothing was committed."""
        received = ReceivedOrders(
            connector=self.connector,
            source=self.rules.order_source,
            text=said.text,
            wire=said.wire,
            requests=said.requests,
            control_id=said.control_id,
            refusal=said.refusal,
            accepts_unknown_tests=self.rules.accepts_unknown_tests,
            reuse_after_s=self.rules.reuse_after_s,
            name=said.name,
            can_be_told=said.can_be_told,
        )
        return await self.intake(received)

    def refusal_of_environment(self, processing_id: str) -> str:
        """Why a message of that environment is not for this node ('': it is, or does not say)."""
        said = processing_id.strip().upper()
        if not said or said == self.processing_id:
            return ""
        return f"the message is of environment {said[:10]!r}, this system is {self.processing_id!r}"
