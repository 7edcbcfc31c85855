"""What the entry point of `fhir` resolves to: its settings, its renderer, its making."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.connectors.fhir.config import FhirSettings
from middleware.connectors.fhir.connector import FhirConnector
from middleware.delivery.connector import Connector, ConnectorFactory, Renderer
from middleware.payload.fhir_bundle import FhirRenderer


class FhirFactory:
    """Makes renderers and connectors; holds nothing."""

    name = "fhir"
    settings_model: type[BaseModel] = FhirSettings

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """Transactions with the names of these settings."""
        return FhirRenderer(cast(FhirSettings, settings).names)

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """The connector, closed."""
        return FhirConnector(connector_id, cast(FhirSettings, settings), reactor)


CONNECTOR: ConnectorFactory = FhirFactory()
