"""Tells the systems that ordered what becomes of their tests: from the history of the steps into the outbox.

A walk reads the history beyond a mark, writes a message for each specimen of which there is something to tell, and
moves the mark, all in one transaction: over a restart nothing is lost and nothing is told twice. What a test went
through between two walks is told as what it came to. A test that has its result by then is not told of: the result says
it, and a word that comes after it would be wrong. What the systems did themselves is not told back to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

from middleware import failpoints
from middleware.clock import Clock
from middleware.errors import StoreError
from middleware.failpoints import Step
from middleware.model import StepState
from middleware.observe.events import StoreFailed
from middleware.payload.order_status import (
    OrderStatus,
    OrderStatusRenderer,
    SpecimenStatus,
    StatusChange,
)
from middleware.payload.outgoing import RenderContext
from middleware.pipeline.outgoing import lane_of
from middleware.setup import ConnectorSetup, Setup
from middleware.store import meta, order_changes, outbox
from middleware.store.connection import Connection
from middleware.store.order_changes import StepChange
from middleware.store.reader import Reader
from middleware.store.schema import OutboxState
from middleware.store.writer import Topic, WriteQueue, Writer

GATHER_S = 0.25
"""From a change to the walk: what belongs together goes in one message."""

LOOK_EVERY_S = 5.0
"""Results change steps too, and do not announce it."""

_OFF = "off"
_OUTBOX = frozenset({Topic.OUTBOX})

_WORDS = {
    StepState.SENT: OrderStatus.SCHEDULED,
    StepState.IN_PROCESS: OrderStatus.IN_PROCESS,
    StepState.REFUSED: OrderStatus.REFUSED,
    StepState.CANCELLED: OrderStatus.CANCELLED,
    StepState.EXPIRED: OrderStatus.EXPIRED,
}
_WAITS = frozenset({StepState.PENDING, StepState.CLAIMED})
_NOT_WAITING = frozenset(
    {StepState.IN_PROCESS, StepState.REFUSED, StepState.CANCELLED, StepState.EXPIRED}
)
"""A system that was told this must be told that the test waits for an analyzer again."""


@runtime_checkable
class TellingFactory(Protocol):
    """A connector factory (`middleware.delivery.connector`) whose systems may want to be told."""

    def make_status_renderer(self, settings: Any) -> OrderStatusRenderer | None:
        """The renderer for a connector with these settings; None: it is told nothing."""
        ...


def status_renderer(connector: ConnectorSetup) -> OrderStatusRenderer | None:
    """Who renders for a connector that is told of its orders; None: it is not told."""
    factory: object = connector.factory
    if isinstance(factory, TellingFactory):
        return factory.make_status_renderer(connector.settings)
    return None


# -- jobs of one transaction ----------------------------------------------------------------------


def begin(conn: Connection, setup: Setup) -> None:
    """A connector that is told from now on begins with now; one that is not told any more forgets where it was."""
    for one in setup.connectors.values():
        mark = meta.get(conn, _key(one.id))
        if status_renderer(one) is None:
            if mark not in (None, _OFF):
                meta.put(conn, _key(one.id), _OFF)
        elif mark in (None, _OFF):
            meta.put(conn, _key(one.id), str(order_changes.newest(conn)))


def tell(conn: Connection, connector: ConnectorSetup, setup: Setup, now: float) -> int | None:
    """One walk for one connector; the mark that it came to, None where nobody is told. Re-runnable."""
    renderer = status_renderer(connector)
    mark = meta.get(conn, _key(connector.id))
    if renderer is None or mark in (None, _OFF):
        return None
    old = int(mark or 0)
    changes, new = order_changes.since(conn, old, renderer.order_source)
    if new == old:
        return old
    told = [
        (one, status)
        for one in changes
        if (status := status_of(one, frozenset(setup.connectors))) is not None
    ]
    for specimen in _by_specimen(told):
        _enqueue(conn, specimen, (connector, renderer), setup, now)
    meta.put(conn, _key(connector.id), str(new))
    return new


def status_of(change: StepChange, systems: frozenset[str]) -> OrderStatus | None:
    """What is told of a change; None: nothing. `systems` are the connectors' ids, whose own doing they know."""
    if change.now is StepState.RESULTED or change.author in systems:
        return None
    if change.after in _WAITS:
        return OrderStatus.SCHEDULED if change.before in _NOT_WAITING else None
    return _WORDS.get(change.after) if change.after is not change.before else None


_Told = tuple[StepChange, OrderStatus]


def _by_specimen(told: Sequence[_Told]) -> Iterator[list[_Told]]:
    groups: dict[int, list[_Told]] = {}
    for one in told:
        groups.setdefault(one[0].specimen_id, []).append(one)
    yield from groups.values()


def _enqueue(
    conn: Connection,
    told: Sequence[_Told],
    to: tuple[ConnectorSetup, OrderStatusRenderer],
    setup: Setup,
    now: float,
) -> None:
    connector, renderer = to
    first = told[0][0]
    number = outbox.allocate_numbers(conn, 1)
    lane = lane_of(first.sample_id, connector.lanes)
    node = setup.node
    context = RenderContext(
        control_id=meta.control_id(meta.get(conn, meta.STORE_ID) or "", number),
        created_at=now,
        processing_id=node.processing_id,
        time_zone=node.time_zone,
        node=node.name,
    )
    row = {
        "number": number,
        "connector": connector.id,
        "lane": lane,
        "lane_seq": outbox.allocate_lane(conn, connector.id, lane, 1),
        "control_id": context.control_id,
        "format": renderer.format,
        "payload": renderer.render(_specimen(told), context),
        "journal_id": first.journal_id,
        "line": "",
        "sample_id": first.sample_id,
        "state": OutboxState.WAITING.value,
        "created_at": now,
        "received_at": min(one.at for one, _ in told),
    }
    outbox.enqueue(conn, [row], [])
    failpoints.hit(Step.STATUS_WRITTEN)


def _specimen(told: Sequence[_Told]) -> SpecimenStatus:
    changes = [
        StatusChange(
            placer_number=one.placer_number,
            lis_code=one.lis_code,
            test_name=one.test_name,
            status=status,
            reason=one.reason,
            at=one.at,
        )
        for one, status in told
    ]
    return SpecimenStatus(told[0][0].sample_id, changes)


def _key(connector: str) -> str:
    return f"order_status:{connector}"


# -- when ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TellerParts:
    """What telling works with. `setup` answers the setup in force; `reactor` is Twisted's."""

    writer: Writer
    reader: Reader
    setup: Callable[[], Setup]
    clock: Clock
    reactor: Any


class OrderTeller:
    """I am responsible that every connector that wants it is told what became of its orders."""

    def __init__(self, parts: TellerParts) -> None:
        self._parts = parts
        self._told = [
            one.id for one in parts.setup().connectors.values() if status_renderer(one) is not None
        ]
        self._alarm: Any = None
        self._is_soon = False
        self._is_running = False
        self._seen = -1  # the newest history that was walked; nothing new costs one read

    def start(self) -> OrderTeller:
        """Begin with what is left from before; without a connector that is told, nothing runs."""
        self._is_running = bool(self._told)
        job = partial(begin, setup=self._parts.setup())
        self._parts.writer.submit(job, WriteQueue.CARRIED).addErrback(self._failed)
        if self._is_running:
            self._parts.writer.subscribe(Topic.ORDERS, self.wake)
            self._rest(GATHER_S)
        return self

    def stop(self) -> None:
        """No more walks; what is not told yet is told after the next start. Idempotent."""
        self._is_running = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def wake(self) -> None:
        """Orders changed."""
        if self._is_running and not self._is_soon:
            self._is_soon = True
            if self._alarm is not None:
                self._alarm.cancel()
                self._rest(GATHER_S)

    def _rest(self, seconds: float) -> None:
        if self._is_running:
            self._alarm = self._parts.reactor.callLater(seconds, self._walk)

    def _walk(self) -> None:
        self._alarm = None
        self._is_soon = False
        try:
            newest = self._parts.reader.read_now(order_changes.newest)
        except Exception as error:  # noqa: BLE001 - trouble of the store is waited out
            StoreFailed("order_status", f"{type(error).__name__}: {error}").emit()
            self._rest(LOOK_EVERY_S)
            return
        if newest == self._seen:
            self._rest(LOOK_EVERY_S)
            return
        self._parts.writer.submit(self._tell_all, WriteQueue.CARRIED, _OUTBOX).addCallbacks(
            partial(self._walked, newest), self._failed
        )

    def _tell_all(self, conn: Connection) -> int | None:
        setup = self._parts.setup()
        now = self._parts.clock.utc_now().timestamp()
        connectors = [setup.connectors[one] for one in self._told if one in setup.connectors]
        marks = [mark for one in connectors if (mark := tell(conn, one, setup, now)) is not None]
        return min(marks, default=None)

    def _walked(self, newest: int, mark: int | None) -> None:
        has_more = mark is not None and mark < newest
        if not has_more:
            self._seen = newest
        self._rest(GATHER_S if has_more or self._is_soon else LOOK_EVERY_S)

    def _failed(self, failure: Any) -> None:
        """Trouble of the writer is told by the writer; any other is told here."""
        if not failure.check(StoreError):
            text = f"{failure.type.__name__}: {failure.getErrorMessage()}"
            StoreFailed("order_status", text).emit()
        if self._alarm is None:
            self._rest(LOOK_EVERY_S)
