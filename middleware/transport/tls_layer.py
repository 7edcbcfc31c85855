"""TLS between a socket and a shim: nothing reaches the shim before the peer is proved.

Below stands a socket of Twisted's, above a shim. The encryption is Python's own `ssl` over memory, so
that reading can rest between two records: what was decrypted from one read would otherwise be handed
over although a commit is awaited, and the peer's end of the connection noticed before its last message.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from middleware.errors import MiddlewareError
from middleware.transport.shim import Drain
from middleware.transport.tls_certificate import Certificate
from middleware.transport.tls_refusal import TlsReason, TlsRefusal, refusal_of

# A peer that has not proved itself within this time is sent away.
HANDSHAKE_WITHIN_S = 10.0
READ_BYTES = 65536
# RFC 8446 section 5.1: a record begins with its type. The first of a connection is a handshake, or an alert.
_FIRST_TYPES = frozenset({0x15, 0x16})


class TlsBroken(MiddlewareError):
    """An established TLS connection ended with an error; the text says which."""

    code = "tls-broken"


class TlsSession(Protocol):
    """What a layer asks of the settings: the TLS object of a connection, and the judgement of its peer."""

    def open(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """A TLS object that reads and writes memory."""
        ...

    def examine(self, established: ssl.SSLObject) -> TlsRefusal | Certificate | None:
        """What speaks against the peer after the handshake, or its certificate; None: it was not asked for one."""
        ...


@dataclass(frozen=True, slots=True)
class TlsOutcome:
    """Who hears how the handshake ended, exactly once. `proved` gives who stands above, or None to hang up."""

    proved: Callable[[], protocol.Protocol | None]
    refused: Callable[[TlsRefusal], None]


class TlsLayer(protocol.Protocol):
    """One connection. To the socket it is a protocol, to the shim a transport."""

    transport: Any = None  # the socket; set by Twisted

    def __init__(self, session: TlsSession, outcome: TlsOutcome, clock: IReactorTime) -> None:
        self.refusal: TlsRefusal | None = None  # why the connection ended, where TLS ended it
        self.certificate: Certificate | None = None  # of the proved peer
        self._session = session
        self._outcome = outcome
        self._clock = clock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._ssl: Any = None
        self.protocol: protocol.Protocol | None = (
            None  # who stands above; Twisted's transports name it so
        )
        self._timer: IDelayedCall | None = None
        self._wake: IDelayedCall | None = None
        self._send_some: Callable[[bytes], Any] | None = None
        self._has_heard = False
        self._is_over = False  # refused, closed or broken: nothing more is handed up
        self._is_paused = False  # by the shim
        self._is_blocked = False  # the socket has not taken all that we wrote
        self._is_delivering = False
        self._holds = False  # decrypting was interrupted: there may be more

    # -- Twisted's call-backs ---------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Twisted: the socket is connected."""
        if hasattr(type(self.transport), "writeSomeData"):
            self._send_some = self.transport.writeSomeData
        self._timer = self._clock.callLater(HANDSHAKE_WITHIN_S, self._too_late)
        self._ssl = self._session.open(self._incoming, self._outgoing)
        self._shake_hands()

    def dataReceived(self, data: bytes) -> None:
        """Twisted: encrypted bytes came."""
        if self._is_over:
            return
        self._incoming.write(data)
        if self.protocol is not None:
            self._deliver()
            return
        if not self._has_heard and data[0] not in _FIRST_TYPES:
            self.refuse(TlsRefusal(TlsReason.PLAIN_TEXT))
            return
        self._has_heard = True
        self._shake_hands()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """Twisted: the socket is gone."""
        was_over, self._is_over = self._is_over, True
        self._cancel_timers()
        if self.protocol is not None:
            self.protocol.connectionLost(self._ended_by_tls() or reason)
        elif not was_over:
            self.refusal = TlsRefusal(TlsReason.BROKEN_OFF)
            self._outcome.refused(self.refusal)

    # -- the handshake ----------------------------------------------------------------------------

    def refuse(self, refusal: TlsRefusal) -> None:
        """End a connection whose peer is not proved; harmless when it has ended."""
        if self._is_over:
            return
        self._is_over = True
        self.refusal = refusal
        self._cancel_timers()
        self._flush()  # the alert that tells the peer why
        self._outcome.refused(refusal)
        self.transport.loseConnection()

    def _too_late(self) -> None:
        self._timer = None
        self.refuse(TlsRefusal(TlsReason.TIMED_OUT))

    def _shake_hands(self) -> None:
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self.refuse(refusal_of(error))
            return
        self._flush()
        judged = self._session.examine(self._ssl)
        if isinstance(judged, TlsRefusal):
            self.refuse(judged)
            return
        self.certificate = judged
        self._cancel_timers()
        self.protocol = self._outcome.proved()
        if self.protocol is None:
            self.loseConnection()
            return
        self.protocol.makeConnection(self)  # type: ignore[no-untyped-call]
        self._deliver()

    # -- what the shim asks of its transport ------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Encrypt and send. What the socket does not take waits, and reading rests meanwhile."""
        if self._is_over:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._ssl.write(rest) :]
        except ssl.SSLError as error:
            self._break(error)
            return
        self._flush()

    def loseConnection(self) -> None:
        """Tell the peer that this is the end, and close."""
        if self._is_over and self.protocol is None:
            return
        self._close()

    def abortConnection(self) -> None:
        """Close at once."""
        self._is_over = True
        self._cancel_timers()
        if self.transport is not None:
            self.transport.abortConnection()

    def pauseProducing(self) -> None:
        """Hand nothing up until `resumeProducing`."""
        self._is_paused = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Go on: first with what is here already, in the reactor's next turn, then with the socket."""
        self._is_paused = False
        self._go_on()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Of the socket below."""
        self.transport.setTcpNoDelay(enabled)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Of the socket below."""
        self.transport.setTcpKeepAlive(enabled)

    def getHandle(self) -> Any:
        """The socket below, for its options; whoever writes to it writes in the clear."""
        return self.transport.getHandle()

    # -- inside -----------------------------------------------------------------------------------

    def _deliver(self) -> None:
        """Hand up what can be decrypted, as long as the shim takes it."""
        if self._is_delivering or self.protocol is None:
            return
        self._is_delivering = True
        try:
            self._holds = True
            while not (self._is_paused or self._is_blocked or self._is_over):
                data = self._ssl.read(READ_BYTES)
                if not data:
                    self._close()  # the peer said that this is its end
                    return
                self.protocol.dataReceived(data)
        except ssl.SSLWantReadError:
            self._holds = False
        except ssl.SSLZeroReturnError:
            self._close()
            return
        except ssl.SSLError as error:
            self._break(error)
            return
        finally:
            self._is_delivering = False
        self._flush()  # answers of TLS itself

    def _go_on(self) -> None:
        if self._is_paused or self._is_blocked or self._is_over:
            return
        if self._is_delivering or not self._holds:
            self.transport.resumeProducing()
        elif self._wake is None:
            self._wake = self._clock.callLater(0, self._wake_up)

    def _wake_up(self) -> None:
        self._wake = None
        self._deliver()
        if not (self._is_paused or self._is_blocked or self._is_over):
            self.transport.resumeProducing()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if not data:
            return
        if self._is_blocked or self._send_some is None:
            self.transport.write(data)
            return
        sent = self._send_some(data)
        if sent == len(data):
            return
        self._is_blocked = True
        self.transport.write(data[sent:] if isinstance(sent, int) and sent > 0 else data)
        self.transport.registerProducer(Drain(self.transport, self._drained), False)
        self.transport.pauseProducing()

    def _drained(self) -> None:
        self._is_blocked = False
        self._go_on()

    def _close(self) -> None:
        """Our close_notify (RFC 8446 section 6.1), then the end of the connection; the peer's is not awaited."""
        if not self._is_over:
            self._is_over = True
            with contextlib.suppress(OSError):  # also "the peer's is not here": it need not be
                self._ssl.unwrap()
            self._flush()
        self.transport.loseConnection()

    def _break(self, error: ssl.SSLError) -> None:
        self._is_over = True
        self.refusal = refusal_of(error)
        self._flush()
        self.transport.loseConnection()

    def _ended_by_tls(self) -> Failure | None:
        if self.refusal is None:
            return None
        return Failure(TlsBroken(f"TLS ended: {self.refusal}"))  # type: ignore[no-untyped-call]

    def _cancel_timers(self) -> None:
        for timer in (self._timer, self._wake):
            if timer is not None and timer.active():
                timer.cancel()
        self._timer = self._wake = None
