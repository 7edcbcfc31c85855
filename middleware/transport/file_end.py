"""The folder's end of a shim: gives files to the link, hears its replies, hands on the files that it wants written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from middleware.errors import MiddlewareError
from middleware.transport.shim import Shim
from middleware.wire.whole import FileLink, FileReply, FileToWrite

_WRITTEN, _NOT_WRITTEN = b"\x06", b"\x15"

Write = Callable[[bytes], Deferred[Any]]


class NoFileLink(MiddlewareError):
    """The owner of a folder gave it a link that knows nothing of files: a fault of ours."""

    code = "no-file-link"


class FileEnd:
    """I am responsible for one file at a time on its way through the link; to Twisted's protocols I am a transport."""

    def __init__(self, write: Write) -> None:
        """`write` puts one file where the peer takes it; its Deferred fails with OSError when it cannot."""
        self._write_file = write
        self._shim: Shim | None = None
        self._link: FileLink
        self._answer: Deferred[FileReply | None] | None = None
        self._waiting: list[FileToWrite] = []
        self._is_writing = False

    @property
    def is_open(self) -> bool:
        """Whether the shim is there; it goes when its link fails."""
        return self._shim is not None and self._shim.is_open

    def open(self, shim: Shim) -> None:
        """Connect. Raises NoFileLink."""
        if not isinstance(shim.link, FileLink):
            raise NoFileLink(
                "a folder needs a FileLink", what_to_do="Report this fault of Labwire."
            )
        self._link = shim.link
        self._shim = shim
        shim.on_closed = self._closed
        shim.makeConnection(self)  # type: ignore[no-untyped-call]

    def give(self, name: str, content: bytes) -> Deferred[FileReply | None]:
        """Give a whole file; fires with the link's reply, None when the connection ends before."""
        shim = self._shim
        if shim is None or not shim.is_open:
            return succeed(None)
        answer: Deferred[FileReply | None] = Deferred()
        self._answer = answer
        self._link.begin_file(name)
        shim.dataReceived(content)
        shim.dataReceived(b"")
        return answer

    def give_up(self) -> None:
        """Wait no longer for the reply: the file stays where it is."""
        self._reply(None)

    def close(self, reason: str) -> None:
        """End the connection; a file in hand stays where it is."""
        if self._shim is not None:
            self._shim.abort(reason)

    # -- what a shim asks of a transport ----------------------------------------------------------

    def write(self, _rings: bytes) -> None:
        """The link has something to say."""
        for wanted in self._link.take():
            if isinstance(wanted, FileReply):
                self._reply(wanted)
            else:
                self._waiting.append(wanted)
        self._write_next()

    def pauseProducing(self) -> None:
        """One file at a time is given in any case."""

    def resumeProducing(self) -> None:
        """As above."""

    def loseConnection(self) -> None:
        """Close."""
        self.close("closed by us")

    def abortConnection(self) -> None:
        """The shim has ended already."""

    # -- inside -----------------------------------------------------------------------------------

    def _closed(self, _shim: Shim, _reason: str) -> None:
        self._shim = None
        self._waiting.clear()
        self._reply(None)

    def _reply(self, reply: FileReply | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.callback(reply)

    def _write_next(self) -> None:
        if self._waiting and not self._is_writing:
            self._is_writing = True
            done = self._write_file(self._waiting.pop(0).text)
            done.addCallback(lambda _: _WRITTEN).addErrback(lambda _: _NOT_WRITTEN)
            done.addCallback(self._written)

    def _written(self, said: bytes) -> None:
        self._is_writing = False
        if self._shim is not None and self._shim.is_open:
            self._shim.dataReceived(said)
            self._write_next()
