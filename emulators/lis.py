"""An emulated LIS: takes HL7 v2 over MLLP, answers as it is told, remembers what it accepted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ServerFactory

from emulators.oracle import Book
from middleware.clock import Clock
from middleware.transport.base import Address
from middleware.transport.shim import Shim
from middleware.transport.tcp import PortTaken
from middleware.transport.tls import TlsEnd
from middleware.transport.tls_layer import TlsLayer
from middleware.transport.tls_settings import TlsSettings
from middleware.wire.errors import RemoteProtocolError
from middleware.wire.events import Event, MessageReceived
from middleware.wire.hl7 import AckCode, AckError, AckNote, ErrorCode, build_ack, parse
from middleware.wire.hl7.parse import Message
from middleware.wire.mllp.link import MllpLink
from middleware.wire.mllp.options import MllpLinkOptions

# A late answer may come after the sender has given up; never later than this.
LONGEST_LATE_S = 600.0
COME_BACK_EVERY_S = 1.0


_ANSWERS = {"": "did not answer", "AA": "accepted", "AE": "refused (AE)", "AR": "refused (AR)"}


class Conduct(StrEnum):
    """How the LIS treats messages."""

    ACCEPT = "accept"
    REFUSE = "refuse"  # AE: something in the message is wrong (ERR-3 103)
    REJECT = "reject"  # AR
    BUSY = "busy"  # AE with ERR-3 207: send it again later
    LATE = "late"  # AA after `seconds`
    MUTE = "mute"  # takes messages, never answers
    AWAY = "away"  # nobody listens, connections are closed


@dataclass(frozen=True, slots=True)
class Change:
    """At `at_s` seconds after the start the LIS takes on `conduct`. `every` > 1: only each such
    message meets it, the others are accepted; `seconds` is the lateness."""

    at_s: float
    conduct: Conduct
    seconds: float = 0.0
    every: int = 1


def parse_conduct(text: str, at_s: float = 0.0) -> Change:
    """A conduct as a person types it: `accept`, `late 2` (seconds), `refuse /10` (every tenth).

    Raises ValueError.
    """
    word, *rest = text.split()
    change = Change(at_s, Conduct(word))
    for part in rest:
        if part.startswith("/"):
            change = Change(at_s, change.conduct, change.seconds, int(part[1:]))
        else:
            change = Change(at_s, change.conduct, float(part), change.every)
    if change.every < 1 or not 0 <= change.seconds <= LONGEST_LATE_S:
        raise ValueError(f"{text!r}: from 0 to {LONGEST_LATE_S:g} seconds, every 1 or more")
    return change


def parse_plan(text: str) -> list[Change]:
    """Changes over time: `5:away,15:accept,20:late 0.5`. Raises ValueError."""
    changes = []
    for part in text.split(","):
        at, _, conduct = part.strip().partition(":")
        changes.append(parse_conduct(conduct, float(at)))
    return changes


class EmulatedLis(ServerFactory):
    """I am responsible for one MLLP port; several senders may be connected at once."""

    noisy = False

    def __init__(
        self,
        address: Address,
        reactor: Any,
        clock: Clock,
        book: Book,
        tls: TlsSettings | None = None,
    ) -> None:
        self.address = address
        self.accepted = 0
        self.results = 0
        self.refused = 0
        self.unanswered = 0
        self.say: Callable[[str], None] = _say_nothing
        self._reactor = reactor
        self._clock = clock
        self._book = book
        self._tls = TlsEnd(tls, reactor) if tls is not None else None
        self._change = Change(0.0, Conduct.ACCEPT)
        self._is_busy = False
        self._messages = 0
        self._port: Any = None
        self._shims: set[Shim] = set()
        self._timers: list[IDelayedCall] = []

    def start(self, changes: Sequence[Change] = ()) -> None:
        """Listen; `changes` happen by themselves. Raises PortTaken, and TlsFilesBad."""
        self._listen()
        for change in changes:
            self._timers.append(self._reactor.callLater(change.at_s, self.conduct, change))

    async def stop(self) -> None:
        """Close the port and every connection."""
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        self._timers.clear()
        await self._leave()

    def conduct(self, change: Change) -> None:
        """Take on another conduct now."""
        was_away = self._change.conduct is Conduct.AWAY
        if change.conduct is not self._change.conduct:
            self.say(f"conduct: {change.conduct.value}")
        self._change = change
        if change.conduct is Conduct.AWAY:
            self._timers.append(self._reactor.callLater(0, self._go_away))
        elif was_away:
            self._come_back()

    # -- Twisted ----------------------------------------------------------------------------------

    def buildProtocol(self, addr: IAddress | None) -> Shim | TlsLayer:
        """Twisted: a sender connected."""
        peer = getattr(addr, "host", "")
        if self._tls is None:
            return self._make_shim(peer)
        return self._tls.layer(
            lambda: self._make_shim(peer), lambda why: self.say(f"{peer} was refused: {why}")
        )

    def _make_shim(self, peer: str) -> Shim:
        link = MllpLink(MllpLinkOptions(acknowledge=self._acknowledge, reply_deadline_s=3600.0))
        shim = Shim(link, self._reactor, self, peer)
        shim.on_opened = _send_at_once
        return shim

    # -- ShimOwner --------------------------------------------------------------------------------

    def connection_opened(self, shim: Shim) -> None:
        """A sender is here."""
        self._shims.add(shim)
        self.say(f"connected with {shim.peer}")

    def connection_closed(self, shim: Shim, reason: str) -> None:
        """A sender is gone."""
        self._shims.discard(shim)
        self.say(f"{shim.peer} is gone: {reason}")

    def link_failed(self, _shim: Shim, error: Exception) -> None:
        """A fault of the emulator's own link."""
        self.say(f"the link failed: {error!r}")

    def events_arrived(self, shim: Shim, events: list[Event]) -> None:
        """Messages."""
        for event in events:
            if isinstance(event, MessageReceived):
                self._take(shim, event)

    # -- inside -----------------------------------------------------------------------------------

    def _take(self, shim: Shim, event: MessageReceived) -> None:
        self._messages += 1
        change = self._change
        is_met = self._messages % change.every == 0
        conduct = change.conduct if is_met else Conduct.ACCEPT
        if conduct is Conduct.ACCEPT:
            self._accept(shim, event)
        elif conduct is Conduct.LATE:
            later = self._reactor.callLater(change.seconds, self._accept, shim, event)
            self._timers = [timer for timer in self._timers if timer.active()] + [later]
        elif conduct in (Conduct.MUTE, Conduct.AWAY):
            self.unanswered += 1
            self._write(event.text, "")
        else:
            self._refuse(shim, event, conduct)

    def _accept(self, shim: Shim, event: MessageReceived) -> None:
        # First the book, then the answer: whoever has our AA finds it written.
        self.accepted += 1
        self.results += self._write(event.text, "AA")
        shim.commit(event.token)

    def _refuse(self, shim: Shim, event: MessageReceived, conduct: Conduct) -> None:
        self.refused += 1
        code = (
            AckCode.APPLICATION_REJECT if conduct is Conduct.REJECT else AckCode.APPLICATION_ERROR
        )
        self._write(event.text, code.value)
        self._is_busy = conduct is Conduct.BUSY
        shim.refuse(event.token, code.value)

    def _write(self, text: bytes, answer: str) -> int:
        seen = read_arrival(text)
        now = self._clock.utc_now().isoformat(timespec="milliseconds")
        self._book.write({**seen, "answer": answer, "at": now})
        values = len(seen["values"])
        self.say(
            f"{_ANSWERS.get(answer, answer)} {seen['control_id']}: specimen {seen['sample_id']}, "
            f"{values} result{'s' if values != 1 else ''}"
        )
        return values

    def _acknowledge(self, text: bytes, code: AckCode) -> bytes:
        try:
            message = parse(text)
        except RemoteProtocolError:
            return b"MSH|^~\\&|||||||ACK||P|2.5.1\rMSA|AR||this is no HL7 message\r"
        note = AckNote()
        if code not in (AckCode.APPLICATION_ACCEPT, AckCode.COMMIT_ACCEPT):
            error = ErrorCode.INTERNAL_ERROR if self._is_busy else ErrorCode.TABLE_VALUE_NOT_FOUND
            note = AckNote("refused by the emulated LIS", (AckError(error, "as it was told"),))
        return build_ack(message, code, message.header.get("MSH-10"), self._moment(), note)

    def _moment(self) -> str:
        now: datetime = self._clock.utc_now()
        return now.strftime("%Y%m%d%H%M%S+0000")

    def _listen(self) -> None:
        if self._port is not None:
            return
        if self._tls is not None:
            self._tls.require_files()
        try:
            self._port = self._reactor.listenTCP(
                self.address.port, self, interface=self.address.host
            )
        except CannotListenError as error:
            raise PortTaken(
                f"cannot listen on {self.address}: {error.socketError}",
                what_to_do="Choose another port, or end the program that holds it.",
            ) from error
        self.address = Address(self.address.host, self._port.getHost().port)
        self.say(f"listening on {self.address}")

    def _come_back(self) -> None:
        try:
            self._listen()
        except PortTaken as error:  # somebody took the port meanwhile: try until it is free
            self.say(str(error))
            self._timers.append(self._reactor.callLater(COME_BACK_EVERY_S, self._come_back))

    def _go_away(self) -> None:
        Deferred.fromCoroutine(self._leave())

    async def _leave(self) -> None:
        port, self._port = self._port, None
        if self._tls is not None:
            self._tls.cut_off()
        for shim in list(self._shims):
            shim.abort("the LIS went away")
        if port is not None:
            await port.stopListening()


def read_arrival(text: bytes) -> dict[str, Any]:
    """What the oracle needs of a message: its control id, its sample id, its values by test code."""
    try:
        message = parse(text)
    except RemoteProtocolError:
        return {"control_id": "", "sample_id": "", "values": {}}
    return {
        "control_id": message.get("MSH-10"),
        "sample_id": _sample_id(message),
        "values": {obx.get("OBX-3.1"): obx.get("OBX-5") for obx in message.segments("OBX")},
    }


def _sample_id(message: Message) -> str:
    for path in ("OBR-3.1", "OBR-2.1", "SPM-2.1", "SPM-2.2"):
        found = message.get(path)
        if found:
            return found
    return ""


def _send_at_once(transport: Any) -> None:
    transport.setTcpNoDelay(True)


def _say_nothing(_text: str) -> None:
    """Nobody listens."""
