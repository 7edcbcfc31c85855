"""What the entry point of `file_drop` resolves to: its settings, its renderers, its making."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.connectors.file_drop.config import FileDropSettings, MessageType
from middleware.connectors.file_drop.connector import FileDropConnector
from middleware.delivery.connector import Connector, ConnectorFactory, Renderer
from middleware.payload.hl7_header import Hl7Names
from middleware.payload.hl7_oru import OruRenderer, OulRenderer
from middleware.payload.json_results import JsonRenderer
from middleware.payload.lis2_results import Lis2Names, Lis2Renderer


class FileDropFactory:
    """Makes renderers and connectors; holds nothing."""

    name = "file_drop"
    settings_model: type[BaseModel] = FileDropSettings

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """As `message` says, with the names of these settings; nobody answers, so nothing is asked for."""
        own = cast(FileDropSettings, settings)
        if own.message is MessageType.JSON:
            return JsonRenderer()
        if own.message is MessageType.LIS2:
            return Lis2Renderer(Lis2Names(own.sending_application, own.receiving_application))
        names = Hl7Names(
            sending_application=own.sending_application,
            sending_facility=own.sending_facility,
            receiving_application=own.receiving_application,
            receiving_facility=own.receiving_facility,
            is_enhanced=False,
        )
        return OruRenderer(names) if own.message is MessageType.ORU_R01 else OulRenderer(names)

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """The connector, closed."""
        return FileDropConnector(connector_id, cast(FileDropSettings, settings), reactor)


CONNECTOR: ConnectorFactory = FileDropFactory()
