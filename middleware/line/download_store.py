"""What downloads ask of the store for one line: work claimed in a commit, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from middleware.model import SpecimenWork
from middleware.store import download, meta, specimen_lookup, work
from middleware.store.download import Telling
from middleware.store.steps import Change
from middleware.store.wanted import Chosen, Claimer
from middleware.store.writer import Topic, WriteQueue, Writer

_COUNTER = "downloads"
_ORDERS_CHANGED = frozenset({Topic.ORDERS})
MOST_TOLD_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Asking:
    """What is to be sent next: `chosen` (None: no work), and whether what waits for its next try is due now."""

    chosen: Chosen | None
    is_telling: bool
    is_due_now: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """Work that is this line's now, or what its analyzer is to be told, under a number that no other message has.

    `next_at`: where there is neither, the time of the next try of any (seconds since 1970 UTC).
    """

    work: Sequence[SpecimenWork] = ()
    tellings: Sequence[Telling] = ()
    store_id: str = ""
    number: int = 0
    next_at: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: the steps that the analyzer took, those that it refuses and why."""

    taken: Sequence[int]
    refused: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DownloadStore:
    """I am responsible that work is this line's before it is sent, and that the store knows what became of it.

    `now` is seconds since 1970 UTC; `retry_s` until work that was not taken is due again, the first time.
    """

    writer: Writer
    claimer: Claimer
    retry_s: float
    now: Callable[[], float]

    def claim(self, asking: Asking) -> Deferred[Claimed]:
        """What the analyzer is to be told; where there is nothing, the work that is asked for."""
        job = partial(_claim, asking=asking, by=self.claimer, now=self.now())
        return self._submit(job, changes=frozenset())

    def on_carrier(self, carrier: str) -> Deferred[list[str]]:
        """The sample ids of the tubes that are known to stand on a carrier."""
        job = partial(_on_carrier, carrier=carrier, by=self.claimer, now=self.now())
        return self._submit(job, changes=frozenset())

    def settle(self, outcome: Outcome) -> Deferred[None]:
        """The analyzer took the message with these steps, and refuses some of them."""
        return self._submit(partial(_settle, outcome=outcome, by=self.claimer.line, now=self.now()))

    def told(self, outcome: Outcome) -> Deferred[None]:
        """The analyzer knows what became of these steps, or will not change it."""
        return self._submit(partial(_told, outcome=outcome, by=self.claimer.line, now=self.now()))

    def not_taken(self, ids: Sequence[int], reason: str) -> Deferred[float | None]:
        """The message did not arrive, or was refused: its steps are free (or still untold), and due again later."""
        job = partial(
            download.not_taken,
            ids=list(ids),
            change=Change(self.claimer.line, self.now(), reason),
            retry_s=self.retry_s,
        )
        return self._submit(job)

    def _submit(
        self, job: Callable[[Any], Any], changes: frozenset[Topic] = _ORDERS_CHANGED
    ) -> Deferred[Any]:
        return self.writer.submit(job, WriteQueue.INTAKE, changes)


def _claim(conn: Any, asking: Asking, by: Claimer, now: float) -> Claimed:
    if asking.is_due_now:
        download.due_now(conn, by)
    tellings: list[Telling] = []
    if asking.is_telling:
        tellings = download.to_tell(conn, by.line, MOST_TOLD_AT_ONCE, now, by.names)
    given: list[SpecimenWork] = []
    if asking.chosen is not None and not tellings:
        given = download.claim_download(conn, by, asking.chosen, now)
    if not tellings and not given:
        return Claimed(next_at=download.next_due(conn, by, now))
    store_id = meta.get(conn, meta.STORE_ID) or ""
    return Claimed(given, tellings, store_id, meta.take_numbers(conn, _COUNTER, 1))


def _on_carrier(conn: Any, carrier: str, by: Claimer, now: float) -> list[str]:
    tubes = specimen_lookup.on_carrier(conn, carrier, by.order_source, now)
    return [one.sample_id for one in tubes]


def _settle(conn: Any, outcome: Outcome, by: str, now: float) -> None:
    work.mark_sent(conn, list(outcome.taken), by, now)
    for step, reason in outcome.refused.items():
        work.refuse(conn, [step], by, reason, now)


def _told(conn: Any, outcome: Outcome, by: str, now: float) -> None:
    download.told(conn, list(outcome.taken), by, now)
    for step, reason in outcome.refused.items():
        download.told(conn, [step], by, now, reason)
