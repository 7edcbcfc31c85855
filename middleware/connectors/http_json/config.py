"""The settings of one connector that speaks JSON over HTTP."""

from __future__ import annotations

import ipaddress

from pydantic import Field, SecretStr, field_validator, model_validator

from middleware.connectors.http_settings import HttpTarget, long_enough
from middleware.connectors.order_settings import OrderRules
from middleware.transport.settings import LOOPBACK
from middleware.transport.tls_settings import TlsSettings


class OrdersDoor(OrderRules):
    """`orders` of a connector: the system also posts orders, to a port of ours."""

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
    token: SecretStr | None = Field(
        default=None,
        description="What the system sends as `Authorization: Bearer`. A token or a secret must be set.",
    )
    secret: SecretStr | None = Field(
        default=None, description="With what the system signs its requests, as we sign ours."
    )

    _secrets_are_long = field_validator("token", "secret")(long_enough)

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

    @model_validator(mode="after")
    def _nobody_orders_unproved(self) -> OrdersDoor:
        if self.token is None and self.secret is None:
            raise ValueError("set token or secret: nobody may order without one")
        return self


class HttpJsonSettings(HttpTarget):
    """What a `[[connector]]` of type `http_json` says beside `id` and `type`."""

    secret: SecretStr = Field(
        description="With what each request is signed (HMAC-SHA256); at least 16 characters."
    )
    token: SecretStr | None = Field(
        default=None, description="What the LIS wants as `Authorization: Bearer`; none: nothing."
    )
    orders: OrdersDoor | None = Field(
        default=None,
        description="The LIS also posts orders: where Labwire listens, as { port = 8443, token = { env = ... } }.",
    )

    _secrets_are_long = field_validator("secret", "token")(long_enough)
