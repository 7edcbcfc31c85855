"""The work of one line: claimed in a commit before its answer leaves, and then sent, refused or free again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from middleware.model import HostQuery, SpecimenWork
from middleware.store import work
from middleware.store.work import Claimer, Wanted
from middleware.store.writer import Topic, WriteQueue, Writer

ORDERS_CHANGED = frozenset({Topic.ORDERS})


@dataclass(frozen=True, slots=True)
class LineWork:
    """I am responsible that what a line is given is its own, and that what it did not take is free again.

    `claimers` has every line whose analyzer may be given work. `now` is seconds since 1970 UTC.
    """

    writer: Writer
    claimers: Mapping[str, Claimer]
    now: Callable[[], float]

    def claim(self, line: str, queries: Sequence[HostQuery]) -> Deferred[list[SpecimenWork]]:
        """What is open for what these queries ask; the line's own from the commit on. Fails with StoreError."""
        asking = [one for one in queries if not one.is_cancel]
        wanted = Wanted(
            tuple(dict.fromkeys(name for one in asking for name in one.sample_ids)),
            any(one.is_for_all for one in asking),
        )
        job = partial(work.claim, wanted=wanted, claimer=self.claimers[line], now=self.now())
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
            done.addErrback(_not_written)


def _not_written(_failure: Any) -> None:
    """The writer has reported it."""
