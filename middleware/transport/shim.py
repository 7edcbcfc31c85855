"""The only place where Twisted's bytes meet a link (DESIGN 5.1).

Rules. After each call that may change the link's state the shim writes what the link wants to send,
stops reading while a commit is awaited, and keeps one timer for the link's next deadline. The timer
is moved only to an earlier time; a timer that turns out to be early asks the link again. A deadline
moves later with every frame, so that costs nothing per frame (a new timer for each frame: 9 µs).

Writing. The bytes are handed to the kernel at once where the transport can do so and nothing waits
before them; what it does not take is left to Twisted, and reading rests until the peer has taken it
all. So a peer that sends and never reads is bounded by one read and the kernel's buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.interfaces import IDelayedCall, IPullProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from middleware.wire.events import Event
from middleware.wire.link import EndingLink, Link


class ShimOwner(Protocol):
    """Who hears what happens on one connection. Called on the reactor's thread."""

    def connection_opened(self, shim: Shim) -> None:
        """The transport is connected; nothing was heard yet."""
        ...

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """The link reported these, in order."""
        ...

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """The connection is gone, after the link's last events."""
        ...

    def link_failed(self, shim: Shim, error: Exception) -> None:
        """The link itself raised (our fault or a driver's); the connection is being closed."""
        ...


class Tap(Protocol):
    """Who sees every read and write of a connection, unchanged (a capture). Must not raise."""

    def received(self, data: bytes) -> None:
        """The analyzer sent this."""
        ...

    def sent(self, data: bytes) -> None:
        """We sent this."""
        ...


class Shim(protocol.Protocol):
    """One connection: bytes of a Twisted transport in and out of one link."""

    transport: Any = None  # set by Twisted; a socket's, TLS's or a pair's

    def __init__(self, link: Link, clock: IReactorTime, owner: ShimOwner, peer: str = "") -> None:
        self.link = link
        self.peer = peer
        self.bytes_in = 0
        self.bytes_out = 0
        self.opened_at = 0.0
        self.read_at = 0.0  # monotonic: when bytes last came
        self.answered_at = 0.0  # monotonic: when a message was last answered
        self.has_served = False  # a message came whole, was answered, or a relay's host spoke
        self.is_open = False
        self.on_opened: Callable[[Any], None] | None = None  # the transport's: set socket options
        self.on_closed: Callable[[Shim, str], None] | None = None
        self.tap: Tap | None = None
        self.on_drained: Callable[[], None] | None = None  # a relay's: the peer takes bytes again
        self._ending = link if isinstance(link, EndingLink) else None
        self._owner = owner
        self._clock = clock
        self._now = clock.seconds
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._is_reading = True
        self._is_blocked = False  # Twisted holds bytes that the peer has not taken
        self._send_some: Callable[[bytes], Any] | None = None
        self._close_reason = ""

    # -- Twisted's call-backs ---------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Twisted: the connection is up."""
        now = self._now()
        self.is_open = True
        self.opened_at = now
        if self.on_opened is not None:
            self.on_opened(self.transport)
        # Public on Twisted's sockets (FileDescriptor.writeSomeData), missing on pairs. The class is asked:
        # Twisted's TLS answers for the socket below it, and what is written there is not encrypted.
        if hasattr(type(self.transport), "writeSomeData"):
            self._send_some = self.transport.writeSomeData
        self._owner.connection_opened(self)
        self._run(self.link.connection_made, now)

    def dataReceived(self, data: bytes) -> None:
        """Twisted: at most 64 KiB came (its read size)."""
        if not self.is_open:
            return
        now = self._now()
        self.read_at = now
        self.bytes_in += len(data)
        if self.tap is not None:
            self.tap.received(data)
        link = self.link
        try:
            events = link.receive_bytes(data, now)
        except Exception as error:  # noqa: BLE001 - whatever a driver's link raises ends this connection only
            self._fail(error)
            return
        reply = link.bytes_to_send()
        if reply:
            self._write(reply)
        if events:
            self._owner.events_arrived(self, events)
            self._settle()
            return
        deadline = link.next_deadline()
        if deadline is not None and (self._timer is None or deadline < self._timer_at):
            self._arm(deadline)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """Twisted: the connection is gone."""
        self._end(self._close_reason or reason.getErrorMessage())

    # -- what the owner may ask -------------------------------------------------------------------

    def commit(self, token: int) -> bool:
        """The message is on stable storage: acknowledge it. True when bytes were sent."""
        return self._answer(self.link.commit, token)

    def refuse(self, token: int, reason: str = "not_stored") -> bool:
        """The message could not be stored: let the link refuse it. True when bytes were sent."""
        return self._answer(lambda token, now: self.link.refuse(token, now, reason), token)

    def send_message(self, text: bytes) -> int:
        """Queue a message for the peer; its send id comes back in an event."""
        send_id = self.link.send_message(text, self._now())
        self._settle()
        return send_id

    def set_accepting(self, is_accepting: bool) -> None:
        """Whether new sessions are granted."""
        self.link.set_accepting(is_accepting)

    @property
    def is_blocked(self) -> bool:
        """Bytes wait which the peer has not taken."""
        return self._is_blocked

    def settle(self) -> None:
        """Look again at what the link wants: bytes to write, whether to read, its deadline."""
        self._settle()

    def close(self, reason: str = "closed by us") -> None:
        """Close in good order: what was written is sent first."""
        if self.is_open:
            self._close_reason = reason
            self.transport.loseConnection()

    def abort(self, reason: str) -> None:
        """End the connection now; the link and the owner hear of it before this returns."""
        if self.is_open:
            transport = self.transport
            self._end(reason)
            transport.abortConnection()

    # -- inside -----------------------------------------------------------------------------------

    def _answer(self, call: Callable[[int, float], list[Event]], token: int) -> bool:
        if not self.is_open:
            return False
        before = self.bytes_out
        try:
            events = call(token, self._now())
        except Exception as error:  # noqa: BLE001 - as in dataReceived
            self._fail(error)
            return False
        self._flush()
        is_sent = self.bytes_out != before
        if is_sent:
            self.answered_at = self._now()
            self.has_served = True
        if events:
            self._owner.events_arrived(self, events)
        self._settle()
        return is_sent

    def _run(self, call: Callable[[float], list[Event]], now: float) -> None:
        try:
            events = call(now)
        except Exception as error:  # noqa: BLE001 - as in dataReceived
            self._fail(error)
            return
        self._flush()
        if events:
            self._owner.events_arrived(self, events)
        self._settle()

    def _settle(self) -> None:
        """Bring transport and timer into line with the link; harmless when nothing changed."""
        if not self.is_open:
            return
        self._flush()
        self._read_or_rest()
        deadline = self.link.next_deadline()
        if deadline is not None and (self._timer is None or deadline < self._timer_at):
            self._arm(deadline)
        if self._ending is not None and self._ending.is_finished:
            self.close("the conversation has ended")

    def _read_or_rest(self) -> None:
        should_read = not (self._is_blocked or self.link.is_awaiting_commit)
        if should_read == self._is_reading:
            return
        self._is_reading = should_read
        if should_read:
            self.transport.resumeProducing()
        else:
            self.transport.pauseProducing()

    def _flush(self) -> None:
        data = self.link.bytes_to_send()
        if data and self.is_open:
            self._write(data)

    def _write(self, data: bytes) -> None:
        self.bytes_out += len(data)
        if self.tap is not None:
            self.tap.sent(data)
        if self._is_blocked or self._send_some is None:
            self.transport.write(data)
            return
        sent = self._send_some(data)
        if sent == len(data):
            return
        # A short write, or an error: Twisted finds the same error by itself and closes.
        rest = data[sent:] if isinstance(sent, int) and sent > 0 else data
        self._is_blocked = True
        self.transport.write(rest)
        self.transport.registerProducer(Drain(self.transport, self._drained), False)
        self._read_or_rest()

    def _drained(self) -> None:
        self._is_blocked = False
        self._settle()
        if self.on_drained is not None:
            self.on_drained()

    def _arm(self, deadline: float) -> None:
        delay = max(0.0, deadline - self._now())
        if self._timer is None:
            self._timer = self._clock.callLater(delay, self._timer_fired)
        else:
            self._timer.reset(delay)
        self._timer_at = deadline

    def _timer_fired(self) -> None:
        self._timer = None
        deadline = self.link.next_deadline()
        if deadline is None or not self.is_open:
            return
        now = self._now()
        if deadline > now:
            self._arm(deadline)
        else:
            self._run(self.link.on_deadline, now)

    def _fail(self, error: Exception) -> None:
        self._owner.link_failed(self, error)
        self.abort(f"the link failed: {type(error).__name__}")

    def _end(self, reason: str) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            events = self.link.connection_lost(self._now())
        except Exception as error:  # noqa: BLE001 - as in dataReceived
            self._owner.link_failed(self, error)
            events = []
        if events:
            self._owner.events_arrived(self, events)
        self._owner.connection_closed(self, reason)
        if self.on_closed is not None:
            self.on_closed(self, reason)


@implementer(IPullProducer)
class Drain:
    """Tells once when Twisted has written all that it held.

    A pull producer is asked as soon as it is registered, and again when the transport is empty.
    """

    def __init__(self, transport: Any, drained: Callable[[], None]) -> None:
        self._transport = transport
        self._drained = drained
        self._is_registered = False

    def resumeProducing(self) -> None:
        """Twisted: the transport is empty (the first call: it was registered)."""
        if not self._is_registered:
            self._is_registered = True
            return
        self._transport.unregisterProducer()
        self._drained()

    def stopProducing(self) -> None:
        """Twisted: the connection is gone; the shim hears of it by itself."""
