"""What a connector is: it delivers rendered outbox messages to one external system and says how that went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime

from middleware.model import Outcome
from middleware.payload.outgoing import OutgoingSpecimen, RenderContext


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One outbox row as a connector sees it: its number, its stable control id and the rendered bytes."""

    number: int
    control_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """For status pages: state in words, since when nothing worked (monotonic, None: works), and the last trouble."""

    state: str
    peer: str
    last_error: str = ""


class Connector(Protocol):
    """Delivers to one external system. `open` may be called again after `close`; `close` is idempotent."""

    async def open(self) -> None:
        """Start; does not wait for the peer to be there."""
        ...

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Deliver in order; return one outcome per message that was tried, in order.

        Fewer outcomes than messages means the rest was not tried (an earlier one was deferred).
        Never raises for trouble
        with the peer: that is a DEFERRED outcome with its code and text.
        """
        ...

    async def probe(self) -> Outcome:
        """Try the peer without sending a result (connect only)."""
        ...

    async def close(self) -> None:
        """Stop; in-flight messages end as DEFERRED `closed`."""
        ...

    def status(self) -> ConnectorStatus:
        """How the connection stands now."""
        ...


class Renderer(Protocol):
    """Renders one outgoing message in the format of one connector; pure, called inside the processing transaction."""

    @property
    def format(self) -> str:
        """The outbox's `format`, for example "hl7_oru_r01"."""
        ...

    def render(self, specimen: OutgoingSpecimen, context: RenderContext) -> bytes:
        """The bytes to send. Same arguments, same bytes."""
        ...


class ConnectorFactory(Protocol):
    """What an entry point of `labwire.connectors` resolves to."""

    @property
    def name(self) -> str:
        """The `type` in the settings, for example "hl7_mllp"."""
        ...

    @property
    def settings_model(self) -> type[BaseModel]:
        """The pydantic model of the connector's own settings (beside id and type)."""
        ...

    def make_renderer(self, settings: BaseModel) -> Renderer:
        """The renderer for a connector with these settings."""
        ...

    def make(self, connector_id: str, settings: BaseModel, reactor: IReactorTime) -> Connector:
        """Build the connector; no effects until `open`."""
        ...
