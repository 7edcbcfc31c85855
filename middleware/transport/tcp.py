"""TCP, listening and dialling: one analyzer per line, found again for ever, dead peers noticed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import protocol
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall
from twisted.python.failure import Failure

from middleware.errors import MiddlewareError
from middleware.transport.base import (
    Address,
    ConnectionOutcome,
    Transport,
    TransportOwner,
    TransportState,
)
from middleware.transport.damping import Damping
from middleware.transport.settings import (
    SecondConnection,
    TcpConnectSettings,
    TcpListenSettings,
)
from middleware.transport.shim import Shim
from middleware.transport.tls import TlsEnd, expect_plain_text
from middleware.transport.tls_context import TlsFilesBad
from middleware.transport.tls_layer import TlsLayer
from middleware.transport.tls_refusal import TlsRefusal

# A peer that does not take our FIN within this time is cut off when we stop.
CLOSE_WITHIN_S = 2.0
# A connection that stood this long has shown that the peer is well: the next wait is short again.
STEADY_AFTER_S = 10.0
# Waits differ by up to this share, so that a hundred lines do not dial a restarted server at once.
JITTER = 0.2


class PortTaken(MiddlewareError):
    """A line cannot listen on its address: another program holds the port, or it is not ours."""

    code = "port-taken"


def make_tcp_transport(
    settings: TcpListenSettings | TcpConnectSettings,
    reactor: Any,
    owner: TransportOwner,
    random: Callable[[], float],
) -> Transport:
    """The transport for `settings`. `random` gives numbers from 0 to 1, for the jitter of waits."""
    if isinstance(settings, TcpListenSettings):
        return TcpListener(settings, reactor, owner)
    return TcpDialler(settings, reactor, owner, random)


class _Connection:
    """The one connection that a TCP transport keeps, and its orderly end."""

    def __init__(self, reactor: Any, settings: TcpListenSettings | TcpConnectSettings) -> None:
        self._reactor = reactor
        self._settings = settings
        self._waiting: list[Deferred[None]] = []
        self.shim: Shim | None = None

    def hold(self, shim: Shim, closed: Callable[[Shim, str], None]) -> None:
        """`shim` is the connection from now on."""
        self.shim = shim
        shim.on_opened = self._tune
        shim.on_closed = closed

    def forget(self, shim: Shim) -> bool:
        """`shim` is closed; True when it was the connection (and not one that was replaced)."""
        if shim is not self.shim:
            return False
        self.shim = None
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(None)
        return True

    def _tune(self, transport: Any) -> None:
        """Small writes go out at once, and a peer that is gone is noticed."""
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        set_keepalive(transport.getHandle(), self._settings)

    def close(self) -> Deferred[None]:
        """Close with FIN, cut off a peer that does not take it; fires when it is closed."""
        if self.shim is None:
            return succeed(None)
        shim = self.shim
        closed: Deferred[None] = Deferred()
        self._waiting.append(closed)
        cut = self._reactor.callLater(CLOSE_WITHIN_S, shim.abort, "the peer did not close")
        closed.addBoth(_cancel_first, cut)
        shim.close()
        return closed


class TcpListener(protocol.ServerFactory):
    """Waits for the analyzer to connect. Its address is checked before a single byte is read."""

    noisy = False

    def __init__(self, settings: TcpListenSettings, reactor: Any, owner: TransportOwner) -> None:
        self.state = TransportState.STOPPED
        self._settings = settings
        self._reactor = reactor
        self._owner = owner
        self._networks = [ipaddress.ip_network(peer, strict=False) for peer in settings.peers]
        self._connection = _Connection(reactor, settings)
        self._tls = TlsEnd(settings.tls, reactor) if settings.tls is not None else None
        self._damping = Damping(reactor)
        self._port: Any = None

    @property
    def address(self) -> Address:
        """Where it listens; the real port once started."""
        if self._port is None:
            return Address(self._settings.host, self._settings.port)
        return Address(self._settings.host, self._port.getHost().port)

    def start(self) -> None:
        """Bind and listen. Raises PortTaken, and TlsFilesBad."""
        if self._tls is not None:
            self._tls.require_files()
        host = "127.0.0.1" if self._settings.host == "localhost" else self._settings.host
        try:
            self._port = self._reactor.listenTCP(self._settings.port, self, interface=host)
        except CannotListenError as error:
            raise PortTaken(
                f"cannot listen on {self.address}: {error.socketError}",
                what_to_do="Choose another port, or end the program that holds it.",
            ) from error
        self._change(TransportState.LISTENING, f"listening on {self.address}")

    def stop(self) -> Deferred[None]:
        """Close the port and the connection."""
        if self._port is None:
            return succeed(None)
        port, self._port = self._port, None
        self._settings = self._settings.model_copy(update={"port": port.getHost().port})
        return Deferred.fromCoroutine(self._stop(port))

    async def _stop(self, port: Any) -> None:
        await port.stopListening()
        self._damping.close()
        if self._tls is not None:
            self._tls.cut_off()
        await self._connection.close()
        self._change(TransportState.STOPPED, "stopped")

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Twisted: somebody connected. None closes it again."""
        peer = getattr(addr, "host", "")
        if not self._is_allowed(peer):
            self._owner.connection_seen(ConnectionOutcome.REFUSED_PEER, peer)
            return None
        if self._tls is None:
            return self._wait_for_turn(peer)
        # Only who is proved can make a storm: strangers must not keep the analyzer waiting.
        return self._tls.layer(
            lambda: self._wait_for_turn(peer), lambda refusal: self._refused(peer, refusal)
        )

    def _wait_for_turn(self, peer: str) -> Any:
        return self._damping.admit(
            lambda: self._begin(peer),
            lambda: self._owner.connection_seen(ConnectionOutcome.DAMPED, peer),
        )

    def _refused(self, peer: str, refusal: TlsRefusal) -> None:
        self._owner.connection_seen(ConnectionOutcome.REFUSED_TLS, peer, str(refusal))

    def _begin(self, peer: str) -> Shim | None:
        """The peer's turn: what speaks with it from now on."""
        shim = self._admit(peer)
        if shim is not None and self._tls is None:
            expect_plain_text(shim, lambda refusal: self._refused(peer, refusal))
        return shim

    def _admit(self, peer: str) -> Shim | None:
        """The peer may speak: its connection is the line's from now on, unless the old one stays."""
        old = self._connection.shim
        if old is not None:
            if self._settings.second_connection is SecondConnection.REFUSE:
                self._owner.connection_seen(ConnectionOutcome.REFUSED_BUSY, peer)
                return None
            # Usually the old one is half open: its peer lost power. RST tells a live one at once.
            old.on_closed = None
            self._damping.ended(is_barren=not old.has_served)
            old.abort("replaced by a new connection")
            self._owner.connection_seen(ConnectionOutcome.REPLACED, old.peer)
        shim = self._owner.make_shim(peer)
        self._connection.hold(shim, self._closed)
        self._owner.connection_seen(ConnectionOutcome.ACCEPTED, peer)
        self._change(TransportState.OPEN, f"connected with {peer}")
        return shim

    def _is_allowed(self, peer: str) -> bool:
        if not self._networks:
            return True
        address = ipaddress.ip_address(peer.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def _closed(self, shim: Shim, reason: str) -> None:
        if self._connection.forget(shim):
            self._damping.ended(is_barren=not shim.has_served)
            self._owner.connection_seen(ConnectionOutcome.LOST, shim.peer)
            if self._port is not None:
                self._change(TransportState.LISTENING, f"{shim.peer} is gone: {reason}")

    def _change(self, state: TransportState, detail: str) -> None:
        self.state = state
        self._owner.transport_changed(state, detail)


class TcpDialler(protocol.ClientFactory):
    """Connects to the analyzer, and again for ever: waits double from the first to the longest."""

    noisy = False

    def __init__(
        self,
        settings: TcpConnectSettings,
        reactor: Any,
        owner: TransportOwner,
        random: Callable[[], float],
    ) -> None:
        self.state = TransportState.STOPPED
        self.address = Address(settings.host, settings.port)
        self._settings = settings
        self._reactor = reactor
        self._owner = owner
        self._random = random
        self._connection = _Connection(reactor, settings)
        self._tls = TlsEnd(settings.tls, reactor, settings.host) if settings.tls else None
        self._connector: IConnector | None = None
        self._timer: IDelayedCall | None = None
        self._wait_s = settings.retry_first_s
        self._is_started = False

    def start(self) -> None:
        """Dial; does not wait for the peer to be there."""
        if not self._is_started:
            self._is_started = True
            self._wait_s = self._settings.retry_first_s
            self._dial()

    def stop(self) -> Deferred[None]:
        """Stop dialling and close the connection."""
        if not self._is_started:
            return succeed(None)
        self._is_started = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection.shim is None and self._connector is not None:
            self._connector.stopConnecting()
        if self._tls is not None:
            self._tls.cut_off()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._connection.close()
        self._change(TransportState.STOPPED, "stopped")

    def buildProtocol(self, _addr: IAddress | None) -> Shim | TlsLayer:
        """Twisted: the connection is up."""
        self._connector = None
        if self._tls is not None:
            return self._tls.layer(self._admit, self._refused)
        return self._admit()

    def _admit(self) -> Shim:
        shim = self._owner.make_shim(str(self.address))
        if self._tls is None:
            expect_plain_text(shim, self._tell_refusal)
        self._connection.hold(shim, self._closed)
        self._owner.connection_seen(ConnectionOutcome.ACCEPTED, shim.peer)
        self._change(TransportState.OPEN, f"connected with {self.address}")
        return shim

    def clientConnectionFailed(self, _connector: IConnector, reason: Failure) -> None:
        """Twisted: nobody answered, or we stopped."""
        self._connector = None
        if self._is_started:
            self._owner.connection_seen(ConnectionOutcome.DIAL_FAILED, str(self.address))
            self._wait(f"{self.address} does not answer: {reason.getErrorMessage()}")

    def _tell_refusal(self, refusal: TlsRefusal) -> None:
        peer = str(self.address)
        self._owner.connection_seen(ConnectionOutcome.REFUSED_TLS, peer, str(refusal))

    def _refused(self, refusal: TlsRefusal) -> None:
        self._tell_refusal(refusal)
        if self._is_started:
            self._wait(f"{self.address} was refused: {refusal}")

    def _closed(self, shim: Shim, reason: str) -> None:
        self._connection.forget(shim)
        # TLS 1.3: the peer's refusal of our certificate comes when we believe to be connected.
        is_refused = not shim.bytes_in and getattr(shim.transport, "refusal", None) is not None
        outcome = ConnectionOutcome.REFUSED_TLS if is_refused else ConnectionOutcome.LOST
        self._owner.connection_seen(outcome, shim.peer, reason if is_refused else "")
        if not self._is_started:
            return
        if self._reactor.seconds() - shim.opened_at >= STEADY_AFTER_S:
            self._wait_s = self._settings.retry_first_s
        self._wait(f"{self.address} is gone: {reason}")

    def _dial(self) -> None:
        self._timer = None
        if self.state is not TransportState.WAITING:  # while it is away, one word is enough
            self._change(TransportState.DIALLING, f"dialling {self.address}")
        try:
            if self._tls is not None:
                self._tls.require_files()
        except TlsFilesBad as error:  # files are renewed by themselves, and so is the attempt
            self._wait(str(error))
            return
        self._connector = self._reactor.connectTCP(
            self._settings.host,
            self._settings.port,
            self,
            timeout=self._settings.connect_timeout_s,
        )

    def _wait(self, detail: str) -> None:
        delay = self._wait_s * (1.0 - JITTER * self._random())
        self._wait_s = min(self._wait_s * 2.0, self._settings.retry_longest_s)
        self._timer = self._reactor.callLater(delay, self._dial)
        if self.state is not TransportState.WAITING:
            self._change(TransportState.WAITING, detail)

    def _change(self, state: TransportState, detail: str) -> None:
        self.state = state
        self._owner.transport_changed(state, detail)


def set_keepalive(handle: socket.socket, settings: TcpListenSettings | TcpConnectSettings) -> None:
    """Set the keep-alive times and the user time-out where the system knows them (Linux does)."""
    options = (
        ("TCP_KEEPIDLE", settings.keepalive_idle_s),
        ("TCP_KEEPINTVL", settings.keepalive_interval_s),
        ("TCP_KEEPCNT", settings.keepalive_count),
        ("TCP_USER_TIMEOUT", settings.user_timeout_s * 1000),
    )
    for name, value in options:
        number = getattr(socket, name, None)
        if number is not None:
            handle.setsockopt(socket.IPPROTO_TCP, number, value)


def _cancel_first(result: None, call: IDelayedCall) -> None:
    if call.active():
        call.cancel()
    return result
