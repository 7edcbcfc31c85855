"""What the entry point of `lis2_host` resolves to: its settings, its renderer, its making."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.connectors.lis2_host.config import Lis2HostSettings, PlacerField
from middleware.connectors.lis2_host.connector import Lis2HostConnector
from middleware.delivery.connector import Connector, ConnectorFactory, Renderer
from middleware.payload.lis2_results import Lis2Names, Lis2Renderer


class Lis2HostFactory:
    """Makes renderers and connectors; holds nothing."""

    name = "lis2_host"
    settings_model: type[BaseModel] = Lis2HostSettings

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """LIS2 records, with the names of these settings."""
        own = cast(Lis2HostSettings, settings)
        patient = int(own.patient_field.value.removeprefix("P-"))
        is_said = own.placer_field is not PlacerField.NONE
        placer = int(own.placer_field.value.removeprefix("O-")) if is_said else 0
        return Lis2Renderer(Lis2Names(own.sender, own.receiver, patient, placer))

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """The connector, closed."""
        return Lis2HostConnector(connector_id, cast(Lis2HostSettings, settings), reactor)


CONNECTOR: ConnectorFactory = Lis2HostFactory()
