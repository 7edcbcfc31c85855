"""Starts all lines, starts those again that could not start or whose driver failed, stops them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall

from middleware.errors import MiddlewareError
from middleware.line.intake import Confirmations
from middleware.line.line import Line
from middleware.line.status import LineState, LineStatus

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
# One failure may be an odd message; so many without an accepted message are the driver's.
FAULTS_BEFORE_REST = 3
COUNT_EVERY_S = 1.0


class Supervisor:
    """I am responsible that every line of the setup runs, or is being tried again."""

    def __init__(self, lines: Sequence[Line], confirmations: Confirmations, reactor: Any) -> None:
        self._lines = {line.id: line for line in lines}
        self._confirmations = confirmations
        self._reactor = reactor
        self._waits: dict[str, float] = {}
        self._timers: dict[str, IDelayedCall] = {}
        self._faults: dict[str, tuple[int, int]] = {}  # line -> faults in a row, messages then
        self._resting: dict[str, Deferred[None]] = {}
        self._tick: IDelayedCall | None = None
        self._is_running = False

    def start(self) -> None:
        """Start every line; one that cannot start does not keep the others."""
        self._is_running = True
        for line in self._lines.values():
            line.on_fault = self._line_failed
            line.find_line = self.line
            if (carrier := self.line(line.settings.answers_on)) is not None:
                carrier.outbound.carry(line.downloads)
            self._start(line)
        self._count()

    async def stop(self) -> None:
        """Stop every line in good order, all at once; bounded by the lines' own limits."""
        self._is_running = False
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        stopping = [Deferred.fromCoroutine(line.stop()) for line in self._lines.values()]
        ending = [*self._resting.values(), *stopping]
        try:
            await gatherResults(ending, consumeErrors=True)
        finally:
            self._confirmations.flush()

    def line(self, line_id: str) -> Line | None:
        """The line of that id."""
        return self._lines.get(line_id)

    @property
    def lines(self) -> list[Line]:
        """Every line, in the order of the settings."""
        return list(self._lines.values())

    def status(self) -> list[LineStatus]:
        """How every line stands, in the order of the settings."""
        return [line.status() for line in self._lines.values()]

    def set_accepting(self, is_accepting: bool) -> None:
        """Whether the lines grant new sessions (False: the disk is nearly full)."""
        for line in self._lines.values():
            line.set_accepting(is_accepting)

    def flush_counts(self) -> None:
        """Bring the metrics up to date; called before they are shown."""
        for line in self._lines.values():
            line.flush_counts()

    @property
    def is_ready(self) -> bool:
        """Every line that listens is bound (for /readyz)."""
        return all(line.state is not LineState.FAULT for line in self._lines.values())

    def _start(self, line: Line) -> None:
        self._timers.pop(line.id, None)
        try:
            line.start()
        except MiddlewareError:  # the line shows it and raised its warning: try again by itself
            self._start_later(line)

    def _start_later(self, line: Line) -> None:
        wait = self._waits.get(line.id, FIRST_WAIT_S)
        self._waits[line.id] = min(wait * 2.0, LONGEST_WAIT_S)
        self._timers[line.id] = self._reactor.callLater(wait, self._start, line)

    def _line_failed(self, line: Line) -> None:
        faults, messages = self._faults.get(line.id, (0, line.messages))
        if line.messages != messages:
            faults = 0
            self._waits.pop(line.id, None)
        self._faults[line.id] = (faults + 1, line.messages)
        if faults + 1 >= FAULTS_BEFORE_REST and self._is_running and line.id not in self._resting:
            self._resting[line.id] = Deferred.fromCoroutine(self._rest(line))

    async def _rest(self, line: Line) -> None:
        await line.stop()
        line.fail("its driver failed again and again")
        self._faults.pop(line.id, None)
        self._resting.pop(line.id, None)
        if self._is_running:
            self._start_later(line)

    def _count(self) -> None:
        self.flush_counts()
        for line in self._lines.values():
            line.behaviour.look()
        self._tick = self._reactor.callLater(COUNT_EVERY_S, self._count)
