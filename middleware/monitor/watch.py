"""Looks at the whole node once a second: the event loop, the clock, the disk, the outbox and what waits for people.

What it finds becomes gauges and warnings. It changes one thing only: below the low-disk mark lines grant no new
sessions, so that results wait in the analyzers and what was taken in can still be delivered (DESIGN 5.4).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from middleware.clock import Clock
from middleware.delivery.gauge import BacklogRow, read_backlog, tell_backlog
from middleware.model import OPEN_STATES
from middleware.monitor.certificates import CertificateWatch
from middleware.monitor.quality_watch import judge_quality
from middleware.observe.events import DiskGauged, LoopLagged, StoreFailed, WorkGauged
from middleware.observe.health import Health, WarnableCode
from middleware.pipeline.quality_view import Troubles, troubles
from middleware.pipeline.stopped import scope_of
from middleware.review.quality import SiteQc
from middleware.store import (
    calls,
    codes,
    journal,
    order_views,
    outbox,
    patient_changes,
    suspensions,
)
from middleware.store.connection import Connection
from middleware.store.reader import Reader
from middleware.store.schema import JournalState, OutboxState
from middleware.store.suspensions import Suspension

EVERY_S = 1.0
# A checkpoint needs the log's size once more, and the log is cut at 64 MiB (store/engine.py).
LOW_DISK_BYTES = 192 * 1024 * 1024
# On a small disk the mark is this share of it, so that a small disk is not "low" from the first day.
LOW_DISK_SHARE = 0.05
# The wall clock drifts by parts per million; a second against the monotonic clock within one tick was a step.
CLOCK_STEP_S = 1.0
# Counting a hundred thousand open steps takes some milliseconds of another thread.
COUNT_WORK_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class WatchParts:
    """What the watch looks at. `alert_after_s` is by connector; `set_accepting` opens and closes the lines' doors."""

    reader: Reader
    clock: Clock
    reactor: Any
    health: Health
    data_dir: Path
    store_file: Path | None
    alert_after_s: Mapping[str, float]
    set_accepting: Callable[[bool], None]
    certificates: CertificateWatch | None = None
    quality: SiteQc | None = None


class Watch:
    """I am responsible for what is wrong being seen within a few seconds."""

    def __init__(self, parts: WatchParts) -> None:
        self._parts = parts
        self._timer: IDelayedCall | None = None
        self._expected = 0.0
        self._offset: float | None = None  # wall clock minus monotonic clock, when last looked
        self.is_disk_low = False
        self._reading: Deferred[None] = succeed(None)
        self._is_running = False
        self.loop_lag_s = 0.0
        self._count_work_at = 0.0  # monotonic

    def start(self) -> None:
        """Look now, and then once a second."""
        self._is_running = True
        self._expected = self._parts.clock.monotonic()
        self._look()

    def stop(self) -> Deferred[None]:
        """Fires when the last reading has ended. Idempotent."""
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        done: Deferred[None] = Deferred()
        self._reading.addBoth(lambda _: done.callback(None))
        return done

    def _look(self) -> None:
        parts = self._parts
        now = parts.clock.monotonic()
        self.loop_lag_s = max(0.0, now - self._expected)
        if self._is_running:  # first: whatever fails below, there is a next look
            self._expected = now + EVERY_S
            self._timer = parts.reactor.callLater(EVERY_S, self._look)
        LoopLagged(self.loop_lag_s).emit()
        self._look_at_clock(now)
        self._look_at_disk()
        if parts.certificates is not None:
            parts.certificates.look()
        parts.health.current()  # a warning is logged when it is first seen
        if self._reading.called:
            self._reading = Deferred.fromCoroutine(self._look_at_store())

    def _look_at_clock(self, now: float) -> None:
        offset = self._parts.clock.utc_now().timestamp() - now
        before, self._offset = self._offset, offset
        if before is not None and abs(offset - before) >= CLOCK_STEP_S:
            text = f"by {offset - before:+.0f} s"
            self._parts.health.raise_warning(WarnableCode.CLOCK_STEPPED, "", text)

    def _look_at_disk(self) -> None:
        parts = self._parts
        try:
            usage = shutil.disk_usage(parts.data_dir)
            size = parts.store_file.stat().st_size if parts.store_file is not None else 0
        except OSError as error:  # a folder that is away for a moment; what it was stays in force
            StoreFailed("disk", type(error).__name__).emit()
            return
        DiskGauged(usage.free, size).emit()
        is_low = usage.free < min(LOW_DISK_BYTES, LOW_DISK_SHARE * usage.total)
        if is_low == self.is_disk_low:
            return
        self.is_disk_low = is_low
        parts.set_accepting(not is_low)
        if is_low:
            text = f"{usage.free // 1024 // 1024} MiB are free in {parts.data_dir}: no new sessions are granted."
            parts.health.raise_warning(WarnableCode.DISK_LOW, "", text)
        else:
            parts.health.clear(WarnableCode.DISK_LOW)

    async def _look_at_store(self) -> None:
        try:
            backlog, unreadable, unmapped = await self._parts.reader.read(self._read)
            stops, waiting = await self._parts.reader.read(_of_people)
            if self._parts.clock.monotonic() >= self._count_work_at:
                self._count_work_at = self._parts.clock.monotonic() + COUNT_WORK_EVERY_S
                work, refused, changed = await self._parts.reader.read(_open_work)
                work.emit()
                self._judge_refused(refused)
                self._judge_changed(changed)
                quality = await self._parts.reader.read(self._quality)
                judge_quality(quality, self._parts.health)
        except Exception as error:  # noqa: BLE001 - the writer says what is wrong with the store; here it is only looked at
            StoreFailed("watch", f"{type(error).__name__}").emit()
            return
        health = self._parts.health
        tell_backlog(backlog, health)
        for connector, counts, oldest_at in backlog:
            self._judge_backlog(connector, counts[OutboxState.WAITING], oldest_at)
        if unreadable:
            health.raise_warning(WarnableCode.UNREADABLE_MESSAGES, "", f"{unreadable} wait.")
        else:
            health.clear(WarnableCode.UNREADABLE_MESSAGES)
        self._judge_stops(stops)
        self._judge_calls(*waiting)
        if unmapped:
            count = f"{unmapped} results" if unmapped < codes.COUNTED_MAX else "Very many results"
            health.raise_warning(WarnableCode.UNMAPPED_CODES, "", f"{count} wait for a code.")
        else:
            health.clear(WarnableCode.UNMAPPED_CODES)

    def _read(self, conn: Connection) -> tuple[list[BacklogRow], int, int]:
        waiting = journal.counts_for_people(conn)
        # Also those that the settings do not name any more: what waits for them must be seen.
        connectors = dict.fromkeys([*self._parts.alert_after_s, *outbox.counts(conn)])
        unreadable = waiting.get(JournalState.UNREADABLE, 0)
        return read_backlog(conn, connectors), unreadable, codes.unmapped_count(conn)

    def _quality(self, conn: Connection) -> Troubles:
        return troubles(conn, self._parts.quality, self._parts.clock.utc_now().timestamp())

    def _judge_stops(self, stops: Sequence[Suspension]) -> None:
        health = self._parts.health
        if stops:
            said = "; ".join(f"{scope_of(one)} by {one.author}: {one.reason}" for one in stops)
            health.raise_warning(WarnableCode.RELEASE_STOPPED, "", said)
        else:
            health.clear(WarnableCode.RELEASE_STOPPED)

    def _judge_calls(self, count: int, oldest_at: float | None) -> None:
        health = self._parts.health
        if count and oldest_at is not None:
            age_s = max(self._parts.clock.utc_now().timestamp() - oldest_at, 0.0)
            text = f"{count} critical results are not called yet, the oldest for {age_s / 60:.0f} minutes."
            health.raise_warning(WarnableCode.CALLS_OPEN, "", text)
        else:
            health.clear(WarnableCode.CALLS_OPEN)

    def _judge_refused(self, refused: int) -> None:
        health = self._parts.health
        if refused:
            text = f"{refused} ordered tests were refused and wait for a person."
            health.raise_warning(WarnableCode.WORK_REFUSED, "", text)
        else:
            health.clear(WarnableCode.WORK_REFUSED)

    def _judge_changed(self, changed: int) -> None:
        health = self._parts.health
        if changed:
            text = f"Tubes whose patient or label changed after results of them came: {changed}."
            health.raise_warning(WarnableCode.PATIENTS_CHANGED, "", text)
        else:
            health.clear(WarnableCode.PATIENTS_CHANGED)

    def _judge_backlog(self, connector: str, waiting: int, oldest_at: float | None) -> None:
        health = self._parts.health
        age_s = 0.0 if oldest_at is None else self._parts.clock.utc_now().timestamp() - oldest_at
        alert_after_s = self._parts.alert_after_s.get(connector)
        if waiting and alert_after_s is None:
            text = f"{waiting} messages wait for this connector, which the settings do not name: name it again."
            health.raise_warning(WarnableCode.BACKLOG_GROWING, connector, text)
        elif waiting and alert_after_s is not None and age_s > alert_after_s:
            text = f"{waiting} messages wait, the oldest for {age_s / 60:.0f} minutes."
            health.raise_warning(WarnableCode.BACKLOG_GROWING, connector, text)
        else:
            health.clear(WarnableCode.BACKLOG_GROWING, connector)


def _open_work(conn: Connection) -> tuple[WorkGauged, int, int]:
    states = {one.value: 0 for one in OPEN_STATES}
    states |= {state.value: count for state, count in order_views.counts(conn).items()}
    gauged = WorkGauged(states, order_views.oldest_pending(conn))
    return gauged, order_views.refused_count(conn), patient_changes.unseen_count(conn)


def _of_people(conn: Connection) -> tuple[list[Suspension], tuple[int, float | None]]:
    """What people stopped, and the calls that nobody made yet."""
    return suspensions.in_force(conn), calls.open_since(conn)
