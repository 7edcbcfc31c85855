"""What the entry point of `hl7_mllp` resolves to: its settings, its renderers, its making."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.connectors.hl7_mllp.config import (
    Hl7MllpSettings,
    MessageType,
    OrderStatusMessage,
)
from middleware.connectors.hl7_mllp.connector import Hl7MllpConnector
from middleware.delivery.connector import Connector, ConnectorFactory, Renderer
from middleware.payload.hl7_order_status import OrmStatusRenderer
from middleware.payload.hl7_oru import OruRenderer, OulRenderer
from middleware.payload.order_status import OrderStatusRenderer


class Hl7MllpFactory:
    """Makes renderers and connectors; holds nothing."""

    name = "hl7_mllp"
    settings_model: type[BaseModel] = Hl7MllpSettings

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """ORU^R01 or OUL^R22, with the names of these settings."""
        own = cast(Hl7MllpSettings, settings)
        names = own.hl7_names
        return OruRenderer(names) if own.message is MessageType.ORU_R01 else OulRenderer(names)

    def make_status_renderer(self, settings: BaseModel) -> OrderStatusRenderer | None:
        """ORM^O01 with ORC-1 SC, where the LIS wants it."""
        own = cast(Hl7MllpSettings, settings)
        if own.order_status is OrderStatusMessage.OFF or own.order_source is None:
            return None
        return OrmStatusRenderer(own.hl7_names, own.order_source)

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """The connector, closed."""
        return Hl7MllpConnector(connector_id, cast(Hl7MllpSettings, settings), reactor)


CONNECTOR: ConnectorFactory = Hl7MllpFactory()
