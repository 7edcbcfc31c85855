"""The node: builds everything from one Setup, wires who is woken by what, starts and stops it in order.

Start: lock, schema, setup row, writer, worker, lanes, watch, control and monitor, lines. Lines come last, so that
nothing is acknowledged before all that happens afterwards is in place. Stop runs the other way round.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from middleware import __version__
from middleware.clock import Clock
from middleware.delivery.connector import Connector
from middleware.delivery.lane import Lane, LaneParts
from middleware.delivery.lanes import lanes_in_force, lanes_to_serve
from middleware.line.captures import CaptureParts, Captures
from middleware.line.habit_keeper import HabitKeeper
from middleware.line.intake import Confirmations
from middleware.line.line import Line, LineServices
from middleware.line.order_inquiries import OrderInquiries
from middleware.line.order_keeping import OrderKeeping
from middleware.line.order_news import NewsOfOrders
from middleware.line.supervisor import Supervisor
from middleware.line.upstream import upstreams_of
from middleware.monitor.capture_verbs import capture_verbs
from middleware.monitor.certificates import CertificateWatch, tls_uses
from middleware.monitor.control import ControlServer, Verb
from middleware.monitor.http import MonitorServer, Probes
from middleware.monitor.lock import NodeLock
from middleware.monitor.order_verbs import order_verbs
from middleware.monitor.status import StatusParts, snapshot
from middleware.monitor.stored_status import connector_status, store_status
from middleware.monitor.watch import Watch, WatchParts
from middleware.observe import metrics
from middleware.observe.events import NodeStarted, NodeStopped, SetupTaken
from middleware.observe.health import Health, WarnableCode
from middleware.pipeline import rule_proofs
from middleware.pipeline.asked import CommandRefused
from middleware.pipeline.claimers import claimers_of, terms_of
from middleware.pipeline.commands import CHANGES, COMMANDS, Request, note_refusal, perform
from middleware.pipeline.discovery import discover_checks
from middleware.pipeline.mend import settle
from middleware.pipeline.order_status import OrderTeller, TellerParts
from middleware.pipeline.orders import serve_orders
from middleware.pipeline.worker import Worker, WorkerParts
from middleware.setup import ConnectorSetup, Setup
from middleware.store import meta, work
from middleware.store.connection import Connection, Engine
from middleware.store.engine import (
    DATABASE_FILE,
    admit_one_writer,
    check_schema,
    database_url,
    open_engine,
    open_readonly,
    upgrade,
)
from middleware.store.reader import Reader
from middleware.store.writer import JobPlace, WriteQueue, Writer, WriterTiming
from middleware.transport.reactor import require_monotonic_time


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What a node is given: the reactor, the clock, numbers from 0 to 1 for jitter, and who starts it (for the audit).

    `commit_delay_s` makes each commit slower: for benches of slow disks.
    """

    reactor: Any
    clock: Clock
    random: Callable[[], float]
    author: str
    commit_delay_s: float = 0.0


class Node:
    """I am responsible for one running middleware process."""

    def __init__(self, setup: Setup, parts: NodeParts) -> None:
        self.setup = setup
        self._parts = parts
        self._lock = NodeLock(setup.node.data_dir)
        self._ends: list[Callable[[], Awaitable[object]]] = []  # in the order of starting
        self._is_stopping = False
        self.health = Health(parts.clock)

    async def start(self) -> None:
        """Start everything; when something fails, what was started is stopped and the error raised."""
        try:
            self._prepare()
            # The writer's connection is there from now on, and on a server the store's lock with it.
            await self._writer.submit(_nothing)
            if not self._is_stopping:  # while the commit was awaited
                self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop in the reverse order; each part is told even when another failed. Idempotent."""
        self._is_stopping = True
        failure: Exception | None = None
        while self._ends:
            try:
                await self._ends.pop()()
            except Exception as error:  # noqa: BLE001 - the rest must still be stopped; the first fault is told
                failure = failure or error
        if failure is not None:
            raise failure

    def _prepare(self) -> None:
        require_monotonic_time(self._parts.reactor)
        self.setup.node.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.acquire()
        self._ends.append(_as_async(self._lock.release))
        self._ends.append(_as_async(NodeStopped(self.setup.node.name).emit))
        self._open_store()
        self._describe()

    def _start(self) -> None:
        self._start_worker()
        self._start_lanes()
        self._start_lines_and_watch()
        self._say_started()

    def _say_started(self) -> None:
        setup, node = self.setup, self.setup.node
        store = "postgresql" if node.database else "sqlite"
        SetupTaken(setup.generation, setup.source_sha256).emit()
        NodeStarted(node.name, __version__, setup.generation, node.environment.value, store).emit()

    # -- the store --------------------------------------------------------------------------------

    def _open_store(self) -> None:
        node = self.setup.node
        url = database_url(node.data_dir, node.database)
        engine = open_engine(url)
        admit_one_writer(engine)
        self._ends.append(_as_async(engine.dispose))
        upgrade(engine)
        check_schema(engine)
        self.setup = self._record(engine)
        self._engine = engine
        self._writer = Writer(
            engine,
            self._parts.reactor,
            WriterTiming(commit_delay_s=self._parts.commit_delay_s),
            place=JobPlace.THREAD if node.database else JobPlace.REACTOR,
        )
        self._writer.on_writable_changed(self._writable_changed)
        self._writer.start()
        self._ends.append(self._writer.stop)
        self._reader = Reader(open_readonly(url), self._parts.reactor)
        self._reader.start()
        self._ends.append(self._reader.stop)
        self._store_file = None if node.database else node.data_dir / DATABASE_FILE

    def _record(self, engine: Engine) -> Setup:
        """Give the setup its generation; the store refuses another environment than its own."""
        setup, now = self.setup, self._parts.clock.utc_now().timestamp()
        with engine.connect() as conn, conn.begin():
            meta.identify(conn, setup.node.environment.value, now)
            work.free_all(conn, setup.node.name, now)
            generation = rule_proofs.take(conn, setup, self._parts.author, "node started", now)
            risk = rule_proofs.overridden(conn, setup)
            connectors = {
                one.id: replace(one, lanes=lanes_in_force(conn, one.id, one.lanes))
                for one in setup.connectors.values()
            }
            self._lanes_to_serve = {
                one.id: lanes_to_serve(conn, one.id, one.lanes) for one in connectors.values()
            }
        if risk:
            self.health.raise_warning(WarnableCode.RULES_OVERRIDDEN, "", risk)
        return replace(setup, generation=generation, connectors=connectors)

    def _writable_changed(self, is_writable: bool, reason: str) -> None:
        if is_writable:
            self.health.clear(WarnableCode.STORE_NOT_WRITABLE)
        else:
            self.health.raise_warning(WarnableCode.STORE_NOT_WRITABLE, "", reason)

    def _describe(self) -> None:
        metrics.initialise(
            [(line.id, line.driver) for line in self.setup.lines.values()],
            [(one.id, one.alert_after_s) for one in self.setup.connectors.values()],
        )

    # -- the way through --------------------------------------------------------------------------

    def _start_worker(self) -> None:
        parts = self._parts
        worker = Worker(
            WorkerParts(
                self._writer,
                self._reader,
                lambda: self.setup,
                parts.clock,
                parts.reactor,
                checks=discover_checks(),
                health=self.health,
            )
        )
        worker.start()
        self._ends.append(worker.stop)

    def _start_lanes(self) -> None:
        self._connectors: dict[str, Connector] = {}
        for one in self.setup.connectors.values():
            self._start_connector(one)
        parts = TellerParts(
            self._writer,
            self._reader,
            lambda: self.setup,
            self._parts.clock,
            self._parts.reactor,
        )
        self._ends.append(_as_async(OrderTeller(parts).start().stop))

    def _start_connector(self, one: ConnectorSetup) -> None:
        parts = self._parts
        connector = one.factory.make(one.id, one.settings, parts.reactor)
        self._connectors[one.id] = connector
        serve_orders(connector, self._writer, parts.clock, lambda: self.setup, self.health)
        job = partial(settle, setup=lambda: self.setup)
        lanes = [
            Lane(
                one.id,
                number,
                LaneParts(
                    connector,
                    self._writer,
                    self._reader,
                    parts.clock,
                    parts.reactor,
                    parts.random,
                    one.window,
                    settle=job,
                    health=self.health,
                ),
            )
            for number in range(self._lanes_to_serve[one.id])
        ]
        self._ends.append(partial(_stop_lanes, lanes, connector))
        Deferred.fromCoroutine(connector.open())  # waits for nobody; its trouble is its own to show
        for lane in lanes:
            lane.start()

    def _start_lines_and_watch(self) -> None:
        parts, setup = self._parts, self.setup
        confirmations = Confirmations(self._writer, parts.reactor)
        services = LineServices(
            parts.reactor, parts.clock, self._writer, self.health, confirmations, parts.random
        )
        services = replace(
            services,
            claimers=claimers_of(setup),
            upstreams=upstreams_of(setup.lines, self._connectors, setup.node.name),
        )
        lines = [
            Line(settings, setup.driver_of(settings.id), services)
            for settings in setup.lines.values()
        ]
        self._supervisor = Supervisor(lines, confirmations, parts.reactor)
        fed = [line.downloads for line in lines]
        news = NewsOfOrders(fed, self._reader, self._writer, parts.reactor)
        self._ends.append(_as_async(news.start().stop))
        habits = HabitKeeper(lines, self._reader, self._writer, parts.clock, parts.reactor)
        self._ends.append(habits.start().stop)
        keeping = OrderKeeping(services, partial(terms_of, setup), setup.node.name)
        self._ends.append(keeping.start().stop)
        asks = OrderInquiries(services, self._reader, setup.lines).start()
        self._ends.append(_as_async(asks.stop))
        self._captures = self._make_captures()
        self._captures.open()
        self._ends.append(_as_async(self._captures.close))
        self._watch = self._make_watch()
        self._watch.start()
        self._ends.append(self._watch.stop)
        control = ControlServer(parts.reactor, setup.node.data_dir, self._verbs())
        control.start()
        self._ends.append(control.stop)
        if (place := setup.monitor_listen) is not None:
            monitor = MonitorServer(parts.reactor, place, parts.clock, self._probes())
            monitor.start()
            self._ends.append(monitor.stop)
        self._supervisor.start()
        self._ends.append(self._supervisor.stop)

    # -- what people and machines ask -------------------------------------------------------------

    def _make_watch(self) -> Watch:
        return Watch(
            WatchParts(
                self._reader,
                self._parts.clock,
                self._parts.reactor,
                self.health,
                self.setup.node.data_dir,
                self._store_file,
                {one.id: one.alert_after_s for one in self.setup.connectors.values()},
                self._supervisor.set_accepting,
                CertificateWatch(list(tls_uses(self.setup)), self._parts.clock, self.health),
                self.setup.qc,
            )
        )

    def _make_captures(self) -> Captures:
        parts, node = self._parts, self.setup.node
        return Captures(
            CaptureParts(
                parts.reactor,
                parts.clock,
                self.health,
                node.data_dir,
                node.capture_keep_days,
                self._supervisor.line,
            )
        )

    def _probes(self) -> Probes:
        return Probes(
            loop_lag_s=lambda: self._watch.loop_lag_s,
            readiness={
                "store": lambda: "" if self._writer.is_writable else "the store cannot be written",
                "disk": lambda: "the disk is nearly full" if self._watch.is_disk_low else "",
                "lines": lambda: "" if self._supervisor.is_ready else "a line could not start",
            },
        )

    def status(self) -> dict[str, Any]:
        """Everything now, made of what JSON can hold."""
        parts = StatusParts(
            node=self._node_status,
            lines=self._supervisor.status,
            connectors=lambda: connector_status(self._connectors, self._reader),
            store=lambda: store_status(self._writer, self._reader),
        )
        return snapshot(parts, self.health, self._parts.clock)

    def _node_status(self) -> dict[str, Any]:
        node = self.setup.node
        return {
            "name": node.name,
            "environment": node.environment,
            "version": __version__,
            "data_dir": node.data_dir,
            "setup_generation": self.setup.generation,
        }

    def _verbs(self) -> Mapping[str, Verb]:
        async def status(_arguments: Mapping[str, Any], _author: str) -> dict[str, Any]:
            return self.status()

        verbs: dict[str, Verb] = {"status": status}
        verbs.update({name: partial(self._command, name) for name in COMMANDS})
        verbs.update(order_verbs(self._supervisor, self._writer, self._parts))
        return {**verbs, **capture_verbs(self._captures, self._writer, self._parts.clock)}

    async def _command(
        self, verb: str, arguments: Mapping[str, Any], author: str
    ) -> dict[str, Any]:
        now = self._parts.clock.utc_now().timestamp()
        request = Request(verb, arguments, author, self.setup, now)
        submit = self._writer.submit
        try:
            return await submit(lambda conn: perform(conn, request), WriteQueue.INTAKE, CHANGES)
        except CommandRefused as refusal:
            said = refusal
        await submit(lambda conn: note_refusal(conn, request, said), WriteQueue.INTAKE)
        raise said


def _nothing(_conn: Connection) -> None:
    """A job whose only use is that it is committed."""


def _as_async(end: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    async def ended() -> object:
        return end()

    return ended


async def _stop_lanes(lanes: list[Lane], connector: Connector) -> None:
    stopping = [lane.stop() for lane in lanes]
    await connector.close()  # ends what is under way
    for stopped in stopping:
        await stopped
