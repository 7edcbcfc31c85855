"""Delivers rendered messages as files: one message, one file, complete when it has its name.

Rules. The name is made of the outbox number and the control id, so files sort in the order of sending, and a message
that goes again after a crash is the same file with the same content: if it still lies there it is left as it is. All
that blocks runs in a thread.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from middleware import failpoints
from middleware.connectors.file_drop.config import LINE_ENDS, FileDropSettings, LineEnd
from middleware.connectors.file_drop.orders import OrderFiles
from middleware.connectors.order_desk import OrderDesk
from middleware.delivery.connector import ConnectorStatus, OrderIntake, OutgoingMessage
from middleware.failpoints import Step
from middleware.model import Outcome, OutcomeKind
from middleware.transport.apart import run_apart
from middleware.transport.base import TransportState
from middleware.transport.file_writer import write_file

_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_-]")

Apart = Callable[[Any, Callable[[], Any]], Deferred[Any]]


class FileDropConnector:
    """I am responsible for the files of one folder."""

    def __init__(
        self,
        connector_id: str,
        settings: FileDropSettings,
        reactor: IReactorTime,
        apart: Apart = run_apart,
    ) -> None:
        self.connector_id = connector_id
        self._settings = settings
        self._reactor: Any = reactor
        self._apart = apart
        self._state = TransportState.STOPPED
        self._last_error = ""
        self._orders: OrderFiles | None = None
        self._hanging = 0  # jobs that did not end in time; another one would hang too

    def take_orders_with(self, intake: OrderIntake, processing_id: str, time_zone: str) -> None:
        """Take orders too, where the settings say so (`middleware.delivery.connector.OrderingConnector`)."""
        orders = self._settings.orders
        if orders is not None:
            desk = OrderDesk(self.connector_id, orders, intake, processing_id, time_zone)
            self._orders = OrderFiles(orders, desk, self._reactor, self._apart)

    async def open(self) -> None:
        """Nothing is held open; the folder of orders is looked into."""
        if self._state is TransportState.STOPPED:
            self._state = TransportState.OPEN
            if self._orders is not None:
                self._orders.start()

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        """Write in order; accepted when the file is on the disk under its name."""
        if self._state is TransportState.STOPPED:
            return [_deferred("closed", "the connector was closed")]
        outcomes = await self._within_time(partial(_write_all, self._settings, tuple(batch)))
        last = outcomes[-1]
        if last.kind is OutcomeKind.DEFERRED:
            self._state, self._last_error = TransportState.WAITING, last.text
        else:
            self._state, self._last_error = TransportState.OPEN, ""
        return outcomes

    async def probe(self) -> Outcome:
        """Whether the folder is there and takes files."""
        return (await self._within_time(partial(_probe, self._settings)))[0]

    async def close(self) -> None:
        """No more files."""
        self._state = TransportState.STOPPED
        if self._orders is not None:
            await self._orders.stop()

    def status(self) -> ConnectorStatus:
        """How the folder stood at the last try."""
        orders = self._orders.words if self._orders is not None else ""
        folder = str(self._settings.folder)
        return ConnectorStatus(self._state.value, folder, self._last_error, orders)

    async def _within_time(self, job: Callable[[], list[Outcome]]) -> list[Outcome]:
        if self._hanging:
            return [_deferred("folder_hangs", "the folder does not answer")]
        done: Deferred[list[Outcome]] = Deferred()
        timer = self._reactor.callLater(self._settings.write_timeout_s, self._give_up, done)
        self._apart(self._reactor, job).addErrback(_broken).addCallback(self._ended, done)
        outcomes = await done
        if timer.active():
            timer.cancel()
        return outcomes

    def _give_up(self, done: Deferred[list[Outcome]]) -> None:
        self._hanging += 1
        done.callback([_deferred("folder_hangs", "the folder does not answer")])

    def _ended(self, outcomes: list[Outcome], done: Deferred[list[Outcome]]) -> None:
        if done.called:
            self._hanging -= 1
        else:
            done.callback(outcomes)


def file_name(message: OutgoingMessage, ending: str) -> str:
    """The name of a message's file: always the same for the same message."""
    return f"{message.number:010d}-{_NOT_IN_NAMES.sub('_', message.control_id)}{ending}"


def _write_all(settings: FileDropSettings, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        waiting = _count(settings.folder, settings.ending)
        for message in batch:
            if waiting >= settings.most_waiting:
                text = f"{waiting} files wait in the folder; the LIS does not take them"
                return [*outcomes, _deferred("folder_full", text)]
            outcomes.append(_write(settings, message))
            waiting += 1
    except OSError as error:
        outcomes.append(_deferred("not_written", error.strerror or type(error).__name__))
    return outcomes


def _write(settings: FileDropSettings, message: OutgoingMessage) -> Outcome:
    content = message.payload
    if settings.line_end is not LineEnd.CR:
        content = content.replace(b"\r", LINE_ENDS[settings.line_end])
    name = file_name(message, settings.ending)
    path = settings.folder / name
    failpoints.hit(Step.BEFORE_SEND)
    if os.path.lexists(path):
        if path.is_symlink() or path.read_bytes() != content:
            text = "another file has the name of this message"
            return Outcome(kind=OutcomeKind.REFUSED, code="name_taken", text=text)
    else:
        write_file(settings.folder, name, content)
    if settings.semaphore:
        _write_semaphore(path, settings.semaphore)
    failpoints.hit(Step.AFTER_SEND)
    return Outcome(kind=OutcomeKind.ACCEPTED, code="written")


def _write_semaphore(path: Path, ending: str) -> None:
    semaphore = path.with_name(path.name + ending)
    if not os.path.lexists(semaphore):
        write_file(semaphore.parent, semaphore.name, b"")


def _probe(settings: FileDropSettings) -> list[Outcome]:
    try:
        _count(settings.folder, settings.ending)
    except OSError as error:
        return [_deferred("not_written", error.strerror or type(error).__name__)]
    if not os.access(settings.folder, os.W_OK | os.X_OK):
        return [_deferred("not_written", "files may not be written into the folder")]
    return [Outcome(kind=OutcomeKind.ACCEPTED, code="folder_ready")]


def _count(folder: Path, ending: str) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.name.endswith(ending) for entry in entries)


def _deferred(code: str, text: str) -> Outcome:
    return Outcome(kind=OutcomeKind.DEFERRED, code=code, text=text)


def _broken(failure: Any) -> list[Outcome]:
    """A fault of ours, such as a payload that is none: tried again, and shown."""
    return [_deferred("not_written", failure.type.__name__)]
