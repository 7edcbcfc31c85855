"""The settings of one connector that speaks FHIR."""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, field_validator, model_validator

from middleware.connectors.http_settings import HttpTarget, long_enough
from middleware.payload.fhir_value import FhirNames

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")  # RFC 3986 3, and no blanks


def _is_uri(value: str) -> str:
    if not _URI.fullmatch(value) or not value.isascii():
        raise ValueError(f"{value!r} is no URI; write https://..., urn:oid:... or the like")
    return value


class FhirSettings(HttpTarget):
    """What a `[[connector]]` of type `fhir` says beside `id` and `type`."""

    system: str = Field(
        description="A URI of the laboratory's own, under which its names stand (`<system>/results` and others). "
        "Never change it: the server knows our resources by it.",
    )
    token: SecretStr | None = Field(
        default=None, description="What the server wants as `Authorization: Bearer`; none: nothing."
    )
    user: str = Field(
        default="",
        pattern=r"^[^:\x00-\x1f]*$",
        description="Name for `Authorization: Basic`; with `password`, in place of `token`.",
    )
    password: SecretStr | None = Field(default=None, description="Of `user`.")
    patient_system: str = Field(
        default="", description="URI of patient ids that come without an authority; empty: none."
    )
    order_system: str = Field(
        default="", description="URI of the orders' own numbers; empty: `<system>/orders`."
    )
    systems: dict[str, str] = Field(
        default_factory=dict,
        description="URIs of authorities and coding systems, by the names that orders, tables and analyzers use.",
    )

    _token_is_long = field_validator("token")(long_enough)

    @field_validator("system", "patient_system", "order_system")
    @classmethod
    def _systems_are_uris(cls, value: str) -> str:
        return _is_uri(value).rstrip("/") if value else value

    @field_validator("system")
    @classmethod
    def _system_is_said(cls, value: str) -> str:
        if not value:
            raise ValueError("write a URI of the laboratory's own, as https://lab.example/labwire")
        return value

    @field_validator("systems")
    @classmethod
    def _all_are_uris(cls, value: dict[str, str]) -> dict[str, str]:
        return {name: _is_uri(uri) for name, uri in value.items()}

    @model_validator(mode="after")
    def _one_way_to_prove_us(self) -> FhirSettings:
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password belong together")
        if self.user and self.token is not None:
            raise ValueError("token, or user and password: not both")
        return self

    @property
    def names(self) -> FhirNames:
        """The site's names."""
        return FhirNames(self.system, self.patient_system, self.order_system, self.systems)
