"""The settings of TLS on a TCP line or connector: our certificate, whom we trust, and which keys we expect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_PIN = re.compile(r"^sha256:[0-9a-f]{64}$")


class TlsSettings(BaseModel):
    """TLS of at least version 1.2, with both ends proved unless a setting says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path | None = Field(
        default=None,
        description="PEM file with our certificate and the chain above it; needed to listen. Relative to this file.",
    )
    key: Path | None = Field(default=None, description="PEM file with our private key.")
    peers: Path | None = Field(
        default=None,
        description="PEM file with the certificates of the authorities (or peers) that we trust; needed.",
    )
    pins: tuple[str, ...] = Field(
        default=(),
        description="Public keys that the peer may have, as sha256: and 64 hex digits; several while one is renewed.",
    )
    peer_name: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9_:][A-Za-z0-9_.:-]{0,252})?$",
        description="Name that the peer's certificate must carry; if empty, `host` when we connect and have no `pins`.",
    )
    client_certificate: Literal["required", "not_asked"] = Field(
        default="required",
        description="Whether a peer that connects to us must have a certificate; `not_asked` only encrypts.",
    )
    lowest_version: Literal["1.2", "1.3"] = Field(
        default="1.2", description="Lowest version of TLS that is spoken."
    )

    @field_validator("pins")
    @classmethod
    def _pins_are_digests(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pin in value:
            if not _PIN.match(pin):
                raise ValueError("write a pin as sha256: and 64 lower-case hex digits")
        return value

    @model_validator(mode="after")
    def _certificate_and_key_come_together(self) -> TlsSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        return self
