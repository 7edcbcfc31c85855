"""Only the lines that a change of orders can concern look for work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from twisted.internet.task import Clock

from middleware.line.order_news import GATHER_S, NewsOfOrders
from middleware.store import work
from middleware.store.steps import Change
from middleware.store.wanted import Claimer
from tests.kit.hand_writer import HandWriter
from tests.kit.orders import NOW, request


class Line:
    """Downloads that count how often they are woken."""

    def __init__(self, line: str, *menu: str, is_active: bool = True) -> None:
        self.claimer = Claimer(
            line, lambda code, _type: code, menu=frozenset(menu) if menu else None
        )
        self.is_active = is_active
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


class Bench:
    def __init__(self, *lines: Line) -> None:
        self.clock = Clock()
        self.store = HandWriter(is_automatic=True)
        self.store.give_orders()
        self.subscribed: list[Callable[[], None]] = []
        self.reads = 0
        self.is_broken = False
        self.news = NewsOfOrders(lines, self, self, self.clock).start()  # type: ignore[arg-type]

    def subscribe(self, _topic: object, callback: Callable[[], None]) -> None:
        self.subscribed.append(callback)

    def read_now(self, query: Callable[[Connection], Any]) -> Any:
        self.reads += 1
        if self.is_broken:
            raise OSError("gone")
        return self.store.run(query)

    def announce(self, seconds: float = 2 * GATHER_S) -> None:
        for callback in self.subscribed:
            callback()
        self.clock.advance(seconds)


def test_a_line_is_woken_for_a_test_of_its_menu() -> None:
    chem, immuno, any_test = Line("chem-1", "GLU"), Line("immuno-1", "TSH"), Line("any-1")
    bench = Bench(chem, immuno, any_test)
    bench.store.give_orders(request("S1", "GLU"))
    bench.announce()
    assert (chem.woken, immuno.woken, any_test.woken) == (1, 0, 1)
    bench.announce()
    assert (chem.woken, immuno.woken, any_test.woken) == (1, 0, 1)


def test_a_line_is_woken_when_its_analyzer_is_to_be_told() -> None:
    chem, other = Line("chem-1", "GLU"), Line("chem-2", "GLU")
    bench = Bench(chem, other)
    bench.store.give_orders(request("S1", "GLU"))
    bench.store.run(
        lambda conn: (
            work.claim(conn, work.Wanted(("S1",)), chem.claimer, NOW)
            and work.mark_sent(conn, [1], "chem-1", NOW)
        )
    )
    bench.announce()
    assert (chem.woken, other.woken) == (0, 0)
    told = frozenset({"chem-1"})
    bench.store.run(lambda conn: work.cancel(conn, [1], Change("ann", NOW), told))
    bench.announce()
    assert (chem.woken, other.woken) == (1, 0)


def test_a_storm_of_changes_is_one_look() -> None:
    bench = Bench(Line("chem-1"))
    before = bench.reads
    for _ in range(100):
        for callback in bench.subscribed:
            callback()
    bench.clock.advance(1.0)
    assert bench.reads == before + 1


def test_a_node_whose_lines_send_nothing_unasked_reads_nothing() -> None:
    bench = Bench(Line("chem-1", is_active=False))
    bench.announce()
    assert (bench.subscribed, bench.reads) == ([], 0)


def test_a_store_that_cannot_be_read_loses_no_news() -> None:
    chem = Line("chem-1", "GLU")
    bench = Bench(chem)
    bench.store.give_orders(request("S1", "GLU"))
    bench.is_broken = True
    bench.announce()
    assert chem.woken == 0
    bench.is_broken = False
    bench.clock.advance(10.0)
    assert chem.woken == 1


def test_nobody_is_woken_after_the_stop() -> None:
    chem = Line("chem-1")
    bench = Bench(chem)
    bench.store.give_orders(request("S1", "GLU"))
    bench.announce(0.0)
    bench.news.stop()
    bench.announce(10.0)
    assert chem.woken == 0
