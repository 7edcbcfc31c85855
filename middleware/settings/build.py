"""Makes the Setup in force from checked settings."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from middleware.delivery.connector import ConnectorFactory
from middleware.driver.api import Driver
from middleware.errors import SettingsError
from middleware.review.people import ReviewSettings
from middleware.settings.check import DriverSource, examine
from middleware.settings.code_files import with_tables
from middleware.settings.load import Loaded
from middleware.settings.parts import ConnectorPart, Parts
from middleware.settings.problems import errors_in
from middleware.settings.qc_files import with_qc
from middleware.settings.rule_files import with_rules
from middleware.settings.schema import NodeTable
from middleware.setup import ConnectorSetup, NodeSettings, Setup


def build_setup(
    loaded: Loaded,
    catalogue: DriverSource,
    connectors: Mapping[str, ConnectorFactory],
    generation: int,
) -> Setup:
    """The setup numbered `generation`. Raises SettingsError that names every error when there is one."""
    parts = examine(loaded, catalogue, connectors)
    errors = errors_in(parts.problems)
    if errors or parts.node is None:
        raise SettingsError(
            "the settings are refused:\n" + "\n".join(f"  {error}" for error in errors),
            what_to_do="Correct each place named; `labwire check` looks again.",
        )
    text, sha256 = with_rules(with_tables(loaded, parts.line_codes), parts)
    text, sha256 = with_qc((text, sha256), parts)
    return Setup(
        generation=generation,
        node=node_settings(parts.node, loaded.path),
        lines={
            line.id: line.model_copy(update={"time_zone": line.time_zone or parts.node.time_zone})
            for _, line in parts.lines
        },
        connectors={part.table.id: _connector(part) for part in parts.connectors},
        routes=tuple(route for _, route in parts.routes),
        drivers=_drivers(parts, catalogue),
        monitor_listen=parts.monitor.address if parts.monitor is not None else None,
        source_path=loaded.path,
        source_text=text,
        source_sha256=sha256,
        codes=parts.line_codes,
        panels=parts.codes.panels if parts.codes is not None else {},
        reflexes=tuple(rule for _, rule in parts.reflexes),
        review=parts.review or ReviewSettings(),
        rules=parts.rules,
        candidate=parts.candidate,
        qc=parts.qc,
    )


def node_settings(table: NodeTable, path: Path) -> NodeSettings:
    """The `[node]` table with its folder made absolute and the password put into the URL."""
    database = table.database
    if database is not None and table.database_password is not None:
        database = _with_password(database, table.database_password.get_secret_value())
    return NodeSettings(
        name=table.name,
        environment=table.environment,
        data_dir=(path.parent / table.data_dir).absolute(),
        database=database,
        time_zone=table.time_zone,
        capture_keep_days=table.capture_keep_days,
        orders_keep_days=table.orders_keep_days,
        orders_delete_after_days=table.orders_delete_after_days,
    )


def _with_password(url: str, password: str) -> str:
    parts = urllib.parse.urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    quoted = urllib.parse.quote(password, safe="")
    return urllib.parse.urlunsplit(parts._replace(netloc=f"{user}:{quoted}@{host}"))


def _connector(part: ConnectorPart) -> ConnectorSetup:
    table, factory, settings = part.table, part.factory, part.settings
    if factory is None or settings is None:
        raise SettingsError(f"the connector {table.id} has mistakes", what_to_do="Correct them.")
    return ConnectorSetup(
        id=table.id,
        type=table.type,
        lanes=table.lanes,
        window=table.window,
        alert_after_s=table.alert_after_s,
        settings=settings,
        renderer=factory.make_renderer(settings),
        factory=factory,
    )


def _drivers(parts: Parts, catalogue: DriverSource) -> dict[str, Driver]:
    return {name: catalogue.driver(name) for name in {line.driver for _, line in parts.lines}}
