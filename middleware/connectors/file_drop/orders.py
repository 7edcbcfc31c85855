"""Takes files of orders from a folder: stored and done in one commit, answered in a file, and only then moved away.

A file that cannot be stored stays and is tried again. One whose answer cannot be written waits until it can be: after a
crash it is given again, and the store knows its content.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from middleware.connectors.file_drop.config import OrdersFolder
from middleware.connectors.file_drop.order_forms import FileReading, read_file
from middleware.connectors.order_desk import OrderDesk, Said, content_id
from middleware.delivery.connector import TakenOrders
from middleware.errors import MiddlewareError
from middleware.observe.events import InvariantViolated
from middleware.transport.base import ConnectionOutcome, FileTrouble, TransportState
from middleware.transport.file_drop import FileDropTransport
from middleware.transport.file_writer import write_file
from middleware.transport.shim import Shim
from middleware.wire.events import Event, MessageReceived
from middleware.wire.whole import FileLink, stored_before

ANSWER = ".answer"
"""Behind the name of the file that is answered."""

AGAIN_AFTER_S = 5.0
"""Between two attempts to write an answer."""

Apart = Callable[[Any, Callable[[], Any]], Deferred[Any]]


class OrderFiles:
    """I am responsible that each file of orders is taken once and has its answer before it is moved."""

    def __init__(self, settings: OrdersFolder, desk: OrderDesk, reactor: Any, apart: Apart) -> None:
        self._settings = settings
        self._desk = desk
        self._reactor = reactor
        self._apart = apart
        self._state = TransportState.STOPPED
        self._detail = ""
        self._troubles: dict[FileTrouble, str] = {}
        self._trouble = ""
        self._is_stopped = True
        self._pause: tuple[Deferred[None], IDelayedCall] | None = None
        self._transport = FileDropTransport(settings.transport, reactor, self, apart=apart)

    @property
    def words(self) -> str:
        """How it stands, for status pages."""
        troubles = [self._trouble, *self._troubles.values()]
        more = "".join(f"; {text}" for text in troubles if text)
        return f"orders from {self._settings.folder}: {self._state.value}{more}"

    def start(self) -> None:
        """Begin to look."""
        self._is_stopped = False
        self._transport.start()

    async def stop(self) -> None:
        """Finish the file in hand, for a moment at most."""
        self._is_stopped = True
        self._wake()
        await self._transport.stop()

    # -- FileDropOwner and ShimOwner --------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """The folder is there."""
        return Shim(FileLink(self._settings.max_file_bytes), self._reactor, self, peer)

    def transport_changed(self, state: TransportState, detail: str) -> None:
        """Looking, or the folder cannot be used."""
        self._state = state
        self._trouble = detail if state is TransportState.WAITING else ""

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """A folder has no strangers."""

    def file_trouble(self, trouble: FileTrouble, text: str) -> None:
        """Shown in the status."""
        self._troubles[trouble] = text

    def connection_opened(self, shim: Shim) -> None:
        """Nothing is heard yet."""

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """What is in hand stays in the folder."""

    def link_failed(self, shim: Shim, error: Exception) -> None:
        """A fault of ours."""
        self._trouble = f"the link failed: {type(error).__name__}"

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """One file at a time."""
        for event in events:
            if isinstance(event, MessageReceived):
                task: Deferred[None] = Deferred.fromCoroutine(self._take(shim, event))
                task.addErrback(partial(_broke, shim, event.token))

    # -- inside -----------------------------------------------------------------------------------

    async def _take(self, shim: Shim, event: MessageReceived) -> None:
        read = read_file(event.text, self._settings, self._desk)
        said = Said(
            event.text,
            event.wire,
            requests=read.requests,
            control_id=read.control_id or content_id(event.text),
            refusal=read.refusal,
            name=event.file_name,
            can_be_told=not read.refusal,  # few programs read the answer to a file that they wrote wrongly
        )
        try:
            taken = await self._desk.take(said)
        except MiddlewareError:
            shim.refuse(event.token)  # the writer has told why; the file stays
            return
        if await self._is_answered(read, taken, event.file_name):
            _settle(shim, event.token, read, taken)

    async def _is_answered(self, read: FileReading, taken: TakenOrders, name: str) -> bool:
        """Write the answer, for as long as it takes; False: we stopped before."""
        if read.answer is None:
            return True
        job = partial(_write_answer, self._settings.answer_folder, name, read.answer(taken))
        while not self._is_stopped:
            try:
                await self._apart(self._reactor, job)
            except OSError as error:
                said = error.strerror or type(error).__name__
                self._trouble = f"an answer cannot be written: {said}"
            else:
                self._trouble = ""
                return True
            await self._rest()
        return False

    def _rest(self) -> Deferred[None]:
        over: Deferred[None] = Deferred()
        self._pause = (over, self._reactor.callLater(AGAIN_AFTER_S, self._wake))
        return over

    def _wake(self) -> None:
        if self._pause is not None:
            (over, timer), self._pause = self._pause, None
            if timer.active():
                timer.cancel()
            over.callback(None)


def _settle(shim: Shim, token: int, read: FileReading, taken: TakenOrders) -> None:
    if read.refusal:
        shim.refuse(token, f"refused: {read.refusal}")
    elif taken.repeats is not None:
        shim.refuse(token, stored_before(taken.repeats))
    else:
        shim.commit(token)


def _write_answer(folder: Path, name: str, content: bytes) -> None:
    """Blocking. The folder is ours: it is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder, f"{name}{ANSWER}", content)


def _broke(shim: Shim, token: int, _failure: object) -> None:
    InvariantViolated("orders_are_answered", "a file of orders was not answered").emit()
    shim.refuse(token)
