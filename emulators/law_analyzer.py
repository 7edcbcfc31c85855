"""An emulated analyzer that speaks IHE LAW over one MLLP connection, both ways, and plays a scenario.

For each new specimen it asks (LAB-27), checks the response, waits for the orders (LAB-28), answers them step by step,
and then measures: what was ordered under the host's ids, everything else on its own account. Results are its own until
the host has acknowledged them with AA; then they become an obligation. What got no reply is sent again, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from emulators.law_messages import (
    Measured,
    OrdersTaken,
    Said,
    Taking,
    query_message,
    results_message,
    state_message,
    take_orders,
)
from emulators.law_scenario import LawDeed, LawScenario, LawStep
from emulators.oracle import Book, Expectation, Obligation, obligation_line
from emulators.specimens import EmulatedSpecimen, SpecimenSource
from middleware.clock import Clock
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, MessageReceived
from middleware.wire.hl7 import AckCode, AckOutcome, Glance, classify, parse
from middleware.wire.mllp import MllpLink, MllpLinkOptions, encode_block

RETRY_S = 0.5
FINISH_WITHIN_S = 3.0
_ASKING = frozenset((LawDeed.RESULTS, LawDeed.FAILED, LawDeed.QUERY))


@dataclass(frozen=True, slots=True)
class LawPlan:
    """Who the analyzer is and what it does. `count` result messages at most (None: as the scenario says);
    `every_s` instead of the scenario's own pace; `time_zone` is that of its clock."""

    name: str
    scenario: LawScenario
    seed: int
    prefix: str
    time_zone: tzinfo
    count: int | None = None
    every_s: float | None = None


@dataclass(slots=True)
class _Outgoing:
    """A message that is ours until it is acknowledged. `obligation` is None for a query."""

    text: bytes
    control_id: str
    obligation: Obligation | None = None
    is_repetition: bool = False
    is_cut: bool = False  # it met its hang-up already


class EmulatedLawAnalyzer:
    """I am responsible for one scenario, from its first message to its last."""

    def __init__(
        self, plan: LawPlan, transport: TransportSettings, reactor: Any, clock: Clock, book: Book
    ) -> None:
        self.plan = plan
        self.acknowledged = 0  # messages with results or states
        self.results = 0
        self.queries = 0  # accepted by the host
        self.negative = 0  # answers that there is no work
        self.ordered = 0  # steps taken
        self.unanswered = 0  # queries after which no orders came in time
        self.refused = 0
        self.not_delivered = 0
        self.fault_counts: dict[str, int] = {}
        self.finished: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = _say_nothing
        self._reactor = reactor
        self._clock = clock
        self._book = book
        self._random = Random(plan.seed)
        self._source = SpecimenSource(plan.seed, plan.prefix)
        self._deeds = plan.scenario.deeds()
        self._number = 0
        self._last: EmulatedSpecimen | None = None
        self._step: LawStep | None = None
        self._specimen: EmulatedSpecimen | None = None  # the one that is asked about
        self._awos: dict[str, str] = {}
        self._measured: set[str] = set()  # AWOS ids whose results were sent
        self._current: _Outgoing | None = None
        self._send_id: int | None = None
        self._waiting: IDelayedCall | None = None  # for orders
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
        """A connection with a fresh link."""
        options = MllpLinkOptions(
            ack_timeout_s=self.plan.scenario.timers.reply_s,
            acknowledge=self._answer_orders,
            replies=self._replies,
        )
        return Shim(MllpLink(options), self._reactor, self, peer)

    def transport_changed(self, _state: TransportState, detail: str) -> None:
        """Tell the person at the bench."""
        self.say(detail)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """Nothing to do: the state says it."""

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
        """Replies of the host, and its orders."""
        for event in events:
            if isinstance(event, MessageDelivered) and event.send_id == self._send_id:
                self._replied(event.reply)
            elif isinstance(event, MessageNotDelivered) and event.send_id == self._send_id:
                self._send_id = None
                self.not_delivered += 1
                self._reactor.callLater(RETRY_S, self._send)
            elif isinstance(event, MessageReceived):
                shim.commit(event.token)

    # -- the scenario -----------------------------------------------------------------------------

    def _next(self) -> None:
        """Prepare the next deed after its pause."""
        self._current = self._specimen = None
        self._awos = {}
        if self._is_stopping or self.acknowledged == self.plan.count:
            self._finish()
            return
        step = next(self._deeds, None)
        if step is None:
            self._finish()
            return
        pause = step.every_s if self.plan.every_s is None else self.plan.every_s
        if pause > 0 or step.do in (LawDeed.WAIT, LawDeed.UNPLUG):
            self._reactor.callLater(pause, self._begin, step)
        else:
            self._begin(step)

    def _begin(self, step: LawStep) -> None:
        self._step = step
        if self._is_stopping:
            self._finish()
        elif step.do is LawDeed.WAIT:
            self._next()
        elif step.do is LawDeed.UNPLUG:
            if self._shim is not None:
                self._shim.abort("unplugged")
            self._next()
        elif step.do in _ASKING:
            self._specimen = self._source.specimen(step.panel)
            said = self._said()
            text = query_message(said, self._specimen.sample_id)
            self._put(_Outgoing(text, said.control_id))
        else:
            self._measure(step)

    def _measure(self, step: LawStep) -> None:
        """The message with what the step measured."""
        said, expect, failed = self._said(), Expectation.DELIVER, frozenset[str]()
        specimen, run = self._material(step)
        if step.do is LawDeed.STATE:
            obligation = Obligation(self.plan.name, specimen.sample_id, {}, Expectation.NOTHING)
            self._put(_Outgoing(state_message(said, specimen), said.control_id, obligation))
            return
        if step.do is LawDeed.FAILED:
            failed = frozenset((specimen.results[0].test.code,))
        if step.do is LawDeed.QC or run > 1:
            expect = Expectation.KEEP
        measured = Measured(specimen, run, dict(self._awos), failed)
        values = {test: one for test, one in specimen.values().items() if test not in failed}
        obligation = Obligation(self.plan.name, specimen.sample_id, values, expect)
        self._measured.update(self._awos.values())
        self._put(_Outgoing(results_message(said, measured), said.control_id, obligation))

    def _material(self, step: LawStep) -> tuple[EmulatedSpecimen, int]:
        """What the step measures, and which run of it that is."""
        if step.do is LawDeed.QC:
            return self._source.control(step.panel), 1
        if step.do is LawDeed.RERUN and self._last is not None:
            return self._source.again(self._last), 2
        specimen = self._specimen or self._source.specimen(step.panel)
        if step.do is not LawDeed.FAILED:
            self._last = specimen
        return specimen, 1

    def _said(self) -> Said:
        self._number += 1
        now: datetime = self._clock.utc_now().astimezone(self.plan.time_zone).replace(microsecond=0)
        return Said(self.plan.name, f"{self.plan.prefix}{self._number}", now)

    # -- our messages -----------------------------------------------------------------------------

    def _put(self, outgoing: _Outgoing) -> None:
        self._current = outgoing
        self._send()

    def _send(self) -> None:
        shim, current = self._shim, self._current
        if shim is None or not shim.is_open or current is None or self._send_id is not None:
            return
        if self._is_stopping:
            self._finish()
        elif not current.is_cut and self._draws("hang_up"):
            current.is_cut = True
            block = encode_block(current.text)
            shim.transport.write(block[: len(block) // 2])
            shim.close("hung up")
        else:
            self._send_id = shim.send_message(current.text)

    def _replied(self, reply: bytes) -> None:
        current, self._send_id = self._current, None
        if current is None:
            return
        verdict = classify(reply, current.control_id)
        if verdict.outcome is AckOutcome.DEFERRED:
            self.not_delivered += 1
            self._reactor.callLater(RETRY_S, self._send)
        elif verdict.outcome is not AckOutcome.ACCEPTED:
            self.refused += 1
            self.say(f"the host refused {current.control_id}: {verdict.code} {verdict.text}")
            self._next()
        elif current.obligation is None:
            self._asked(current, reply)
        else:
            self._taken(current, current.obligation)

    def _asked(self, current: _Outgoing, reply: bytes) -> None:
        """The host took the query; its orders come in a message of their own, soon or never."""
        message = parse(reply)
        is_right = message.get("QAK-1") == f"Q{current.control_id}" and message.get("QAK-2") == "OK"
        if not is_right or message.get("MSH-9.1") != "RSP":
            self.refused += 1
            self.say("the response does not fit the query")
        self.queries += 1
        self._current = None
        wait = self.plan.scenario.timers.answer_wait_s
        self._waiting = self._reactor.callLater(wait, self._waited)

    def _waited(self) -> None:
        """No orders came: it measures what it was loaded for."""
        self._waiting = None
        self.unanswered += 1
        self._go_on()

    def _go_on(self) -> None:
        """The specimen that was asked about is measured now."""
        if self._step is None or self._step.do is LawDeed.QUERY or self._is_stopping:
            self._next()
        else:
            self._measure(self._step)

    def _taken(self, current: _Outgoing, obligation: Obligation) -> None:
        if current.is_repetition:
            self._next()
            return
        self.acknowledged += 1
        self.results += len(obligation.values)
        self._book.write(obligation_line(obligation))
        if self._draws("repeated_message"):
            current.is_repetition = True
            self._send()
        else:
            self._next()

    # -- the host's orders ------------------------------------------------------------------------

    def _replies(self, message: Glance, *, accepted: bool) -> tuple[AckCode, ...]:
        """Orders are answered, unless the scenario says otherwise."""
        if self._draws("no_answer"):
            return ()
        return (AckCode.APPLICATION_ACCEPT if accepted else AckCode.APPLICATION_ERROR,)

    def _answer_orders(self, text: bytes, _code: AckCode) -> bytes:
        taken = take_orders(text, self._said(), Taking(self._measured.__contains__))
        # The link writes the answer when this returns: what follows from it comes after.
        self._reactor.callLater(0, self._ordered, taken)
        return taken.answer

    def _ordered(self, taken: OrdersTaken) -> None:
        for steps in taken.steps.values():
            self.ordered += len(steps)
        self.negative += taken.is_negative
        specimen = self._specimen
        if self._waiting is None or specimen is None or taken.container != specimen.sample_id:
            return
        self._awos = dict(taken.steps.get(specimen.sample_id, {}))
        self._waiting.cancel()
        self._waiting = None
        self._go_on()

    def _draws(self, fault: str) -> bool:
        share: float = getattr(self.plan.scenario.faults, fault)
        if not share or self._random.random() >= share:
            return False
        self.fault_counts[fault] = self.fault_counts.get(fault, 0) + 1
        return True

    def _finish(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if not self.finished.called:
            self.finished.callback(None)


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
