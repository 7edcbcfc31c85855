"""What every connector that posts over HTTP is told: where to, how long to wait, and whom to trust."""

from __future__ import annotations

import urllib.parse

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from middleware.transport.tls_settings import TlsSettings

SHORTEST_SECRET = 16
"""Characters; what is shorter can be guessed."""


def long_enough(value: SecretStr | None) -> SecretStr | None:
    """For validators of secrets. Raises ValueError."""
    if value is not None and len(value.get_secret_value()) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} characters")
    return value


class HttpTarget(BaseModel):
    """The other end of an HTTP connector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        description="Where results are posted, as https://lis.example/results; http only where nobody listens."
    )
    connect_timeout_s: float = Field(
        default=5.0, gt=0, le=120, description="Seconds to wait for a connection to the LIS."
    )
    timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds to wait for the whole answer before the same document is sent again.",
    )
    tls: TlsSettings | None = Field(
        default=None,
        description="For https: whom we trust and, if the LIS asks for it, our certificate.",
    )

    @field_validator("url")
    @classmethod
    def _url_can_be_used(cls, value: str) -> str:
        parts = urllib.parse.urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write http://host/path or https://host/path")
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("a URL has no blanks and no letters beyond ASCII")
        if parts.username or parts.password or parts.fragment:
            raise ValueError("no user, password or fragment stands in the URL")
        _ = parts.port  # raises ValueError when it is none
        return value

    @model_validator(mode="after")
    def _https_has_its_table(self) -> HttpTarget:
        is_secured = self.url.startswith("https:")
        if is_secured and self.tls is None:
            raise ValueError("https needs a tls table that says whom to trust")
        if not is_secured and self.tls is not None:
            raise ValueError("tls is for https; the url says http")
        return self
