"""Tells lines that there may be work for their analyzers, and only those that it can concern.

Each commit that changes orders wakes the whole node; with many lines, each of them asking the store for its work would
be a storm of queries. So the newest changes are read once, and a line is woken for a test of its menu, or when its
analyzer is to be told something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

from twisted.internet.interfaces import IDelayedCall

from middleware.observe.events import StoreFailed
from middleware.store import order_news
from middleware.store.order_news import OrderNews
from middleware.store.reader import Reader
from middleware.store.wanted import Claimer
from middleware.store.writer import Topic, Writer

GATHER_S = 0.05
"""From a change to the look: what is ordered together is read together."""

RETRY_S = 5.0


class Woken(Protocol):
    """A line's downloads (`middleware.line.download.Downloads`)."""

    @property
    def is_active(self) -> bool:
        """Whether the line may be sent anything unasked."""
        ...

    @property
    def claimer(self) -> Claimer | None:
        """What it may be given."""
        ...

    def wake(self) -> None:
        """There may be something to send."""
        ...


class NewsOfOrders:
    """I am responsible that every line whose work changed looks for it, and no other."""

    def __init__(
        self, downloads: Sequence[Woken], reader: Reader, writer: Writer, reactor: Any
    ) -> None:
        self._downloads = [one for one in downloads if one.is_active]
        self._reader = reader
        self._reactor = reactor
        self._mark: int | None = None
        self._timer: IDelayedCall | None = None
        self._is_stopped = False
        if self._downloads:
            writer.subscribe(Topic.ORDERS, self.changed)

    def start(self) -> Self:
        """What is in the store now is found by each line when it connects."""
        if self._downloads:
            self._read(lambda conn: OrderNews(order_news.newest(conn)))
        return self

    def stop(self) -> None:
        """Wake nobody any more."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def changed(self) -> None:
        """Orders changed."""
        self._look_in(GATHER_S)

    def _look_in(self, seconds: float) -> None:
        if self._timer is None and not self._is_stopped:
            self._timer = self._reactor.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        mark = self._mark
        if mark is None:
            news = self._read(lambda conn: OrderNews(order_news.newest(conn), is_all=True))
        else:
            news = self._read(lambda conn: order_news.since(conn, mark))
        if news is not None:
            for one in self._downloads:
                if _concerns(news, one.claimer):
                    one.wake()

    def _read(self, query: Callable[[Any], OrderNews]) -> OrderNews | None:
        try:
            news = self._reader.read_now(query)
        except Exception as error:  # noqa: BLE001 - the writer says what is wrong with the store; here it is only read
            StoreFailed("order_news", type(error).__name__).emit()
            self._look_in(RETRY_S)
            return None
        self._mark = news.mark
        return news


def _concerns(news: OrderNews, claimer: Claimer | None) -> bool:
    if claimer is None:
        return False
    if news.is_all or claimer.line in news.lines:
        return True
    return bool(news.tests if claimer.menu is None else news.tests & claimer.menu)
