"""An emulated analyzer: a link in the analyzer's role that plays a scenario, over any transport.

How it speaks (its link and the text of its messages) is a `Speech`: LIS01-A2 and LIS2 here, HL7 in `hl7_analyzer.py`.

A message is the analyzer's until the host has acknowledged it: then it becomes an
obligation, is written to the book, and the next one follows. One that did not get through is sent
again from its first record, as a real analyzer does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from random import Random
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from emulators.faults import FaultPlan, UnreliableShim
from emulators.oracle import Book, Expectation, Obligation, obligation_line
from emulators.scenario import Deed, LinkChoices, Scenario, Step
from emulators.specimens import (
    EmulatedSpecimen,
    Source,
    SpecimenSource,
    query_message,
    results_message,
)
from middleware.clock import Clock
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, MessageReceived
from middleware.wire.link import Link
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role

# A message that was refused or cut off is tried again after this time.
RETRY_S = 0.5
# How long a stopping analyzer waits for the acknowledgement of what it is sending.
FINISH_WITHIN_S = 3.0

_EXPECTED = {
    Deed.RESULTS: Expectation.DELIVER,
    Deed.RERUN: Expectation.KEEP,
    Deed.QC: Expectation.KEEP,
    Deed.QUERY: Expectation.NOTHING,
}


class Speech(Protocol):
    """How an analyzer speaks. Messages are in its local time."""

    def make_link(self, choices: LinkChoices) -> Link:
        """A link for one connection."""
        ...

    def results(self, name: str, specimen: EmulatedSpecimen, measured: datetime) -> bytes:
        """The message with every result of a specimen."""
        ...

    def query(self, name: str, sample_id: str, asked: datetime) -> bytes:
        """The message that asks what is to be done with a specimen."""
        ...

    def is_taken(self, reply: bytes) -> bool:
        """Whether the host's reply to a message says that it has it."""
        ...


class Lis2Speech(Speech):
    """LIS2 records over LIS01-A2 frames."""

    def make_link(self, choices: LinkChoices) -> Link:
        """A link in the INSTRUMENT role."""
        options = Lis1Options(
            packaging=choices.packaging,
            send_frame_text=choices.frame_text,
            frame_reply_s=choices.frame_reply_s,
            busy_backoff_s=choices.busy_backoff_s,
        )
        return Lis1Link(Role.INSTRUMENT, options)

    def results(self, name: str, specimen: EmulatedSpecimen, measured: datetime) -> bytes:
        """One message with H, P, O, R and L."""
        return results_message(name, specimen, measured)

    def query(self, name: str, sample_id: str, asked: datetime) -> bytes:
        """One message with H, Q and L."""
        return query_message(name, sample_id, asked)

    def is_taken(self, reply: bytes) -> bool:
        """Always: a message whose last frame was acknowledged is the host's."""
        return True


LIS2 = Lis2Speech()


@dataclass(frozen=True, slots=True)
class AnalyzerPlan:
    """Who the analyzer is and what it does. `count` messages at most (None: as the scenario says);
    `every_s` instead of the scenario's own pace; `time_zone` is that of its clock; `source` is where its
    specimens come from (None: invented ones)."""

    name: str
    scenario: Scenario
    seed: int
    prefix: str
    time_zone: tzinfo
    count: int | None = None
    every_s: float | None = None
    speech: Speech = LIS2
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class _Outgoing:
    text: bytes
    obligation: Obligation


class EmulatedAnalyzer:
    """I am responsible for one scenario, from its first message to its last."""

    def __init__(
        self,
        plan: AnalyzerPlan,
        transport: TransportSettings,
        reactor: Any,
        clock: Clock,
        book: Book,
    ) -> None:
        self.plan = plan
        self.acknowledged = 0
        self.results = 0
        self.not_delivered = 0
        self.received = 0  # messages of the host
        self.finished: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = _say_nothing
        self.faults = FaultPlan(plan.scenario.faults, plan.seed)
        self._reactor = reactor
        self._clock = clock
        self._book = book
        self._source: Source = plan.source or SpecimenSource(plan.seed, plan.prefix)
        self._deeds = plan.scenario.deeds()
        self._last: EmulatedSpecimen | None = None
        self._current: _Outgoing | None = None
        self._send_id: int | None = None
        self._shim: Shim | None = None
        self._is_stopping = False
        self._transport = make_transport(transport, reactor, self, Random(plan.seed).random)

    @property
    def address(self) -> str:
        """Where it listens or dials."""
        return str(self._transport.address)

    def start(self) -> None:
        """Open the line and begin. Raises PortTaken."""
        self._transport.start()
        self._next()

    async def stop(self) -> None:
        """Begin no new message, wait a little for the acknowledgement of this one, close."""
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
        """A connection; through the fault plan when the scenario has faults."""
        link = self.plan.speech.make_link(self.plan.scenario.link)
        if self.plan.scenario.faults.is_none:
            return Shim(link, self._reactor, self, peer)
        return UnreliableShim(link, self._reactor, self, peer, self.faults)

    def transport_changed(self, _state: TransportState, detail: str) -> None:
        """Tell the person at the bench."""
        self.say(detail)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """The state says it, but for a refusal by TLS."""
        if outcome is ConnectionOutcome.REFUSED_TLS:
            self.say(f"{peer} was refused: {detail}")

    # -- ShimOwner --------------------------------------------------------------------------------

    def connection_opened(self, shim: Shim) -> None:
        """Send what waits, once the link knows that it is connected."""
        self._shim = shim
        self._reactor.callLater(0, self._send)

    def connection_closed(self, shim: Shim, _reason: str) -> None:
        """What was being sent was reported as not delivered and waits for the next connection."""
        if shim is self._shim:
            self._shim = None

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """A fault of the emulator's own link."""
        self.say(f"the link failed: {error!r}")

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Deliveries, and what the host sends."""
        for event in events:
            if isinstance(event, MessageDelivered | MessageNotDelivered):
                self._settle(event)
            elif isinstance(event, MessageReceived):
                self.received += 1
                shim.commit(event.token)

    def _settle(self, event: MessageDelivered | MessageNotDelivered) -> None:
        if event.send_id != self._send_id:
            return
        if isinstance(event, MessageDelivered) and self.plan.speech.is_taken(event.reply):
            self._delivered()
            return
        self._send_id = None
        self.not_delivered += 1
        self._reactor.callLater(RETRY_S, self._send)

    # -- the scenario -----------------------------------------------------------------------------

    def _next(self) -> None:
        """Prepare the next message after its pause."""
        self._current = None
        if self._is_stopping or self.acknowledged == self.plan.count:
            self._finish()
            return
        step = next(self._deeds, None)
        if step is None:
            self._finish()
            return
        pause = step.every_s if self.plan.every_s is None else self.plan.every_s
        if pause > 0 or step.do in (Deed.WAIT, Deed.UNPLUG):
            self._reactor.callLater(pause, self._begin, step)
        else:
            self._begin(step)

    def _begin(self, step: Step) -> None:
        if self._is_stopping:
            self._finish()
        elif step.do is Deed.WAIT:
            self._next()
        elif step.do is Deed.UNPLUG:
            if self._shim is not None:
                self._shim.abort("unplugged")
            self._next()
        else:
            self._current = self._compose(step)
            self._send()

    def _compose(self, step: Step) -> _Outgoing:
        now = self._clock.utc_now().astimezone(self.plan.time_zone)
        expect = _EXPECTED[step.do]
        if step.do is Deed.RERUN and self._last is None:
            expect = Expectation.DELIVER  # there is nothing to measure once more: a first run
        if step.do is Deed.QUERY:
            specimen = self._source.specimen(step.panel)
            text = self.plan.speech.query(self.plan.name, specimen.sample_id, now)
            return _Outgoing(text, Obligation(self.plan.name, specimen.sample_id, {}, expect))
        specimen = self._measure(step)
        text = self.plan.speech.results(self.plan.name, specimen, _whole_seconds(now))
        obligation = Obligation(self.plan.name, specimen.sample_id, specimen.values(), expect)
        return _Outgoing(text, obligation)

    def _measure(self, step: Step) -> EmulatedSpecimen:
        if step.do is Deed.QC:
            return self._source.control(step.panel)
        if step.do is Deed.RERUN and self._last is not None:
            return self._source.again(self._last)
        self._last = self._source.specimen(step.panel)
        return self._last

    def _send(self) -> None:
        shim = self._shim
        if shim is None or not shim.is_open or self._current is None or self._send_id is not None:
            return
        if self._is_stopping:
            self._finish()
            return
        self._send_id = shim.send_message(self._current.text)

    def _delivered(self) -> None:
        self._send_id = None
        self.acknowledged += 1
        if self._current is not None:
            self.results += len(self._current.obligation.values)
            self._book.write(obligation_line(self._current.obligation))
        self._next()

    def _finish(self) -> None:
        if not self.finished.called:
            self.finished.callback(None)


def _whole_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
