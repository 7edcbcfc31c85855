"""The connection on which a LIS is asked: one of its own, or the one that carries results."""

from __future__ import annotations

import random
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.settings import TcpConnectSettings
from middleware.transport.shim import Shim
from middleware.transport.tcp import TcpDialler
from middleware.transport.tls_gauge import gauge_peer
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered
from middleware.wire.mllp import MllpLink, MllpLinkOptions

_NOT_YET = "not connected yet"


class AskOwner(Protocol):
    """Who hears what becomes of questions; called on the reactor's thread."""

    def answered(self, send_id: int, reply: bytes) -> None:
        """The LIS answered (MSA-2 was compared)."""
        ...

    def not_answered(self, send_id: int, reason: str) -> None:
        """No answer will come any more; `reason` is the link's."""
        ...

    def gone(self) -> None:
        """The connection ended."""
        ...


class AskWay(Protocol):
    """Carries questions."""

    owner: AskOwner | None

    @property
    def is_open(self) -> bool:
        """The LIS is connected."""
        ...

    @property
    def trouble(self) -> str:
        """Why it is not, for people."""
        ...

    @property
    def words(self) -> str:
        """Where it asks and how that stands, for status pages."""
        ...

    def send(self, text: bytes) -> int:
        """Queue a question; its number comes back with the answer. Raises LocalProtocolError."""
        ...

    def start(self) -> None:
        """Dial, where the connection is its own."""
        ...

    async def stop(self) -> None:
        """Hang up, where the connection is its own."""
        ...


class SharedWay:
    """Questions go out between the results, on the connector's one connection, of which the connector tells."""

    def __init__(self, peer: str) -> None:
        self.owner: AskOwner | None = None
        self.trouble = "the connection of results is down"
        self._peer = peer
        self._shim: Shim | None = None

    @property
    def is_open(self) -> bool:
        """The LIS is connected."""
        return self._shim is not None and self._shim.is_open

    @property
    def words(self) -> str:
        """For status pages."""
        return f"asked at {self._peer}, on the connection of results"

    def send(self, text: bytes) -> int:
        """Queue a question behind what is under way."""
        if self._shim is None:
            raise ConnectionError(self.trouble)
        return self._shim.send_message(text)

    def start(self) -> None:
        """The connector dials."""

    async def stop(self) -> None:
        """The connector hangs up."""

    # -- what the connector tells -----------------------------------------------------------------

    def opened(self, shim: Shim) -> None:
        """Connected."""
        self._shim = shim

    def closed(self) -> None:
        """The connection ended, after its link's last events."""
        self._shim = None
        if self.owner is not None:
            self.owner.gone()

    def heard(self, event: MessageDelivered | MessageNotDelivered) -> None:
        """What became of a message that is no result."""
        if self.owner is None:
            return
        if isinstance(event, MessageDelivered):
            self.owner.answered(event.send_id, event.reply)
        else:
            self.owner.not_answered(event.send_id, event.reason)


class OwnWay:
    """I am responsible for a connection to the LIS that carries nothing but questions."""

    def __init__(
        self,
        connector_id: str,
        settings: TcpConnectSettings,
        options: MllpLinkOptions,
        reactor: IReactorTime,
    ) -> None:
        self.owner: AskOwner | None = None
        self._connector_id = connector_id
        self._options = options
        self._reactor = reactor
        # The jitter of waits is no secret; the simulation replaces the module's generator by seeding it.
        self._dialler = TcpDialler(settings, reactor, self, random.random)
        self._shim: Shim | None = None
        self.trouble = _NOT_YET

    @property
    def is_open(self) -> bool:
        """The LIS is connected."""
        return self._shim is not None and self._shim.is_open

    @property
    def words(self) -> str:
        """For status pages."""
        more = "" if self.is_open else f"; {self.trouble}"
        return f"asked at {self._dialler.address}: {self._dialler.state.value}{more}"

    def send(self, text: bytes) -> int:
        """Queue a question; the caller has looked whether it is open."""
        if self._shim is None:
            raise ConnectionError(self.trouble)
        return self._shim.send_message(text)

    def start(self) -> None:
        """Dial, again and again."""
        self._dialler.start()

    async def stop(self) -> None:
        """Hang up."""
        await self._dialler.stop()

    # -- TransportOwner and ShimOwner -------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A shim with a fresh link."""
        link = MllpLink(self._options)
        link.set_accepting(False)  # orders come on the port of `orders`
        return Shim(link, self._reactor, self, peer)

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """Dialling, waiting, open …"""
        if state is TransportState.WAITING:
            self.trouble = detail

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """Why TLS refused it is shown."""
        if outcome is ConnectionOutcome.REFUSED_TLS:
            self.trouble = f"{peer} was refused: {detail}"

    def connection_opened(self, shim: Shim) -> None:
        """Connected."""
        self._shim = shim
        gauge_peer(shim, connector=self._connector_id)

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Answers, or the lack of them."""
        is_mute = False
        for event in events:
            if self.owner is None:
                continue
            if isinstance(event, MessageDelivered):
                self.owner.answered(event.send_id, event.reply)
            elif isinstance(event, MessageNotDelivered):
                self.owner.not_answered(event.send_id, event.reason)
                is_mute = is_mute or event.reason == "no_reply"
        if is_mute:
            shim.abort("the LIS did not answer in time")

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """Its link has told what was under way."""
        if self._shim is shim:
            self._shim = None
            self.trouble = f"the LIS is gone: {reason}"
            if self.owner is not None:
                self.owner.gone()

    def link_failed(self, shim: Shim, error: Exception) -> None:
        """A fault of our own link; the connection ends."""
        self.trouble = f"{type(error).__name__}: {error}"
