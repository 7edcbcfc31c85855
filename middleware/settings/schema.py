"""The shell of a settings file: the tables that belong to no other package, and what one file may
hold.

Each package owns the model of its own part (`line.settings`, `transport.settings`, `routing.rules`,
a connector's own).
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from middleware.line.settings import LineSettings
from middleware.review.people import ReviewSettings
from middleware.review.reflex import ReflexRule
from middleware.routing.codes import UnmappedRule
from middleware.routing.rules import Route
from middleware.rules.criteria import Index
from middleware.setup import Environment, ListenAddress

MIN_KEY_LENGTH = 16
"""Characters of a key that reports are signed with."""
WORD_ID = r"^[a-z0-9][a-z0-9_-]{0,39}$"
MOST_LANES = 64
WIDEST_WINDOW = 256
MOST_LINES = 512
"""A bound of the table, so that a mistake of a generator cannot start ten thousand listeners."""


class NodeTable(BaseModel):
    """`[node]`: this installation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        default="labwire",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}$",
        description="Name of this node, as messages, logs and pages show it.",
    )
    environment: Environment = Field(
        description=(
            "`production`, `test` or `training`: what the results are worth. Sent to the LIS in MSH-11; no default, "
            "because a guess would be wrong for somebody."
        ),
    )
    data_dir: Path = Field(
        default=Path("var"),
        description="Folder for the SQLite database, the lock and the control socket; relative to this file.",
    )
    database: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9+]+://",
        description=(
            "URL of a PostgreSQL database, as postgresql+psycopg://labwire@db1/labwire, without its password; "
            "else SQLite in `data_dir`."
        ),
    )
    database_password: SecretStr | None = Field(
        default=None,
        description='Password of `database`, as { env = "NAME" } or { file = "path" }.',
    )
    time_zone: str = Field(
        default="UTC",
        description="Zone of lines that name none, and of times sent to the LIS; as Europe/Berlin.",
    )
    capture_keep_days: int = Field(
        default=7,
        ge=1,
        le=90,
        description="Captures of lines hold patient data; they are deleted after so many days.",
    )
    orders_keep_days: int = Field(
        default=30,
        ge=1,
        le=3660,
        description="Days after which an ordered test without a result expires: no analyzer is given it any more.",
    )
    orders_delete_after_days: int = Field(
        default=400,
        ge=1,
        le=36600,
        description=(
            "Days after which a tube on which nothing is open is deleted with its orders and their history; its "
            "results stay."
        ),
    )

    @field_validator("time_zone")
    @classmethod
    def _time_zone_is_known(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {value!r}; write it as Europe/Berlin") from error
        return value


class ConnectorTable(BaseModel):
    """`[[connector]]`: what every type has; the rest belongs to the type and is checked by it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = Field(
        pattern=WORD_ID,
        description="Name of the connector: lower-case letters, digits, - and _; never changes.",
    )
    type: str = Field(min_length=1, description="What it speaks, as `hl7_mllp`.")
    lanes: int = Field(
        default=1,
        ge=1,
        le=MOST_LANES,
        description=(
            "Ordered queues side by side. 1 keeps the order of each line; more keep only the order of each specimen. "
            "A change counts from the first start with nothing waiting."
        ),
    )
    window: int = Field(
        default=16,
        ge=1,
        le=WIDEST_WINDOW,
        description="Most messages of a lane on their way at once; never two of one specimen.",
    )
    alert_after_s: float = Field(
        default=900.0,
        gt=0,
        le=30 * 86400,
        description="A message that waits longer than this, in seconds, is a warning and an alert.",
    )


class MonitorTable(BaseModel):
    """`[monitor]`: what machines ask, /metrics /healthz /readyz."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str = Field(
        default="127.0.0.1:9464",
        description='Address and port; "off" for none. It has no password: keep it on loopback or behind a firewall.',
    )

    @field_validator("listen")
    @classmethod
    def _listen_is_an_address(cls, value: str) -> str:
        listen_address(value)
        return value

    @property
    def address(self) -> ListenAddress | None:
        """Where to listen; None for "off"."""
        return listen_address(self.listen)


MOST_TESTS_OF_A_PANEL = 100


class CodesTable(BaseModel):
    """`[codes]`: the table of test codes for every line that names none of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: Path | None = Field(
        default=None,
        description="The table, a CSV file (see below); relative to this file.",
    )
    unmapped: UnmappedRule = Field(
        default=UnmappedRule.HOLD,
        description="What becomes of results that no row of a table fits: held, or sent under the analyzer's own code.",
    )
    panels: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description=(
            'Codes that order several tests at once, as { BMP = ["NA", "K"] }, all as the LIS calls them: each test is '
            "ordered, cancelled and reported by itself."
        ),
    )

    @field_validator("panels")
    @classmethod
    def _panels_are_of_tests(
        cls, value: Mapping[str, tuple[str, ...]]
    ) -> Mapping[str, tuple[str, ...]]:
        for name, tests in value.items():
            if not name or not tests or not all(tests) or len(set(tests)) < len(tests):
                raise ValueError(f"the panel {name!r} must name tests, each once")
            if len(tests) > MOST_TESTS_OF_A_PANEL:
                raise ValueError(f"the panel {name!r} has more than {MOST_TESTS_OF_A_PANEL} tests")
            inner = next((one for one in tests if one in value), None)
            if inner is not None:
                raise ValueError(f"the panel {name!r} names the panel {inner!r}; name its tests")
        return value


class RulesTable(BaseModel):
    """`[rules]`: when a result may go without a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path | None = Field(
        default=None,
        description="The rules in force, a TOML file (`middleware/rules/README.md`); relative to this file.",
    )
    candidate: Path | None = Field(
        default=None,
        description="Rules that are tried beside those in force, without effect; `labwire rules shadow` lists what "
        "would be different.",
    )
    cases: Path | None = Field(
        default=None,
        description="The laboratory's own cases; `labwire rules test` judges them beside the generated ones.",
    )
    signing_key: SecretStr | None = Field(
        default=None,
        min_length=MIN_KEY_LENGTH,
        description='What reports are signed with, as { env = "NAME" } or { file = "path" }.',
    )
    indices: Mapping[Index, tuple[str, ...]] = Field(
        default_factory=dict,
        description='Which tests are serum indices, as { haemolysis = ["H"] }: codes of the LIS, or the analyzer\'s.',
    )


class QcTable(BaseModel):
    """`[qc]`: quality control that gates release."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path | None = Field(
        default=None,
        description="Controls, lots, targets, rules and gates, a TOML file (see below); relative to this file.",
    )


_LISTEN = re.compile(r"^(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[^:\s]+)):(?P<port>\d{1,5})$")


def listen_address(text: str) -> ListenAddress | None:
    """ "127.0.0.1:9464" or "[::1]:9464"; None for "off". Raises ValueError."""
    if text == "off":
        return None
    found = _LISTEN.match(text)
    if found is None or int(found["port"]) > 65535:  # noqa: PLR2004
        raise ValueError('write an address and a port, as "127.0.0.1:9464", or "off"')
    return ListenAddress(found["v6"] or found["host"], int(found["port"]))


TABLES: Mapping[str, type[BaseModel]] = {
    "node": NodeTable,
    "monitor": MonitorTable,
    "codes": CodesTable,
    "rules": RulesTable,
    "qc": QcTable,
    "review": ReviewSettings,
}
"""Tables that stand once."""

ARRAYS: Mapping[str, type[BaseModel]] = {
    "line": LineSettings,
    "connector": ConnectorTable,
    "route": Route,
    "reflex": ReflexRule,
}
"""Tables that may stand several times, written with two brackets."""

LATER: Mapping[str, str] = {
    "console": "the console is not in this version",
    "include": "settings in several files are not in this version",
    "test": "tests in settings are not in this version",
}
"""Keys of the plan that this version does not know yet; the word for a person who copied them."""


def shell_keys() -> frozenset[str]:
    """The keys of a `[[connector]]` that belong to every type."""
    return frozenset(ConnectorTable.model_fields)


def own_settings(table: ConnectorTable) -> dict[str, Any]:
    """What a `[[connector]]` says for its type alone."""
    return dict(table.model_extra or {})
