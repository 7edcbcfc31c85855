"""Orders that nobody finishes are freed, expire and are deleted: at the start of the node, then every hour.

Portion after portion, each a commit of its own that other work goes before; what is left when the store cannot be
written is done an hour later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from middleware.line.services import LineServices
from middleware.observe.events import OrdersExpired
from middleware.store import expiry
from middleware.store.expiry import Expired, Terms
from middleware.store.writer import Topic, WriteQueue

EVERY_S = 3600.0
PAUSE_S = 0.2
"""Between two portions: analyzers go first."""

_CHANGES = frozenset({Topic.ORDERS})


class OrderKeeping:
    """I am responsible that nothing ordered stays open, or is kept, longer than the settings say.

    `terms` are those in force; `author` (the node) stands in the history of what is ended.
    """

    def __init__(self, services: LineServices, terms: Callable[[], Terms], author: str) -> None:
        self._writer = services.writer
        self._clock = services.clock
        self._reactor = services.reactor
        self._terms = terms
        self._author = author
        self._timer: IDelayedCall | None = None
        self._under_way: Deferred[None] | None = None
        self._is_running = False

    def start(self) -> OrderKeeping:
        """Begin at once; once."""
        self._is_running = True
        self._begin()
        return self

    async def stop(self) -> None:
        """The portion that is under way ends first."""
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._under_way is not None:
            await self._under_way

    def _begin(self) -> None:
        self._timer = None
        self._under_way = Deferred.fromCoroutine(self._portion())

    async def _portion(self) -> None:
        now = self._clock.utc_now().timestamp()
        job = partial(expiry.expire, now=now, terms=self._terms(), author=self._author)
        try:
            done = await self._writer.submit(job, WriteQueue.PROCESS, _CHANGES)
        except Exception:  # noqa: BLE001 - the writer told it; it is tried again in an hour
            done = Expired()
        if not done.is_all:
            OrdersExpired(done.freed, done.expired, done.deleted).emit()
        if self._is_running:
            self._timer = self._reactor.callLater(EVERY_S if done.is_all else PAUSE_S, self._begin)
