"""What machines ask over HTTP: /metrics, /healthz, /readyz. No password: it listens where it was told, nowhere else.

Three GETs with small answers, so everything is bounded hard: no request bodies, one answer to a connection, few
connections, and an absolute deadline that a slow client cannot push on. Metrics are rendered off the reactor's thread
and kept for a second: with 200 lines one rendering takes about 64 ms (RELIABILITY section 6).
"""

# mypy: allow-untyped-calls
# twisted.web has no annotations.

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet import threads
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http, pages, server
from twisted.web.resource import Resource

from middleware.clock import Clock
from middleware.errors import MiddlewareError
from middleware.observe import metrics
from middleware.setup import ListenAddress

MOST_CONNECTIONS = 64
LONGEST_CONNECTION_S = 20.0
METRICS_KEPT_S = 1.0
UNHEALTHY_LAG_S = 5.0


class MonitorNotListening(MiddlewareError):
    """The monitor's port is taken or not ours. Choose another `listen` in [monitor], or end what has the port."""

    code = "monitor-not-listening"


@dataclass(frozen=True, slots=True)
class Probes:
    """What the health pages ask. `readiness` names each condition; its answer is "" or what is wrong, without data."""

    loop_lag_s: Callable[[], float]
    readiness: Mapping[str, Callable[[], str]]


InThread = Callable[[Callable[[], bytes]], Awaitable[bytes]]


class MetricsText:
    """The exposition, at most `METRICS_KEPT_S` old; scrapes that come together share one rendering."""

    def __init__(
        self, clock: Clock, in_thread: InThread, render: Callable[[], bytes] = metrics.exposition
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._render = render
        self._text = b""
        self._good_until = float("-inf")
        self._waiting: list[Deferred[bytes]] | None = None

    async def current(self) -> bytes:
        """The text now."""
        if self._clock.monotonic() < self._good_until:
            return self._text
        if self._waiting is not None:
            shared: Deferred[bytes] = Deferred()
            self._waiting.append(shared)
            return await shared
        self._waiting = []
        try:
            self._text = await self._in_thread(self._render)
            self._good_until = self._clock.monotonic() + METRICS_KEPT_S
        finally:
            waiting, self._waiting = self._waiting, None
            for shared in waiting:
                shared.callback(self._text)
        return self._text


def health_page(probes: Probes) -> tuple[int, bytes]:
    """/healthz: the event loop turns (that this runs at all says most of it)."""
    lag_s = probes.loop_lag_s()
    if lag_s < UNHEALTHY_LAG_S:
        return http.OK, b"ok\n"
    return http.SERVICE_UNAVAILABLE, b"the event loop is %.1f s late\n" % lag_s


def ready_page(probes: Probes) -> tuple[int, bytes]:
    """/readyz: analyzers can be served now; else what is missing."""
    answers = {name: probe() for name, probe in probes.readiness.items()}
    missing = {name: answer for name, answer in answers.items() if answer}
    text = json.dumps({"ready": not missing, "missing": missing}, indent=1) + "\n"
    return (http.SERVICE_UNAVAILABLE if missing else http.OK), text.encode()


class _Page(Resource):
    isLeaf = True  # noqa: N815  (twisted.web's name)

    def __init__(self, page: Callable[[], tuple[int, bytes]], content_type: bytes) -> None:
        super().__init__()
        self._page = page
        self._content_type = content_type

    def render_GET(self, request: server.Request) -> bytes:
        status, body = self._page()
        request.setResponseCode(status)
        request.setHeader(b"content-type", self._content_type)
        return body


class _MetricsPage(Resource):
    isLeaf = True  # noqa: N815  (twisted.web's name)

    def __init__(self, text: MetricsText) -> None:
        super().__init__()
        self._text = text

    def render_GET(self, request: server.Request) -> int:
        Deferred.fromCoroutine(self._answer(request)).addErrback(request.processingFailed)
        return server.NOT_DONE_YET

    async def _answer(self, request: server.Request) -> None:
        text = await self._text.current()
        if request.channel is not None:  # the client is still there
            request.setHeader(b"content-type", metrics.CONTENT_TYPE.encode())
            request.write(text)
            request.finish()


class _Root(Resource):
    def getChild(self, path: bytes, request: Any) -> Any:
        return pages.notFound()


_METHODS = (b"GET", b"HEAD")


class _Request(server.Request):
    """A request that may have no body, whose answer closes the connection and says nothing of the server."""

    channel: _Channel

    def gotLength(self, length: int | None) -> None:
        super().gotLength(0)
        if length != 0:
            self.channel.refuse_body()

    def process(self) -> None:
        self.setHeader(b"connection", b"close")
        self.setHeader(b"cache-control", b"no-store")
        self.setHeader(b"x-content-type-options", b"nosniff")
        if self.method not in _METHODS:
            self.setResponseCode(http.NOT_ALLOWED)
            self.setHeader(b"allow", b", ".join(_METHODS))
            self.finish()
            return
        super().process()
        self.responseHeaders.removeHeader(b"server")


class _Channel(http.HTTPChannel):
    """A connection with an end: idle limits alone would let one byte every few seconds hold it for ever."""

    transport: Any
    _deadline: IDelayedCall | None = None
    _site: _Site

    def connectionMade(self) -> None:
        super().connectionMade()
        self._site = cast(_Site, self.factory)
        self._site.open_channels += 1
        self._deadline = self.callLater(LONGEST_CONNECTION_S, self.forceAbortClient)

    def refuse_body(self) -> None:
        """None of the pages takes one."""
        self.transport.write(b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\n\r\n")
        self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._site.open_channels -= 1
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        super().connectionLost(reason)


class _Site(server.Site):
    protocol = _Channel  # type: ignore[assignment]  # its annotation names a private wrapper for HTTP/2

    open_channels = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.open_channels >= MOST_CONNECTIONS:
            return None
        return super().buildProtocol(addr)

    def log(self, request: http.Request) -> None:
        """No access log: twisted's own would show 1970 under monotonic time (DESIGN 6.14), and nobody reads it."""


class MonitorServer:
    """I am responsible for the node's HTTP pages. `reactor` is the node's."""

    def __init__(self, reactor: Any, listen: ListenAddress, clock: Clock, probes: Probes) -> None:
        self._reactor = reactor
        self._listen = listen
        self._clock = clock
        self._probes = probes
        self._port: IListeningPort | None = None

    def start(self) -> None:
        """Listen. Raises MonitorNotListening."""
        site = _Site(
            self._pages(),
            requestFactory=_Request,
            timeout=LONGEST_CONNECTION_S,
            reactor=self._reactor,
        )
        try:
            self._port = self._reactor.listenTCP(
                self._listen.port, site, interface=self._listen.host
            )
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or str(error.socketError)
            raise MonitorNotListening(
                f"the monitor cannot listen on {self._listen}: {reason}",
                what_to_do="End the program that has the port, or write another [monitor] listen.",
            ) from error

    @property
    def address(self) -> ListenAddress:
        """Where it listens (the real port, where 0 was asked for)."""
        if self._port is None:
            return self._listen
        host = cast(IPv4Address, self._port.getHost())
        return ListenAddress(host.host, host.port)

    async def stop(self) -> None:
        """Close; harmless when not started."""
        port, self._port = self._port, None
        if port is not None:
            stopped = port.stopListening()
            if isinstance(stopped, Deferred):
                await stopped

    def _pages(self) -> Resource:
        async def in_thread(work: Callable[[], bytes]) -> bytes:
            pool = self._reactor.getThreadPool()
            return await threads.deferToThreadPool(self._reactor, pool, work)

        root = _Root()
        plain, as_json = b"text/plain; charset=utf-8", b"application/json"
        root.putChild(b"metrics", _MetricsPage(MetricsText(self._clock, in_thread)))
        root.putChild(b"healthz", _Page(lambda: health_page(self._probes), plain))
        root.putChild(b"readyz", _Page(lambda: ready_page(self._probes), as_json))
        return root
