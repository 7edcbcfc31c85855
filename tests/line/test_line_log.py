"""What a line writes into the log about its connection: what lasts, and nothing for each message."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from middleware.line.line import LOG_AFTER_S
from middleware.observe import log
from tests.kit.line_bench import LineBench


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the log says, from here on."""
    stream = io.StringIO()
    log.configure(as_json=True, stream=stream)
    yield stream
    log.configure()


def test_a_line_that_was_never_connected_is_not_logged_as_down(logged: io.StringIO) -> None:
    """At start every line is without its analyzer: that is no news."""
    bench = LineBench()
    bench.line.start()
    bench.turn(LOG_AFTER_S + 1)
    assert "line" not in logged.getvalue()


def test_an_analyzer_that_connects_for_each_message_does_not_fill_the_log(
    logged: io.StringIO,
) -> None:
    """Its first connection is logged, and that its line is down as a rule; nothing after that."""
    bench = LineBench()
    bench.line.start()
    for _ in range(20):
        bench.connect()
        bench.turn(1)
        bench.end.loseConnection()
        bench.turn()
        bench.turn(LOG_AFTER_S * 3)
    assert logged.getvalue().count('"line up"') == 1
    assert logged.getvalue().count('"line down"') == 1


def test_a_connection_that_comes_back_at_once_is_not_logged(logged: io.StringIO) -> None:
    """A device server that restarts within seconds is no news either."""
    bench = LineBench()
    bench.line.start()
    bench.connect()
    bench.end.loseConnection()
    bench.turn()
    bench.turn(LOG_AFTER_S - 1)
    bench.connect()
    bench.turn(LOG_AFTER_S * 2)
    assert logged.getvalue().count('"line up"') == 1
    assert "line down" not in logged.getvalue()


def test_a_loss_and_a_return_that_last_are_logged_once_each(logged: io.StringIO) -> None:
    """Who reads the log sees when the analyzer was away."""
    bench = LineBench()
    bench.line.start()
    bench.connect()
    bench.end.loseConnection()
    bench.turn()
    bench.turn(LOG_AFTER_S + 1)
    bench.connect()
    bench.turn(LOG_AFTER_S + 1)
    assert logged.getvalue().count('"line up"') == 2
    assert logged.getvalue().count('"line down"') == 1


def test_a_stopped_line_leaves_no_timer(logged: io.StringIO) -> None:
    """What was to be logged later is forgotten with the line."""
    bench = LineBench()
    bench.line.start()
    bench.connect()
    bench.end.loseConnection()
    bench.turn()
    Deferred.fromCoroutine(bench.line.stop())
    bench.turn()
    assert bench.clock.getDelayedCalls() == []
    assert "line down" not in logged.getvalue()
