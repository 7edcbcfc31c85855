"""The ordering half of an emulated LIS: sends orders for invented tubes over MLLP, and changes its mind about some.

Each message waits for its answer. A message without an answer, or refused with 207, is sent again with the same number.
Tubes are those of `specimens.SpecimenSource` under the same seed and prefix, so an analyzer can be given them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from emulators.order_messages import OrderLine, OrderMessage, order_message
from emulators.specimens import PANELS, SpecimenSource
from middleware.clock import Clock
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered
from middleware.wire.hl7 import AckOutcome, classify, parse
from middleware.wire.link import Link
from middleware.wire.mllp import MllpLink, MllpLinkOptions

RETRY_S = 1.0
_PROCESSING_ID = "D"


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """`count` tubes with the tests of `panel`; of every `cancel_every`th (0: none) the first test is cancelled after it
    was ordered.
    """

    count: int
    seed: int
    prefix: str
    panel: str = "chem"
    cancel_every: int = 0


class EmulatedOrderer:
    """I am responsible that every order gets an answer. `answered` is told of each: the message, and ORC-1 of each of
    its lines; nothing but MSA may have come.
    """

    def __init__(
        self,
        messages: Iterator[OrderMessage],
        transport: TransportSettings,
        reactor: Any,
        clock: Clock,
        processing_id: str = _PROCESSING_ID,
    ) -> None:
        self.answers: Counter[str] = Counter()  # ORC-1 of the answers
        self.refused: list[str] = []
        self.acknowledged = 0
        self.finished: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = _say_nothing
        self.answered: Callable[[OrderMessage, Sequence[str]], None] = _take_no_note
        self._processing_id = processing_id
        self._reactor = reactor
        self._clock = clock
        self._messages = messages
        self._current: OrderMessage | None = None
        self._text = b""
        self._send_id: int | None = None
        self._shim: Shim | None = None
        self._transport = make_transport(transport, reactor, self, Random(7).random)

    def start(self) -> None:
        """Connect and begin."""
        self._transport.start()
        self._next()

    async def stop(self) -> None:
        """Hang up."""
        await self._transport.stop()
        if not self.finished.called:
            self.finished.callback(None)

    # -- TransportOwner and ShimOwner -------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A connection to where orders are taken."""
        link: Link = MllpLink(MllpLinkOptions())
        return Shim(link, self._reactor, self, peer)

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
        """What had no answer goes again on the next connection."""
        if shim is self._shim:
            self._shim = None

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """A fault of the emulator's own link."""
        self.say(f"the link failed: {error!r}")

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Answers, or the lack of them."""
        for event in events:
            if not isinstance(event, MessageDelivered | MessageNotDelivered):
                continue
            if event.send_id == self._send_id:
                self._send_id = None
                self._judge(event.reply if isinstance(event, MessageDelivered) else None)

    # -- inside -----------------------------------------------------------------------------------

    def _judge(self, reply: bytes | None) -> None:
        """`reply` is None when none came."""
        if self._current is None:
            return
        control_id = self._current.control_id
        verdict = classify(reply, control_id) if reply is not None else None
        if reply is None or verdict is None or verdict.outcome is AckOutcome.DEFERRED:
            self._reactor.callLater(RETRY_S, self._send)
            return
        self.acknowledged += 1
        controls = [one.get("ORC-1") for one in parse(reply).segments("ORC")]
        self.answers.update(controls)
        if verdict.outcome is AckOutcome.REFUSED:
            self.refused.append(f"{control_id}: {verdict.text}")
        self.say(f"{control_id}: {verdict.code} {' '.join(controls)} {verdict.text}".rstrip())
        self.answered(self._current, controls)
        self._next()

    def _next(self) -> None:
        self._current = next(self._messages, None)
        if self._current is None:
            if not self.finished.called:
                self.finished.callback(None)
            return
        now = self._clock.utc_now()
        self._text = order_message(self._current, self._processing_id, now)
        self._send()

    def _send(self) -> None:
        shim = self._shim
        if shim is None or not shim.is_open or self._current is None or self._send_id is not None:
            return
        self._send_id = shim.send_message(self._text)


def planned_messages(plan: OrderPlan) -> Iterator[OrderMessage]:
    """What the plan says: every tube's orders, and behind some the cancel of its first test."""
    source = SpecimenSource(plan.seed, plan.prefix)
    for number in range(1, plan.count + 1):
        tube = source.specimen(plan.panel)
        placer = f"O{tube.sample_id}"
        codes = [test.code for test in PANELS[plan.panel]]
        ordered = tuple([OrderLine("NW", placer, code) for code in codes])
        yield OrderMessage(f"{plan.prefix}N{number}", tube, ordered)
        if plan.cancel_every and number % plan.cancel_every == 0:
            cancelled = (OrderLine("CA", placer, codes[0]),)
            yield OrderMessage(f"{plan.prefix}C{number}", tube, cancelled)


def _say_nothing(_text: str) -> None:
    """Nobody listens."""


def _take_no_note(_message: OrderMessage, _controls: Sequence[str]) -> None:
    """Nobody keeps a book."""
