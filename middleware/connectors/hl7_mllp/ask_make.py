"""Makes what asks a LIS for orders, as a connector's settings say."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from middleware.connectors.hl7_mllp.ask import MOST_SENT, Asker, AskRules
from middleware.connectors.hl7_mllp.ask_settings import AskSettings
from middleware.connectors.hl7_mllp.ask_way import AskWay, OwnWay, SharedWay
from middleware.connectors.hl7_mllp.config import Hl7MllpSettings
from middleware.connectors.hl7_mllp.orders import OrderDesk
from middleware.payload.hl7_query import QuestionForm
from middleware.transport.settings import TcpConnectSettings
from middleware.wire.mllp import MllpLinkOptions


def make_asker(
    connector_id: str,
    settings: Hl7MllpSettings,
    reactor: IReactorTime,
    desk: OrderDesk,
    shared: SharedWay,
) -> Asker | None:
    """What asks; None where the LIS is not asked. `shared` is the connection of results."""
    ask = settings.ask
    if ask is None:
        return None
    way: AskWay = shared if ask.port is None else _own_way(connector_id, settings, ask, reactor)
    rules = AskRules(
        form=QuestionForm(ask.query, ask.sample_id_field),
        names=settings.hl7_names,
        sample_id=ask.sample_id,
        orders=ask,
        orders_follow=ask.orders_follow,
        at_once=ask.at_once,
    )
    asker = Asker(connector_id, rules, way, reactor, desk)
    way.owner = asker
    return asker


def _own_way(
    connector_id: str, settings: Hl7MllpSettings, ask: AskSettings, reactor: IReactorTime
) -> OwnWay:
    if ask.port is None:
        raise ValueError("a connection of its own needs a port")
    place = TcpConnectSettings(
        type="tcp_connect",
        host=ask.host or settings.host,
        port=ask.port,
        connect_timeout_s=settings.connect_timeout_s,
        retry_longest_s=settings.reconnect_max_s,
        tls=settings.tls,
    )
    options = MllpLinkOptions(ack_timeout_s=settings.ack_timeout_s, in_flight=MOST_SENT)
    return OwnWay(connector_id, place, options, reactor)
