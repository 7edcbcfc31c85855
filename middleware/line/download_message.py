"""One message of work to an analyzer, from the driver's words to the store's knowledge of what became of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from middleware import failpoints
from middleware.clock import Clock
from middleware.driver.api import (
    AnswerContext,
    DownloadingDriver,
    Driver,
    EncodedAnswer,
    StepReadingDriver,
    TellingDriver,
)
from middleware.errors import MiddlewareError, StoreNotWritable
from middleware.failpoints import Step
from middleware.line.download_store import Claimed, DownloadStore, Outcome
from middleware.line.sending import Sending
from middleware.line.settings import LineSettings
from middleware.model import SpecimenWork
from middleware.store.download import Telling
from middleware.transport.shim import Shim

REASON_NOT_CARRIED = "no message to the analyzer carries it"
REASON_CANNOT_BE_TOLD = "this analyzer cannot be told: do it there"
# MSH-10 holds 20 characters: 6 of the store, D, and a number.
_MARK = "D"


@dataclass(slots=True)
class Sent:
    """What became of claimed work. `trouble`: the message did not arrive; what is in `not_taken` is due again later."""

    work: list[SpecimenWork] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    not_taken: dict[str, str] = field(default_factory=dict)  # sample id -> why
    trouble: str = ""


class Messages:
    """I am responsible that one message is written, sent and settled, whatever the driver and the analyzer do."""

    def __init__(
        self, settings: LineSettings, driver: Driver, store: DownloadStore, clock: Clock
    ) -> None:
        self._settings = settings
        self._driver = driver
        self._store = store
        self._clock = clock
        self.sending = Sending(driver)
        self.under_way: frozenset[int] = frozenset()
        # Steps that a query got meanwhile: what the analyzer says of them there counts.
        self.given_by_query: set[int] = set()
        # Those of them that an answer carries now.
        self.carried_by_answers: Callable[[], Collection[int]] = tuple
        self._unsettled: deque[Callable[[], Deferred[Any]]] = deque()

    async def send(self, shim: Shim, driver: DownloadingDriver, claimed: Claimed) -> Sent:
        """Send claimed work. What the driver cannot write is due again later, and does not keep the rest."""
        self.under_way = frozenset(_steps_of(claimed.work))
        failpoints.hit(Step.WORK_CLAIMED)
        try:
            return await self._send(shim, driver, claimed)
        finally:
            self.under_way = frozenset()
            self.given_by_query.clear()

    async def settle_rest(self) -> None:
        """Write the outcomes that the store could not take. Raises StoreNotWritable when it still cannot."""
        while self._unsettled:
            settle = self._unsettled.popleft()
            try:
                await settle()
            except StoreNotWritable:
                self._unsettled.appendleft(settle)
                raise

    async def tell(self, shim: Shim, driver: TellingDriver, claimed: Claimed) -> str:
        """Tell the analyzer what became of the first tube's steps; why that did not arrive, '' when it did."""
        tellings = _of_one_message(claimed.tellings)
        ids = [one.step.id for one in tellings]
        first, context = tellings[0], self._context(claimed)
        work = SpecimenWork(sample_id=first.sample_id, steps=tuple(one.step for one in tellings))
        try:
            encoded = driver.tell(work, first.what, context)
            why_not = REASON_CANNOT_BE_TOLD
        except MiddlewareError as error:
            encoded, why_not = None, str(error)
        if encoded is None:
            await self._told((), dict.fromkeys(ids, why_not))
            return ""
        delivery = await self.sending.deliver(shim, encoded.text, context.control_id)
        if delivery.trouble:
            await self._surely(partial(self._store.not_taken, ids, delivery.trouble))
            return delivery.trouble
        refused = dict.fromkeys(ids, delivery.complaint) if delivery.complaint else {}
        refused = refused or self._refused(claimed, delivery.reply, ids)
        await self._told([one for one in ids if one not in refused], refused)
        return ""

    # -- inside -----------------------------------------------------------------------------------

    async def _told(self, heard: Sequence[int], refused: Mapping[int, str]) -> None:
        await self._surely(partial(self._store.told, Outcome(heard, refused)))

    async def _send(self, shim: Shim, driver: DownloadingDriver, claimed: Claimed) -> Sent:
        sent, work = Sent(), list(claimed.work)
        encoded = self._written(driver, work, claimed)
        if isinstance(encoded, str) and len(work) > 1:
            work = await self._writable(driver, claimed, sent)
            encoded = self._written(driver, work, claimed) if work else ""
        if isinstance(encoded, str):
            await self._not_taken(sent, work, encoded)
            return sent
        left = _steps_of(work) - set(encoded.steps)
        if left:
            await self._surely(partial(self._store.not_taken, sorted(left), REASON_NOT_CARRIED))
        await self._deliver(shim, work, encoded, (claimed, sent))
        return sent

    async def _writable(
        self, driver: DownloadingDriver, claimed: Claimed, sent: Sent
    ) -> list[SpecimenWork]:
        """Those of the claimed specimens that the driver can write alone; the others are not taken."""
        good = []
        for one in claimed.work:
            encoded = self._written(driver, [one], claimed)
            if isinstance(encoded, str):
                await self._not_taken(sent, [one], encoded)
            else:
                good.append(one)
        return good

    def _written(
        self, driver: DownloadingDriver, work: Sequence[SpecimenWork], claimed: Claimed
    ) -> EncodedAnswer | str:
        """The message, or why the driver cannot write it."""
        try:
            return driver.download(work, self._context(claimed))
        except MiddlewareError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a third party's driver must not keep the work from others
            return f"the driver failed: {type(error).__name__}"

    async def _deliver(
        self,
        shim: Shim,
        work: Sequence[SpecimenWork],
        encoded: EncodedAnswer,
        of: tuple[Claimed, Sent],
    ) -> None:
        claimed, sent = of
        control_id = self._context(claimed).control_id
        delivery = await self.sending.deliver(shim, encoded.text, control_id)
        failpoints.hit(Step.WORK_TAKEN)
        steps = [one for one in encoded.steps if one in self.under_way]
        sent.trouble = delivery.trouble
        carried = [one for one in work if _steps_of([one]).intersection(steps)]
        if delivery.trouble or delivery.complaint:
            await self._not_taken(sent, carried, delivery.trouble or delivery.complaint)
            return
        found = self._refused(claimed, delivery.reply, steps)
        sent.refused = {one: why for one, why in found.items() if one not in self.given_by_query}
        sent.taken = [one for one in steps if one not in sent.refused]
        sent.work = carried
        await self._surely(partial(self._store.settle, Outcome(sent.taken, sent.refused)))
        failpoints.hit(Step.WORK_SETTLED)

    async def _not_taken(self, sent: Sent, work: Sequence[SpecimenWork], reason: str) -> None:
        sent.not_taken.update({one.sample_id: reason for one in work})
        ids = sorted(_steps_of(work).difference(self.carried_by_answers()))
        await self._surely(partial(self._store.not_taken, ids, reason))

    async def _surely(self, settle: Callable[[], Deferred[Any]]) -> None:
        """Write an outcome; when the store takes nothing, before anything else is sent."""
        self._unsettled.append(settle)
        await self.settle_rest()

    def _refused(self, claimed: Claimed, reply: bytes, steps: Sequence[int]) -> dict[int, str]:
        if not isinstance(self._driver, StepReadingDriver):
            return {}
        return dict(self._driver.refused_steps(reply, self._context(claimed), steps))

    def _context(self, claimed: Claimed) -> AnswerContext:
        return AnswerContext(
            self._clock.utc_now(),
            f"{claimed.store_id}{_MARK}{claimed.number}",
            self._settings.time_zone or "UTC",
            self._settings.encoding,
            claimed.store_id,
        )


def _steps_of(work: Sequence[SpecimenWork]) -> set[int]:
    return {step.id for one in work for step in one.steps}


def _of_one_message(tellings: Sequence[Telling]) -> list[Telling]:
    """Those of the first tube that say the same."""
    first = tellings[0]
    return [one for one in tellings if (one.sample_id, one.what) == (first.sample_id, first.what)]
