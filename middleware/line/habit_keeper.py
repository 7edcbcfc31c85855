"""Keeps the habits of the lines over restarts: read at the start, completed from the journal, written once an hour.

What a habit remembers stands in the store's `meta` under `habit:<line>`: times and counts, nothing of a message. What
came after it was written, and on the first start all, is read from the journal: the newest entries of each line,
bounded, beside the work, in the reader's threads. Until then what comes is noted and learned afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from middleware.clock import Clock
from middleware.line.habit import REMEMBERED_S, Habit
from middleware.line.line import Line
from middleware.observe.events import LastMessageKnown, StoreFailed
from middleware.store import journal, meta
from middleware.store.connection import Connection
from middleware.store.reader import Reader
from middleware.store.writer import WriteQueue, Writer

SAVE_EVERY_S = 3600.0
# Of each line: at the first start, and after a crash. A line with 70 messages a day has its four weeks in them.
MOST_READ = 2000
KEY = "habit:"


class HabitKeeper:
    """I am responsible that a restart forgets no line's habit."""

    def __init__(
        self, lines: Sequence[Line], reader: Reader, writer: Writer, clock: Clock, reactor: Any
    ) -> None:
        self._lines = {line.id: line for line in lines}
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._reactor = reactor
        self._saved: dict[str, float | None] = {}  # the last message that is in the store's habit
        self._timer: IDelayedCall | None = None
        self._loading: Deferred[None] | None = None
        self._is_running = False

    def start(self) -> HabitKeeper:
        """Begin to remember, beside the work. Before the lines start; once."""
        self._is_running = True
        for line in self._lines.values():
            line.behaviour.await_habit()
        self._loading = Deferred.fromCoroutine(self._load())
        self._timer = self._reactor.callLater(SAVE_EVERY_S, self._save_again)
        return self

    async def stop(self) -> None:
        """Write what was learned; trouble with the store loses only that."""
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loading is not None:
            await self._loading
        await self._save()

    async def _load(self) -> None:
        now = self._clock.utc_now().timestamp()
        for line in self._lines.values():
            habit = Habit(line.settings.time_zone or "UTC")
            try:
                plain, moments = await self._reader.read(partial(read, line=line.id, now=now))
                _restore(habit, plain)
                self._saved[line.id] = habit.last_at
                habit.learn(moments)
            except Exception as error:  # noqa: BLE001 - without its memory a line learns anew
                StoreFailed("habit", type(error).__name__).emit()
            line.behaviour.remember(habit)
            if habit.last_at is not None:
                LastMessageKnown(line.id, habit.last_at).emit()
            if not self._is_running:
                return

    def _save_again(self) -> None:
        self._timer = self._reactor.callLater(SAVE_EVERY_S, self._save_again)
        Deferred.fromCoroutine(self._save())

    async def _save(self) -> None:
        habits = {line.id: line.behaviour.habit for line in self._lines.values()}
        changed = {
            line: habit
            for line, habit in habits.items()
            if line in self._saved and habit.last_at != self._saved[line]
        }
        if not changed or not self._writer.is_writable:
            return
        texts = {KEY + line: json.dumps(habit.as_plain()) for line, habit in changed.items()}
        try:
            await self._writer.submit(partial(_write, texts=texts), WriteQueue.PROCESS)
        except Exception:  # noqa: BLE001 - the writer told it; the journal still knows what came
            return
        self._saved |= {line: habit.last_at for line, habit in changed.items()}


def read(conn: Connection, line: str, now: float) -> tuple[str | None, list[float]]:
    """The stored habit of a line, and when what came after it was received, in order."""
    plain = meta.get(conn, KEY + line)
    after = max(_last_at(plain), now - REMEMBERED_S)
    return plain, journal.received_after(conn, line, after, MOST_READ)


def _last_at(plain: str | None) -> float:
    try:
        return float(json.loads(plain or "")["last_at"])
    except (ValueError, KeyError, TypeError):
        return 0.0


def _restore(habit: Habit, plain: str | None) -> None:
    """A habit that cannot be read is learned anew."""
    try:
        habit.restore(json.loads(plain or ""))
    except (ValueError, KeyError, TypeError, OverflowError):
        return


def _write(conn: Connection, texts: Mapping[str, str]) -> None:
    for key, text in texts.items():
        meta.put(conn, key, text)
