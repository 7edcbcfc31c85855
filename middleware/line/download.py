"""When work goes to an analyzer that did not ask, and when it is told what became of work that it has.

Flow. A reason to look (an order, a connection, a person, a time) leads to a round while the line is free: what the
analyzer is to be told goes first, then what a person wants sent, then what is due where `download` is `on_order`. One
message at a time: its work is claimed in a commit, it is sent, its outcome is written; then the next. What was not
taken is free at once, and due again later; an analyzer that does not answer is left alone for a while, longer each
time, until it connects or speaks. Nothing is kept here: after a restart the store says what is due.

An analyzer may ask for a tube whose work is under way to it. The answer carries the same steps again, and what it says
of them there counts; a refusal here would only mean that it has them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from middleware.driver.api import DownloadingDriver, Driver, TellingDriver
from middleware.errors import MiddlewareError
from middleware.line.download_message import Messages, Sent
from middleware.line.download_parts import (
    REASON_ANOTHER,
    REASON_FAILED,
    REASON_MANY,
    REASON_NOT_CONNECTED,
    REASON_OFF,
    REASON_REFUSED,
    REASON_STOPPED,
    REASON_STORE,
    DownloadServices,
    DownloadStatus,
)
from middleware.line.download_store import Asking, Claimed, DownloadStore
from middleware.line.order_settings import Download
from middleware.line.settings import LineSettings
from middleware.line.wish import SendReport, Wish
from middleware.observe.events import InvariantViolated, WorkDownloaded
from middleware.observe.health import WarnableCode
from middleware.store.wanted import Chosen, Claimer
from middleware.transport.shim import Shim
from middleware.wire.events import MessageDelivered, MessageNotDelivered

# After news, so that the tests of one tube that are ordered one by one go out together.
DEBOUNCE_S = 0.05
# What no news tells (a tube that arrived) is found after so long.
LOOK_EVERY_S = 30.0
SHORTEST_WAIT_S = 0.1
BUSY_LOOK_S = 1.0
LONGEST_PAUSE_S = 3600.0
MOST_WISHES = 16


class Downloads:
    """I am responsible that one analyzer is sent its work, and told what it must know, while its line is free."""

    def __init__(self, settings: LineSettings, driver: Driver, services: DownloadServices) -> None:
        self._line = settings.id
        self._services = services
        self._carrier = services.carrier
        self._store = store = services.store
        self._messages = Messages(settings, driver, store, services.clock) if store else None
        if self._messages is not None:
            self._messages.carried_by_answers = lambda: self._carrier().carried_for(self._line)
        self._retry_s = settings.orders.download_retry_s
        download = settings.orders.download
        is_on = download is not Download.OFF
        self._downloader = driver if is_on and isinstance(driver, DownloadingDriver) else None
        self._teller = driver if is_on and isinstance(driver, TellingDriver) else None
        self._is_on_order = download is Download.ON_ORDER and self._downloader is not None
        self.is_active = store is not None and bool(self._downloader or self._teller)
        self._wishes: deque[Wish] = deque()
        self._is_busy = False
        self._is_stopped = False
        self._is_due_now = False
        self._has_news = False
        self._pause_s = 0.0
        self._paused_until = 0.0  # monotonic
        self._heard_before = 0  # bytes, when the pause began
        self._timer: IDelayedCall | None = None
        self._status = DownloadStatus(download.value)

    # -- what the line tells ----------------------------------------------------------------------

    def wake(self) -> None:
        """There may be something to send."""
        if self.is_active:
            self._has_news = True
            self._look_in(DEBOUNCE_S)

    def line_up(self) -> None:
        """The analyzer is there (again): what waited for it goes at once."""
        if self.is_active:
            self._is_stopped = False
            self._is_due_now = True
            self._end_pause()
            self._look_in(DEBOUNCE_S)

    def analyzer_spoke(self) -> None:
        """It is on. While something is on its way to it, that is no news."""
        if not self._is_busy:
            self.line_up()

    def line_free(self) -> None:
        """Nothing runs on the line now: the session that we waited for has ended, or the analyzer spoke again."""
        shim = self._carrier().shim
        if self._pause_s and (shim is None or shim.bytes_in <= self._heard_before):
            return  # it has not spoken since it did not answer
        self._carrier().waiting.discard(self)
        self._is_due_now = self._is_due_now or self._pause_s > 0
        self._end_pause()
        self._look_in(0.0)

    def heard(self, shim: Shim, event: MessageDelivered | MessageNotDelivered) -> None:
        """The link knows what became of a message."""
        if self._messages is not None:
            self._messages.sending.heard(shim, event)

    def forget(self, shim: Shim) -> None:
        """The connection is gone."""
        if self._messages is not None:
            self._messages.sending.forget(shim)

    def given_by_query(self, steps: Collection[int]) -> None:
        """These steps were just claimed for the answer to a query."""
        if self._messages is not None:
            self._messages.given_by_query.update(self._messages.under_way.intersection(steps))

    @property
    def can_send(self) -> bool:
        """Whether work may be sent that the analyzer did not ask for."""
        return self._store is not None and self._downloader is not None

    @property
    def claimer(self) -> Claimer | None:
        """What the line may be given; None: nothing."""
        return None if self._store is None else self._store.claimer

    @property
    def under_way(self) -> frozenset[int]:
        """The steps of the message that is on its way."""
        return frozenset() if self._messages is None else self._messages.under_way

    def stop(self) -> None:
        """Begin nothing more; what is under way ends with the connection."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail_wishes(REASON_STOPPED)

    def send(self, sample_ids: Sequence[str] = (), carrier: str = "") -> Wish:
        """Send what a person names (neither: everything that the line may do)."""
        ids = deque(dict.fromkeys(sample_ids))
        wish = Wish(SendReport(self._line), ids, carrier, is_by_id=bool(ids))
        refusal = self._refusal()
        if refusal:
            wish.end(refusal)
        else:
            self._wishes.append(wish)
            self._look_in(0.0)
        return wish

    def status(self) -> DownloadStatus:
        """How it stands now."""
        return self._status

    # -- when -------------------------------------------------------------------------------------

    def _refusal(self) -> str:
        if not self.can_send:
            return REASON_OFF
        if len(self._wishes) >= MOST_WISHES:
            return REASON_MANY
        return self._obstacle(self._carrier().shim)

    def _obstacle(self, shim: Shim | None) -> str:
        if shim is None or not shim.is_open:
            return REASON_NOT_CONNECTED
        if self._is_stopped:
            return REASON_STOPPED
        return REASON_ANOTHER if self._carrier().is_another else ""

    def _look_in(self, seconds: float) -> None:
        """Look then, or earlier if that was planned."""
        if self._is_stopped:
            return
        reactor = self._services.reactor
        if self._timer is not None:
            if self._timer.getTime() <= reactor.seconds() + seconds:
                return
            self._timer.cancel()
        self._timer = reactor.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        shim = self._carrier().shim
        obstacle = self._obstacle(shim)
        if obstacle or shim is None:
            self._fail_wishes(obstacle)
            return  # the line comes up
        wait = self._paused_until - self._services.reactor.seconds()
        if self._is_busy:
            self._has_news = True  # the round looks again
        elif not shim.link.is_neutral:
            self._wait_for_line()
        elif wait > 0 and not self._wishes:
            self._look_in(wait)
        else:
            self._is_busy = True
            Deferred.fromCoroutine(self._round(shim)).addErrback(_broke)

    async def _round(self, shim: Shim) -> None:
        """Message after message, as long as the line is free and there is something to send."""
        wait: float | None = self._retry_s
        try:
            while await self._one(shim):
                if self._obstacle(shim) or self._carrier().shim is not shim:
                    break
                if not shim.link.is_neutral:
                    self._wait_for_line()
                    break
            wait = self._wait()
        except MiddlewareError:  # the store takes nothing: its own warning says so
            self._fail_wishes(REASON_STORE)
        except Exception:
            self._fail_wishes(REASON_FAILED)
            raise
        finally:
            self._is_busy = False
            if wait is not None:
                self._look_in(wait)

    def _wait_for_line(self) -> None:
        """The link says when a session ends, but not when an acknowledgement was written: so look as well."""
        self._carrier().waiting.add(self)
        self._look_in(BUSY_LOOK_S)

    def _wait(self) -> float | None:
        """Seconds until there is a reason to look again; None: only news is one."""
        pause = self._paused_until - float(self._services.reactor.seconds())
        if self._wishes:
            return 0.0
        if pause > 0:
            return pause
        if self._has_news:
            return DEBOUNCE_S
        next_at = self._status.next_try_at
        longest = LOOK_EVERY_S if self._is_on_order else LONGEST_PAUSE_S
        if next_at is None:
            return longest if self._is_on_order else None
        return min(max(next_at - self._now(), SHORTEST_WAIT_S), longest)

    # -- what -------------------------------------------------------------------------------------

    async def _one(self, shim: Shim) -> bool:
        """Send one message; whether to go on."""
        store, messages = self._store, self._messages
        if store is None or messages is None:
            return False
        await messages.settle_rest()
        wish = await self._next_wish(store)
        most = self._downloader.specimens_at_once if self._downloader is not None else 0
        asking = self._asking(wish, most)
        claimed = await store.claim(asking)
        if claimed.tellings and self._teller is not None:
            return self._told(shim, await messages.tell(shim, self._teller, claimed))
        has_more = wish is not None and wish.came(most, claimed.work, store.claimer.labelled_id)
        if wish is not None and wish in self._wishes and not has_more:
            self._wishes.remove(wish)
        if not claimed.work or self._downloader is None:
            return self._nothing(wish, claimed)
        sent = await messages.send(shim, self._downloader, claimed)
        self._note(sent)
        if wish is not None:
            wish.report.took(sent.work, sent.refused)
            wish.report.not_taken.update(sent.not_taken)
            if not has_more:
                wish.end(sent.trouble)
        return self._after(shim, sent)

    async def _next_wish(self, store: DownloadStore) -> Wish | None:
        """What a person wants next, with the tubes of its carrier looked up."""
        while self._wishes:
            wish = self._wishes[0]
            if not wish.carrier:
                return wish
            ids = await store.on_carrier(wish.carrier)
            if ids:
                wish.found_on_carrier(ids)
            elif wish in self._wishes:
                self._wishes.remove(wish)
                wish.end(f"no tube with open work is known on {wish.carrier}")
        return None

    def _asking(self, wish: Wish | None, most: int) -> Asking:
        chosen = wish.chosen(most) if wish is not None else None
        if wish is None and self._is_on_order:
            chosen = Chosen(most=most)
        is_due_now = self._is_due_now or (wish is not None and wish.is_new)
        self._is_due_now = self._has_news = False
        if wish is not None:
            wish.is_new = False
        return Asking(chosen, self._teller is not None, is_due_now)

    def _nothing(self, wish: Wish | None, claimed: Claimed) -> bool:
        """Nothing to send; whether somebody else waits."""
        if wish is None:
            self._say(next_try_at=claimed.next_at)
            return False
        if wish not in self._wishes:
            wish.end()
        return True

    def _note(self, sent: Sent) -> None:
        line, health = self._line, self._services.health
        count, refused, missed = len(sent.taken), len(sent.refused), len(sent.not_taken)
        now = self._status
        self._say(
            sent=now.sent + count, refused=now.refused + refused, not_taken=now.not_taken + missed
        )
        WorkDownloaded(line, sent=count, refused=refused, not_taken=missed).emit()
        if sent.not_taken:
            # What the analyzer says may name a patient: it stands in the history of the steps, and nowhere else.
            reason = sent.trouble or REASON_REFUSED
            self._say(trouble=reason)
            health.raise_warning(WarnableCode.WORK_NOT_TAKEN, line, f"Line {line}: {reason}.")
        elif sent.work:
            self._say(trouble="")
            health.clear(WarnableCode.WORK_NOT_TAKEN, line)

    def _told(self, shim: Shim, trouble: str) -> bool:
        self._say(trouble=trouble)
        if not trouble:
            WorkDownloaded(self._line, told=1).emit()
        return self._after(shim, Sent(trouble=trouble))

    def _after(self, shim: Shim, sent: Sent) -> bool:
        """Whether to go on: not to an analyzer that does not answer."""
        if sent.trouble:
            if self._carrier().shim is shim:  # else a new connection is a new beginning
                self._pause(shim)
            self._fail_wishes(sent.trouble)
        elif sent.work:
            self._end_pause()
        return not sent.trouble

    # -- small things -----------------------------------------------------------------------------

    def _pause(self, shim: Shim) -> None:
        """The analyzer does not answer: leave it alone, longer each time."""
        self._pause_s = min(max(self._pause_s * 2, self._retry_s), LONGEST_PAUSE_S)
        self._paused_until = self._services.reactor.seconds() + self._pause_s
        self._heard_before = shim.bytes_in
        self._carrier().waiting.add(self)
        self._say(next_try_at=self._now() + self._pause_s)

    def _end_pause(self) -> None:
        self._pause_s = self._paused_until = 0.0

    def _fail_wishes(self, reason: str) -> None:
        wishes, self._wishes = self._wishes, deque()
        for wish in wishes:
            wish.end(reason)

    def _say(self, **changed: Any) -> None:
        self._status = replace(self._status, **changed)

    def _now(self) -> float:
        return self._services.clock.utc_now().timestamp()


def _broke(_failure: Any) -> None:
    InvariantViolated("download_never_fails", "sending work to an analyzer failed").emit()
