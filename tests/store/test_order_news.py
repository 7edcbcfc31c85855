"""Whom the newest changes of orders concern."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from middleware.model import OrderAction
from middleware.store import order_news, work
from middleware.store.schema import METADATA
from middleware.store.steps import Change
from tests.kit.orders import NOW, apply, claim, ids, request


@pytest.fixture
def conn() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as made:
        METADATA.create_all(made)
        yield made


def test_a_new_test_is_news_once(conn: Connection) -> None:
    apply(conn, request(test="GLU"), request(test="K"))
    news = order_news.since(conn, 0)
    assert news.tests == {"GLU", "K"}
    assert news.lines == frozenset()
    assert order_news.since(conn, news.mark) == order_news.OrderNews(news.mark)
    assert order_news.newest(conn) == news.mark


def test_what_somebody_has_by_now_is_no_news(conn: Connection) -> None:
    apply(conn, request(test="GLU"), request(test="K"))
    claim(conn, "S1")
    assert order_news.since(conn, 0).tests == frozenset()


def test_what_is_free_again_is_news(conn: Connection) -> None:
    apply(conn, request(test="GLU"))
    claim(conn, "S1")
    mark = order_news.newest(conn)
    work.free(conn, ids(conn), "chem-1", "gone", NOW)
    assert order_news.since(conn, mark).tests == {"GLU"}


def test_a_cancel_that_an_analyzer_must_hear_is_news_for_its_line(conn: Connection) -> None:
    apply(conn, request(test="GLU"))
    claim(conn, "S1")
    work.mark_sent(conn, ids(conn), "chem-1", NOW)
    mark = order_news.newest(conn)
    work.cancel(conn, ids(conn), Change("ann", NOW), frozenset({"chem-1"}))
    assert order_news.since(conn, mark).lines == {"chem-1"}


def test_a_cancel_of_what_nobody_has_concerns_nobody(conn: Connection) -> None:
    apply(conn, request(test="GLU"))
    mark = order_news.newest(conn)
    apply(conn, request(test="GLU", action=OrderAction.CANCEL))
    news = order_news.since(conn, mark)
    assert (news.tests, news.lines) == (frozenset(), frozenset())


def test_more_than_can_be_read_at_once_concerns_everybody(conn: Connection) -> None:
    for number in range(order_news.MOST_CHANGES // 10):
        apply(conn, *[request(f"S{number}", f"T{test}") for test in range(10)])
    news = order_news.since(conn, 0)
    assert news.is_all
    assert news.mark == order_news.newest(conn)
