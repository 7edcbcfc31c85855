"""What the entry point of `hl7_mllp` resolves to: its settings, its renderers, its making."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.connectors.hl7_mllp.config import Acknowledgement, Hl7MllpSettings, MessageType
from middleware.connectors.hl7_mllp.connector import Hl7MllpConnector
from middleware.delivery.connector import Connector, ConnectorFactory, Renderer
from middleware.payload.hl7_oru import Hl7Names, OruRenderer, OulRenderer


class Hl7MllpFactory:
    """Makes renderers and connectors; holds nothing."""

    name = "hl7_mllp"
    settings_model: type[BaseModel] = Hl7MllpSettings

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """ORU^R01 or OUL^R22, with the names of these settings."""
        own = cast(Hl7MllpSettings, settings)
        names = Hl7Names(
            sending_application=own.sending_application,
            sending_facility=own.sending_facility,
            receiving_application=own.receiving_application,
            receiving_facility=own.receiving_facility,
            is_enhanced=own.acknowledgement is Acknowledgement.ENHANCED,
        )
        return OruRenderer(names) if own.message is MessageType.ORU_R01 else OulRenderer(names)

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """The connector, closed."""
        return Hl7MllpConnector(connector_id, cast(Hl7MllpSettings, settings), reactor)


CONNECTOR: ConnectorFactory = Hl7MllpFactory()
