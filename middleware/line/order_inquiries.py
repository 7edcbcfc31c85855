"""What nobody ordered is asked for at the LIS (`orders.unordered = "ask"`), until the LIS has answered.

The store is the memory: a held result with the finding `not_ordered_asked` is one whose answer is awaited, also after a
restart. What the LIS answers is stored as all orders are, and that binds the results and decides them anew. Results
that no order asks for even then get the answer in words and stay with a person.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from middleware.delivery.connector import FoundOrders, OrderQuestion
from middleware.errors import StoreError
from middleware.line.services import LineServices
from middleware.line.settings import LineSettings
from middleware.line.upstream import can_be_asked_for
from middleware.model import Finding, ReleaseState
from middleware.observe.events import StoreFailed
from middleware.review import ordered
from middleware.store import held, meta, results
from middleware.store.connection import Connection
from middleware.store.held import HeldResult
from middleware.store.reader import Reader
from middleware.store.writer import WriteQueue

LOOK_EVERY_S = 2.0
"""Until a new held result is seen."""

LOOK_AT_ALL_S = 3600.0
"""So often all that is held is looked at again: a person's decisions may hold an older result anew."""

PAGE = 500
"""Held results looked at in one read."""

AT_ONCE = 4
"""Questions that wait for the LIS together: the queries of analyzers need it too."""

MOST_TUBES = 1000
"""Remembered; more tubes wait in the store until these have answers."""

RETRY_S = 30.0
RETRY_MOST_S = 300.0
"""A tube without an answer is asked for again after so long, doubled each time up to the second."""

GIVE_UP_S = 3 * 86400.0
"""So long after the result came the LIS is asked no more."""

_COUNTER = "question_id"
# OrderQuestion.number holds 17 characters: 6 of the store, U, and a number.
_MARK = "U"
_LONGEST_ANSWER = 200


@dataclass(slots=True)
class _Tube:
    """Results of one line and sample id that wait for the answer. `due_at` is of the reactor's clock."""

    line: str
    sample_id: str
    received_at: float
    results: set[int] = field(default_factory=set)
    due_at: float = 0.0
    retry_s: float = RETRY_S

    def put_off(self, now: float) -> None:
        """Not to be asked for again at once."""
        self.due_at = now + self.retry_s
        self.retry_s = min(self.retry_s * 2, RETRY_MOST_S)


def settle(conn: Connection, ids: Collection[int], words: str) -> None:
    """Say in these results, those of them that still wait for an answer, what came of asking. Re-runnable."""
    changed: dict[int, str] = {}
    for row in results.by_ids(conn, ids):
        if row["release_state"] == ReleaseState.HELD and _awaits_answer(row["findings"] or ""):
            said = [
                ordered.answered(one, words) if one.code == ordered.NOT_ORDERED_ASKED else one
                for one in map(Finding.model_validate, json.loads(row["findings"]))
            ]
            texts = [one.model_dump(mode="json") for one in said]
            changed[row["id"]] = json.dumps(texts, ensure_ascii=False)
    results.give_findings(conn, changed)


class OrderInquiries:
    """I am responsible that the LIS is asked for every tube with results that nobody ordered."""

    def __init__(
        self, services: LineServices, reader: Reader, lines: Mapping[str, LineSettings]
    ) -> None:
        self._reader = reader
        self._writer = services.writer
        self._clock = services.clock
        self._reactor = services.reactor
        self._upstreams = {
            one.id: services.upstreams[one.id]
            for one in lines.values()
            if one.orders.asks_unordered and one.id in services.upstreams
        }
        self._tubes: dict[tuple[str, str], _Tube] = {}
        self._mark = 0  # the newest held result that was looked at
        self._all_at = 0.0  # the reactor's clock: when the last look at all began
        self._timer: IDelayedCall | None = None
        self._is_running = False

    def start(self) -> Self:
        """Look at all that is held; where no line asks, only once: what another setup began is ended in words."""
        self._is_running = True
        self._all_at = self._reactor.seconds()
        self._rest(0.0)
        return self

    def stop(self) -> None:
        """Ask nothing more. What has no answer is asked again after the next start. Idempotent."""
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rest(self, seconds: float) -> None:
        if self._is_running:
            self._timer = self._reactor.callLater(seconds, self._begin)

    def _begin(self) -> None:
        self._timer = None
        Deferred.fromCoroutine(self._turn()).addCallbacks(self._rest_after, self._failed)

    def _rest_after(self, seconds: float | None) -> None:
        if seconds is not None:
            self._rest(seconds)

    def _failed(self, failure: Any) -> None:
        """Trouble of the writer is told by the writer; any other is told here. It is tried again."""
        if not failure.check(StoreError):
            StoreFailed("order_inquiries", failure.type.__name__).emit()
        self._rest(RETRY_S)

    async def _turn(self) -> float | None:
        """One look and a few questions; seconds until the next one, None: nobody is to be asked here."""
        has_more = await self._look()
        if not self._is_running:
            return None
        now = self._reactor.seconds()
        due = sorted(
            (one for one in self._tubes.values() if one.due_at <= now), key=lambda one: one.due_at
        )[:AT_ONCE]
        if due:
            was_answered = await self._ask(due)
            if not was_answered:
                return RETRY_S  # it is away: no tube needs to be tried
        if has_more or len(due) == AT_ONCE:
            return 0.0
        return LOOK_EVERY_S if self._upstreams else None

    # -- what waits -------------------------------------------------------------------------------

    async def _look(self) -> bool:
        """Take up what is newly held; whether there is more to look at."""
        if len(self._tubes) >= MOST_TUBES:
            return False
        if self._reactor.seconds() - self._all_at >= LOOK_AT_ALL_S:
            self._all_at, self._mark = self._reactor.seconds(), 0
        found = await self._reader.read(partial(held.page, after=self._mark, limit=PAGE))
        for one in found:
            if _awaits_answer(one.findings):
                await self._take_up(one)
        if found:
            self._mark = found[-1].id
        return len(found) == PAGE

    async def _take_up(self, one: HeldResult) -> None:
        if one.line not in self._upstreams:
            await self._settle({one.id}, "By the settings the LIS is not asked any more.")
        elif not can_be_asked_for(one.sample_id):
            await self._settle({one.id}, "The LIS cannot be asked: this is no sample id.")
        else:
            tube = _Tube(one.line, one.sample_id, one.received_at)
            tube = self._tubes.setdefault((one.line, one.sample_id), tube)
            tube.results.add(one.id)

    # -- asking -----------------------------------------------------------------------------------

    async def _ask(self, tubes: list[_Tube]) -> bool:
        """Ask for each; whether the LIS said anything at all."""
        first, store_id = await self._writer.submit(
            partial(_numbers, count=len(tubes)), WriteQueue.CARRIED
        )
        waiting = []
        for at, tube in enumerate(tubes, first):
            tube.put_off(self._reactor.seconds())  # whatever becomes of it, others come first
            asked = self._question(tube, f"{store_id}{_MARK}{at}")
            waiting.append((tube, set(tube.results), Deferred.fromCoroutine(asked)))
        was_answered = False
        for tube, ids, later in waiting:
            found = await later
            words = _words(found, tube.sample_id)
            was_answered = was_answered or bool(words)
            if self._is_running:
                await self._heard(tube, ids, words)
        return was_answered

    async def _question(self, tube: _Tube, number: str) -> FoundOrders:
        upstream = self._upstreams[tube.line]
        return await upstream.finder.find_orders(
            OrderQuestion((tube.sample_id,), upstream.within_s, number, self._now(), upstream.node)
        )

    async def _heard(self, tube: _Tube, ids: set[int], words: str) -> None:
        if not words and self._now() - tube.received_at >= GIVE_UP_S:
            words = "The LIS was asked for days and did not answer."
        if not words:
            return
        await self._settle(ids, words)
        tube.results -= ids
        tube.due_at = self._reactor.seconds()  # of those that came meanwhile
        if not tube.results:
            del self._tubes[tube.line, tube.sample_id]

    async def _settle(self, ids: set[int], words: str) -> None:
        job = partial(settle, ids=ids, words=words)
        await self._writer.submit(job, WriteQueue.CARRIED)

    def _now(self) -> float:
        return self._clock.utc_now().timestamp()


def _awaits_answer(findings: str) -> bool:
    return f'"{ordered.NOT_ORDERED_ASKED}"' in findings


def _numbers(conn: Connection, count: int) -> tuple[int, str]:
    return meta.take_numbers(conn, _COUNTER, count), meta.get(conn, meta.STORE_ID) or ""


def _words(found: FoundOrders, sample_id: str) -> str:
    """What came of a question in a sentence; empty: there is no answer yet."""
    if sample_id in found.sample_ids:
        return "The LIS was asked, and no order of the tube fits this result."
    said = found.answers.get(sample_id, "")
    return f"The LIS was asked: {said[:_LONGEST_ANSWER]}." if said else ""
