"""The ordering half of an emulated LIS: sends orders for invented tubes over MLLP, and changes its mind about some.

Each message waits for its answer. A message without an answer, or refused with 207, is sent again with the same number.
Tubes are those of `specimens.SpecimenSource` under the same seed and prefix, so an analyzer can be given them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from emulators.specimens import PANELS, EmulatedSpecimen, SpecimenSource
from middleware.clock import Clock
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered
from middleware.wire.hl7 import AckOutcome, Raw, classify, components, compose, parse, segment
from middleware.wire.link import Link
from middleware.wire.mllp import MllpLink, MllpLinkOptions

RETRY_S = 1.0
_PROCESSING_ID = "D"


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """`count` tubes with the tests of `panel`; of every `cancel_every`th (0: none) the first test is cancelled after it
    was ordered. `processing_id` is MSH-11.
    """

    count: int
    seed: int
    prefix: str
    panel: str = "chem"
    cancel_every: int = 0
    processing_id: str = _PROCESSING_ID


class EmulatedOrderer:
    """I am responsible that every order gets an answer."""

    def __init__(
        self, plan: OrderPlan, transport: TransportSettings, reactor: Any, clock: Clock
    ) -> None:
        self.plan = plan
        self.answers: Counter[str] = Counter()  # ORC-1 of the answers
        self.refused: list[str] = []
        self.acknowledged = 0
        self.finished: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = _say_nothing
        self._reactor = reactor
        self._clock = clock
        self._messages = self._compose_all()
        self._current: tuple[str, bytes] | None = None
        self._send_id: int | None = None
        self._shim: Shim | None = None
        self._transport = make_transport(transport, reactor, self, Random(plan.seed).random)

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
        control_id, _ = self._current
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
        self._next()

    def _next(self) -> None:
        self._current = next(self._messages, None)
        if self._current is None:
            if not self.finished.called:
                self.finished.callback(None)
            return
        self._send()

    def _send(self) -> None:
        shim = self._shim
        if shim is None or not shim.is_open or self._current is None or self._send_id is not None:
            return
        self._send_id = shim.send_message(self._current[1])

    def _compose_all(self) -> Iterator[tuple[str, bytes]]:
        source = SpecimenSource(self.plan.seed, self.plan.prefix)
        for number in range(1, self.plan.count + 1):
            tube = source.specimen(self.plan.panel)
            tests = [test.code for test in PANELS[self.plan.panel]]
            yield self._message(f"{self.plan.prefix}N{number}", tube, tests, "NW")
            if self.plan.cancel_every and number % self.plan.cancel_every == 0:
                yield self._message(f"{self.plan.prefix}C{number}", tube, tests[:1], "CA")

    def _message(
        self, control_id: str, tube: EmulatedSpecimen, tests: list[str], control: str
    ) -> tuple[str, bytes]:
        now = self._clock.utc_now().strftime("%Y%m%d%H%M%S+0000")
        header = {
            3: "EMULATED-LIS",
            5: "LABWIRE",
            7: now,
            9: components("OML", "O33", "OML_O33"),
            10: control_id,
            11: self.plan.processing_id,
            12: "2.5.1",
        }
        lines = [
            segment("MSH", header),
            segment(
                "PID",
                {
                    3: components(tube.patient_id, "", "", "EMULATED"),
                    5: components(*tube.patient_name.split("^")),
                    7: tube.birth_date,
                    8: tube.sex,
                },
            ),
            segment("SPM", {1: "1", 2: Raw(tube.sample_id), 4: "SER", 17: now}),
            segment("SAC", {3: tube.sample_id}),
        ]
        number = f"O{tube.sample_id}"
        for test in tests:
            lines.append(segment("ORC", {1: control, 2: number}))
            lines.append(segment("OBR", {2: number, 4: components(test)}))
        return control_id, compose(lines)


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
