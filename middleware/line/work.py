"""The work of one line: claimed in a commit before its answer leaves, and then sent, refused or free again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from middleware import failpoints
from middleware.errors import StoreError
from middleware.failpoints import Step
from middleware.model import HostQuery, SpecimenWork
from middleware.store import work
from middleware.store.work import Claimer, Wanted
from middleware.store.writer import Topic, WriteQueue, Writer

ORDERS_CHANGED = frozenset({Topic.ORDERS})
MOST_NAMED = 1000
"""Tubes and ranges of one message: the writer is not held up by a damaged or hostile one."""

MOST_PLACES = 100
"""Of one message: racks and trays hold fewer tubes. In a message with more, places are not looked at."""


@dataclass(frozen=True, slots=True)
class LineWork:
    """I am responsible that what a line is given is its own, and that what it did not take is free again.

    `claimers` has every line whose analyzer may be given work. `now` is seconds since 1970 UTC.
    """

    writer: Writer
    claimers: Mapping[str, Claimer]
    now: Callable[[], float]

    def claim(self, line: str, queries: Sequence[HostQuery]) -> Deferred[list[SpecimenWork]]:
        """What is open for what these queries ask; the line's own from the commit on. Fails with StoreError.

        Raises StoreError for a message that names more tubes than any analyzer holds.
        """
        asking = [one for one in queries if one.is_for_work and not one.is_cancel]
        count = sum(len(one.sample_ids) + len(one.ranges) for one in asking)
        if count > MOST_NAMED:
            raise StoreError(
                f"the query names {count} tubes; at most {MOST_NAMED} are looked up",
                what_to_do="Let the analyzer ask for fewer tubes at once, a rack or a tray.",
            )
        wanted = wanted_of(asking)
        job = partial(_claim, wanted=wanted, claimer=self.claimers[line], now=self.now())
        return self.writer.submit(job, WriteQueue.INTAKE, ORDERS_CHANGED)

    def sent(self, line: str, steps: Sequence[int], refused: Mapping[int, str]) -> None:
        """The analyzer took the message that carries `steps`, and refuses some of them."""
        taken = [one for one in steps if one not in refused]
        self._submit(partial(work.mark_sent, ids=taken, line=line, now=self.now()), taken)
        for step, reason in refused.items():
            job = partial(work.refuse, ids=[step], line=line, reason=reason, now=self.now())
            self._submit(job, [step])

    def free(self, line: str, steps: Sequence[int], reason: str) -> None:
        """The analyzer did not take them."""
        job = partial(work.free, ids=list(steps), line=line, reason=reason, now=self.now())
        self._submit(job, steps)

    def _submit(self, job: Callable[[Any], object], steps: Sequence[int]) -> None:
        if steps:
            # What cannot be written stays claimed by the line, which may ask again; a restart frees it.
            done = self.writer.submit(job, WriteQueue.CARRIED, ORDERS_CHANGED)
            done.addCallbacks(_written, _not_written)


def wanted_of(queries: Sequence[HostQuery]) -> list[Wanted]:
    """What queries of one message ask the store for: those that name a place each for itself, the others together."""
    placed = [one for one in queries if one.carrier or one.position]
    if len(placed) > MOST_PLACES:
        placed = []
    together = [one for one in queries if one not in placed]
    wanted = [
        Wanted(one.sample_ids, one.is_for_all, one.ranges, one.carrier, one.position)
        for one in placed
    ]
    if together:
        ids = dict.fromkeys(name for one in together for name in one.sample_ids)
        ranges = dict.fromkeys(each for one in together for each in one.ranges)
        wanted.append(Wanted(tuple(ids), any(one.is_for_all for one in together), tuple(ranges)))
    return wanted


def _claim(conn: Any, wanted: Sequence[Wanted], claimer: Claimer, now: float) -> list[SpecimenWork]:
    """What each of `wanted` gets; a tube that is named twice is given once."""
    given: dict[str, SpecimenWork] = {}
    for one in wanted:
        for mine in work.claim(conn, one, claimer, now):
            given.setdefault(mine.sample_id, mine)
    return list(given.values())


def _written(_answer: object) -> None:
    failpoints.hit(Step.WORK_SETTLED)


def _not_written(_failure: Any) -> None:
    """The writer has reported it."""
