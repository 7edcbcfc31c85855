"""What the entry point of `database` resolves to: its settings, its renderer, its making."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.connectors.database.config import DatabaseSettings
from middleware.connectors.database.connector import DatabaseConnector
from middleware.delivery.connector import Connector, ConnectorFactory, Renderer
from middleware.payload.flat_results import FlatRenderer


class DatabaseFactory:
    """Makes renderers and connectors; holds nothing."""

    name = "database"
    settings_model: type[BaseModel] = DatabaseSettings

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """All fields of each result; which of them are written is decided when they are."""
        return FlatRenderer()

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """The connector, closed."""
        return DatabaseConnector(connector_id, cast(DatabaseSettings, settings), reactor)


CONNECTOR: ConnectorFactory = DatabaseFactory()
