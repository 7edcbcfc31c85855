"""The settings of each transport type, as sites write them in a line (DESIGN 8.3)."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from middleware.transport.file_settings import FileDropSettings
from middleware.transport.serial_settings import Rfc2217Settings, SerialSettings
from middleware.transport.tls_settings import TlsSettings

LOOPBACK = "127.0.0.1"


class SecondConnection(StrEnum):
    """What happens to the connection that is there when the analyzer connects once more."""

    REPLACE = "replace"  # the old one is closed first: it is usually half open, its peer gone
    REFUSE = "refuse"


class Connection(StrEnum):
    """How long the analyzer's connection is there."""

    PERMANENT = "permanent"
    WHEN_SENDING = "when_sending"  # it connects to send and hangs up: no connection is no trouble


class _TransportSettings(BaseModel):
    """What both TCP types share. Keep-alive finds an idle peer that lost power after 3 + 3 x 2 = 9 seconds; bytes that
    nobody acknowledges end the connection after 9 seconds too (and on Linux that time also ends the keep-alive).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keepalive_idle_s: int = Field(
        default=3,
        ge=1,
        le=7200,
        description="Seconds without traffic before the first TCP keep-alive probe.",
    )
    keepalive_interval_s: int = Field(
        default=2, ge=1, le=600, description="Seconds between TCP keep-alive probes."
    )
    keepalive_count: int = Field(
        default=3, ge=1, le=20, description="Unanswered keep-alive probes that end the connection."
    )
    user_timeout_s: int = Field(
        default=9,
        ge=1,
        le=600,
        description="Seconds that written bytes or keep-alive probes may stay unacknowledged by the peer's TCP.",
    )
    tls: TlsSettings | None = Field(
        default=None,
        description="Encrypt the connection and prove who is at its ends; without it bytes travel in the clear.",
    )


class TcpListenSettings(_TransportSettings):
    """The analyzer connects to us."""

    type: Literal["tcp_listen"] = Field(description='"tcp_listen": the analyzer connects to us.')
    host: str = Field(
        default=LOOPBACK,
        description="Our address to listen on; 0.0.0.0 listens on every network.",
    )
    port: int = Field(
        ge=0, le=65535, description="TCP port to listen on; 0 lets the system choose (tests)."
    )
    peers: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks (10.1.2.0/24) that may connect; empty: all may.",
    )
    connection: Connection = Field(
        default=Connection.PERMANENT,
        description="`permanent`: no connection is a warning; `when_sending`: the analyzer connects only to send.",
    )
    second_connection: SecondConnection = Field(
        default=SecondConnection.REPLACE,
        description="A further connection will `replace` the old one, or we `refuse` it.",
    )

    @field_validator("peers")
    @classmethod
    def _peers_are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for peer in value:
            ipaddress.ip_network(peer, strict=False)
        return value

    @field_validator("host")
    @classmethod
    def _host_is_an_address(cls, value: str) -> str:
        if value != "localhost":
            ipaddress.ip_address(value)
        return value


class TcpConnectSettings(_TransportSettings):
    """We connect to the analyzer (or to a device server in front of it)."""

    type: Literal["tcp_connect"] = Field(description='"tcp_connect": we connect to the analyzer.')
    host: str = Field(min_length=1, description="Name or address of the analyzer.")
    port: int = Field(ge=1, le=65535, description="TCP port of the analyzer.")
    connect_timeout_s: float = Field(
        default=5.0, gt=0, le=120, description="Seconds to wait for a connection to come up."
    )
    retry_first_s: float = Field(
        default=1.0, gt=0, le=600, description="Seconds before the first new attempt; then doubled."
    )
    retry_longest_s: float = Field(
        default=60.0, gt=0, le=3600, description="Longest wait between two attempts, in seconds."
    )

    @model_validator(mode="after")
    def _retries_are_ordered(self) -> TcpConnectSettings:
        if self.retry_longest_s < self.retry_first_s:
            raise ValueError("retry_longest_s must not be shorter than retry_first_s")
        return self


TcpSettings = TcpListenSettings | TcpConnectSettings

TransportSettings = Annotated[
    TcpListenSettings | TcpConnectSettings | SerialSettings | Rfc2217Settings | FileDropSettings,
    Field(discriminator="type"),
]
"""Any transport's settings, told apart by `type`."""

RelaySettings = Annotated[
    TcpListenSettings | TcpConnectSettings | SerialSettings | Rfc2217Settings,
    Field(discriminator="type"),
]
"""The host's side of a relay."""

TRANSPORT_TYPES = ("tcp_listen", "tcp_connect", "serial", "rfc2217", "file_drop")
