"""Takes orders that a system posts: proved, stored and done in one commit, then answered test by test.

Everything is bounded hard: few connections, one request on each, a body of known and limited length, an absolute
deadline. A token is asked for before a body is read; whoever has none can hold nothing.
"""

# mypy: allow-untyped-calls
# twisted.web has no annotations.

from __future__ import annotations

import hmac
import io
import ipaddress
import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from middleware.clock import Clock
from middleware.connectors.http_json.config import OrdersDoor
from middleware.connectors.http_json.signing import HEADER, why_unsigned
from middleware.connectors.http_over_tls import HttpOverTls
from middleware.connectors.order_desk import OrderDesk, Said
from middleware.errors import MiddlewareError
from middleware.observe.events import InvariantViolated
from middleware.payload.hl7_orders import UnreadableOrders
from middleware.payload.json_orders import json_answer, read_json_orders
from middleware.transport.base import Address, TransportState
from middleware.transport.tls import TlsEnd
from middleware.transport.tls_context import TlsFilesBad

MOST_CONNECTIONS = 32
MOST_BYTES = 1024 * 1024
LONGEST_CONNECTION_S = 30.0
RETRY_S = 5.0
"""Between two attempts to listen on a port that is taken."""

PATH = b"/orders"
_JSON = "application/json"


class OrderDoor:
    """I am responsible that nobody unproved orders, and nothing is answered before its commit."""

    def __init__(self, settings: OrdersDoor, desk: OrderDesk, reactor: Any, clock: Clock) -> None:
        self._settings = settings
        self._desk = desk
        self._reactor = reactor
        self._clock = clock
        self._networks = [ipaddress.ip_network(one, strict=False) for one in settings.peers]
        self._tls = TlsEnd(settings.tls, reactor) if settings.tls is not None else None
        self._port: Any = None
        self._retry: IDelayedCall | None = None
        self._state = TransportState.STOPPED
        self._last_error = ""
        self._running: set[Deferred[None]] = set()
        self.channels: set[_Channel] = set()

    @property
    def address(self) -> Address:
        """Where it listens; the real port once started."""
        port = self._settings.port if self._port is None else self._port.getHost().port
        return Address(self._settings.host, port)

    @property
    def words(self) -> str:
        """How it stands, for status pages."""
        more = f"; last trouble: {self._last_error}" if self._last_error else ""
        return f"orders on {self.address}: {self._state.value}{more}"

    def start(self) -> None:
        """Listen; a port that another program holds is tried again until it is free."""
        self._retry = None
        host = "127.0.0.1" if self._settings.host == "localhost" else self._settings.host
        try:
            if self._tls is not None:
                self._tls.require_files()
            self._port = self._reactor.listenTCP(self._settings.port, _Site(self), interface=host)
        except (CannotListenError, TlsFilesBad) as error:
            said = error.socketError if isinstance(error, CannotListenError) else error
            self._trouble(f"cannot listen on {self.address}: {said}")
            self._state = TransportState.WAITING
            self._retry = self._reactor.callLater(RETRY_S, self.start)
        else:
            self._state = TransportState.LISTENING

    async def stop(self) -> None:
        """Finish what is being stored, then close."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        port, self._port = self._port, None
        if port is not None:
            await _stopped(port)
        for task in list(self._running):
            await _end_of(task)
        if self._tls is not None:
            self._tls.cut_off()
        for channel in list(self.channels):
            channel.forceAbortClient()
        self._state = TransportState.STOPPED

    # -- connections ------------------------------------------------------------------------------

    def protocol_for(self, peer: str) -> Any:
        """Who speaks with a new connection; None closes it."""
        if not self._is_allowed(peer):
            self._trouble(f"{peer} was refused")
            return None
        if len(self.channels) >= MOST_CONNECTIONS:
            return None
        channel = _Channel(self, self._reactor)
        if self._tls is None:
            return channel
        above = HttpOverTls(channel)
        return self._tls.layer(
            lambda: above, lambda refusal: self._trouble(f"{peer} was refused: {refusal}")
        )

    def _is_allowed(self, peer: str) -> bool:
        if not self._networks:
            return True
        address = ipaddress.ip_address(peer.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def _trouble(self, text: str) -> None:
        self._last_error = text

    # -- requests ---------------------------------------------------------------------------------

    def refusal_of_head(self, request: _Request, length: int | None) -> tuple[int, str]:
        """Status and words of what is refused before its body is read; 0: it is not."""
        if not self._has_token(request):
            self._trouble("a request without the right token was refused")
            return http.UNAUTHORIZED, "the token is missing or wrong"
        if length is None:
            return http.LENGTH_REQUIRED, "the length of the body must be said"
        if length > MOST_BYTES:
            return http.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {MOST_BYTES} bytes"
        return 0, ""

    def take(self, request: _Request) -> None:
        """The whole request is here."""
        task: Deferred[None] = Deferred.fromCoroutine(self._take(request))
        self._running.add(task)
        task.addErrback(_broke, request)
        task.addBoth(self._ended, task)

    def _has_token(self, request: _Request) -> bool:
        if self._settings.token is None:
            return True
        wanted = f"Bearer {self._settings.token.get_secret_value()}"
        said = _header(request, "authorization").encode("latin-1")
        return hmac.compare_digest(said, wanted.encode())

    async def _take(self, request: _Request) -> None:
        body = request.content.getvalue()
        status, words = self._refusal_of(request, body)
        if status:
            request.refuse(status, words)
            return
        try:
            status, answer = await self._store(body)
        except MiddlewareError:
            request.refuse(http.SERVICE_UNAVAILABLE, "nothing was stored; send it again")
            return
        if status == http.OK:
            request.answer(status, _JSON, answer)
        else:
            request.refuse(status, answer.decode())

    def _refusal_of(self, request: _Request, body: bytes) -> tuple[int, str]:
        """Status and words of a request that is none for us; 0: it is."""
        if request.uri.partition(b"?")[0] != PATH:
            return http.NOT_FOUND, "there is only /orders"
        if request.method != b"POST":
            return http.NOT_ALLOWED, "orders are posted"
        kind = _header(request, "content-type").partition(";")[0].strip().lower()
        if kind != _JSON:
            return http.UNSUPPORTED_MEDIA_TYPE, f"the body must be {_JSON}"
        if self._settings.secret is None:
            return 0, ""
        now = self._clock.utc_now().timestamp()
        secret = self._settings.secret.get_secret_value()
        why = why_unsigned(_header(request, HEADER), secret, now, body)
        if why:
            self._trouble("a request without a good signature was refused")
            return http.UNAUTHORIZED, why
        return 0, ""

    async def _store(self, body: bytes) -> tuple[int, bytes]:
        """Status and answer of what was committed. Raises StoreError."""
        try:
            read = read_json_orders(body, self._desk.time_zone)
        except UnreadableOrders as error:
            await self._desk.take(Said(body, body, refusal=str(error)))
            return http.BAD_REQUEST, str(error).encode()
        (environment,) = read.environments
        refusal = self._desk.refusal_of_environment(environment)
        said = Said(
            body,
            body,
            requests=() if refusal else read.requests,
            control_id=read.message_id,
            refusal=refusal,
            name=f"{read.message_id}.json",
        )
        taken = await self._desk.take(said)
        if refusal:
            return http.CONFLICT, refusal.encode()
        return http.OK, json_answer(read, taken.outcomes, taken.reply_id, taken.repeats)

    def _ended(self, _result: object, task: Deferred[None]) -> None:
        self._running.discard(task)


class _Request(http.Request):
    """A request that is judged by its head before its body is read."""

    content: io.BytesIO
    channel: Any
    _is_refused = False

    def gotLength(self, length: int | None) -> None:
        self.content = io.BytesIO()  # never a file of the system: it may name patients
        status, words = self.channel.door.refusal_of_head(self, length)
        if status:
            self._is_refused = True
            self.channel.end_with(status, words)

    def process(self) -> None:
        if not self._is_refused:
            self.channel.door.take(self)

    def answer(self, status: int, kind: str, body: bytes) -> None:
        """The answer; nothing when the system has hung up."""
        if self.channel is None or self.finished:
            return
        self.setResponseCode(status)
        for name, text in _heads(kind, body, status).items():
            self.setHeader(name, text)
        self.write(body)
        self.finish()

    def refuse(self, status: int, words: str) -> None:
        """One form of error for all."""
        self.answer(status, "application/problem+json", problem(status, words))


class _Channel(http.HTTPChannel):
    """A connection with an end: idle limits alone would let one byte every few seconds hold it for ever."""

    transport: Any
    requestFactory = _Request  # noqa: N815  (twisted.web's name)

    def __init__(self, door: OrderDoor, reactor: Any) -> None:
        super().__init__()
        self.door = door
        self._reactor = reactor
        self._deadline: IDelayedCall | None = None
        self._is_ending = False

    def callLater(self, seconds: float, call: Any, *arguments: Any) -> Any:
        """Twisted's time-outs, on the reactor that we were given."""
        return self._reactor.callLater(seconds, call, *arguments)

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """One request to a connection."""
        return False

    def connectionMade(self) -> None:
        self.timeOut = int(LONGEST_CONNECTION_S)
        super().connectionMade()
        self.door.channels.add(self)
        self._deadline = self._reactor.callLater(LONGEST_CONNECTION_S, self.forceAbortClient)

    def dataReceived(self, data: bytes) -> None:
        if not self._is_ending:
            super().dataReceived(data)

    def end_with(self, status: int, words: str) -> None:
        """Answer before the body is read, and hang up."""
        self._is_ending = True
        body = problem(status, words)
        heads = _heads("application/problem+json", body, status)
        head = b"".join(b"%s: %s\r\n" % (name, text) for name, text in heads.items())
        line = b"HTTP/1.1 %d %s\r\n" % (status, http.RESPONSES.get(status, b"Refused"))
        self.transport.write(line + head + b"\r\n" + body)
        self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.door.channels.discard(self)
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        super().connectionLost(reason)


class _Site(http.HTTPFactory):
    """Twisted's factory without its access log, which would name what was asked for."""

    noisy = False

    def __init__(self, door: OrderDoor) -> None:
        super().__init__()
        self._door = door

    def startFactory(self) -> None: ...

    def stopFactory(self) -> None: ...

    def buildProtocol(self, addr: IAddress | None) -> Any:
        made = self._door.protocol_for(getattr(addr, "host", ""))
        if made is not None:
            made.factory = self
        return made

    def log(self, request: http.Request) -> None: ...


def problem(status: int, words: str) -> bytes:
    """RFC 9457: what went wrong, for programs and people."""
    title = http.RESPONSES.get(status, b"Refused").decode()
    document = {"type": "about:blank", "title": title, "status": status, "detail": words}
    return json.dumps(document).encode()


def _heads(kind: str, body: bytes, status: int) -> dict[bytes, bytes]:
    heads = {
        b"content-type": kind.encode(),
        b"content-length": str(len(body)).encode(),
        b"connection": b"close",
        b"cache-control": b"no-store",
    }
    if status == http.UNAUTHORIZED:
        heads[b"www-authenticate"] = b"Bearer"
    if status == http.NOT_ALLOWED:
        heads[b"allow"] = b"POST"
    if status == http.SERVICE_UNAVAILABLE:
        heads[b"retry-after"] = b"5"
    return heads


def _header(request: http.Request, name: str) -> str:
    """The only header of that name; '' where there is none, or several. Any byte is a letter here."""
    found = request.requestHeaders.getRawHeaders(name.encode(), [])
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _broke(_failure: object, request: _Request) -> None:
    InvariantViolated("orders_are_answered", "a request with orders was not answered").emit()
    request.refuse(http.INTERNAL_SERVER_ERROR, "a fault of ours; send it again")


async def _stopped(port: Any) -> None:
    stopped = port.stopListening()
    if isinstance(stopped, Deferred):
        await stopped


def _end_of(task: Deferred[None]) -> Deferred[None]:
    done: Deferred[None] = Deferred()

    def tell(_result: object) -> None:
        done.callback(None)

    task.addBoth(tell)
    return done
