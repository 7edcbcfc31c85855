"""The host's side of a relay: one attempt to have the host on the line, from the dial to the last byte it took.

A dialled host has one of these for each connection of the analyzer; a host that connects to us, or that is on a serial
port, has one for as long as the line runs. When the analyzer leaves, what it said is still given to its host: a side
that was left reports nothing any more, so it never touches the connection that came after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall

from middleware.transport.base import ConnectionOutcome, Transport, TransportOwner, TransportState
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.events import Event
from middleware.wire.passage import PassageLink

# What the analyzer says before the host is there.
MOST_WAITING_BYTES = 64 * 1024
# After the analyzer left, so long its host may take to be there and to read what was said: a minute of a slow device.
TAKES_WITHIN_S = 60.0

TransportMaker = Callable[[TransportSettings, Any, TransportOwner, Callable[[], float]], Transport]


@dataclass(frozen=True, slots=True)
class RelayParts:
    """What a relay needs. `say` tells a person where it stands; `make_transport` makes the host's side."""

    settings: TransportSettings
    reactor: Any
    random: Callable[[], float]
    make_transport: TransportMaker
    say: Callable[[str], None]


class HostHeard(Protocol):
    """Who hears of a host's side that was not left."""

    def host_came(self) -> None:
        """The host is connected."""
        ...

    def host_gone(self, why: str) -> None:
        """There is no host, or no more."""
        ...

    def host_said(self, data: bytes) -> None:
        """Bytes for the analyzer."""
        ...

    def host_drained(self) -> None:
        """The host has taken what waited."""
        ...

    def analyzer_takes_more(self) -> bool:
        """Whether the host should go on."""
        ...


class HostSide:
    """I am responsible that the host hears all that its analyzer said, also when that has gone."""

    def __init__(self, parts: RelayParts, relay: HostHeard) -> None:
        self.shim: Shim | None = None
        self.is_ended = False
        self._reactor = parts.reactor
        self._relay = relay
        self._waiting = bytearray()
        self._is_left = False
        self._timer: IDelayedCall | None = None
        self._transport = parts.make_transport(parts.settings, parts.reactor, self, parts.random)

    @property
    def is_blocked(self) -> bool:
        """Bytes wait which the host has not taken."""
        return self.shim is not None and self.shim.is_blocked

    def start(self) -> None:
        """Dial, listen, or open the port. Raises PortTaken."""
        self._transport.start()

    async def stop(self) -> None:
        """Close now, whatever waits."""
        self.is_ended = True
        self._cancel()
        await self._transport.stop()

    def leave(self) -> None:
        """The analyzer has gone: give the host what waits, then end. Nothing is reported any more."""
        self._is_left = True
        if self.shim is None and not self._waiting:
            self._end()
            return
        self._timer = self._reactor.callLater(TAKES_WITHIN_S, self._give_up)
        self._close_when_said()

    def forget(self) -> None:
        """What waited for the host was of an analyzer that has gone."""
        self._waiting.clear()

    def take(self, data: bytes) -> bool:
        """What the analyzer said, in its turn. False: there is no host, and too much waits for it."""
        if self.shim is None or self._waiting:
            self._waiting += data
            return len(self._waiting) <= MOST_WAITING_BYTES
        self.shim.send_message(data)
        return True

    # -- TransportOwner ---------------------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A connection with the host."""
        link = PassageLink(self._heard, None, self._may_go_on)
        return Shim(link, self._reactor, self, peer)

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """Without the host there is no relay: the analyzer must see that."""
        if state is not TransportState.WAITING:
            return
        if self._is_left:
            self._end()
        else:
            self._relay.host_gone(f"the host is not there: {detail}")

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """A dial that failed is told by the state."""

    # -- ShimOwner --------------------------------------------------------------------------------

    def connection_opened(self, shim: Shim) -> None:
        """The host is there: give it what waited."""
        self.shim = shim
        shim.on_drained = self._drained
        # After Twisted's call-back: the link hears first that it is connected.
        self._reactor.callLater(0, self._flush)
        if not self._is_left:
            self._relay.host_came()

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """The host ended the connection: so do we, towards the analyzer."""
        if shim is not self.shim:
            return
        self.shim = None
        if self._is_left:
            self._reactor.callLater(0, self._end)  # the transport is in the middle of its own end
        else:
            self._relay.host_gone(f"the host ended the connection: {reason}")

    def link_failed(self, _shim: Shim, _error: Exception) -> None:
        """A passage does nothing that could fail; the connection ends, and with it the analyzer's."""

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """There are none."""

    # -- inside -----------------------------------------------------------------------------------

    def _heard(self, data: bytes) -> None:
        if not self._is_left:
            self._relay.host_said(data)

    def _may_go_on(self) -> bool:
        return self._is_left or self._relay.analyzer_takes_more()

    def _flush(self) -> None:
        if self.shim is not None and self._waiting:
            data = bytes(self._waiting)
            self._waiting.clear()
            self.shim.send_message(data)
        if self._is_left:
            self._close_when_said()

    def _close_when_said(self) -> None:
        """In good order: what Twisted and the system hold of it still goes out."""
        if self.shim is not None and not self._waiting:
            self.shim.close("the analyzer ended the connection")

    def _drained(self) -> None:
        if not self._is_left:
            self._relay.host_drained()

    def _give_up(self) -> None:
        self._timer = None
        self._end()

    def _end(self) -> None:
        self._cancel()
        if not self.is_ended:
            self.is_ended = True
            self._transport.stop()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
