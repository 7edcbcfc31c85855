"""The settings of one HL7 connector over MLLP."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from middleware.connectors.hl7_mllp.ask_settings import AskSettings, checked_places
from middleware.connectors.order_settings import OrderRules
from middleware.connectors.order_settings import UnknownTests as UnknownTests
from middleware.payload.hl7_header import Hl7Names
from middleware.payload.hl7_orders import USUAL_SAMPLE_ID
from middleware.transport.settings import LOOPBACK, TcpListenSettings
from middleware.transport.tls_settings import TlsSettings

NAME_MAX = 180
"""HL7 2.5.1 chapter 2: an HD of MSH-3 to MSH-6 has at most 227 characters with its parts; the first
part stays below.
"""


class MessageType(StrEnum):
    """The message that carries results (HL7 2.5.1 chapter 7)."""

    ORU_R01 = "ORU^R01"
    OUL_R22 = "OUL^R22"


class Acknowledgement(StrEnum):
    """Which acknowledgements are asked for (HL7 2.5.1 chapter 2, 2.9.2 and 2.9.3)."""

    ORIGINAL = "original"
    ENHANCED = "enhanced"


class OrderStatusMessage(StrEnum):
    """What the LIS is told of its orders while they are done."""

    OFF = "off"
    SC = "sc"  # ORM^O01 with ORC-1 SC


class OrdersSettings(OrderRules):
    """`orders` of a connector: the LIS also sends orders, to a port of ours."""

    host: str = Field(
        default=LOOPBACK,
        description="Our address to listen on for orders; 0.0.0.0 listens on every network.",
    )
    port: int = Field(
        ge=0, le=65535, description="TCP port on which Labwire receives orders; 0: any (tests)."
    )
    peers: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks (10.1.2.0/24) that may send orders; empty: all may.",
    )
    tls: TlsSettings | None = Field(
        default=None,
        description="Encrypt the connection and prove who is at its ends.",
    )
    sample_id: tuple[str, ...] = Field(
        default=USUAL_SAMPLE_ID,
        min_length=1,
        description="Where an order has the sample id of the tube's label: the first of these that is not empty.",
    )

    earlier_results: bool = Field(
        default=False,
        description="Whether ORU^R01 messages are taken on this port, as earlier results to compare with.",
    )

    @field_validator("sample_id")
    @classmethod
    def _paths_can_be_read(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_places(value)

    @property
    def transport(self) -> TcpListenSettings:
        """The port as transports are made from it."""
        return TcpListenSettings(
            type="tcp_listen", host=self.host, port=self.port, peers=self.peers, tls=self.tls
        )


class Hl7MllpSettings(BaseModel):
    """What a `[[connector]]` of type `hl7_mllp` says beside `id` and `type`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1, description="Name or address of the LIS.")
    port: int = Field(ge=1, le=65535, description="TCP port on which the LIS receives results.")
    sending_application: str = Field(
        default="LABWIRE", max_length=NAME_MAX, description="MSH-3: how Labwire names itself."
    )
    sending_facility: str = Field(
        default="",
        max_length=NAME_MAX,
        description="MSH-4: the laboratory; empty: the node's name.",
    )
    receiving_application: str = Field(
        default="LIS", max_length=NAME_MAX, description="MSH-5: the LIS's own name."
    )
    receiving_facility: str = Field(
        default="", max_length=NAME_MAX, description="MSH-6: the LIS's facility."
    )
    message: MessageType = Field(
        default=MessageType.ORU_R01, description="The message that carries results to the LIS."
    )
    acknowledgement: Acknowledgement = Field(
        default=Acknowledgement.ORIGINAL,
        description="original: one answer (AA, AE, AR); enhanced: an accept answer (CA), then one of the application.",
    )
    ack_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds to wait for the LIS's answer before the same bytes are sent again.",
    )
    connect_timeout_s: float = Field(
        default=5.0, gt=0, le=120, description="Seconds to wait for a connection to the LIS."
    )
    reconnect_max_s: float = Field(
        default=60.0,
        ge=1,
        le=600,
        description="Longest pause between two attempts to connect, in seconds.",
    )
    in_flight: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Messages sent ahead of their answers; 1 waits for each answer, as most LIS expect.",
    )
    tls: TlsSettings | None = Field(
        default=None,
        description="Encrypt the connection and prove who is at its ends; without it bytes travel in the clear.",
    )
    orders: OrdersSettings | None = Field(
        default=None,
        description="The LIS also sends orders: where Labwire listens for them, as { port = 2577 }.",
    )
    ask: AskSettings | None = Field(
        default=None,
        description=(
            "The LIS can be asked for orders, as { port = 2578 }, by lines that name the connector in `orders.ask`."
        ),
    )
    order_status: OrderStatusMessage = Field(
        default=OrderStatusMessage.OFF,
        description=(
            "What the LIS is told of its orders: `off`, or `sc`, ORM^O01 when an analyzer took, began or refused a "
            "test, and when it was cancelled or expired here."
        ),
    )

    @model_validator(mode="after")
    def _asking_fits(self) -> Self:
        ask, orders = self.ask, self.orders
        if self.order_status is not OrderStatusMessage.OFF and self.order_source is None:
            raise ValueError("order_status: this LIS gives no orders; say `orders` or `ask` too")
        if ask is None:
            return self
        if ask.orders_follow and orders is None:
            raise ValueError("ask.orders_follow: orders can only follow to the port of `orders`")
        if orders is not None and ask.order_source != orders.order_source:
            raise ValueError("ask.order_source must be that of `orders`: it is the same system")
        if ask.host and ask.port is None:
            raise ValueError("ask.host needs ask.port")
        return self

    @property
    def hl7_names(self) -> Hl7Names:
        """MSH-3 to MSH-6 of everything that goes to this LIS."""
        return Hl7Names(
            sending_application=self.sending_application,
            sending_facility=self.sending_facility,
            receiving_application=self.receiving_application,
            receiving_facility=self.receiving_facility,
            is_enhanced=self.acknowledgement is Acknowledgement.ENHANCED,
        )

    @property
    def order_source(self) -> str | None:
        """Whose orders this LIS gives; None: it gives none."""
        giver = self.orders or self.ask
        return giver.order_source if giver is not None else None
