"""A received message becomes a committed journal entry, and only then is it acknowledged.

Flow (DESIGN 5.1). The message goes to the store's writer; after the commit the link is told
`commit`, so the acknowledgement leaves. A commit that fails is tried again for up to 8 s, then the
message is refused once and the analyzer keeps it. A message that ended before its terminator has no
acknowledgement to give any more: it is kept as incomplete. What another analyzer sends is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater

from middleware import failpoints
from middleware.clock import Clock
from middleware.driver.api import Driver
from middleware.failpoints import Step
from middleware.line.behaviour import Behaviour
from middleware.line.query import Asked
from middleware.model import MessageKind
from middleware.observe.events import InvariantViolated, MessageAccepted, MessageRejected
from middleware.store import journal
from middleware.store.journal import JournalEntry
from middleware.store.schema import JournalState
from middleware.store.writer import Topic, WriteQueue, Writer
from middleware.transport.shim import Shim
from middleware.wire.events import MessageAbandoned, MessageReceived
from middleware.wire.whole import stored_before

# The analyzer waits 15 s for our reply (LIS01-A2 6.5.2.2): stay well below.
RETRY_FOR_S = 8.0
RETRY_EVERY_S = 0.5
# An incomplete message cannot be asked for again, so it is tried for as long as the line runs.
KEEP_EVERY_S = 1.0
# Acknowledgements are confirmed by the peer's next byte; a link that never confirms keeps no more.
LONGEST_UNCONFIRMED = 64
# Confirmations ride in the line's next journal entry; alone they wait this long for company.
CONFIRM_WITHIN_S = 0.05

WRONG_ANALYZER = "wrong_analyzer"
"""Why another analyzer's message is refused: in the link's reply where it has one, and in the metric."""

_JOURNAL_CHANGED = frozenset({Topic.JOURNAL})


class Confirmations:
    """Which acknowledgements are known to have arrived, on their way to the journal (DESIGN 8.6).

    They are committed with or before the line's next message, because that is when they count.
    """

    def __init__(self, writer: Writer, reactor: Any) -> None:
        self._writer = writer
        self._reactor = reactor
        self._waiting: dict[str, tuple[int, ...]] = {}
        self._timer: IDelayedCall | None = None

    def add(self, line: str, journal_ids: tuple[int, ...]) -> None:
        """The acknowledgements of these entries are known to have arrived."""
        self._waiting[line] = self._waiting.get(line, ()) + journal_ids
        if self._timer is None:
            self._timer = self._reactor.callLater(CONFIRM_WITHIN_S, self._write)

    def take(self, line: str) -> tuple[int, ...]:
        """Those of one line, to be written with its next message; give them back if that fails."""
        return self._waiting.pop(line, ())

    def flush(self) -> None:
        """Write what waits now (before the writer stops)."""
        if self._timer is not None:
            self._timer.cancel()
        self._write()

    def _write(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        if waiting and self._writer.is_writable:
            ids = tuple(journal_id for many in waiting.values() for journal_id in many)
            job = partial(_confirm, journal_ids=ids)
            self._writer.submit(job, WriteQueue.CARRIED).addErrback(self._give_back, waiting)
        else:
            self._give_back(None, waiting)

    def _give_back(self, _failure: object, waiting: dict[str, tuple[int, ...]]) -> None:
        for line, journal_ids in waiting.items():
            self._waiting[line] = journal_ids + self._waiting.get(line, ())


@dataclass(frozen=True, slots=True)
class IntakeServices:
    """What intake needs of the node."""

    writer: Writer
    reactor: Any
    clock: Clock
    confirmations: Confirmations


class Intake:
    """I am responsible that nothing of one line is acknowledged before it is committed."""

    def __init__(
        self,
        line: str,
        driver: Driver,
        services: IntakeServices,
        behaviour: Behaviour,
        accepted: Callable[[float, bool], None],
    ) -> None:
        """`accepted` is called for each message that was committed, with the moment of its receipt (seconds since 1970
        UTC) and whether it could be answered; `behaviour` tells another analyzer's messages.
        """
        self._line = line
        self._driver = driver
        self._driver_id = driver.profile.driver.id
        self._services = services
        self._behaviour = behaviour
        self._accepted = accepted
        self.on_wrong_analyzer: Callable[[str], None] | None = None  # with the reason, when refused
        self.on_query: Callable[[Shim, Asked], None] | None = None  # after its acknowledgement
        self._running: set[Deferred[None]] = set()
        self._unconfirmed: dict[Shim, dict[int, int]] = {}
        self._drained: list[Deferred[None]] = []
        self._is_stopped = False

    def take_in(self, shim: Shim, message: MessageReceived) -> None:
        """Store the message, then let `shim` acknowledge it (or refuse it). Returns at once."""
        self._run(self._take_in(shim, message))

    def keep_incomplete(self, message: MessageAbandoned) -> None:
        """Store what came of a message that ended early; it waits for a person. Returns at once."""
        if message.text:
            self._run(self._keep_incomplete(message))

    def confirm(self, shim: Shim, token: int) -> None:
        """The peer went on after our acknowledgement of `token`."""
        journal_id = self._unconfirmed.get(shim, {}).pop(token, None)
        if journal_id is not None:
            self._services.confirmations.add(self._line, (journal_id,))

    def forget(self, shim: Shim) -> None:
        """The connection is gone: its acknowledgements will not be confirmed any more."""
        self._unconfirmed.pop(shim, None)

    def drain(self) -> Deferred[None]:
        """Fires when nothing is being stored; from now on failed commits are not tried again."""
        self._is_stopped = True
        drained: Deferred[None] = Deferred()
        if self._running:
            self._drained.append(drained)
        else:
            drained.callback(None)
        return drained

    def resume(self) -> None:
        """Take in again after `drain`."""
        self._is_stopped = False

    async def _take_in(self, shim: Shim, message: MessageReceived) -> None:
        failpoints.hit(Step.FRAME_READ)
        read_at = shim.read_at
        entry = self._entry(message, self._driver.kind(message.text))
        complaint = self._behaviour.examine(entry.text, entry.received_at)
        if complaint:
            await self._refuse(shim, message.token, replace(entry, **_evidence(complaint)))
            return
        journal_id = await self._store(shim, entry, read_at + RETRY_FOR_S)
        if journal_id is None:
            shim.refuse(message.token)
            MessageRejected(self._line, "not_stored").emit()
            return
        if journal_id < 0:
            shim.refuse(message.token, stored_before(-journal_id))
            MessageRejected(self._line, "stored_before").emit()
            return
        if shim.is_open:
            self._await_confirmation(shim, message.token, journal_id)
        failpoints.hit(Step.BEFORE_ACK)
        is_sent = shim.commit(message.token)
        failpoints.hit(Step.AFTER_ACK)
        ack_seconds = shim.answered_at - read_at if is_sent else None
        MessageAccepted(self._line, entry.kind.value, ack_seconds).emit()
        self._behaviour.accepted(entry.received_at)
        self._accepted(entry.received_at, is_sent)
        if entry.kind is MessageKind.QUERY and self.on_query is not None:
            self.on_query(shim, Asked(self._line, message.text, journal_id, read_at))

    async def _refuse(self, shim: Shim, token: int, entry: JournalEntry) -> None:
        """Another analyzer's message: kept for evidence (bounded), and never acknowledged."""
        if self._behaviour.should_keep(entry.text, entry.received_at):
            await self._store(shim, entry, shim.read_at + RETRY_FOR_S)
        shim.refuse(token, WRONG_ANALYZER)
        MessageRejected(self._line, WRONG_ANALYZER, is_logged=False).emit()
        if self.on_wrong_analyzer is not None:
            self.on_wrong_analyzer(entry.reason)

    async def _store(self, shim: Shim, entry: JournalEntry, until: float) -> int | None:
        """The committed entry's id, negative for the earlier one of the same file; None: not stored in time."""
        services = self._services
        while True:
            confirmed = services.confirmations.take(self._line)
            job = partial(_append, entry=entry, confirmed=confirmed)
            try:
                return await services.writer.submit(job, WriteQueue.INTAKE, _JOURNAL_CHANGED)
            except Exception:  # noqa: BLE001 - not stored, whatever the reason: the writer reported it
                if confirmed:
                    services.confirmations.add(self._line, confirmed)
            is_late = services.reactor.seconds() + RETRY_EVERY_S >= until
            if is_late or self._is_stopped or not shim.is_open:
                return None
            await deferLater(services.reactor, RETRY_EVERY_S)

    async def _keep_incomplete(self, message: MessageAbandoned) -> None:
        entry = self._incomplete(message, self._driver.kind(message.text))
        complaint = self._behaviour.examine(entry.text, entry.received_at)
        if complaint:
            if not self._behaviour.should_keep(entry.text, entry.received_at):
                return  # the analyzer gave up a message of which a refused entry has all
            entry = replace(entry, **_evidence(f"{complaint}; it ended early"))
        job = partial(_append, entry=entry, confirmed=())
        services = self._services
        while True:
            try:
                await services.writer.submit(job, WriteQueue.INTAKE, _JOURNAL_CHANGED)
            except Exception:  # noqa: BLE001 - as above; tried again while the line runs
                if self._is_stopped:
                    InvariantViolated(
                        "incomplete_kept", "an incomplete message was not kept"
                    ).emit()
                    return
            else:
                return
            await deferLater(services.reactor, KEEP_EVERY_S)

    def _entry(self, message: MessageReceived, kind: MessageKind) -> JournalEntry:
        # Not answered until somebody says that it was: a crash in between leaves the truth.
        is_query = kind is MessageKind.QUERY
        return JournalEntry(
            line=self._line,
            driver=self._driver_id,
            kind=kind,
            received_at=self._services.clock.utc_now().timestamp(),
            text=message.text,
            wire=message.wire,
            quirks=message.quirks,
            state=JournalState.NOT_ANSWERED if is_query else JournalState.RECEIVED,
            file_name=message.file_name or None,
        )

    def _incomplete(self, message: MessageAbandoned, kind: MessageKind) -> JournalEntry:
        return JournalEntry(
            line=self._line,
            driver=self._driver_id,
            kind=kind,
            received_at=self._services.clock.utc_now().timestamp(),
            text=message.text,
            wire=message.wire,
            quirks=message.quirks,
            state=JournalState.INCOMPLETE,
            reason=message.reason,
        )

    def _await_confirmation(self, shim: Shim, token: int, journal_id: int) -> None:
        tokens = self._unconfirmed.setdefault(shim, {})
        tokens[token] = journal_id
        if len(tokens) > LONGEST_UNCONFIRMED:
            del tokens[next(iter(tokens))]

    def _run(self, work: Any) -> None:
        task: Deferred[None] = Deferred.fromCoroutine(work)
        self._running.add(task)
        task.addCallbacks(self._ended, self._broke, callbackArgs=(task,), errbackArgs=(task,))

    def _broke(self, _failure: object, task: Deferred[None]) -> None:
        InvariantViolated("intake_never_fails", "intake of a message failed").emit()
        self._ended(None, task)

    def _ended(self, _result: None, task: Deferred[None]) -> None:
        self._running.discard(task)
        if not self._running:
            drained, self._drained = self._drained, []
            for waiter in drained:
                waiter.callback(None)


def _evidence(complaint: str) -> dict[str, Any]:
    return {"state": JournalState.REFUSED, "reason": complaint}


def _append(connection: Any, entry: JournalEntry, confirmed: tuple[int, ...]) -> int:
    """The entry's id; of a file whose content is kept already, that entry's id, negative."""
    if confirmed:
        journal.confirm_ack(connection, confirmed)
    if entry.file_name is not None:
        earlier = journal.same_file(connection, entry)
        if earlier is not None:
            return -earlier
    return journal.append(connection, entry)


def _confirm(connection: Any, journal_ids: tuple[int, ...]) -> None:
    journal.confirm_ack(connection, journal_ids)
