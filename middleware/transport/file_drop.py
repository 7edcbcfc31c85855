"""File drop: the folder is the peer. Complete files go one by one to the owner's link, and then where its answer says.

Flow. Each `poll_s` one look (in a thread). While the folder can be used there is one shim, whose link is a `FileLink`.
A file is read (in a thread), named to the link and given to it; the link's reply comes when the message is committed or
refused; then the file is moved (in a thread) and the next one follows. A file that is not stored stays, and so do those
after it until the next look. Nothing is remembered about a file that matters after a crash: if it still lies there it
is given again, and the store knows its content.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from middleware.clock import Clock, SystemClock
from middleware.transport.apart import run_apart
from middleware.transport.base import FileDropOwner, FileTrouble, TransportOwner, TransportState
from middleware.transport.file_drop_folder import Content, DropFolder, Found, Look
from middleware.transport.file_end import FileEnd
from middleware.transport.file_settings import FileDropSettings
from middleware.transport.file_writer import write_file
from middleware.wire.whole import FileReply, FileVerdict

# A look or a move that takes longer is a hanging share; a person is told, and it is still waited for.
HANGS_AFTER_S = 30.0
# A file that was not stored, or that cannot be moved, is tried again after this time.
AGAIN_AFTER_S = 5.0
# A stopping transport waits so long for the file in hand.
CLOSE_WITHIN_S = 2.0

# Reasons of a refusal, as a person reads them in the .err file.
_WORDS = {
    "wrong_analyzer": "it is another analyzer's; `labwire messages list --state refused` says more"
}

Apart = Callable[[Any, Callable[[], Any]], Deferred[Any]]


class FileDropTransport:
    """I am responsible for the files of one folder, each taken once, in the order of their names."""

    def __init__(
        self,
        settings: FileDropSettings,
        reactor: Any,
        owner: TransportOwner,
        clock: Clock | None = None,
        apart: Apart = run_apart,
    ) -> None:
        self.state = TransportState.STOPPED
        self.address = Path(settings.folder)
        self._detail = ""
        self._settings = settings
        self._reactor = reactor
        self._owner = owner
        self._clock = clock or SystemClock()
        self._apart = apart
        self._folder = DropFolder(settings)
        self._end: FileEnd | None = None
        self._run_number = 0  # a look that hung belongs to a run that was stopped since
        self._is_started = False
        self._done: Deferred[None] = succeed(None)
        self._pause: tuple[Deferred[None], IDelayedCall] | None = None
        self._unmoved: dict[str, tuple[Found, FileReply]] = {}
        self._again_at = 0.0
        self._written = 0

    def start(self) -> None:
        """Begin to look; a folder that is not there yet is waited for."""
        if not self._is_started:
            self._is_started = True
            self._run_number += 1
            self._done = Deferred.fromCoroutine(self._run(self._run_number))

    def stop(self) -> Deferred[None]:
        """Finish the file in hand, for a moment at most, and stop."""
        if not self._is_started:
            return succeed(None)
        self._is_started = False
        self._wake()
        stopped: Deferred[None] = Deferred()
        timer = self._reactor.callLater(CLOSE_WITHIN_S, self._stopped, stopped)
        self._done.addBoth(lambda _: timer.active() and timer.reset(0))
        return stopped

    def _stopped(self, stopped: Deferred[None]) -> None:
        if not self._is_started:
            self._close("")
            self._change(TransportState.STOPPED, "stopped")
        stopped.callback(None)

    # -- looking ----------------------------------------------------------------------------------

    def _is_current(self, run: int) -> bool:
        return self._is_started and run == self._run_number

    async def _run(self, run: int) -> None:
        while self._is_current(run):
            try:
                look: Look = await self._timed(partial(self._folder.look, self._reactor.seconds()))
                if not self._is_current(run):
                    return
                self._folder_is_there()
                await self._take_all(look, run)
            except Exception as error:  # noqa: BLE001 - the folder's trouble or a fault of ours: told, and tried again
                if self._is_current(run):
                    self._folder_is_lost(error)
            if self._is_current(run):
                await self._rest(self._settings.poll_s)

    async def _take_all(self, look: Look, run: int) -> None:
        self._tell_set_aside(look.set_aside)
        await self._move_unmoved()
        for found in look.files:
            if not self._is_current(run) or self._reactor.seconds() < self._again_at:
                return
            if found.name not in self._unmoved or self._unmoved[found.name][0].mark != found.mark:
                await self._take(found, run)

    async def _take(self, found: Found, run: int) -> None:
        content: Content = await self._timed(
            partial(self._folder.read, found, self._reactor.seconds())
        )
        if not self._is_current(run):
            return
        if content.problem:
            await self._move(found, FileReply(FileVerdict.NOT_TAKEN, content.problem))
        elif content.data and self._end is not None:
            reply = await self._end.give(shown_name(found.name), content.data)
            if reply is None or reply.verdict is FileVerdict.NOT_STORED:
                self._again_at = self._reactor.seconds() + AGAIN_AFTER_S
            else:
                await self._move(found, reply)

    # -- moving -----------------------------------------------------------------------------------

    async def _move(self, found: Found, reply: FileReply) -> None:
        try:
            await self._timed(partial(self._move_apart, found, reply))
        except OSError as error:
            self._unmoved[found.name] = (found, reply)
            self._again_at_least()
            text = f"A file in {self.address} is dealt with and cannot be moved: {_said(error)}."
            self._tell(FileTrouble.NOT_MOVED, text)
            return
        if self._unmoved.pop(found.name, None) is not None and not self._unmoved:
            self._tell(FileTrouble.NOT_MOVED, "")
        if reply.verdict is FileVerdict.STORED_BEFORE:
            self._tell(FileTrouble.REPEATED, _repeated(reply))
        elif reply.verdict is FileVerdict.STORED:
            self._tell(FileTrouble.REPEATED, "")

    def _move_apart(self, found: Found, reply: FileReply) -> bool:
        moment = self._clock.utc_now().strftime("%Y%m%d%H%M%S")
        if reply.verdict is FileVerdict.NOT_TAKEN:
            why = _WORDS.get(reply.detail, reply.detail)
            return self._folder.set_aside(found, moment, why)
        note = _repeated(reply).rstrip(".") if reply.verdict is FileVerdict.STORED_BEFORE else ""
        return self._folder.keep(found, moment, note)

    async def _move_unmoved(self) -> None:
        """What is stored and could not be moved is not given again; only the move is tried again."""
        for found, reply in list(self._unmoved.values()):
            await self._move(found, reply)

    def _again_at_least(self) -> None:
        """Files that cannot be moved would all be stored and stay: rather wait until moving works."""
        self._again_at = self._reactor.seconds() + AGAIN_AFTER_S

    # -- what the owner hears ---------------------------------------------------------------------

    def _folder_is_there(self) -> None:
        if self._end is None or not self._end.is_open:
            self._end = FileEnd(self._write)
            self._end.open(self._owner.make_shim(str(self.address)))
        self._change(TransportState.OPEN, f"looking into {self.address}")

    def _folder_is_lost(self, error: Exception) -> None:
        text = f"the folder {self.address} cannot be used: {_said(error)}"
        self._close(text)
        self._change(TransportState.WAITING, text)

    def _hangs(self) -> None:
        if self._is_started:
            text = f"the folder {self.address} does not answer; is its share reachable?"
            self._change(TransportState.WAITING, text)

    def _tell_set_aside(self, count: int) -> None:
        text = ""
        if count:
            text = f"Files that could not be taken lie in {self._folder.failed}: {count}."
        self._tell(FileTrouble.SET_ASIDE, text)

    def _tell(self, trouble: FileTrouble, text: str) -> None:
        if isinstance(self._owner, FileDropOwner):
            self._owner.file_trouble(trouble, text)

    def _change(self, state: TransportState, detail: str) -> None:
        if (state, detail) != (self.state, self._detail):
            self.state, self._detail = state, detail
            self._owner.transport_changed(state, detail)

    def _close(self, reason: str) -> None:
        if self._end is not None:
            end, self._end = self._end, None
            end.close(reason)

    # -- files for the analyzer -------------------------------------------------------------------

    def _write(self, content: bytes) -> Deferred[Any]:
        """Write one file of the link's into `out_folder`."""
        self._written += 1
        moment = self._clock.utc_now().strftime("%Y%m%d%H%M%S")
        name = f"{moment}-{self._written:06d}.txt"  # in the order of names, whatever is there
        job = partial(_write_out, self._settings.out_folder, name, content)
        return self._apart(self._reactor, job)

    # -- waiting ----------------------------------------------------------------------------------

    async def _timed(self, job: Callable[[], Any]) -> Any:
        timer = self._reactor.callLater(HANGS_AFTER_S, self._hangs)
        try:
            return await self._apart(self._reactor, job)
        finally:
            if timer.active():
                timer.cancel()

    def _rest(self, seconds: float) -> Awaitable[None]:
        over: Deferred[None] = Deferred()
        self._pause = (over, self._reactor.callLater(seconds, self._wake))
        return over

    def _wake(self) -> None:
        if self._pause is not None:
            (over, timer), self._pause = self._pause, None
            if timer.active():
                timer.cancel()
            over.callback(None)
        if not self._is_started and self._end is not None:
            self._end.give_up()


def _write_out(folder: Path | None, name: str, content: bytes) -> None:
    if folder is None:
        raise FileNotFoundError(2, "the line has no out_folder")
    write_file(folder, name, content)


def shown_name(name: str) -> str:
    """A file's name as text that every store and terminal takes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join([character if character.isprintable() else "?" for character in text])


def _repeated(reply: FileReply) -> str:
    return f"A file came again whose content is message {reply.detail}; it was not stored twice."


def _said(error: Exception) -> str:
    """The trouble in the system's words; never a file's name."""
    text = error.strerror if isinstance(error, OSError) else None
    return text or type(error).__name__
