"""One ordered queue to one connector: claim from the head, deliver, settle.

Rules (DESIGN promise 3, 5.4, 8.5). A claim writes nothing, so a crash claims the same again and the
LIS sees the same bytes
under the same control id. At most `window` messages are unsettled, never two of one specimen.
Accepted and refused messages
are settled and the lane goes on; a deferred one blocks the head, and is tried again after a
backoff, or at once when the
connector says that its peer is back. Ten refusals in a row over different specimens pause the lane: then one message a
minute is tried, until one is accepted or a person lets the lane go on.

What was answered but not yet committed is remembered here only to avoid asking for it again; losing it costs a resend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from middleware import failpoints
from middleware.clock import Clock
from middleware.delivery.backoff import next_delay
from middleware.delivery.connector import Connector, OutgoingMessage
from middleware.delivery.refusals import RefusalStreak
from middleware.errors import StoreError
from middleware.failpoints import Step
from middleware.model import Outcome, OutcomeKind
from middleware.observe.events import DeliverySettled, StoreFailed
from middleware.observe.health import Health, WarnableCode
from middleware.store import outbox
from middleware.store.connection import Connection
from middleware.store.outbox import ClaimedRow, ClaimRange, Settlement
from middleware.store.reader import Reader
from middleware.store.writer import Topic, WriteQueue, Writer

PAUSE_PROBE_S = 60.0
STORE_RETRY_S = 1.0
_OUTBOX = frozenset({Topic.OUTBOX})
_NOTHING: frozenset[Topic] = frozenset()

SettleJob = Callable[[Connection, Sequence[Settlement]], object]


@runtime_checkable
class TellsWhenReady(Protocol):
    """A connector that can say when its peer is back."""

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the reactor each time the peer becomes reachable."""
        ...


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What a lane works with.

    `settle` is the job that writes settlements (the pipeline adds the mending of partly refused
    messages); `random` gives
    numbers from 0 to 1 for the backoff's jitter.
    """

    connector: Connector
    writer: Writer
    reader: Reader
    clock: Clock
    reactor: IReactorTime
    random: Callable[[], float]
    window: int = 16
    settle: SettleJob = outbox.settle
    health: Health | None = None


class Lane:
    """I am responsible for every waiting message of one lane being settled, in order."""

    def __init__(self, connector_id: str, lane: int, parts: LaneParts) -> None:
        self.connector_id = connector_id
        self.lane = lane
        self._parts = parts
        self._chunk = max(1, parts.window // 2)  # one half is sent while the other is being settled
        self._unsettled: dict[int, ClaimedRow] = {}  # answered, the settlement not yet committed
        self._after_seq = 0
        self._streak = RefusalStreak()
        self._failures = 0
        self._is_running = False
        self._is_blocked = False  # something waits, and only a commit of settlements lets it go
        self._is_ready_again = False
        self._sleep: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None
        self._settling: set[Deferred[None]] = set()
        self._done: Deferred[None] = succeed(None)

    @property
    def is_paused(self) -> bool:
        """After ten refusals in a row."""
        return self._streak.is_paused

    def start(self) -> None:
        """Begin with what waits. Once; the connector is opened by its owner."""
        self._parts.writer.subscribe(Topic.OUTBOX, self.wake)
        self._parts.writer.subscribe(Topic.COMMANDS, self.resume)
        if isinstance(self._parts.connector, TellsWhenReady):
            self._parts.connector.when_ready(self._peer_is_back)
        self._is_running = True
        self._done = Deferred.fromCoroutine(self._run())

    def stop(self) -> Deferred[None]:
        """End after the delivery in hand (closing the connector ends that at once), settled. Idempotent."""
        self._is_running = False
        self._stop_sleeping()
        done: Deferred[None] = Deferred()
        self._done.addBoth(_pass_on, done)
        return done

    def wake(self) -> None:
        """The outbox changed."""
        if self._alarm is None:  # a backoff or a pause goes on
            self._stop_sleeping()

    def resume(self) -> None:
        """A person did something about the outbox: go on at once."""
        if self._streak.let_go():
            self._clear(WarnableCode.LANE_PAUSED)
        self._peer_is_back()

    def _peer_is_back(self) -> None:
        self._is_ready_again = True
        if not self._streak.is_paused:
            self._stop_sleeping()

    # -- the loop ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        while self._is_running:
            try:
                await self._step()
            except Exception as error:  # noqa: BLE001 - the store's trouble or a connector's fault: never the lane's end
                StoreFailed(f"lane {self.connector_id}", f"{type(error).__name__}: {error}").emit()
                await self._sleep_for(STORE_RETRY_S)
        for settling in list(self._settling):
            await settling

    async def _step(self) -> None:
        rows = self._claim()
        if rows:
            await self._deliver(rows)
        elif self._is_blocked:
            await self._until_settled()
        else:
            await self._sleep_for(None)

    def _claim(self) -> list[ClaimedRow]:
        """What may be sent now."""
        self._is_blocked = False
        room = min(self._chunk, self._parts.window - len(self._unsettled), self._streak.room)
        if room <= 0:
            self._is_blocked = True
            return []
        within = ClaimRange(after_seq=self._after_seq)
        found = self._parts.reader.read_now(
            lambda conn: outbox.claim(conn, self.connector_id, self.lane, room, within)
        )
        specimens = {row.sample_id for row in self._unsettled.values()}
        rows: list[ClaimedRow] = []
        for row in found:
            if row.number in self._unsettled:
                continue
            if row.sample_id in specimens:
                self._is_blocked = True
                break
            rows.append(row)
        return rows

    async def _deliver(self, rows: Sequence[ClaimedRow]) -> None:
        failpoints.hit(Step.CLAIMED)
        started = self._parts.clock.monotonic()
        self._is_ready_again = False
        outcomes = await self._parts.connector.deliver(
            [OutgoingMessage(row.number, row.control_id, row.payload) for row in rows]
        )
        answered = list(zip(rows, outcomes, strict=False))
        if not answered:
            raise StoreError(f"connector {self.connector_id} gave no outcome")
        self._count(answered, self._parts.clock.monotonic() - started)
        self._submit(answered)
        deferred = next((one for _, one in answered if one.kind is OutcomeKind.DEFERRED), None)
        if deferred is not None:
            await self._back_off(deferred)
        elif self._streak.is_paused:
            await self._sleep_for(PAUSE_PROBE_S)

    async def _back_off(self, outcome: Outcome) -> None:
        self._failures += 1
        # The LIS's own words stay with the message: they may name a patient, and a warning is logged.
        said = f"its words stand in the first waiting message of {self.connector_id}"
        words = ": ".join(filter(None, (outcome.code, said if outcome.reply else outcome.text)))
        self._warn(WarnableCode.LIS_UNREACHABLE, words)
        if self._is_ready_again and not self._streak.is_paused:
            return  # it came back while the answers were awaited
        delay = outcome.retry_after_s
        if delay is None:
            delay = next_delay(self._failures, self._parts.random())
        await self._sleep_for(max(delay, PAUSE_PROBE_S) if self._streak.is_paused else delay)

    # -- settling ---------------------------------------------------------------------------------

    def _submit(self, answered: Sequence[tuple[ClaimedRow, Outcome]]) -> None:
        at = self._parts.clock.utc_now().timestamp()
        settlements = [
            Settlement(row.number, self.connector_id, self.lane, row.lane_seq, outcome, at)
            for row, outcome in answered
        ]
        has_passed_all = True
        for row, outcome in answered:
            if outcome.kind is OutcomeKind.DEFERRED:
                has_passed_all = False
                continue
            self._unsettled[row.number] = row
            if has_passed_all:
                self._after_seq = max(self._after_seq, row.lane_seq)
        failpoints.hit(Step.BEFORE_SETTLE)
        settling = Deferred.fromCoroutine(self._settle(settlements))
        self._settling.add(settling)
        settling.addBoth(self._settled, settling)

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        """Write them, however long that takes: the LIS has answered, and asking again would only repeat it."""
        job = self._parts.settle
        # A refused message may be mended, which puts a new one into the outbox.
        has_refused = any(one.outcome.kind is OutcomeKind.REFUSED for one in settlements)
        changes = _OUTBOX if has_refused else _NOTHING
        while True:
            try:
                write = partial(_settle_with, job, settlements)
                await self._parts.writer.submit(write, WriteQueue.CARRIED, changes)
            except StoreError:
                if not self._is_running:
                    return
            except Exception as error:  # noqa: BLE001 - mending failed: the plain settlement still holds
                StoreFailed("settle", f"{type(error).__name__}: {error}").emit()
                if job is outbox.settle and not self._is_running:
                    return
                job = outbox.settle
            else:
                break
            await self._wait(STORE_RETRY_S)
        failpoints.hit(Step.AFTER_SETTLE)
        for one in settlements:
            self._unsettled.pop(one.number, None)

    def _settled(self, result: None, settling: Deferred[None]) -> None:
        self._settling.discard(settling)
        if self._is_blocked:
            self._is_blocked = False
            self._stop_sleeping()

    async def _until_settled(self) -> None:
        """Settlements ride in the next commit; when nothing else can be sent, that commit is asked for now."""
        kick = self._parts.writer.submit(_nothing, WriteQueue.PROCESS)
        kick.addErrback(
            lambda _: None
        )  # the settlement itself meets the same trouble, and waits for its end
        if self._is_blocked:
            await self._sleep_for(None)

    # -- telling ----------------------------------------------------------------------------------

    def _count(self, answered: Sequence[tuple[ClaimedRow, Outcome]], seconds: float) -> None:
        now = self._parts.clock.utc_now().timestamp()
        each = seconds / len(answered)
        for row, outcome in answered:
            if outcome.kind is OutcomeKind.ACCEPTED:
                DeliverySettled(
                    self.connector_id, outcome.kind.value, max(0.0, now - row.received_at), each
                ).emit()
                if row.has_results and self._streak.accepted():
                    self._clear(WarnableCode.LANE_PAUSED)
            else:
                DeliverySettled(self.connector_id, outcome.kind.value, None, each).emit()
            if outcome.kind is OutcomeKind.REFUSED:
                self._note_refusal(row, outcome)
        if answered[0][1].kind is not OutcomeKind.DEFERRED:
            self._failures = 0
            self._clear(WarnableCode.LIS_UNREACHABLE)

    def _note_refusal(self, row: ClaimedRow, outcome: Outcome) -> None:
        self._warn(WarnableCode.LIS_REFUSES, f"message {row.number} was refused ({outcome.code})")
        # A LIS that wants no word of its orders may want the results, and the other way round.
        if row.has_results and self._streak.refused(row.sample_id):
            self._warn(WarnableCode.LANE_PAUSED, "")

    def _warn(self, code: WarnableCode, text: str) -> None:
        if self._parts.health is not None:
            self._parts.health.raise_warning(code, self.connector_id, text)

    def _clear(self, code: WarnableCode) -> None:
        if self._parts.health is not None:
            self._parts.health.clear(code, self.connector_id)

    # -- sleeping ---------------------------------------------------------------------------------

    async def _sleep_for(self, seconds: float | None) -> None:
        """Sleep until woken, and at most `seconds`. With `seconds`, only a peer that is back or a person wakes me."""
        if not self._is_running:
            return
        self._sleep = Deferred()
        if seconds is not None:
            self._alarm = self._parts.reactor.callLater(seconds, self._alarm_rang)
        await self._sleep

    def _alarm_rang(self) -> None:
        self._alarm = None
        self._stop_sleeping()

    def _stop_sleeping(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        sleep, self._sleep = self._sleep, None
        if sleep is not None:
            sleep.callback(None)

    def _wait(self, seconds: float) -> Deferred[None]:
        over: Deferred[None] = Deferred()
        self._parts.reactor.callLater(seconds, over.callback, None)
        return over


def _settle_with(job: SettleJob, settlements: Sequence[Settlement], conn: Connection) -> None:
    job(conn, settlements)


def _nothing(_conn: Connection) -> None:
    """A job whose only use is that it asks for a commit."""


def _pass_on(result: object, done: Deferred[None]) -> object:
    done.callback(None)
    return result
