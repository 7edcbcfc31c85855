"""An emulated LIS that speaks ASTM as a host: takes LIS2 results, and sends orders on the same line.

A result message is the LIS's when its last frame is acknowledged: first the book, then ACK. An order is sent again
until its last frame was acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from twisted.internet.defer import Deferred

from emulators.lis import Change, Conduct, parse_conduct, parse_plan
from emulators.options import PrefixOption, QuietOption, SecondsOption, SeedOption
from emulators.oracle import Book
from emulators.place import BaudOption, ListenOption, Place, SerialOption, TcpOption, transport_of
from emulators.running import Run, new_prefix, sentence, speaker, the_reactor
from emulators.specimens import PANELS, EmulatedSpecimen, SpecimenSource
from middleware.clock import Clock, SystemClock
from middleware.errors import MiddlewareError
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, MessageReceived
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Role
from middleware.wire.lis2 import MessageBuilder, parse_message

RETRY_S = 1.0
_POSSIBLE = (Conduct.ACCEPT, Conduct.REFUSE, Conduct.BUSY, Conduct.LATE, Conduct.MUTE)


@dataclass(frozen=True, slots=True)
class AstmOrderPlan:
    """`count` tubes with the tests of `panel`; of every `cancel_every`th (0: none) the first test is cancelled after it
    was ordered. `processing_id` is H-12.
    """

    count: int = 0
    seed: int = 7
    prefix: str = ""
    panel: str = "chem"
    cancel_every: int = 0
    processing_id: str = "D"


class EmulatedAstmLis:
    """I am responsible for one line towards Labwire."""

    def __init__(
        self,
        plan: AstmOrderPlan,
        transport: TransportSettings,
        reactor: Any,
        clock: Clock,
        book: Book,
    ) -> None:
        self.plan = plan
        self.accepted = 0
        self.results = 0
        self.refused = 0
        self.ordered = 0
        self.all_ordered: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = _say_nothing
        self._reactor = reactor
        self._clock = clock
        self._book = book
        self._orders = self._compose_all()
        self._current: bytes | None = None
        self._send_id: int | None = None
        self._shim: Shim | None = None
        self._messages = 0
        self._change = Change(0.0, Conduct.ACCEPT)
        self._timers: list[Any] = []
        self._transport = make_transport(transport, reactor, self, Random(plan.seed).random)

    @property
    def address(self) -> Any:
        """Where it listens (the real port) or dials."""
        return self._transport.address

    def start(self, changes: Sequence[Change] = ()) -> None:
        """Open the line; `changes` of conduct happen by themselves. Raises PortTaken."""
        self._transport.start()
        for change in changes:
            self._timers.append(self._reactor.callLater(change.at_s, self.conduct, change))
        self._next()

    async def stop(self) -> None:
        """Hang up."""
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        await self._transport.stop()

    def conduct(self, change: Change) -> None:
        """Take on another conduct now."""
        self._change = change
        self.say(f"conduct: {change.conduct.value}")
        if self._shim is not None:
            self._shim.set_accepting(change.conduct is not Conduct.BUSY)

    # -- TransportOwner and ShimOwner -------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A link in the computer's role."""
        link = Lis1Link(Role.COMPUTER)
        link.set_accepting(self._change.conduct is not Conduct.BUSY)
        return Shim(link, self._reactor, self, peer)

    def transport_changed(self, _state: TransportState, detail: str) -> None:
        """Tell the person at the bench."""
        self.say(detail)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """The state says it."""

    def connection_opened(self, shim: Shim) -> None:
        """Send what waits, once the link knows that it is connected."""
        self._shim = shim
        self._timers.append(self._reactor.callLater(0, self._send))

    def connection_closed(self, shim: Shim, _reason: str) -> None:
        """What was being sent goes again on the next connection."""
        if shim is self._shim:
            self._shim = None

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """A fault of the emulator's own link."""
        self.say(f"the link failed: {error!r}")

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Results, and what became of our orders."""
        for event in events:
            if isinstance(event, MessageReceived):
                self._take(shim, event)
            elif isinstance(event, MessageDelivered | MessageNotDelivered):
                self._settle(event)

    # -- results ----------------------------------------------------------------------------------

    def _take(self, shim: Shim, event: MessageReceived) -> None:
        self._messages += 1
        change = self._change
        conduct = change.conduct if self._messages % change.every == 0 else Conduct.ACCEPT
        if conduct is Conduct.LATE:
            later = self._reactor.callLater(change.seconds, self._accept, shim, event)
            self._timers = [one for one in self._timers if one.active()] + [later]
        elif conduct is Conduct.REFUSE:
            self.refused += 1
            shim.refuse(event.token)
        elif conduct is not Conduct.MUTE:
            self._accept(shim, event)

    def _accept(self, shim: Shim, event: MessageReceived) -> None:
        seen = read_lis2_arrival(event.text)
        now = self._clock.utc_now().isoformat(timespec="milliseconds")
        self._book.write({**seen, "answer": "AA", "at": now})
        self.accepted += 1
        self.results += len(seen["values"])
        self.say(f"accepted {seen['control_id']}: specimen {seen['sample_id']}")
        shim.commit(event.token)

    # -- orders -----------------------------------------------------------------------------------

    def _settle(self, event: MessageDelivered | MessageNotDelivered) -> None:
        if event.send_id != self._send_id:
            return
        self._send_id = None
        if isinstance(event, MessageDelivered):
            self.ordered += 1
            self._next()
        else:
            self._timers.append(self._reactor.callLater(RETRY_S, self._send))

    def _next(self) -> None:
        self._current = next(self._orders, None)
        if self._current is not None:
            self._send()
        elif not self.all_ordered.called:
            self.all_ordered.callback(None)

    def _send(self) -> None:
        shim = self._shim
        if shim is not None and shim.is_open and self._current and self._send_id is None:
            self._send_id = shim.send_message(self._current)

    def _compose_all(self) -> Iterator[bytes]:
        source = SpecimenSource(self.plan.seed, self.plan.prefix)
        for number in range(1, self.plan.count + 1):
            tube = source.specimen(self.plan.panel)
            tests = [test.code for test in PANELS[self.plan.panel]]
            yield self._message(f"{self.plan.prefix}N{number}", tube, tests, "N")
            if self.plan.cancel_every and number % self.plan.cancel_every == 0:
                yield self._message(f"{self.plan.prefix}C{number}", tube, tests[:1], "C")

    def _message(
        self, control_id: str, tube: EmulatedSpecimen, tests: list[str], action: str
    ) -> bytes:
        now = self._clock.utc_now().strftime("%Y%m%d%H%M%S")
        builder = MessageBuilder()
        builder.header(
            {3: control_id, 5: "EMULATED-LIS", 12: self.plan.processing_id, 13: "LIS2-A2", 14: now}
        )
        name = tube.patient_name.split("^")
        builder.add("P", {3: tube.patient_id, 6: name, 8: tube.birth_date, 9: tube.sex})
        repeats = [["", "", "", test] for test in tests]
        builder.add("O", {3: tube.sample_id, 5: repeats, 6: "R", 8: now, 12: action, 26: "O"})
        return builder.terminator().encoded()


def read_lis2_arrival(text: bytes) -> dict[str, Any]:
    """What the oracle needs of a message: its control id, its sample id, its values by test code."""
    try:
        message = parse_message(text)
    except RemoteProtocolError:
        return {"control_id": "", "sample_id": "", "values": {}}
    return {
        "control_id": message.get("H-3"),
        "sample_id": message.get("O-3.1"),
        "values": {one.get("R-3.4"): one.get("R-4") for one in message.results},
    }


def command(  # noqa: PLR0913, PLR0917 - the arguments of a command are its options
    tcp: TcpOption = "",
    listen: ListenOption = "",
    serial: SerialOption = "",
    baud: BaudOption = 9600,
    conduct: Annotated[
        str, typer.Option(help="accept, refuse /10 (NAK), busy, late 2 or mute.")
    ] = "accept",
    plan: Annotated[str, typer.Option(help="Changes: 5:busy,15:accept,20:late 0.5.")] = "",
    orders: Annotated[int, typer.Option(help="Order so many tubes.", min=0)] = 0,
    cancel_every: Annotated[
        int, typer.Option(min=0, help="Cancel one test of every so many tubes (0: none).")
    ] = 0,
    seed: SeedOption = 7,
    prefix: PrefixOption = "",
    seconds: SecondsOption = 0.0,
    arrivals: Annotated[Path | None, typer.Option(help="File for the oracle.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Take LIS2 results as a LIS that speaks ASTM, and order tubes on the same line."""
    reactor = the_reactor()
    try:
        transport = transport_of(Place(tcp, listen, serial, baud))
        changes = [parse_conduct(conduct), *(parse_plan(plan) if plan else [])]
        _check(changes)
    except (MiddlewareError, ValueError) as error:
        raise typer.BadParameter(sentence(error)) from error
    wanted = AstmOrderPlan(orders, seed, prefix or new_prefix(), "chem", cancel_every)
    with Book(arrivals) as book:
        emulated = EmulatedAstmLis(wanted, transport, reactor, SystemClock(), book)
        emulated.say = speaker("LIS", quiet)
        run = Run(reactor, emulated.stop, seconds)
        run.until_ended(lambda: emulated.start(changes))
    typer.echo(
        f"LIS: {emulated.accepted} messages accepted with {emulated.results} results, "
        f"{emulated.refused} refused, {emulated.ordered} messages of orders acknowledged; "
        f"the tubes begin with {wanted.prefix}"
    )


def _check(changes: Sequence[Change]) -> None:
    for one in changes:
        if one.conduct not in _POSSIBLE:
            known = ", ".join(word.value for word in _POSSIBLE)
            raise ValueError(f"this LIS cannot {one.conduct.value}; it can {known}")


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
