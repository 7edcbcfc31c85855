"""What a line needs of the node, and what its parts need of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from middleware.clock import Clock
from middleware.line.download_parts import Carrier, DownloadServices
from middleware.line.download_store import DownloadStore
from middleware.line.intake import Confirmations, IntakeServices
from middleware.line.query import QueryServices
from middleware.line.settings import LineSettings
from middleware.line.upstream import Upstream
from middleware.line.work import LineWork
from middleware.observe.health import Health
from middleware.store.work import Claimer
from middleware.store.writer import Writer
from middleware.transport.base import Transport, TransportOwner
from middleware.transport.make import make_transport
from middleware.transport.settings import TransportSettings

TransportMaker = Callable[[TransportSettings, Any, TransportOwner, Callable[[], float]], Transport]


@dataclass(frozen=True, slots=True)
class LineServices:
    """What a line needs of the node. `random` gives numbers from 0 to 1 (jitter of reconnects)."""

    reactor: Any
    clock: Clock
    writer: Writer
    health: Health
    confirmations: Confirmations
    random: Callable[[], float]
    make_transport: TransportMaker = make_transport
    claimers: Mapping[str, Claimer] = field(default_factory=dict)  # of lines that may be given work
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)  # of lines that ask the LIS

    def for_intake(self) -> IntakeServices:
        """What the line's intake needs of these."""
        return IntakeServices(self.writer, self.reactor, self.clock, self.confirmations)

    def for_answers(self) -> QueryServices:
        """What answering host queries needs of these."""
        work = LineWork(self.writer, self.claimers, self._now)
        return QueryServices(self.writer, self.clock, self.reactor.seconds, work, self.upstreams)

    def for_downloads(
        self, settings: LineSettings, carrier: Callable[[], Carrier]
    ) -> DownloadServices:
        """What downloads of a line need of these; without a store where it may not be given work."""
        claimer, store = self.claimers.get(settings.id), None
        if claimer is not None:
            retry_s = settings.orders.download_retry_s
            store = DownloadStore(self.writer, claimer, retry_s, self._now)
        return DownloadServices(self.reactor, self.clock, self.health, store, carrier)

    def _now(self) -> float:
        return self.clock.utc_now().timestamp()
