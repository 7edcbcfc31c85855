"""A lane with a scripted connector, a store in memory and timers that a test moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as Timers

from middleware.delivery.connector import ConnectorStatus, OutgoingMessage
from middleware.delivery.lane import Lane, LaneParts
from middleware.model import Outcome, OutcomeKind
from middleware.observe.health import Health
from middleware.store import outbox
from middleware.store.connection import Connection
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantReader, InstantWriter

ACCEPTED = Outcome(kind=OutcomeKind.ACCEPTED, code="AA")
REFUSED = Outcome(kind=OutcomeKind.REFUSED, code="AE", text="unknown patient")
DEFERRED = Outcome(kind=OutcomeKind.DEFERRED, code="no_reply", text="no answer")


class ScriptedConnector:
    """Answers each message as `answer(message)` says; None leaves the call open until `finish`."""

    def __init__(self) -> None:
        self.answer: Callable[[OutgoingMessage], Outcome | None] = lambda _message: ACCEPTED
        self.calls: list[list[int]] = []
        self.payloads: list[tuple[str, bytes]] = []
        self.tell_ready: Callable[[], None] = lambda: None
        self._open: list[tuple[Deferred[list[Outcome]], int]] = []

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def probe(self) -> Outcome:
        return ACCEPTED

    def status(self) -> ConnectorStatus:
        return ConnectorStatus("open", "lis")

    def when_ready(self, callback: Callable[[], None]) -> None:
        self.tell_ready = callback

    async def deliver(self, batch: Sequence[OutgoingMessage]) -> list[Outcome]:
        self.calls.append([message.number for message in batch])
        outcomes: list[Outcome] = []
        for message in batch:
            self.payloads.append((message.control_id, message.payload))
            outcome = self.answer(message)
            if outcome is None:
                waiting: Deferred[list[Outcome]] = Deferred()
                self._open.append((waiting, len(batch)))
                return await waiting
            outcomes.append(outcome)
            if outcome.kind is OutcomeKind.DEFERRED:
                break
        return outcomes

    def finish(self, outcome: Outcome = ACCEPTED) -> None:
        """Answer the open call."""
        waiting, count = self._open.pop(0)
        waiting.callback([outcome] * count)

    @property
    def tried(self) -> list[int]:
        return [number for call in self.calls for number in call]


class LaneBench:
    """Everything around one lane."""

    def __init__(self, conn: Connection, clock: FakeClock) -> None:
        self.conn = conn
        self.clock = clock
        self.timers = Timers()
        self.writer = InstantWriter(conn)
        self.connector = ScriptedConnector()
        self.health = Health(clock)
        parts: Any = LaneParts(
            self.connector,  # type: ignore[arg-type]
            self.writer,  # type: ignore[arg-type]
            InstantReader(conn),  # type: ignore[arg-type]
            clock,
            self.timers,
            random=lambda: 0.0,
            health=self.health,
        )
        self.lane = Lane("lis", 0, parts)

    def queue(self, *sample_ids: str, line: str = "chem-1") -> None:
        """Put one message for each specimen into the lane; without a line it tells of orders."""
        first = outbox.allocate_numbers(self.conn, len(sample_ids))
        seq = outbox.allocate_lane(self.conn, "lis", 0, len(sample_ids))
        rows = [
            {
                "number": first + place,
                "connector": "lis",
                "lane": 0,
                "lane_seq": seq + place,
                "control_id": f"TEST01-{first + place:010d}",
                "format": "hl7_oru_r01",
                "payload": f"MSH {sample_id}".encode(),
                "line": line,
                "sample_id": sample_id,
                "created_at": 0.0,
                "received_at": 0.0,
            }
            for place, sample_id in enumerate(sample_ids)
        ]
        outbox.enqueue(self.conn, rows, [])

    def states(self) -> list[str]:
        rows = outbox.listing(self.conn, outbox.OutboxFilter(limit=1000))
        return [row["state"] for row in reversed(rows)]

    def raised(self) -> set[str]:
        """The codes of warnings in force, visible or not yet."""
        codes = ("lis-unreachable", "lis-refuses", "lane-paused")
        return {code for code in codes if self.health.is_raised(code, "lis")}
