"""Sits between an analyzer and its present host: bytes pass unchanged both ways, and a shadow of ours listens.

Theory of operation. The line's transport is connected with the analyzer as ever. For each of its connections the relay
has one with the host: dialled when the analyzer is there (`tcp_connect`), or the one that is there already
(`tcp_listen`, `serial`). Bytes are handed on in the turn in which they came, whatever our store does. When one side
ends, the other is ended too, so each sees what it would see without us. What one side cannot take makes the other wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall

from middleware.line.settings import LineSettings
from middleware.transport.base import ConnectionOutcome, Transport, TransportOwner, TransportState
from middleware.transport.settings import TcpConnectSettings, TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.events import Event
from middleware.wire.link import Link
from middleware.wire.passage import PassageLink

# The analyzer waits 15 s for the first answer (LIS01-A2 6.5.2.1); before that it must know that there is no host.
HOST_WITHIN_S = 5.0
# What the analyzer says before the host is there.
MOST_WAITING_BYTES = 64 * 1024

TransportMaker = Callable[[TransportSettings, Any, TransportOwner, Callable[[], float]], Transport]


class RelayServices(Protocol):
    """What a relay needs of the line's services."""

    @property
    def reactor(self) -> Any:
        """The reactor."""
        ...

    @property
    def random(self) -> Callable[[], float]:
        """Numbers from 0 to 1."""
        ...

    @property
    def make_transport(self) -> TransportMaker:
        """Makes the host's side."""
        ...


@dataclass(frozen=True, slots=True)
class RelayParts:
    """What a relay needs. `say` tells a person where it stands; `make_transport` makes the host's side."""

    settings: TransportSettings
    reactor: Any
    random: Callable[[], float]
    make_transport: TransportMaker
    say: Callable[[str], None]


class NoRelay:
    """A line that is the analyzer's host itself: there is nothing between."""

    def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    def link_for(self, link: Link) -> Link:
        """The line's own link."""
        return link

    def analyzer_opened(self, shim: Shim) -> None:
        """Nobody to join it with."""

    def analyzer_closed(self, shim: Shim) -> None:
        """Nobody to part it from."""


def make_relay(
    settings: LineSettings, services: RelayServices, say: Callable[[str], None]
) -> Relay | NoRelay:
    """The relay of a line that has one."""
    if settings.relay is None:
        return NoRelay()
    parts = RelayParts(
        settings.relay, services.reactor, services.random, services.make_transport, say
    )
    return Relay(parts)


class Relay:
    """I am responsible that what one side says the other side hears, unchanged and at once."""

    def __init__(self, parts: RelayParts) -> None:
        self._parts = parts
        self._is_dialled = isinstance(parts.settings, TcpConnectSettings)
        self._transport: Transport | None = None
        self._analyzer: Shim | None = None
        self._host: Shim | None = None
        self._waiting = bytearray()
        self._timer: IDelayedCall | None = None
        self.bytes_to_host = 0
        self.bytes_from_host = 0

    @property
    def is_joined(self) -> bool:
        """Both sides are there."""
        return self._analyzer is not None and self._host is not None

    def start(self) -> None:
        """Open the host's side where it does not depend on the analyzer's. Raises PortTaken."""
        if not self._is_dialled:
            self._open()

    async def stop(self) -> None:
        """Close the host's side."""
        self._cancel()
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.stop()

    def link_for(self, shadow: Link) -> Link:
        """The link of a new connection with the analyzer."""
        return PassageLink(self._from_analyzer, shadow, self._host_takes_more)

    def analyzer_opened(self, shim: Shim) -> None:
        """The analyzer is there: join it with the host."""
        self._analyzer = shim
        self._waiting.clear()
        shim.on_drained = self._analyzer_drained
        if self._is_dialled:
            self._open()
        if self._host is None:
            self._timer = self._parts.reactor.callLater(HOST_WITHIN_S, self._no_host)
        else:
            self._tell()

    def analyzer_closed(self, shim: Shim) -> None:
        """The analyzer is gone: end the host's connection too."""
        if shim is not self._analyzer:
            return
        self._analyzer = None
        self._waiting.clear()
        self._cancel()
        if self._is_dialled:
            self._host = None  # its end is this one's consequence, and must not touch the next
            transport, self._transport = self._transport, None
            if transport is not None:
                transport.stop()
        elif self._host is not None:
            self._host.close("the analyzer ended the connection")

    # -- TransportOwner of the host's side --------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A connection with the host."""
        link = PassageLink(self._from_host, None, self._analyzer_takes_more)
        return Shim(link, self._parts.reactor, self, peer)

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """Without the host there is no relay: the analyzer must see that."""
        if state is TransportState.WAITING:
            self._end_analyzer(f"the host is not there: {detail}")

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """A dial that failed is told by the state."""

    # -- ShimOwner of the host's side -------------------------------------------------------------

    def connection_opened(self, shim: Shim) -> None:
        """The host is there: give it what waited."""
        self._host = shim
        shim.on_drained = self._host_drained
        self._cancel()
        # After Twisted's call-back: the link hears first that it is connected.
        self._parts.reactor.callLater(0, self._flush_waiting)
        if self._analyzer is not None:
            self._tell()

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """The host ended the connection: so do we, towards the analyzer."""
        if shim is self._host:
            self._host = None
            self._end_analyzer(f"the host ended the connection: {reason}")

    def link_failed(self, _shim: Shim, _error: Exception) -> None:
        """A passage does nothing that could fail; the connection ends, and with it the analyzer's."""

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """There are none."""

    # -- inside -----------------------------------------------------------------------------------

    def _open(self) -> None:
        parts = self._parts
        self._transport = parts.make_transport(parts.settings, parts.reactor, self, parts.random)
        self._transport.start()

    def _from_analyzer(self, data: bytes) -> None:
        if self._host is not None and not self._waiting:
            self._to_host(data)
            return
        self._waiting += data
        if len(self._waiting) > MOST_WAITING_BYTES:
            self._end_analyzer("the host is not there, and the analyzer does not wait for it")

    def _flush_waiting(self) -> None:
        if self._host is not None and self._waiting:
            data = bytes(self._waiting)
            self._waiting.clear()
            self._to_host(data)

    def _to_host(self, data: bytes) -> None:
        host, analyzer = self._host, self._analyzer
        if host is None:
            return
        self.bytes_to_host += len(data)
        host.send_message(data)
        if host.is_blocked and analyzer is not None:
            self._parts.reactor.callLater(0, analyzer.settle)

    def _from_host(self, data: bytes) -> None:
        host, analyzer = self._host, self._analyzer
        if analyzer is None:
            return  # nobody is there to hear it, as without us
        self.bytes_from_host += len(data)
        analyzer.send_message(data)
        if analyzer.is_blocked and host is not None:
            self._parts.reactor.callLater(0, host.settle)

    def _host_takes_more(self) -> bool:
        return self._host is None or not self._host.is_blocked

    def _analyzer_takes_more(self) -> bool:
        return self._analyzer is None or not self._analyzer.is_blocked

    def _host_drained(self) -> None:
        if self._analyzer is not None:
            self._analyzer.settle()

    def _analyzer_drained(self) -> None:
        if self._host is not None:
            self._host.settle()

    def _no_host(self) -> None:
        self._timer = None
        self._end_analyzer(f"the host was not there within {HOST_WITHIN_S:g} s")

    def _end_analyzer(self, why: str) -> None:
        self._cancel()
        if self._analyzer is not None:
            self._parts.say(f"the relay ended the connection: {why}")
            self._analyzer.close(why)

    def _tell(self) -> None:
        if self._analyzer is not None and self._host is not None:
            self._parts.say(f"relaying between {self._analyzer.peer} and {self._host.peer}")

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
