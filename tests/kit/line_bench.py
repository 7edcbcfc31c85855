"""A line on a fake clock with an analyzer's end of the wire in the test's hands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from middleware.driver.api import NO_CONTEXT, LinkContext
from middleware.line.intake import Confirmations
from middleware.line.line import Line, LineServices
from middleware.line.settings import LineSettings
from middleware.line.upstream import Upstream
from middleware.model import MessageKind
from middleware.observe.health import Health
from middleware.store.work import Claimer
from middleware.transport.pair import PairListener
from middleware.wire.lis1.frame import encode_frame
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role
from tests.kit.hand_writer import HandWriter

ENQ, ACK, NAK, EOT = b"\x05", b"\x06", b"\x15", b"\x04"
RECORDS = (
    b"H|\\^&|||DEMO^1|||||||P|LIS2-A2|20310304093000\r",
    b"P|1\r",
    b"O|1|S-1||^^^GLU|R\r",
    b"R|1|^^^GLU|5.4|mmol/L||N||F\r",
    b"L|1|N\r",
)
FRAMES = tuple(encode_frame((at + 1) % 8, text) for at, text in enumerate(RECORDS))
TEXT = b"".join(RECORDS)


class BenchClock:
    """`middleware.clock.Clock` on top of Twisted's test clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def utc_now(self) -> datetime:
        return datetime.fromtimestamp(1_930_000_000 + self._clock.seconds(), UTC)

    def monotonic(self) -> float:
        return self._clock.seconds()


class PlainDriver:
    """A driver that knows kinds by their records and makes LIS01 links."""

    profile: Any = SimpleNamespace(driver=SimpleNamespace(id="plain"))

    def make_link(
        self, options: Mapping[str, object], _context: LinkContext = NO_CONTEXT
    ) -> Lis1Link:
        return Lis1Link(Role.COMPUTER, Lis1Options(**options))  # type: ignore[arg-type]

    def kind(self, text: bytes) -> MessageKind:
        return MessageKind.QUERY if b"\rQ|" in text else MessageKind.RESULT


class Analyzer(Protocol):
    """The analyzer's end: keeps what arrives."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_lost = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: object = None) -> None:
        self.is_lost = True


class LineBench:
    """One line, its writer and its analyzer."""

    def __init__(
        self, driver: Any = None, claimers: Mapping[str, Claimer] | None = None, **settings: Any
    ) -> None:
        self.clock = Clock()
        self.writer = HandWriter()
        self.health = Health(BenchClock(self.clock))
        self.confirmations = Confirmations(self.writer, self.clock)  # type: ignore[arg-type]
        transport = {"type": "tcp_listen", "port": 0}
        self.upstreams: dict[str, Upstream] = {}  # a test may fill it in
        self.listener: PairListener
        self.line = Line(
            LineSettings.model_validate(
                {"id": "chem-1", "driver": "plain", "transport": transport, **settings}
            ),
            driver or PlainDriver(),
            LineServices(
                reactor=self.clock,
                clock=BenchClock(self.clock),
                writer=self.writer,  # type: ignore[arg-type]
                health=self.health,
                confirmations=self.confirmations,
                random=lambda: 0.5,
                make_transport=self._make_transport,
                claimers=claimers or {},
                upstreams=self.upstreams,
            ),
        )
        self.analyzer = Analyzer()

    def _make_transport(
        self, _settings: Any, _reactor: Any, owner: Any, _random: Any
    ) -> PairListener:
        self.listener = PairListener(self.clock, owner)
        return self.listener

    def connect(self) -> None:
        """The analyzer connects (once more)."""
        self.analyzer = Analyzer()
        self.end = self.listener.connect(self.analyzer)
        self.turn()

    def send(self, *pieces: bytes) -> bytes:
        """The analyzer writes each piece; returns what it heard since it last listened."""
        for piece in pieces:
            self.end.write(piece)
            self.turn()
        return self.hear()

    def hear(self) -> bytes:
        heard, self.analyzer.heard = self.analyzer.heard, b""
        return heard

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)
        for _ in range(6):
            self.clock.advance(0)

    def pass_time(self, seconds: float, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.turn(step)
