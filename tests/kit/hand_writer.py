"""A store's writer whose commits are made by hand: a test decides when, and whether they succeed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, create_engine, select
from twisted.internet.defer import Deferred, fail

from middleware.errors import StoreNotWritable
from middleware.model import OrderOutcome, OrderRequest
from middleware.store import meta, order_views, orders
from middleware.store.order_views import StepFilter
from middleware.store.orders import OrderOccasion
from middleware.store.schema import JOURNAL, META, METADATA, STEP_HISTORY, WORK_ORDER_STEPS
from middleware.store.writer import WriteQueue


class HandWriter:
    """The part of `middleware.store.writer.Writer` that a line uses, on a journal in memory."""

    def __init__(self, *, is_automatic: bool = False) -> None:
        self.is_automatic = is_automatic  # commit at once
        self.is_writable = True
        self.waiting: list[tuple[Callable[[Connection], Any], WriteQueue, Deferred[Any]]] = []
        self.submitted = 0
        self._connection = create_engine("sqlite://").connect()
        JOURNAL.create(self._connection)
        self._connection.commit()
        self._callbacks: list[Callable[[bool, str], None]] = []

    def submit(
        self,
        job: Callable[[Connection], Any],
        queue: WriteQueue = WriteQueue.INTAKE,
        changes: frozenset[Any] = frozenset(),
    ) -> Deferred[Any]:
        self.submitted += 1
        if not self.is_writable:
            return fail(StoreNotWritable("the disk is full"))
        deferred: Deferred[Any] = Deferred()
        self.waiting.append((job, queue, deferred))
        if self.is_automatic:
            self.commit()
        return deferred

    def commit(self) -> None:
        """Everything that waits is committed."""
        waiting, self.waiting = self.waiting, []
        answers = [job(self._connection) for job, _, _ in waiting]
        self._connection.commit()
        for (_, _, deferred), answer in zip(waiting, answers, strict=True):
            deferred.callback(answer)

    def fail_commit(self) -> None:
        """The commit fails: the disk is full from now on."""
        waiting, self.waiting = self.waiting, []
        self._change(False)
        for _, _, deferred in waiting:
            deferred.errback(StoreNotWritable("the disk is full"))

    def recover(self) -> None:
        """There is space again."""
        self._change(True)

    def on_writable_changed(self, callback: Callable[[bool, str], None]) -> None:
        self._callbacks.append(callback)

    def give_store_id(self, store_id: str) -> None:
        """The store has an identity, as any that a node has opened."""
        META.create(self._connection, checkfirst=True)
        meta.put(self._connection, meta.STORE_ID, store_id)
        self._connection.commit()

    def give_orders(self, *requests: OrderRequest) -> list[OrderOutcome]:
        """A LIS orders."""
        METADATA.create_all(self._connection)
        occasion = OrderOccasion(source="lis", author="lis", now=1_930_000_000.0)
        outcomes = orders.apply(self._connection, requests, occasion)
        self._connection.commit()
        return outcomes

    def steps(self) -> list[dict[str, Any]]:
        """What was ordered, in that order."""
        return order_views.listing(self._connection, StepFilter(limit=1000))[::-1]

    def run(self, job: Callable[[Connection], Any]) -> Any:
        """Somebody else's job, committed at once."""
        answer = job(self._connection)
        self._connection.commit()
        return answer

    def raw_steps(self) -> list[dict[str, Any]]:
        """Every column of every step, in order."""
        rows = self._connection.execute(select(WORK_ORDER_STEPS).order_by(WORK_ORDER_STEPS.c.id))
        return [dict(row._mapping) for row in rows]

    def history(self) -> list[dict[str, Any]]:
        """Every change of every step, in order."""
        rows = self._connection.execute(select(STEP_HISTORY).order_by(STEP_HISTORY.c.id))
        return [dict(row._mapping) for row in rows]

    def journal(self) -> list[dict[str, Any]]:
        """What is committed, in order."""
        rows = self._connection.execute(select(JOURNAL).order_by(JOURNAL.c.id))
        return [dict(row._mapping) for row in rows]

    def _change(self, is_writable: bool) -> None:
        self.is_writable = is_writable
        for callback in self._callbacks:
            callback(is_writable, "the disk is full")
