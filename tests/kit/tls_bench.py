"""A TCP listener or dialler with TLS settings, without sockets: its peer is TLS of the standard library on memory."""

from __future__ import annotations

import ssl
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from middleware.transport.tcp import TcpDialler, TcpListener
from tests.kit.tls_peer import MemoryPeer
from tests.kit.transport_owner import SilentOwner


class Handle:
    """A socket's options."""

    def __init__(self) -> None:
        self.options: dict[int, int] = {}

    def setsockopt(self, level: int, number: int, value: int) -> None:
        self.options[number] = value


class Wire(StringTransport):
    """A socket of Twisted's that keeps what is written, and what of it was written directly."""

    def __init__(self) -> None:
        super().__init__()
        self.handle = Handle()
        self.room: int | None = None  # bytes that the kernel still takes; None: all
        self.producer: Any = None

    def writeSomeData(self, data: bytes) -> int:
        taken = len(data) if self.room is None else min(self.room, len(data))
        if self.room is not None:
            self.room -= taken
        self.write(data[:taken])
        return taken

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.producer = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.handle.options[-1] = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.handle.options[-2] = enabled

    def getHandle(self) -> Handle:
        return self.handle

    @property
    def is_resting(self) -> bool:
        return self.producerState == "paused"


class Connection:
    """One connection between Labwire and a peer."""

    def __init__(self, ours: Any, peer: Any) -> None:
        self.ours, self.peer, self.wire = ours, peer, Wire()
        ours.makeConnection(self.wire)

    def talk(self) -> Connection:
        """Until both are quiet; if we hang up, the connection ends."""
        self.peer.talk(self.ours, self.wire)
        self.end_if_closed()
        return self

    def give(self, data: bytes) -> None:
        """Bytes as they come from the network."""
        self.ours.dataReceived(data)
        self.end_if_closed()

    def end_if_closed(self) -> None:
        if self.wire.disconnecting or self.wire.disconnected:
            self.lose()

    def lose(self) -> None:
        self.ours.connectionLost(Failure(ConnectionDone()))

    def heard(self) -> bytes:
        """What the peer can read of what we wrote."""
        self.peer.incoming.write(self.wire.value())
        self.wire.clear()
        self.peer.work()
        data, self.peer.data = self.peer.data, b""
        return data


class ListenBench:
    """A listener; `call` connects a peer."""

    def __init__(self, tls: dict[str, object] | None, **more: object) -> None:
        self.reactor = MemoryReactorClock()
        self.owner = SilentOwner(self.reactor)
        table = {"type": "tcp_listen", "port": 4010, **({"tls": tls} if tls else {}), **more}
        self.listener = TcpListener(
            TcpListenSettings.model_validate(table), self.reactor, self.owner
        )
        self.listener.start()

    def connect(self, context: ssl.SSLContext, host: str = "127.0.0.1") -> Connection:
        """Connected; nothing was said."""
        ours = self.listener.buildProtocol(IPv4Address("TCP", host, 40000))
        return Connection(ours, MemoryPeer(context))

    def call(self, context: ssl.SSLContext) -> Connection:
        """Connected, and the handshake played to its end."""
        return self.connect(context).talk()


class DialBench:
    """A dialler; `answer` is the peer that it reaches."""

    def __init__(self, tls: dict[str, object] | None, host: str = "localhost") -> None:
        self.reactor = MemoryReactorClock()
        self.owner = SilentOwner(self.reactor)
        table = {"type": "tcp_connect", "host": host, "port": 4010, **({"tls": tls} if tls else {})}
        settings = TcpConnectSettings.model_validate(table)
        self.dialler = TcpDialler(settings, self.reactor, self.owner, lambda: 0.0)
        self.dialler.start()

    def answer(self, context: ssl.SSLContext) -> Connection:
        """The peer takes our connection, and the handshake is played to its end."""
        factory = self.reactor.tcpClients[-1][2]
        ours = factory.buildProtocol(None)
        return Connection(ours, MemoryPeer(context, is_server=True)).talk()
