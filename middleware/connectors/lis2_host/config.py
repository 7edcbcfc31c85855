"""The settings of one connector to a LIS that speaks ASTM as a host."""

from __future__ import annotations

import codecs
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from middleware.connectors.order_settings import OrderRules
from middleware.payload.lis2_orders_in import Lis2OrderNames
from middleware.transport.serial_settings import Rfc2217Settings, SerialSettings
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from middleware.wire.errors import LocalProtocolError
from middleware.wire.lis1.options import Packaging
from middleware.wire.lis2 import Path

NAME_MAX = 80
_ORDER_RECORDS = ("O", "P")

HostTransport = Annotated[
    TcpConnectSettings | TcpListenSettings | SerialSettings | Rfc2217Settings,
    Field(discriminator="type"),
]


class PatientField(StrEnum):
    """Which field of P holds the patient's number (LIS02-A2 7)."""

    PRACTICE = "P-3"
    LABORATORY = "P-4"
    THIRD = "P-5"


class PlacerField(StrEnum):
    """Which field of O holds the order's own number in results (LIS02-A2 8.4.19, 8.4.20)."""

    NONE = "none"
    FIRST = "O-19"
    SECOND = "O-20"


class OrdersSettings(OrderRules):
    """`orders` of a connector: the LIS also sends orders, on the same connection."""

    sample_id: tuple[str, ...] = Field(
        default=("O-3.1",),
        min_length=1,
        description="Where an order has the sample id of the tube's label: the first of these that is not empty.",
    )
    test_component: int = Field(
        default=4, ge=1, le=9, description="Which component of O-5 is the test's code."
    )
    placer_number: tuple[str, ...] = Field(
        default=(),
        description="Where an order has the LIS's own number; empty: a test of a sample id is one order.",
    )
    patient_id: tuple[str, ...] = Field(
        default=("P-3.1", "P-4.1"),
        description="Where an order has the patient's number: the first of these that is not empty.",
    )

    @field_validator("sample_id", "placer_number", "patient_id")
    @classmethod
    def _paths_can_be_read(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            try:
                letter = Path.parse(path).letter
            except LocalProtocolError as error:
                raise ValueError(str(error)) from error
            if letter not in _ORDER_RECORDS:
                raise ValueError(f"{path!r}: what an order says stands in O or P")
        return value

    def names(self, encoding: str, time_zone: str) -> Lis2OrderNames:
        """As orders are read."""
        return Lis2OrderNames(
            self.sample_id,
            self.test_component,
            self.placer_number,
            self.patient_id,
            encoding,
            time_zone,
        )


class Lis2HostSettings(BaseModel):
    """What a `[[connector]]` of type `lis2_host` says beside `id` and `type`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    transport: HostTransport = Field(
        description="How the bytes travel: `tcp_connect`, `tcp_listen`, `serial` or `rfc2217`, as of a line."
    )
    encoding: str = Field(
        default="iso8859-1",
        description="Character encoding of the LIS (a Python codec name); what it has no letter for is set aside.",
    )
    sender: str = Field(
        default="LABWIRE", max_length=NAME_MAX, description="H-5: how Labwire names itself."
    )
    receiver: str = Field(
        default="LIS", max_length=NAME_MAX, description="H-10: the LIS's own name."
    )
    patient_field: PatientField = Field(
        default=PatientField.PRACTICE,
        description="The field with the patient's number in results.",
    )
    placer_field: PlacerField = Field(
        default=PlacerField.NONE,
        description="The field with the number of the order that a result answers, or `none`.",
    )
    packaging: Packaging = Field(
        default=Packaging.RECORD_PER_FRAME,
        description="How a message is cut into frames; every LIS reads the default.",
    )
    frame_text: int = Field(
        default=240,
        ge=20,
        le=63_993,
        description="Most characters of text in one frame; 240 is what old LIS take.",
    )
    refused_after: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="So many sessions in which the LIS refuses a frame of the same message; then it is set aside.",
    )
    orders: OrdersSettings | None = Field(
        default=None,
        description="The LIS also sends orders on this connection: `{}` takes them with the usual places.",
    )

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, value: str) -> str:
        try:
            "A".encode(value)
            codecs.lookup(value)
        except (LookupError, ValueError, TypeError) as error:
            raise ValueError(f"{value!r} is no character encoding that is known") from error
        if "A".encode(value) != b"A":
            raise ValueError(f"{value!r}: frames are made of ASCII; choose an encoding that has it")
        return value
