"""One POST to the LIS: sent, answered within its time, its answer bounded. No retries here.

Each request has a connection of its own: what a server closes while it rests is then never taken for a lost answer.
"""

# mypy: allow-untyped-calls
# twisted.web has no annotations.

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet import protocol
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.client import URI, Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from middleware.connectors.http_over_tls import HttpOverTls
from middleware.connectors.http_settings import HttpTarget
from middleware.transport.tls import TlsEnd
from middleware.transport.tls_refusal import TlsRefusal

LONGEST_ANSWER = 64 * 1024
"""Bytes that are kept of an answer, unless the connector needs more; the rest is not read."""


class NotProved(Exception):
    """TLS refused the LIS; the text says why."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, the header Retry-After as sent, and the beginning of the body."""

    status: int
    retry_after: str
    body: bytes


class HttpClient:
    """I am responsible that a request ends: with an answer, or with an exception that says what went wrong."""

    def __init__(
        self, settings: HttpTarget, reactor: Any, longest_answer: int = LONGEST_ANSWER
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self._longest_answer = longest_answer
        pool = HTTPConnectionPool(reactor, persistent=False)
        self._endpoints = _Endpoints(settings, reactor)
        self._agent = Agent.usingEndpointFactory(reactor, self._endpoints, pool)

    async def post(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Raises whatever Twisted raises for connections, TimeoutError after `timeout_s`, NotProved."""
        fields = Headers({name.encode(): [text.encode()] for name, text in headers.items()})
        asked = Deferred.fromCoroutine(self._ask(fields, body))
        timer = self._reactor.callLater(self._settings.timeout_s, asked.cancel)
        try:
            return await asked
        except Exception as error:
            if not timer.active():  # whatever Twisted makes of being cancelled
                raise TimeoutError from error
            raise
        finally:
            if timer.active():
                timer.cancel()

    async def connect(self) -> None:
        """Connect, with TLS prove the LIS, and hang up. Raises as `post` does."""
        uri = URI.fromBytes(self._settings.url.encode())
        endpoint = self._endpoints.endpointForURI(uri)
        connected = await endpoint.connect(protocol.Factory.forProtocol(protocol.Protocol))
        connected.transport.loseConnection()

    async def _ask(self, headers: Headers, body: bytes) -> HttpAnswer:
        url = self._settings.url.encode()
        response = await self._agent.request(b"POST", url, headers, _Body(body))
        reading = _Reading(self._longest_answer)
        response.deliverBody(reading)
        said = response.headers.getRawHeaders(b"retry-after", [b""])[0]
        text = await reading.done
        return HttpAnswer(response.code, said.decode("latin-1"), text)


@implementer(IBodyProducer)
class _Body:
    def __init__(self, content: bytes) -> None:
        self.length = len(content)
        self._content = content

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._content)
        return succeed(None)

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...


class _Reading(protocol.Protocol):
    """The beginning of a body; whoever sends more than we keep is cut off."""

    transport: Any = None

    def __init__(self, longest: int) -> None:
        self.done: Deferred[bytes] = Deferred(self._cut_off)
        self._longest = longest
        self._pieces = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._pieces += data
        if len(self._pieces) >= self._longest:
            self._finish()
            self._cut_off(self.done)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        if reason.check(ResponseDone, http.PotentialDataLoss) or self.done.called:
            self._finish()
        else:
            self.done.errback(reason)

    def _finish(self) -> None:
        if not self.done.called:
            self.done.callback(bytes(self._pieces[: self._longest]))

    def _cut_off(self, _done: Deferred[bytes]) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Where to connect: always to the settings' own host, by its name or address."""

    def __init__(self, settings: HttpTarget, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor
        host = urllib.parse.urlsplit(settings.url).hostname or ""
        self._tls = TlsEnd(settings.tls, reactor, host) if settings.tls is not None else None

    def endpointForURI(self, uri: Any) -> _Endpoint:
        host = uri.host.decode().strip("[]")
        return _Endpoint(self._reactor, (host, uri.port), self._settings, self._tls)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    reactor: Any
    address: tuple[str, int]
    settings: HttpTarget
    tls: TlsEnd | None

    def connect(self, factory: Any) -> Deferred[Any]:
        dial = _Dial(factory, self.tls)
        host, port = self.address
        dialled = self.reactor.connectTCP(host, port, dial, self.settings.connect_timeout_s)
        dial.connected.addErrback(_disconnect, dialled)
        return dial.connected


def _disconnect(failure: Failure, dialled: Any) -> Failure:
    dialled.disconnect()
    return failure


class _Dial(protocol.ClientFactory):
    """One attempt. HTTP's protocol is made when the LIS is connected and, with TLS, proved."""

    noisy = False

    def __init__(self, above: Any, tls: TlsEnd | None) -> None:
        self._above = above
        self._tls = tls
        self.connected: Deferred[Any] = Deferred()

    def buildProtocol(self, addr: Any) -> Any:
        if self._tls is None:
            return _Told(self._above.buildProtocol(addr), self.connected)
        made = self._above.buildProtocol(addr)
        told = _Told(HttpOverTls(made), self.connected, made)
        return self._tls.layer(lambda: told, self._refused)

    def clientConnectionFailed(self, _connector: Any, reason: Failure) -> None:
        if not self.connected.called:
            self.connected.errback(reason)

    def _refused(self, refusal: TlsRefusal) -> None:
        if not self.connected.called:
            self.connected.errback(NotProved(str(refusal)))


class _Told(protocol.Protocol):
    """Tells who waits for the connection that it is there."""

    def __init__(self, above: Any, connected: Deferred[Any], told: Any = None) -> None:
        self._above = above
        self._connected = connected
        self._told = above if told is None else told

    def makeConnection(self, transport: Any) -> None:
        self._above.makeConnection(transport)
        if not self._connected.called:
            self._connected.callback(self._told)

    def dataReceived(self, data: bytes) -> None:
        self._above.dataReceived(data)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self._above.connectionLost(reason)
