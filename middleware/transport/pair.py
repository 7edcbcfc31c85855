"""An in-memory null modem on the owner's clock: two Twisted protocols talk without a socket.

Nothing is delivered inside `write`: bytes arrive when the clock runs, in order, as on a wire. A
reader that paused gets nothing until it resumes, so back-pressure can be tested.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from middleware.transport.base import (
    Address,
    ConnectionOutcome,
    TransportOwner,
    TransportState,
)

# What one read of a socket gives at most (Twisted's buffer size).
READ_BYTES = 65536


class PairEnd:
    """One end of the null modem; a transport in the sense of Twisted's ITransport."""

    def __init__(self, clock: IReactorTime, protocol: Protocol) -> None:
        self.protocol = protocol
        self.written = bytearray()  # everything ever written here, for tests
        self.is_open = False
        self.is_paused = False
        self.pauses = 0
        self.peer: PairEnd | None = None
        self._clock = clock
        self._arriving: deque[bytes] = deque()
        self._ending: Failure | None = None
        self._is_ended_here = False
        self._is_scheduled = False

    def write(self, data: bytes) -> None:
        """Send to the other end."""
        if self.is_open and self.peer is not None:
            self.written += data
            self.peer.arrive(data)

    def loseConnection(self) -> None:
        """Close after what was written."""
        self._close(ConnectionDone())

    def abortConnection(self) -> None:
        """Close at once."""
        self._arriving.clear()
        self._close(ConnectionAborted())

    def pauseProducing(self) -> None:
        """Give the protocol nothing until `resumeProducing`."""
        self.is_paused = True
        self.pauses += 1

    def resumeProducing(self) -> None:
        """Go on."""
        self.is_paused = False
        self._schedule()

    def arrive(self, data: bytes) -> None:
        """Bytes of the other end are on their way."""
        self._arriving.append(data)
        self._schedule()

    def end(self, reason: Failure, *, is_ended_here: bool = False) -> None:
        """The connection ends, after what is on its way. Who rests does not see the other's end."""
        self._ending = reason
        self._is_ended_here = is_ended_here
        self._schedule()

    def _close(self, error: Exception) -> None:
        if self.is_open:
            self.end(_failure(error), is_ended_here=True)
            if self.peer is not None:
                self.peer.end(_failure(ConnectionDone()))

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._clock.callLater(0, self._deliver)

    def _deliver(self) -> None:
        self._is_scheduled = False
        while self._arriving and self.is_open and not self.is_paused:
            data = self._arriving.popleft()
            if len(data) > READ_BYTES:
                self._arriving.appendleft(data[READ_BYTES:])
                data = data[:READ_BYTES]
            self.protocol.dataReceived(data)
        is_unseen = self.is_paused and (self._arriving or not self._is_ended_here)
        if self._ending is not None and self.is_open and not is_unseen:
            self.is_open = False
            self.protocol.connectionLost(self._ending)


def connect_pair(clock: IReactorTime, one: Protocol, other: Protocol) -> tuple[PairEnd, PairEnd]:
    """Join two protocols; both are connected when this returns."""
    ends = PairEnd(clock, one), PairEnd(clock, other)
    ends[0].peer, ends[1].peer = ends[1], ends[0]
    for end in ends:
        end.is_open = True
    for end in ends:
        end.protocol.makeConnection(end)  # type: ignore[no-untyped-call]
    return ends


class PairListener:
    """A transport that is connected by calling `connect` with the peer's protocol."""

    def __init__(self, clock: IReactorTime, owner: TransportOwner) -> None:
        self.state = TransportState.STOPPED
        self.address = Address("pair", 0)
        self.end: PairEnd | None = None
        self._clock = clock
        self._owner = owner
        self._shim: Any = None

    def start(self) -> None:
        """Wait for `connect`."""
        self._change(TransportState.LISTENING, "listening")

    def stop(self) -> Deferred[None]:
        """Close the connection."""
        if self._shim is not None:
            self._shim.abort("stopped")
        self._change(TransportState.STOPPED, "stopped")
        return succeed(None)

    def connect(self, protocol: Protocol, peer: str = "pair") -> PairEnd:
        """The peer connects; returns the peer's end."""
        if self._shim is not None:
            old, self._shim = self._shim, None
            old.on_closed = None
            old.abort("replaced by a new connection")
            self._owner.connection_seen(ConnectionOutcome.REPLACED, peer)
        shim = self._owner.make_shim(peer)
        shim.on_closed = self._closed
        self._shim = shim
        self._owner.connection_seen(ConnectionOutcome.ACCEPTED, peer)
        self._change(TransportState.OPEN, f"connected with {peer}")
        self.end, theirs = connect_pair(self._clock, shim, protocol)
        return theirs

    def _closed(self, _shim: Any, reason: str) -> None:
        self._shim = None
        self._owner.connection_seen(ConnectionOutcome.LOST, "pair")
        self._change(TransportState.LISTENING, reason)

    def _change(self, state: TransportState, detail: str) -> None:
        self.state = state
        self._owner.transport_changed(state, detail)


def _failure(error: Exception) -> Failure:
    return Failure(error)  # type: ignore[no-untyped-call]
