"""An emulated point-of-care analyzer: says hello, tells what it has measured, and sends it when it is asked.

It measures, and keeps each result until the host has accepted it: then it becomes an obligation and is written to the
book. What was refused or cut off stays the first to be sent again. After START_CONTINUOUS it sends by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum, auto
from random import Random
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from emulators import poct1a_messages as messages
from emulators.oracle import Book, Expectation, Obligation, obligation_line
from emulators.specimens import EmulatedSpecimen, Source, SpecimenSource
from middleware.clock import Clock
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, MessageReceived
from middleware.wire.poct1a import (
    Document,
    MessageType,
    Poct1aLink,
    Poct1aOptions,
    Role,
    parse_document,
)
from middleware.wire.poct1a.constants import REQUEST_OBSERVATIONS, START_CONTINUOUS

# What was refused is sent again after this time.
RETRY_S = 0.5
# How long a stopping analyzer waits for the acknowledgement of what it is sending.
FINISH_WITHIN_S = 3.0
# Every so many measurements one is of control material.
CONTROL_EVERY = 10


class _Phase(Enum):
    """How far the conversation is."""

    SILENT = auto()  # nothing to say, or not connected
    GREETING = auto()
    TELLING = auto()  # the status is on its way
    LISTENING = auto()
    ASKED = auto()
    ENDING_TOPIC = auto()
    CONTINUOUS = auto()


class Messages(Protocol):
    """How it writes its messages; `emulators.poct1a_messages` is the usual way."""

    def hello(self, name: str, control_id: str, moment: str, /) -> bytes:
        """Who speaks."""
        ...

    def observations(
        self, specimen: EmulatedSpecimen, measured: str, control_id: str, moment: str, /
    ) -> bytes:
        """Every result of a specimen."""
        ...


class _UsualMessages:
    """As `emulators.poct1a_messages` has them."""

    hello = staticmethod(messages.hello)
    observations = staticmethod(messages.observations)


USUAL_MESSAGES: Messages = _UsualMessages()


@dataclass(frozen=True, slots=True)
class Poct1aPlan:
    """Who the analyzer is and what it does. `count` measurements at most (None: for ever), one each `every_s` seconds
    (0: `batch` of them for each conversation); `time_zone` is that of its clock."""

    name: str
    seed: int
    prefix: str
    time_zone: tzinfo
    panel: str = "immuno"
    count: int | None = None
    every_s: float = 0.0
    batch: int = 3
    source: Source | None = None
    messages: Messages = USUAL_MESSAGES


@dataclass(frozen=True, slots=True)
class _Measured:
    specimen: EmulatedSpecimen
    at: str


class EmulatedPoct1aAnalyzer:
    """I am responsible for what I measured until the host has it."""

    def __init__(
        self, plan: Poct1aPlan, transport: TransportSettings, reactor: Any, clock: Clock, book: Book
    ) -> None:
        self.plan = plan
        self.acknowledged = 0
        self.results = 0
        self.not_delivered = 0
        self.finished: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = _say_nothing
        self._reactor = reactor
        self._clock = clock
        self._book = book
        self._source: Source = plan.source or SpecimenSource(plan.seed, plan.prefix)
        self._measured = 0
        self._waiting: deque[_Measured] = deque()
        self._phase = _Phase.SILENT
        self._last_control_id = 0
        self._send_id: int | None = None
        self._shim: Shim | None = None
        self._is_stopping = False
        self._transport = make_transport(transport, reactor, self, Random(plan.seed).random)

    @property
    def address(self) -> str:
        """Where it listens or dials."""
        return str(self._transport.address)

    def start(self) -> None:
        """Open the line and begin to measure. Raises PortTaken."""
        self._transport.start()
        if self.plan.every_s > 0:
            self._reactor.callLater(self.plan.every_s, self._measure_on)

    async def stop(self) -> None:
        """Measure no more, wait a little for the acknowledgement of what is under way, close."""
        self._is_stopping = True
        if self._send_id is not None and not self.finished.called:
            timer = self._reactor.callLater(FINISH_WITHIN_S, self._finish)
            await self.finished
            if timer.active():
                timer.cancel()
        self._finish()
        await self._transport.stop()

    # -- TransportOwner ---------------------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A connection."""
        return Shim(Poct1aLink(Poct1aOptions(role=Role.INSTRUMENT)), self._reactor, self, peer)

    def transport_changed(self, _state: TransportState, detail: str) -> None:
        """Tell the person at the bench."""
        self.say(detail)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """Nothing to do: the state says it."""

    # -- ShimOwner --------------------------------------------------------------------------------

    def connection_opened(self, shim: Shim) -> None:
        """Say hello once the link knows that it is connected."""
        self._shim = shim
        self._reactor.callLater(0, self._greet)

    def connection_closed(self, shim: Shim, _reason: str) -> None:
        """What was not acknowledged waits for the next conversation."""
        if shim is self._shim:
            self._shim = None
            self._send_id = None
            self._phase = _Phase.SILENT

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """A fault of the emulator's own link."""
        self.say(f"the link failed: {error!r}")

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Answers to what was sent, and what the host asks."""
        for event in events:
            if isinstance(event, MessageReceived):
                shim.commit(event.token)
                self._heed(event.text)
            elif isinstance(event, MessageDelivered) and event.send_id == self._send_id:
                self._send_id = None
                self._accepted()
            elif isinstance(event, MessageNotDelivered) and event.send_id == self._send_id:
                self._send_id = None
                self.not_delivered += 1
                self._reactor.callLater(RETRY_S, self._try_again)

    # -- measuring --------------------------------------------------------------------------------

    def _measure_on(self) -> None:
        if self._measure():
            self._reactor.callLater(self.plan.every_s, self._measure_on)
        self._greet()
        self._send_next()

    def _measure(self) -> bool:
        """Measure one specimen; False when the plan has no more."""
        if self._is_stopping or self._measured == self.plan.count:
            return False
        self._measured += 1
        is_control = self._measured % CONTROL_EVERY == 0
        make = self._source.control if is_control else self._source.specimen
        self._waiting.append(_Measured(make(self.plan.panel), self._moment()))
        return True

    def _moment(self) -> str:
        now = self._clock.utc_now().astimezone(self.plan.time_zone)
        return now.isoformat(timespec="seconds")

    # -- conversation -----------------------------------------------------------------------------

    def _greet(self) -> None:
        """Begin a conversation, if there is something to tell and nobody is told yet."""
        if self._shim is None or not self._shim.is_open or self._phase is not _Phase.SILENT:
            return
        while self.plan.every_s == 0 and len(self._waiting) < self.plan.batch and self._measure():
            pass
        if not self._waiting:
            self._finish_if_done()
            return
        self._phase = _Phase.GREETING
        self._send(lambda number, moment: self.plan.messages.hello(self.plan.name, number, moment))

    def _accepted(self) -> None:
        """The host has taken what was sent last."""
        if self._phase is _Phase.GREETING:
            self._phase = _Phase.TELLING
            waiting = len(self._waiting)
            self._send(lambda number, moment: messages.status(waiting, number, moment))
        elif self._phase is _Phase.TELLING:
            self._phase = _Phase.LISTENING
        elif self._phase is _Phase.ENDING_TOPIC:
            self._phase = _Phase.LISTENING
            self._finish_if_done()
        else:
            self._owe(self._waiting.popleft().specimen)
            self._send_next()

    def _owe(self, specimen: EmulatedSpecimen) -> None:
        expect = Expectation.KEEP if specimen.is_control else Expectation.DELIVER
        owed = Obligation(self.plan.name, specimen.sample_id, specimen.values(), expect)
        self._book.write(obligation_line(owed))
        self.acknowledged += 1
        self.results += len(owed.values)

    def _heed(self, text: bytes) -> None:
        """What the host asks for. It acknowledged our status before it asks."""
        try:
            document = parse_document(text)
        except RemoteProtocolError as error:
            self.say(str(error))
            return
        if document.type is MessageType.REQUEST:
            self._asked(document)
        elif document.find("DTV.command_cd") == START_CONTINUOUS:
            self._phase = _Phase.CONTINUOUS
            if self.plan.every_s == 0:
                self._reactor.callLater(0, self._refill)

    def _asked(self, document: Document) -> None:
        if document.find("REQ.request_cd") == REQUEST_OBSERVATIONS:
            self._phase = _Phase.ASKED
            self._send_next()
        else:
            self._phase = _Phase.ENDING_TOPIC
            self._send(messages.end_of_topic)

    def _refill(self) -> None:
        """In continuous mode without a pace: as soon as all was taken, measure more."""
        if not self._waiting and not self._measure():
            self._finish_if_done()
            return
        self._send_next()

    def _send_next(self) -> None:
        """The first of what waits, where the host wants it; then the end of the topic."""
        is_wanted = self._phase in (_Phase.ASKED, _Phase.CONTINUOUS)
        if not is_wanted or self._send_id is not None:
            return
        if self._waiting:
            first = self._waiting[0]
            self._send(
                lambda number, moment: self.plan.messages.observations(
                    first.specimen, first.at, number, moment
                )
            )
        elif self._phase is _Phase.ASKED:
            self._phase = _Phase.ENDING_TOPIC
            self._send(messages.end_of_topic)
        elif self.plan.every_s == 0:
            self._refill()
        else:
            self._finish_if_done()

    def _try_again(self) -> None:
        """Results are sent once more; a conversation that was refused begins anew with the next connection."""
        if self._phase in (_Phase.ASKED, _Phase.CONTINUOUS):
            self._send_next()
        elif self._shim is not None:
            self._shim.close("refused by the host")

    def _send(self, make: Callable[[str, str], bytes]) -> None:
        if self._shim is None or not self._shim.is_open or self._is_stopping:
            self._finish_if_done()
            return
        self._last_control_id += 1
        self._send_id = self._shim.send_message(make(str(self._last_control_id), self._moment()))

    def _finish_if_done(self) -> None:
        if self._is_stopping or (not self._waiting and self._measured == self.plan.count):
            self._finish()

    def _finish(self) -> None:
        if not self.finished.called:
            self.finished.callback(None)


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
