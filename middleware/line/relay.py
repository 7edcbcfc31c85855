"""Sits between an analyzer and its present host: bytes pass unchanged both ways, and a shadow of ours listens.

Theory of operation. The line's transport is connected with the analyzer as ever. For each of its connections the relay
has one with the host: dialled when the analyzer is there (`tcp_connect`), or the one that is there already
(`tcp_listen`, `serial`). Bytes are handed on in the turn in which they came, whatever our store does. When one side
ends, the other is ended too, after the bytes that are on their way: each sees what it would see without us. What one
side cannot take makes the other wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall

from middleware.line.relay_host import HostSide, RelayParts, TransportMaker
from middleware.line.settings import LineSettings
from middleware.transport.settings import TcpConnectSettings
from middleware.transport.shim import Shim
from middleware.wire.link import Link
from middleware.wire.passage import PassageLink

# The analyzer waits 15 s for the first answer (LIS01-A2 6.5.2.1); before that it must know that there is no host.
HOST_WITHIN_S = 5.0


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
        self._analyzer: Shim | None = None
        self._host: HostSide | None = None
        self._left: list[HostSide] = []  # their hosts still read what their analyzers said
        self._timer: IDelayedCall | None = None
        self.bytes_to_host = 0
        self.bytes_from_host = 0

    @property
    def is_joined(self) -> bool:
        """Both sides are there."""
        return self._analyzer is not None and self._is_host_there

    def start(self) -> None:
        """Open the host's side where it does not depend on the analyzer's. Raises PortTaken."""
        if not self._is_dialled:
            self._open()

    async def stop(self) -> None:
        """Close the host's side."""
        self._cancel()
        sides = [*self._left, self._host]
        self._host, self._left = None, []
        for side in sides:
            if side is not None:
                await side.stop()

    def link_for(self, shadow: Link) -> Link:
        """The link of a new connection with the analyzer."""
        return PassageLink(self._from_analyzer, shadow, self._host_takes_more)

    def analyzer_opened(self, shim: Shim) -> None:
        """The analyzer is there: join it with the host."""
        self._analyzer = shim
        shim.on_drained = self._analyzer_drained
        if self._is_dialled:
            self._open()
        if not self._is_host_there:
            self._timer = self._parts.reactor.callLater(HOST_WITHIN_S, self._no_host)
        else:
            self._tell()

    def analyzer_closed(self, shim: Shim) -> None:
        """The analyzer is gone: end the host's connection too, after what the analyzer said."""
        if shim is not self._analyzer:
            return
        self._analyzer = None
        self._cancel()
        host = self._host
        if host is None:
            return
        if self._is_dialled:
            self._host = None  # its end is this one's consequence, and must not touch the next
            host.leave()
            self._left = [side for side in (*self._left, host) if not side.is_ended]
        else:
            host.forget()
            if host.shim is not None:
                host.shim.close("the analyzer ended the connection")

    # -- what the host's side reports (HostHeard) ---------------------------------------------------

    def host_came(self) -> None:
        """Both are there now, or the host waits for the analyzer."""
        self._cancel()
        self._tell()

    def host_gone(self, why: str) -> None:
        """Without the host there is no relay: the analyzer must see that."""
        self._end_analyzer(why)

    def host_said(self, data: bytes) -> None:
        """Bytes for the analyzer."""
        analyzer = self._analyzer
        if analyzer is None:
            return  # nobody is there to hear it, as without us
        self.bytes_from_host += len(data)
        analyzer.has_served = True  # it has a host that speaks with it: no storm of connections
        analyzer.send_message(data)
        if analyzer.is_blocked:
            self._parts.reactor.callLater(0, self._settle_host)

    def host_drained(self) -> None:
        """The host takes bytes again."""
        if self._analyzer is not None:
            self._analyzer.settle()

    def analyzer_takes_more(self) -> bool:
        """Whether the host should go on."""
        return self._analyzer is None or not self._analyzer.is_blocked

    # -- inside -----------------------------------------------------------------------------------

    @property
    def _is_host_there(self) -> bool:
        return self._host is not None and self._host.shim is not None

    def _open(self) -> None:
        self._host = HostSide(self._parts, self)
        self._host.start()

    def _from_analyzer(self, data: bytes) -> None:
        host = self._host
        if host is None:
            return
        self.bytes_to_host += len(data)
        if not host.take(data):
            self._end_analyzer("the host is not there, and the analyzer does not wait for it")
        elif host.is_blocked and self._analyzer is not None:
            self._parts.reactor.callLater(0, self._analyzer.settle)

    def _host_takes_more(self) -> bool:
        return self._host is None or not self._host.is_blocked

    def _analyzer_drained(self) -> None:
        self._settle_host()

    def _settle_host(self) -> None:
        if self._host is not None and self._host.shim is not None:
            self._host.shim.settle()

    def _no_host(self) -> None:
        self._timer = None
        self._end_analyzer(f"the host was not there within {HOST_WITHIN_S:g} s")

    def _end_analyzer(self, why: str) -> None:
        self._cancel()
        if self._analyzer is not None:
            self._parts.say(f"the relay ended the connection: {why}")
            self._analyzer.close(why)

    def _tell(self) -> None:
        host = self._host.shim if self._host is not None else None
        if self._analyzer is not None and host is not None:
            self._parts.say(f"relaying between {self._analyzer.peer} and {host.peer}")

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
