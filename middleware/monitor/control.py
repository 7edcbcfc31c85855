"""The control socket: how commands reach the running node, which alone writes the store (DESIGN 6.13).

A Unix socket in the data folder that only the node's user may open (mode 0600) is the authentication. One line of JSON
in, one line out: {"verb", "arguments", "author"} is answered {"ok": true, "answer"} or {"ok": false, "error", "code",
"what_to_do"}. The caller gives the table of verbs; whatever changes something is audited by its verb under `author`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from middleware.errors import MiddlewareError
from middleware.monitor.control_client import LARGEST_LINE_BYTES, socket_path
from middleware.observe.events import InvariantViolated

MOST_CONNECTIONS = 32
SILENCE_S = 30.0
LONGEST_AUTHOR = 80

Verb = Callable[[Mapping[str, Any], str], Awaitable[Any]]
"""What a verb does: (arguments, author) to an answer for JSON. Raises MiddlewareError for a person's mistake."""


class ControlNotListening(MiddlewareError):
    """The control socket could not be made. Check that the data folder exists and belongs to the node's user."""

    code = "control-not-listening"


class _BadRequest(MiddlewareError):
    """The request is not what the protocol says."""

    code = "bad-request"


class _Connection(LineOnlyReceiver):
    transport: Any  # a UNIX stream
    delimiter = b"\n"
    MAX_LENGTH = LARGEST_LINE_BYTES

    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._is_busy = False
        self._silence: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._server.connections.add(self)
        self._expect_line()

    def lineReceived(self, line: bytes) -> None:
        self._stop_waiting()
        if self._is_busy:  # one request at a time; the client waits for its answer
            self.transport.abortConnection()
            return
        self._is_busy = True
        # `answer` never fails: it turns every error into an answer.
        Deferred.fromCoroutine(self._server.answer(line)).addCallback(self._reply)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_waiting()
        self._server.connections.discard(self)

    def _reply(self, answer: bytes) -> None:
        self._is_busy = False
        if self in self._server.connections:
            self.transport.write(answer + b"\n")
            self._expect_line()

    def _expect_line(self) -> None:
        self._silence = self._server.reactor.callLater(SILENCE_S, self.transport.abortConnection)

    def _stop_waiting(self) -> None:
        if self._silence is not None and self._silence.active():
            self._silence.cancel()


class _Connections(Factory):
    noisy = False

    def __init__(self, server: ControlServer) -> None:
        self._server = server

    def buildProtocol(self, addr: IAddress | None) -> _Connection | None:
        if len(self._server.connections) >= MOST_CONNECTIONS:
            return None
        return _Connection(self._server)


class ControlServer:
    """I am responsible for the control socket of one running node (which holds the node lock)."""

    def __init__(self, reactor: Any, data_dir: Path, verbs: Mapping[str, Verb]) -> None:
        self.reactor = reactor
        self.connections: set[_Connection] = set()
        self._data_dir = data_dir
        self._verbs = verbs
        self._port: IListeningPort | None = None
        self._folder: int | None = None

    def start(self) -> None:
        """Listen. Raises ControlNotListening. Call it with the node lock held: a socket left by a kill is removed."""
        socket_path(self._data_dir).unlink(missing_ok=True)
        self._folder = os.open(self._data_dir, os.O_RDONLY | os.O_DIRECTORY)
        # A socket's name holds about 100 bytes; by way of the open folder the length of its path does not matter.
        name = f"/proc/self/fd/{self._folder}/{socket_path(self._data_dir).name}"
        before = os.umask(0o177)  # from its first moment nobody else may open it
        try:
            self._port = self.reactor.listenUNIX(name, _Connections(self), mode=0o600)
        except CannotListenError as error:
            self._close_folder()
            raise ControlNotListening(
                f"no control socket in {self._data_dir}: {error.socketError}",
                what_to_do="Check that the data folder is on a local disk and belongs to the node's user.",
            ) from error
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Close; harmless when not started."""
        port, self._port = self._port, None
        if port is None:
            return
        stopped = port.stopListening()
        if isinstance(stopped, Deferred):
            await stopped
        for connection in list(self.connections):
            connection.transport.loseConnection()
        self._close_folder()

    def _close_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            os.close(folder)

    async def answer(self, line: bytes) -> bytes:
        """The answer to one request. Never raises: a person waits for it."""
        try:
            verb, arguments, author = self._read(line)
            answer: dict[str, Any] = {"ok": True, "answer": await verb(arguments, author)}
            return json.dumps(answer).encode()
        except MiddlewareError as error:
            refusal = {"error": str(error), "code": error.code, "what_to_do": error.what_to_do}
        except Exception as error:  # noqa: BLE001  (a fault of a verb must not end the node; it is counted and told)
            InvariantViolated(
                "control_verb", f"a control verb failed: {type(error).__name__}"
            ).emit()
            refusal = {
                "error": f"the node failed at this: {type(error).__name__}",
                "code": "fault",
                "what_to_do": "Look at the node's log and report it.",
            }
        return json.dumps({"ok": False, **refusal}).encode()

    def _read(self, line: bytes) -> tuple[Verb, Mapping[str, Any], str]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _BadRequest("the request is not JSON") from error
        if not isinstance(request, dict):
            raise _BadRequest("the request is not a JSON object")
        arguments, author = request.get("arguments", {}), request.get("author")
        if not isinstance(arguments, dict):
            raise _BadRequest("`arguments` must be an object")
        is_name = isinstance(author, str) and author.isprintable()
        if not isinstance(author, str) or not is_name or not 0 < len(author) <= LONGEST_AUTHOR:
            raise _BadRequest("`author` must name the person who asks")
        verb = self._verbs.get(str(request.get("verb")))
        if verb is None:
            known = ", ".join(sorted(self._verbs))
            raise _BadRequest(f"unknown verb {request.get('verb')!r}", what_to_do=f"Known: {known}")
        return verb, arguments, author
