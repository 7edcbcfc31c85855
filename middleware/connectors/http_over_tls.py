"""Lets Twisted's HTTP speak over our TLS: a protocol to the TLS layer, a whole transport to HTTP."""

# mypy: allow-untyped-calls
# twisted.web has no annotations.

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet import protocol
from twisted.python.failure import Failure


class HttpOverTls(protocol.Protocol):
    """Stands between a TLS layer and an HTTP protocol; what HTTP asks of a socket and a layer has not is here."""

    transport: Any = None  # the TLS layer

    def __init__(self, above: Any) -> None:
        self.disconnecting = False  # asked by Twisted's readers of lines
        self._above = above

    # -- to the layer -----------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """The peer is proved."""
        self._above.makeConnection(self)

    def dataReceived(self, data: bytes) -> None:
        """Decrypted."""
        self._above.dataReceived(data)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """The connection is gone."""
        self._above.connectionLost(reason)

    # -- to HTTP ----------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        self.transport.write(data)

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        """As one write."""
        self.transport.write(b"".join(pieces))

    def loseConnection(self) -> None:
        """Close after what was written."""
        self.disconnecting = True
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Close now."""
        self.disconnecting = True
        self.transport.abortConnection()

    def getPeer(self) -> Any:
        """The peer's address."""
        return self.transport.transport.getPeer()

    def getHost(self) -> Any:
        """Our address."""
        return self.transport.transport.getHost()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Bodies here are small and written at once: nothing is paused."""

    def unregisterProducer(self) -> None:
        """As above."""

    def pauseProducing(self) -> None:
        """Read nothing for a while."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Read on."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Read no more."""
        self.loseConnection()
