"""Setup: the immutable, validated, numbered snapshot of all settings in force.

A setup is built by `middleware.settings`, read by everything that runs, and never changed: another
set of settings is another setup with the next generation (DESIGN 5.5). Verdicts and journal rows
name the generation that decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel

from middleware.delivery.connector import ConnectorFactory, Renderer
from middleware.driver.api import Driver
from middleware.line.settings import LineSettings
from middleware.review.people import ReviewSettings
from middleware.review.quality import SiteQc
from middleware.review.reflex import ReflexRule
from middleware.routing.codes import LineCodes
from middleware.routing.rules import Route
from middleware.rules.book import RuleBook
from middleware.rules.criteria import Index
from middleware.rules.rule_set import RuleSet


class Environment(StrEnum):
    """What the node's results are worth. Never mixed: another environment's connectors are not to
    be used.
    """

    PRODUCTION = "production"
    TEST = "test"
    TRAINING = "training"


# HL7 2.5.1 table 0103 (MSH-11): production, debugging, training.
_PROCESSING_IDS = {
    Environment.PRODUCTION: "P",
    Environment.TEST: "D",
    Environment.TRAINING: "T",
}


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The `[node]` table. `database` is a whole URL, password included, or None for SQLite in
    `data_dir`.
    """

    name: str
    environment: Environment
    data_dir: Path
    database: str | None = field(default=None, repr=False)  # may hold a password
    time_zone: str = "UTC"
    capture_keep_days: int = 7
    orders_keep_days: int = 30
    orders_delete_after_days: int = 400

    @property
    def processing_id(self) -> str:
        """MSH-11 of what this node sends."""
        return _PROCESSING_IDS[self.environment]


@dataclass(frozen=True, slots=True)
class ConnectorSetup:
    """One `[[connector]]`, ready to be made. `alert_after_s`: a waiting message older than this is
    a warning.
    """

    id: str
    type: str
    lanes: int
    window: int
    alert_after_s: float
    settings: BaseModel
    renderer: Renderer
    factory: ConnectorFactory


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The rules of one file and of those that it includes, compiled. `texts` are the files by name, as they were read;
    `indices` says which test codes are serum indices.
    """

    rule_set: RuleSet
    book: RuleBook
    texts: Mapping[str, str]
    indices: Mapping[str, Index]


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address of ours; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Setup:
    """All settings in force.

    `drivers` is keyed by driver id and has every driver that a line names. The time zone of each
    line is filled in from the node's. No route means every result goes to every connector.
    `source_text` is the settings file as it was read, with secrets as references, and after it, as remarks, the tables
    of test codes and the files of rules. `codes` has the table of each line that has one,
    `panels` the tests of each panel of the LIS. `rules` are in force; those of `candidate` are tried without effect.
    """

    generation: int
    node: NodeSettings
    lines: Mapping[str, LineSettings]
    connectors: Mapping[str, ConnectorSetup]
    routes: tuple[Route, ...]
    drivers: Mapping[str, Driver]
    monitor_listen: ListenAddress | None
    source_path: Path
    source_text: str
    source_sha256: str
    codes: Mapping[str, LineCodes] = field(default_factory=dict)
    panels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reflexes: tuple[ReflexRule, ...] = ()
    review: ReviewSettings = field(default_factory=ReviewSettings)
    rules: SiteRules | None = None
    candidate: SiteRules | None = None
    qc: SiteQc | None = None

    def driver_of(self, line: str) -> Driver:
        """The driver of a line; KeyError when this setup has no such line."""
        return self.drivers[self.lines[line].driver]
