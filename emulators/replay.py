"""Plays the analyzer's side of a capture to a host, with its timing.

A step is what the analyzer sent in one go. Before each step the player waits for as many answers as the capture has
there (single control characters are counted one by one), not for the same bytes: control ids and times differ. A host
that does not answer within `patience_s` is told, and the player goes on: that is what a capture is played for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from emulators.options import QuietOption
from emulators.place import (
    BaudOption,
    ListenOption,
    Place,
    SerialOption,
    TcpOption,
    TlsOption,
    transport_of,
)
from emulators.running import Run, sentence, speaker, the_reactor
from middleware.errors import MiddlewareError
from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings
from middleware.transport.shim import Shim
from middleware.wire.capture import Moment, Way, read_capture
from middleware.wire.events import Event
from middleware.wire.passage import PassageLink

LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """Wait for `answers` answers, then for `pause_s`, then send `data`; or hang up (`data` empty)."""

    answers: int
    pause_s: float
    data: bytes


def steps_of(moments: Sequence[Moment]) -> list[Step]:
    """The analyzer's side of a capture, and how it depends on the host's."""
    steps: list[Step] = []
    answers, last_s = 0, moments[0].at_s if moments else 0.0
    for moment in moments:
        if moment.way is Way.TO_ANALYZER:
            answers += _answers_in(moment.data)
            last_s = moment.at_s
            continue
        is_hang_up = moment.way is Way.CONNECTION and moment.data.startswith(b"closed")
        if moment.way is Way.FROM_ANALYZER or is_hang_up:
            data = b"" if is_hang_up else moment.data
            steps.append(Step(answers, max(0.0, moment.at_s - last_s), data))
            answers = 0
        last_s = moment.at_s
    return steps


class Replay:
    """I am responsible for one capture being played once, from its first step to its last."""

    def __init__(
        self,
        steps: Sequence[Step],
        transport: TransportSettings,
        reactor: Any,
        *,
        speed: float,
        patience_s: float,
    ) -> None:
        """`speed` 1: as it was; 10: ten times as fast; 0: without any pause."""
        self.sent = 0
        self.answers = 0
        self.unanswered = 0
        self.finished: Deferred[None] = Deferred()
        self.say: Callable[[str], None] = _say_nothing
        self._steps = list(steps)
        self._at = 0
        self._heard = 0
        self._speed = speed
        self._patience_s = patience_s
        self._reactor = reactor
        self._shim: Shim | None = None
        self._timer: IDelayedCall | None = None
        self._is_pausing = False
        self._transport = make_transport(transport, reactor, self, Random(0).random)

    def start(self) -> None:
        """Open the transport; playing begins with the connection."""
        self._transport.start()

    async def stop(self) -> None:
        """Close."""
        self._cancel()
        self._finish()
        await self._transport.stop()

    # -- TransportOwner and ShimOwner -------------------------------------------------------------

    def make_shim(self, peer: str) -> Shim:
        """A connection for raw bytes."""
        return Shim(PassageLink(self._hear), self._reactor, self, peer)

    def transport_changed(self, _state: TransportState, detail: str) -> None:
        """Tell the person at the bench."""
        self.say(detail)

    def connection_seen(self, outcome: ConnectionOutcome, peer: str, detail: str = "") -> None:
        """Nothing to do: the state says it."""

    def connection_opened(self, shim: Shim) -> None:
        """Begin, or go on where the capture hung up."""
        self._shim = shim
        self._heard = 0
        self._reactor.callLater(0, self._next)

    def connection_closed(self, shim: Shim, _reason: str) -> None:
        """Wait for the next connection."""
        if shim is self._shim:
            self._shim = None
            self._cancel()

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """Cannot happen: the link does nothing."""
        self.say(f"the link failed: {error!r}")

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """There are none."""

    # -- playing ----------------------------------------------------------------------------------

    def _hear(self, data: bytes) -> None:
        self._heard += _answers_in(data)
        self.answers += _answers_in(data)
        if not self._is_pausing:
            self._next()

    def _next(self) -> None:
        if self._shim is None:
            return
        if self._at == len(self._steps):
            self._cancel()
            self._finish()
            return
        step = self._steps[self._at]
        if self._heard < step.answers:
            if self._timer is None:
                self._timer = self._reactor.callLater(self._patience_s, self._go_on_without)
            return
        self._cancel()
        self._heard = 0
        pause_s = min(step.pause_s / self._speed, LONGEST_PAUSE_S) if self._speed > 0 else 0.0
        self._is_pausing = True
        self._timer = self._reactor.callLater(pause_s, self._send)

    def _go_on_without(self) -> None:
        self._timer = None
        self.unanswered += 1
        self.say(f"no answer within {self._patience_s:g} s before step {self._at + 1}")
        self._heard = self._steps[self._at].answers
        self._next()

    def _send(self) -> None:
        self._timer = None
        self._is_pausing = False
        shim, step = self._shim, self._steps[self._at]
        if shim is None:
            return
        self._at += 1
        if step.data:
            shim.transport.write(step.data)
            self.sent += 1
            self._next()
        elif self._at == len(self._steps):
            self._finish()
        else:
            shim.abort("the capture hung up here")

    def _cancel(self) -> None:
        self._is_pausing = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _finish(self) -> None:
        if not self.finished.called:
            self.finished.callback(None)


def command(  # noqa: PLR0913, PLR0917 - the arguments of a command are its options
    capture: Annotated[Path, typer.Argument(help="A capture (labwire capture start).")],
    tcp: TcpOption = "",
    listen: ListenOption = "",
    serial: SerialOption = "",
    baud: BaudOption = 9600,
    tls: TlsOption = "",
    speed: Annotated[float, typer.Option(min=0, help="1: as recorded; 0: no pauses.")] = 1.0,
    patience_s: Annotated[float, typer.Option(min=0.1, help="Longest wait for an answer.")] = 15.0,
    quiet: QuietOption = False,
) -> None:
    """Play the analyzer's side of a capture."""
    reactor = the_reactor()
    try:
        lines = capture.read_text(encoding="utf-8").splitlines(keepends=True)
        steps = steps_of(list(read_capture(lines)))
        player = Replay(
            steps,
            transport_of(Place(tcp, listen, serial, baud, tls)),
            reactor,
            speed=speed,
            patience_s=patience_s,
        )
    except (MiddlewareError, ValueError, OSError) as error:
        raise typer.BadParameter(sentence(error)) from error
    player.say = speaker("replay", quiet)
    run = Run(reactor, player.stop, 0.0)
    player.finished.addCallback(lambda _: run.end())
    run.until_ended(player.start)
    planned = sum(1 for one in steps if one.data)
    typer.echo(
        f"replay: {player.sent} of {planned} steps sent, "
        f"{player.answers} answers, {player.unanswered} times none"
    )
    if player.unanswered or player.sent < planned:
        raise typer.Exit(1)


def _answers_in(data: bytes) -> int:
    """Answers of the host in one read: control characters one by one, anything longer as one."""
    singles = sum(data.count(one) for one in (b"\x05", b"\x06", b"\x15", b"\x04"))
    return singles if singles == len(data) else 1


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
