"""What every analyzer of an emulated laboratory does, whatever it speaks: asks for the tubes that are put on it, takes
work (asked for or not), measures what it was given, and keeps each result until the host has it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from emulators.oracle import Book
from emulators.order_oracle import Deed, Did, OrderedTest
from emulators.specimens import PANELS, EmulatedResult, EmulatedSpecimen, EmulatedTest
from middleware.clock import Clock
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, MessageReceived

ANSWER_WITHIN_S = 5.0
RETRY_S = 0.5
_DIGITS = 3  # so that two measurements hardly ever give the same value

TESTS: Mapping[str, EmulatedTest] = {one.code: one for panel in PANELS.values() for one in panel}


@dataclass(frozen=True, slots=True)
class StationPlan:
    """Who it is. `measure_s`: from the work to the result. `asks`: for each tube; else it waits to be told.
    `refuses`: work that it does not do, by sample id and test.
    """

    name: str
    panel: str
    seed: int
    measure_s: float = 0.05
    asks: bool = True
    refuses: Callable[[str, str], bool] = lambda _sample_id, _code: False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the stations of one laboratory share: the loop, the clock, the book, and the tubes by sample id."""

    reactor: Any
    clock: Clock
    book: Book
    tubes: Mapping[str, EmulatedSpecimen]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message about `tube` that is ours until the host has it: a query, or results with their `values` and runs."""

    text: bytes
    control_id: str
    tube: str
    values: tuple[tuple[OrderedTest, str, int], ...] = ()


class Station:
    """I am responsible for the tubes that are put on me."""

    def __init__(
        self, plan: StationPlan, transport: TransportSettings, around: Surroundings
    ) -> None:
        self.plan = plan
        self.around = around
        self.measured: Callable[[OrderedTest, str, int], None] = _take_no_note
        self.took_back: Callable[[OrderedTest], None] = _take_no_note
        self._tubes: deque[str] = deque()
        self._loaded: dict[
            str, dict[str, str]
        ] = {}  # tube -> test -> the host's number of the step
        self._ready: deque[Outgoing] = deque()
        self._runs: dict[OrderedTest, int] = {}
        self._current: Outgoing | None = None
        self._send_id: int | None = None
        self.asked = ""  # the tube whose answer is waited for
        self._timer: IDelayedCall | None = None
        self._number = 0
        self._shim: Shim | None = None
        self._transport = make_transport(transport, around.reactor, self, Random(plan.seed).random)

    def start(self) -> None:
        """Open the line."""
        self._transport.start()

    async def stop(self) -> None:
        """Close it."""
        self._end_wait()
        await self._transport.stop()

    @property
    def is_idle(self) -> bool:
        """Nothing to ask, to measure or to send."""
        busy = self._tubes or self._loaded or self._ready or self._current or self.asked
        return not busy

    def put(self, sample_id: str) -> None:
        """A tube is put on it; it asks about it when its turn comes."""
        if sample_id not in self._tubes:
            self._tubes.append(sample_id)
        self._go()

    def has(self, sample_id: str) -> bool:
        """Whether the tube stands on it, or its results are not at the host yet."""
        unsent = [*self._ready, *([self._current] if self._current is not None else [])]
        return (
            sample_id in self._tubes
            or sample_id in self._loaded
            or sample_id == self.asked
            or any(one.tube == sample_id for one in unsent)
        )

    # -- for those who speak a protocol -----------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A connection."""
        raise NotImplementedError

    def heard(self, text: bytes) -> None:
        """A message of the host that is stored now."""
        raise NotImplementedError

    def query(self, sample_id: str) -> Outgoing:
        """The question for the work of a tube."""
        raise NotImplementedError

    def results(self, tube: EmulatedSpecimen, steps: Mapping[str, str], run: int) -> bytes:
        """The message with the results of `tube`; `steps` are the host's numbers of its tests."""
        raise NotImplementedError

    def delivered(self, reply: bytes) -> bool:
        """Whether the host took what was sent; if not, it goes again."""
        raise NotImplementedError

    def note(self, did: Did, test: OrderedTest, value: str = "", run: int = 0) -> None:
        """A line in the book."""
        self.around.book.write(Deed(self.plan.name, did, test, "", value, run).row())

    def take(self, sample_id: str, steps: Mapping[str, str]) -> None:
        """Work for a tube, asked for or not; without steps there is none."""
        was_asked = sample_id == self.asked
        if was_asked:
            self._end_wait()
        if sample_id not in self.around.tubes or (not was_asked and self.plan.asks):
            self.note(Did.STRANGE, OrderedTest(sample_id, ",".join(steps)))
        elif not steps:
            self.note(Did.NO_WORK, OrderedTest(sample_id, ""))
        else:
            self._load(sample_id, steps)
        self._go()

    def take_back(self, sample_id: str, codes: Iterable[str]) -> None:
        """The host does not want these any more; what is measured is measured."""
        loaded = self._loaded.get(sample_id, {})
        for code in codes:
            if loaded.pop(code, None) is not None:
                test = OrderedTest(sample_id, code)
                self.note(Did.TOLD, test)
                self.took_back(test)

    def say_number(self) -> str:
        """The number of the next message."""
        self._number += 1
        return f"{self.plan.name}-{self._number}"

    # -- TransportOwner and ShimOwner -------------------------------------------------------------

    def transport_changed(self, _state: TransportState, _detail: str) -> None:
        """Nobody looks."""

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """The state says it."""

    def connection_opened(self, shim: Shim) -> None:
        """Send what waits."""
        self._shim = shim
        self.around.reactor.callLater(0, self._send)

    def connection_closed(self, shim: Shim, _reason: str) -> None:
        """What was being sent goes again on the next connection; who waits for an answer asks again."""
        if shim is self._shim:
            self._shim = None
            if self._timer is not None:
                self._waited()

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """A fault of the emulator's own link."""
        self.note(Did.STRANGE, OrderedTest("", f"the link failed: {error!r}"))

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """What the host says, and what became of ours."""
        for event in events:
            if isinstance(event, MessageReceived):
                shim.commit(event.token)
                self.heard(event.text)
            elif isinstance(event, MessageDelivered) and event.send_id == self._send_id:
                self._send_id = None
                self._sent(event.reply)
            elif isinstance(event, MessageNotDelivered) and event.send_id == self._send_id:
                self._send_id = None
                self.around.reactor.callLater(RETRY_S, self._send)

    # -- inside -----------------------------------------------------------------------------------

    def _load(self, sample_id: str, steps: Mapping[str, str]) -> None:
        is_new = sample_id not in self._loaded
        for code in steps:
            self.note(Did.GIVEN, OrderedTest(sample_id, code))
        self._loaded.setdefault(sample_id, {}).update(steps)
        if is_new:
            self.around.reactor.callLater(self.plan.measure_s, self._measure, sample_id)

    def _measure(self, sample_id: str) -> None:
        steps = self._loaded.pop(sample_id, {})
        by_run: dict[int, list[EmulatedResult]] = {}
        for code in steps:
            test = OrderedTest(sample_id, code)
            run = self._runs[test] = self._runs.get(test, 0) + 1
            by_run.setdefault(run, []).append(self._value(test, run))
        for run, results in by_run.items():
            tube = _with(self.around.tubes[sample_id], results)
            text = self.results(tube, steps, run)
            values = tuple(
                [(OrderedTest(sample_id, one.test.code), one.value, run) for one in results]
            )
            self._ready.append(Outgoing(text, self._said(), sample_id, values))
        self._go()

    def _value(self, test: OrderedTest, run: int) -> EmulatedResult:
        what = TESTS[test.code]
        drawn = Random(f"{self.plan.seed}/{test.sample_id}/{test.code}/{run}")
        return EmulatedResult(what, f"{drawn.uniform(what.low, what.high):.{_DIGITS}f}", "N")

    def _said(self) -> str:
        """The number of the message that was written last."""
        return f"{self.plan.name}-{self._number}"

    def _go(self) -> None:
        """Begin the next thing, if nothing is being done: results before questions."""
        if self._current is not None:
            return
        if self._ready:
            self._current = self._ready.popleft()
        elif self._tubes and not self.asked:
            sample_id = self._tubes.popleft()
            self._current = self.query(sample_id)
            self.note(Did.ASKED, OrderedTest(sample_id, ""))
        self._send()

    def _send(self) -> None:
        shim, current = self._shim, self._current
        if shim is None or not shim.is_open or current is None or self._send_id is not None:
            return
        if not current.values:
            self.asked = current.tube  # the answer may come with the acknowledgement
        self._send_id = shim.send_message(current.text)

    def _sent(self, reply: bytes) -> None:
        current = self._current
        if current is None:
            return
        if not self.delivered(reply):
            self.around.reactor.callLater(RETRY_S, self._send)
            return
        self._current = None
        for test, value, run in current.values:
            self.note(Did.MEASURED, test, value, run)
            self.measured(test, value, run)
        if self.asked and not current.values:
            self._timer = self.around.reactor.callLater(ANSWER_WITHIN_S, self._waited)
        self._go()

    def _waited(self) -> None:
        """No answer: the tube is put on once more."""
        sample_id = self.asked
        self._end_wait()
        self.note(Did.NO_ANSWER, OrderedTest(sample_id, ""))
        self.put(sample_id)

    def _end_wait(self) -> None:
        self.asked = ""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


def _with(tube: EmulatedSpecimen, results: Iterable[EmulatedResult]) -> EmulatedSpecimen:
    return EmulatedSpecimen(
        tube.sample_id,
        tube.patient_id,
        tube.patient_name,
        tube.birth_date,
        tube.sex,
        is_control=False,
        results=tuple(results),
    )


def _take_no_note(_test: OrderedTest, _value: str = "", _run: int = 0) -> None:
    """Nobody asks."""
