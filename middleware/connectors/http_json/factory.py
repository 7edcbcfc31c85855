"""What the entry point of `http_json` resolves to: its settings, its renderer, its making."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.connectors.http_json.config import HttpJsonSettings
from middleware.connectors.http_json.connector import HttpJsonConnector
from middleware.delivery.connector import Connector, ConnectorFactory, Renderer
from middleware.payload.json_results import JsonRenderer


class HttpJsonFactory:
    """Makes renderers and connectors; holds nothing."""

    name = "http_json"
    settings_model: type[BaseModel] = HttpJsonSettings

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """The documented JSON; nothing of it depends on the settings."""
        return JsonRenderer()

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """The connector, closed."""
        return HttpJsonConnector(connector_id, cast(HttpJsonSettings, settings), reactor)


CONNECTOR: ConnectorFactory = HttpJsonFactory()
