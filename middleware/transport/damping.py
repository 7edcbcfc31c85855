"""Damps storms of connections: whoever connects again and again without a message waits up to a second for its turn.

A connection that ended without a whole message (`Shim.has_served`) is barren. After MOST_BARREN of them within
WITHIN_S seconds one connection a second gets its turn; the others wait in a room with one place, where the newest takes
the place. A flapping cable or a scanner ends by itself in there and costs a socket and a timer; an analyzer that is
well again is served within a second, and what it sent meanwhile is not lost. Analyzers that connect for each message
are never damped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet import protocol
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

MOST_BARREN = 10
WITHIN_S = 10.0
ONE_EACH_S = 1.0
# What the one who waits may have sent; then its socket is left unread.
MOST_HELD_BYTES = 65536

Begin = Callable[[], Any]


class Damping:
    """I am responsible that a storm of connections stays cheap, on one listener."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._barren: deque[float] = deque(maxlen=MOST_BARREN)
        self._turn_at = 0.0  # monotonic: when the last connection got its turn
        self._waiting: _Waiting | None = None

    def admit(self, begin: Begin, damped: Callable[[], None]) -> Any:
        """The protocol of a new connection: what `begin` makes, at once or when its turn comes (`damped` is told)."""
        now = self._reactor.seconds()
        if not self.is_storm and self._waiting is None:
            self._turn_at = now
            return begin()
        damped()
        if self._waiting is not None:
            self._waiting.give_up()
        wait_s = max(0.0, self._turn_at + ONE_EACH_S - now)
        self._waiting = _Waiting(self, begin, self._reactor, wait_s)
        return self._waiting

    @property
    def is_storm(self) -> bool:
        """Whether so many connections ended without a message lately."""
        is_full = len(self._barren) == MOST_BARREN
        return is_full and self._reactor.seconds() - self._barren[0] < WITHIN_S

    def ended(self, *, is_barren: bool) -> None:
        """A connection ended; barren: without a whole message."""
        if is_barren:
            self._barren.append(self._reactor.seconds())

    def close(self) -> None:
        """Nobody waits any more."""
        if self._waiting is not None:
            self._waiting.give_up()

    def turn_came(self) -> None:
        """The one who waits gets its turn."""
        self._turn_at = self._reactor.seconds()
        self._waiting = None

    def left(self, waiting: _Waiting) -> None:
        """Somebody left before its turn."""
        self.ended(is_barren=True)
        if waiting is self._waiting:
            self._waiting = None


class _Waiting(protocol.Protocol):
    """One connection that waits for its turn."""

    transport: Any = None

    def __init__(self, damping: Damping, begin: Begin, reactor: Any, wait_s: float) -> None:
        self._damping = damping
        self._begin = begin
        self._held = bytearray()
        self._is_gone = False
        self._timer: IDelayedCall | None = reactor.callLater(wait_s, self._take_turn)

    def connectionMade(self) -> None:
        """Twisted: the connection is up; somebody else may have taken the place already."""
        if self._is_gone:
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """Twisted: kept for the one who comes after me."""
        self._held += data
        if len(self._held) >= MOST_HELD_BYTES:
            self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """Twisted: it did not wait."""
        self._leave()

    def give_up(self) -> None:
        """Somebody else waits now."""
        transport = self.transport
        self._leave()
        if transport is not None:
            transport.abortConnection()

    def _leave(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            self._cancel()
            self._damping.left(self)

    def _take_turn(self) -> None:
        self._timer = None
        if self._is_gone or self.transport is None:
            return
        self._is_gone = True
        self._damping.turn_came()
        transport, follower = self.transport, self._begin()
        if follower is None:
            transport.loseConnection()
            return
        transport.protocol = follower
        follower.makeConnection(transport)
        if len(self._held) >= MOST_HELD_BYTES:
            transport.resumeProducing()
        if self._held:
            follower.dataReceived(bytes(self._held))

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
