"""Takes stored messages from the journal in order, decodes them, and submits each batch as one transaction.

I wake on every commit that changed the journal, and catch up after a restart: what waits is a state
of rows, not of memory. Under load I gather: a batch costs some twelve statements and a commit whatever it holds, so
batches begin at least `GATHER_S` apart. A message that comes after a pause is taken at once.
Decoding runs here, on the reactor's thread and outside any transaction, and gives way to analyzers between messages. A
message that fails alone is marked unreadable with the reason and never stops the others; trouble of the store stops
everything until it is over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from middleware.clock import Clock
from middleware.driver.api import DecodeContext
from middleware.driver.finish import finish
from middleware.errors import StoreError
from middleware.observe.events import (
    DuplicateResults,
    PipelineFault,
    QuirksUsed,
    ResultsReviewed,
    StoreFailed,
)
from middleware.observe.health import Health, WarnableCode
from middleware.pipeline.discovery import discover_checks
from middleware.pipeline.prepare import Decoded, Preparation, Prepared, unreadable
from middleware.pipeline.process import SetupChanged, Summary, process
from middleware.review.checks import Check
from middleware.setup import Setup
from middleware.store import journal
from middleware.store.journal import StoredEntry
from middleware.store.reader import Reader
from middleware.store.writer import Topic, WriteQueue, Writer
from middleware.transport.file_settings import FileDropSettings

BATCH = 32
"""Messages in one transaction: some 10 ms of SQL and rendering, which an acknowledgement may have to wait for."""

BATCH_RESULTS = 1000
"""Results in one transaction, unless one message has more: most have a dozen, some thousands."""

GATHER_S = 0.01
"""From the beginning of a batch to that of the next, unless it was full: the longest wait of a message for company."""

GATHER_BUSY_S = 0.03
"""The same after a batch of `BUSY` messages or more (some 400 a second): throughput counts then, and costs 20 ms more
on the way to the LIS; an acknowledgement waits for neither."""

BUSY = 4

GIVE_WAY_S = 0.002
"""Decoding goes on at most this long before the reactor looks at its sockets again."""

RETRY_S = 1.0
"""Pause after trouble of the store; its writer tries by itself as often."""

SETUP_RETRY_S = 0.05
"""A new setup is saved a moment before it comes into force."""

_CHANGES = frozenset({Topic.OUTBOX})
"""Not the journal: nothing new is in it, and I would only wake myself."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker works with. `setup` answers the setup in force.

    `checks`: None means all that are found through their entry points. `health` may be None in tests.
    """

    writer: Writer
    reader: Reader
    setup: Callable[[], Setup]
    clock: Clock
    reactor: IReactorTime
    checks: Sequence[Check] | None = None
    health: Health | None = None


class Worker:
    """I am responsible for every entry in state `received` coming to its end."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._is_running = False
        self._has_work = True
        self._waiting: Deferred[None] | None = None
        self._done: Deferred[None] = succeed(None)
        self._checks: Sequence[Check] = ()
        self._begins_at = 0.0  # monotonic: no batch before
        self._preparation: tuple[Setup, Preparation] | None = None

    def start(self) -> None:
        """Begin with what is left from before. Once."""
        given = self._parts.checks
        self._checks = discover_checks() if given is None else given
        self._parts.writer.subscribe(Topic.JOURNAL, self.wake)
        self._is_running = True
        self._done = Deferred.fromCoroutine(self._run())

    def stop(self) -> Deferred[None]:
        """Finish the batch in hand; fires then. What is left is taken up after the next start. Idempotent."""
        self._is_running = False
        self.wake()
        done: Deferred[None] = Deferred()
        self._done.addBoth(_pass_on, done)
        return done

    def wake(self) -> None:
        """The journal changed."""
        self._has_work = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def _run(self) -> None:
        while self._is_running:
            self._has_work = False
            try:
                has_more = await self._advance()  # (not `|=`: it would forget a wake meanwhile)
                self._has_work = self._has_work or has_more
            except SetupChanged:
                await self._rest_for(SETUP_RETRY_S)  # then prepared again under the new one
            except Exception as error:  # noqa: BLE001 - trouble of the store is waited out
                await self._rest(error)
            if not self._has_work and self._is_running:
                self._waiting = Deferred()
                await self._waiting

    async def _advance(self) -> bool:
        """Take the next batch through; whether more is known to wait."""
        clock = self._parts.clock
        early = self._begins_at - clock.monotonic()
        if early > 0:
            await self._pause(early)
        entries = self._parts.reader.read_now(lambda conn: journal.to_process(conn, 0, BATCH))
        if not entries:
            return False
        is_full = len(entries) == BATCH  # then more is waiting already
        if not is_full:
            gather_s = GATHER_BUSY_S if len(entries) >= BUSY else GATHER_S
            self._begins_at = clock.monotonic() + gather_s
        setup = self._parts.setup()
        for portion in _portions(await self._prepare_all(entries, setup)):
            await self._store(portion, setup)
        return is_full

    async def _prepare_all(self, entries: Sequence[StoredEntry], setup: Setup) -> list[Prepared]:
        preparation = self._prepare_under(setup)
        seconds = self._parts.clock.monotonic
        until = seconds() + GIVE_WAY_S
        batch = []
        for entry in entries:
            batch.append(self._prepare(entry, setup, preparation))
            if seconds() >= until:
                await self._pause(0)
                until = seconds() + GIVE_WAY_S
        return batch

    async def _store(self, batch: Sequence[Prepared], setup: Setup) -> None:
        try:
            self._tell(await self._submit(batch, setup))
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - one of them is guilty: each alone shows which
            for one in batch:
                await self._take_alone(one, setup)

    async def _take_alone(self, one: Prepared, setup: Setup) -> None:
        try:
            self._tell(await self._submit([one], setup))
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this message only
            self._tell(await self._submit([unreadable(one.entry, error)], setup))

    def _prepare_under(self, setup: Setup) -> Preparation:
        if self._preparation is None or self._preparation[0] is not setup:
            self._preparation = (setup, Preparation(setup, self._checks))
        return self._preparation[1]

    def _prepare(self, entry: StoredEntry, setup: Setup, preparation: Preparation) -> Prepared:
        try:
            return preparation.prepare(decode(entry, setup))
        except Exception as error:  # noqa: BLE001 - a driver's or an envelope's fault is this message's
            return unreadable(entry, error)

    def _submit(self, batch: Sequence[Prepared], setup: Setup) -> Deferred[Summary]:
        now = self._parts.clock.utc_now().timestamp()
        job = partial(process, batch=batch, setup=setup, now=now)
        return self._parts.writer.submit(job, WriteQueue.PROCESS, _CHANGES)

    def _tell(self, summary: Summary) -> None:
        if summary.steps:
            self._parts.writer.announce(Topic.ORDERS)
        repeated: dict[str, int] = {}
        for (line, state), count in summary.results.items():
            ResultsReviewed(line, state, count).emit()
            if state == "duplicate":
                repeated[line] = count
        for line, count in repeated.items():
            DuplicateResults(line, count, summary.repeated_messages[line]).emit()
        for (line, quirk), count in summary.quirks.items():
            QuirksUsed(line, quirk, count).emit()
        for journal_id, line, reason in summary.unreadable:
            PipelineFault(journal_id, line, reason).emit()
            if self._parts.health is not None:
                self._parts.health.raise_warning(WarnableCode.UNREADABLE_MESSAGES)

    async def _rest(self, error: Exception) -> None:
        """Trouble of the writer is told by the writer; any other is told here."""
        if not isinstance(error, StoreError):
            StoreFailed("worker", f"{type(error).__name__}: {error}").emit()
        await self._rest_for(RETRY_S)

    async def _rest_for(self, seconds: float) -> None:
        self._has_work = True
        if self._is_running:
            await self._pause(seconds)

    def _pause(self, seconds: float) -> Awaitable[None]:
        over: Deferred[None] = Deferred()
        self._parts.reactor.callLater(seconds, over.callback, None)
        return over


def decode(entry: StoredEntry, setup: Setup) -> Decoded:
    """Decode one entry with its line's driver. An error is part of the answer."""
    line = setup.lines.get(entry.line)
    if line is None:
        return Decoded(entry, None)
    is_file = isinstance(line.transport, FileDropSettings)
    context = DecodeContext(line.time_zone or setup.node.time_zone, line.encoding, is_file)
    try:
        driver = setup.driver_of(entry.line)
        return Decoded(entry, finish(driver.decode(entry.text, context), driver.profile))
    except Exception as error:  # noqa: BLE001 - a driver may be a third party's; its error is the reason
        return Decoded(entry, None, error)


def _portions(batch: Sequence[Prepared]) -> Iterator[list[Prepared]]:
    """The batch in order, cut where a transaction would hold more than BATCH_RESULTS."""
    portion: list[Prepared] = []
    count = 0
    for one in batch:
        count += len(one.results)
        if portion and count > BATCH_RESULTS:
            yield portion
            portion, count = [], len(one.results)
        portion.append(one)
    if portion:
        yield portion


def _pass_on(result: object, done: Deferred[None]) -> object:
    done.callback(None)
    return result
