"""Settings files of invented laboratories, with a driver and a connector type of the tests' own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from middleware.driver.api import NO_CONTEXT, LinkContext
from middleware.driver.catalogue import BrokenDriver
from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import Envelope, MessageKind
from middleware.settings.check import check
from middleware.settings.load import Loaded, load_text
from middleware.settings.problems import Problem

PLACE = Path("lab") / "labwire.toml"

GOOD = """\
[node]
name = "core-lab"
environment = "test"
data_dir = "var"
time_zone = "Europe/Berlin"

[[line]]
id = "chem-1"
driver = "plain"
release = "auto"
transport = { type = "tcp_listen", port = 4010 }

[[line]]
id = "haem-1"
driver = "plain"
release = "to_lis_unverified"
time_zone = "UTC"

[line.transport]
type = "tcp_connect"
host = "10.1.2.3"
port = 4000

[[connector]]
id = "lis"
type = "mail_pigeon"
loft = "north"

[[route]]
to = ["lis"]

[monitor]
listen = "127.0.0.1:9464"
"""


class PigeonSettings(BaseModel):
    """The settings of a connector type that only tests know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loft: str = Field(description="Where the pigeons start.")
    speed: int = Field(default=3, ge=1, le=9, description="How fast they fly.")
    ring: SecretStr | None = Field(default=None, description="What is written on the ring.")


class PigeonRenderer:
    """Renders nothing; settings need only that it exists."""

    format = "pigeon"

    def render(self, specimen: Any, context: Any) -> bytes:
        return b""


@dataclass(frozen=True)
class Pigeons:
    """A connector type as an entry point would give it."""

    name: str = "mail_pigeon"
    settings_model: type[BaseModel] = PigeonSettings

    def make_renderer(self, settings: BaseModel) -> PigeonRenderer:
        return PigeonRenderer()

    def make(self, connector_id: str, settings: BaseModel, reactor: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class PlainDriver:
    """A driver that refuses every link option but `quirks`, and every quirk but one."""

    profile: Profile

    def make_link(self, options: Mapping[str, object], _context: LinkContext = NO_CONTEXT) -> Any:
        for key in options:
            if key != "quirks":
                raise DriverError(f"unknown link option {key}", what_to_do="known: quirks")
        for quirk in options.get("quirks", ()):  # type: ignore[attr-defined]
            if quirk != "nul_in_text":
                raise DriverError(f"unknown quirk {quirk}", what_to_do="did you mean nul_in_text?")
        return None

    def kind(self, text: bytes) -> MessageKind:
        return MessageKind.OTHER

    def decode(self, text: bytes, context: Any) -> Envelope:
        return Envelope()


def profile(driver_id: str, tcp: Literal["listen", "connect", "either"] = "either") -> Profile:
    """The smallest profile."""
    return Profile.model_validate(
        {
            "driver": {
                "id": driver_id,
                "name": f"Invented {driver_id}",
                "protocol": "lis2",
                "roles": ["results"],
                "manual": "none",
                "tier": "drafted",
            },
            "transport": {"tcp": tcp},
            "specimen": {"sample_id": "O-3"},
            "result": {"test_code": "R-3", "value": "R-4"},
        }
    )


@dataclass
class Drivers:
    """A catalogue with two drivers: one for any transport, one for an analyzer that only connects."""

    known: Sequence[Profile] = field(
        default_factory=lambda: (profile("plain"), profile("calls_us", "listen"))
    )
    broken: Sequence[BrokenDriver] = ()

    def profiles(self) -> Iterable[Profile]:
        return self.known

    def driver(self, driver_id: str) -> PlainDriver:
        for one in self.known:
            if one.id == driver_id:
                return PlainDriver(one)
        raise DriverError(f"there is no driver {driver_id}", what_to_do="known: plain, calls_us")


CONNECTORS = {"mail_pigeon": Pigeons()}


def loaded(text: str, environment: Mapping[str, str] | None = None, path: Path = PLACE) -> Loaded:
    """A settings text as if it had been read from `path`."""
    return load_text(text, path, environment or {})


def problems_of(
    text: str, environment: Mapping[str, str] | None = None, path: Path = PLACE
) -> list[Problem]:
    """What `labwire check` would say of it."""
    return check(loaded(text, environment, path), Drivers(), CONNECTORS)
