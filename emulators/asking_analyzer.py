"""An emulated ASTM analyzer that asks before it measures: a query for each tube, then results of what was ordered.

It honours what it gets: the tests of the answer, on the tube that the answer names, and nothing else. A tube without
work is put aside; a query without an answer is asked again a few times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import tzinfo
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from emulators.oracle import Book, Obligation, obligation_line
from emulators.specimens import EmulatedSpecimen, SpecimenSource, query_message, results_message
from middleware.clock import Clock
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, MessageReceived
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role
from middleware.wire.lis2 import parse_message

ANSWER_WITHIN_S = 5.0
MOST_TRIES = 3
RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class AskingPlan:
    """Who it is, and the tubes that come: `count` of `specimens.SpecimenSource` under this seed and prefix."""

    name: str
    seed: int
    prefix: str
    count: int
    time_zone: tzinfo
    panel: str = "chem"


class AskingAnalyzer:
    """I am responsible that each tube is asked about, and gets exactly the results that were ordered."""

    def __init__(
        self,
        plan: AskingPlan,
        transport: TransportSettings,
        reactor: Any,
        clock: Clock,
        book: Book,
    ) -> None:
        self.plan = plan
        self.asked = 0
        self.without_work = 0
        self.unanswered = 0
        self.results = 0
        self.strange: list[str] = []  # answers for tubes that it did not ask about
        self.finished: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = _say_nothing
        self._reactor = reactor
        self._clock = clock
        self._book = book
        self._source = SpecimenSource(plan.seed, plan.prefix)
        self._tubes = 0
        self._tube: EmulatedSpecimen | None = None
        self._measured: EmulatedSpecimen | None = None
        self._tries = 0
        self._text: bytes | None = None
        self._send_id: int | None = None
        self._shim: Shim | None = None
        self._timer: IDelayedCall | None = None
        self._transport = make_transport(transport, reactor, self, Random(plan.seed).random)

    def start(self) -> None:
        """Open the line and begin."""
        self._transport.start()
        self._next()

    async def stop(self) -> None:
        """Close."""
        self._cancel_timer()
        await self._transport.stop()
        self._finish()

    # -- TransportOwner and ShimOwner -------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A connection."""
        return Shim(Lis1Link(Role.INSTRUMENT, Lis1Options()), self._reactor, self, peer)

    def transport_changed(self, _state: TransportState, detail: str) -> None:
        """Tell the person at the bench."""
        self.say(detail)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """The state says it."""

    def connection_opened(self, shim: Shim) -> None:
        """Send what waits."""
        self._shim = shim
        self._reactor.callLater(0, self._send)

    def connection_closed(self, shim: Shim, _reason: str) -> None:
        """What was being sent goes again on the next connection."""
        if shim is self._shim:
            self._shim = None

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """A fault of the emulator's own link."""
        self.say(f"the link failed: {error!r}")

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Deliveries, and answers of the host."""
        for event in events:
            if isinstance(event, MessageReceived):
                shim.commit(event.token)
                self._heard(event.text)
            elif isinstance(event, MessageDelivered):
                if event.send_id == self._send_id:
                    self._send_id = None
                    self._delivered()
            elif isinstance(event, MessageNotDelivered) and event.send_id == self._send_id:
                self._send_id = None
                self._reactor.callLater(RETRY_S, self._send)

    # -- tube by tube -----------------------------------------------------------------------------

    def _next(self) -> None:
        self._cancel_timer()
        self._measured = None
        if self._tubes == self.plan.count:
            self._tube = None
            self._finish()
            return
        self._tubes += 1
        self._tube = self._source.specimen(self.plan.panel)
        self._tries = 0
        self._ask()

    def _ask(self) -> None:
        self._timer = None
        tube = self._tube
        if tube is None:
            return
        self._tries += 1
        if self._tries > MOST_TRIES:
            self.unanswered += 1
            self._next()
            return
        self.asked += 1
        now = self._clock.utc_now().astimezone(self.plan.time_zone)
        self._text = query_message(self.plan.name, tube.sample_id, now)
        self._send()

    def _heard(self, text: bytes) -> None:
        """The answer: which tests, of which tube."""
        tube = self._tube
        if tube is None or self._measured is not None:
            return
        try:
            message = parse_message(text, "latin-1")
        except RemoteProtocolError as error:
            self.strange.append(str(error))
            return
        wanted: list[str] = []
        for order in message.all("O"):
            if order.get("O-3.1") != tube.sample_id:
                self.strange.append(order.get("O-3.1"))
                continue
            repeats = range(1, len(order.repeats(5)) + 1)
            wanted += [order.get(f"O-5[{at}].4") for at in repeats]
        if not wanted:
            self.without_work += 1
            self.say(f"{tube.sample_id}: no work")
            self._next()
            return
        self._measure(tube, wanted)

    def _measure(self, tube: EmulatedSpecimen, wanted: list[str]) -> None:
        self._cancel_timer()
        results = tuple(one for one in tube.results if one.test.code in wanted)
        self._measured = replace(tube, results=results)
        now = self._clock.utc_now().astimezone(self.plan.time_zone).replace(microsecond=0)
        self._text = results_message(self.plan.name, self._measured, now)
        self.say(f"{tube.sample_id}: {', '.join(wanted)}")
        self._send()

    def _send(self) -> None:
        shim = self._shim
        if shim is None or not shim.is_open or self._text is None or self._send_id is not None:
            return
        self._send_id = shim.send_message(self._text)

    def _delivered(self) -> None:
        self._text = None
        measured = self._measured
        if measured is None:  # the query: the answer follows
            self._timer = self._reactor.callLater(ANSWER_WITHIN_S, self._ask)
            return
        self.results += len(measured.results)
        self._book.write(
            obligation_line(Obligation(self.plan.name, measured.sample_id, measured.values()))
        )
        self._next()

    def _cancel_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _finish(self) -> None:
        if not self.finished.called:
            self.finished.callback(None)


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
