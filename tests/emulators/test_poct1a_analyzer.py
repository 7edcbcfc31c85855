"""The emulated point-of-care analyzer against a real line on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from emulators.oracle import Book, Expectation, read_obligations
from emulators.poct1a_analyzer import EmulatedPoct1aAnalyzer, Poct1aPlan
from middleware.clock import SystemClock
from middleware.driver.api import DecodeContext, Driver
from middleware.driver.catalogue import load_catalogue
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from tests.kit.line_on_sockets import LineOnSockets
from tests.kit.small_reactor import SmallReactor

pytestmark = pytest.mark.slow
DRIVER = load_catalogue().driver("generic_poct1a")


class Continuous:
    """The driver with continuous mode switched on."""

    def __init__(self, driver: Driver) -> None:
        self.profile, self.kind = driver.profile, driver.kind
        self._make = driver.make_link

    def make_link(self, _options: object, *context: object) -> object:
        return self._make({"continuous": True}, *context)  # type: ignore[arg-type]


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


def play(small: SmallReactor, path: Path, driver: object, **plan: object) -> LineOnSockets:
    host = LineOnSockets(small, driver)
    settings = TcpConnectSettings(
        type="tcp_connect",
        host="127.0.0.1",
        port=host.line.address.port,
        retry_first_s=0.01,
        retry_longest_s=0.01,
    )
    with Book(path) as book:
        analyzer = EmulatedPoct1aAnalyzer(
            Poct1aPlan("POC-7", 7, "P-", UTC, **plan),  # type: ignore[arg-type]
            settings,
            small.reactor,
            SystemClock(),
            book,
        )
        analyzer.start()
        small.until(lambda: analyzer.finished.called)
        small.finish(Deferred.fromCoroutine(analyzer.stop()))
        small.finish(Deferred.fromCoroutine(host.line.stop()))
    return host


@pytest.mark.parametrize("driver", [DRIVER, Continuous(DRIVER)], ids=["basic", "continuous"])
@pytest.mark.parametrize("every_s", [0.0, 0.01])
def test_what_was_acknowledged_is_in_the_journal_and_says_the_same(
    small: SmallReactor, tmp_path: Path, driver: object, every_s: float
) -> None:
    """In both ways to converse, with and without a pace; the tenth is a control."""
    path = tmp_path / "owed"
    host = play(small, path, driver, count=11, every_s=every_s)
    owed = read_obligations(path)
    envelopes = [DRIVER.decode(text, DecodeContext()) for text in host.texts()]
    said = [
        (one.results[0].specimen.sample_id, {r.test_code: r.value.raw for r in one.results})
        for one in envelopes
    ]
    assert said == [(one.sample_id, dict(one.values)) for one in owed]
    assert [one.expect for one in owed].count(Expectation.KEEP) == 1
    assert {one.analyzer for one in envelopes} == {"POC-7"}


@pytest.mark.parametrize("driver", [DRIVER, Continuous(DRIVER)], ids=["basic", "continuous"])
def test_a_line_that_dials_takes_the_same(
    small: SmallReactor, tmp_path: Path, driver: object
) -> None:
    """Some access points listen; the conversation is the same, and the line dials again after its end."""
    path = tmp_path / "owed"
    settings = TcpListenSettings(type="tcp_listen", host="127.0.0.1", port=0)
    with Book(path) as book:
        analyzer = EmulatedPoct1aAnalyzer(
            Poct1aPlan("POC-7", 7, "P-", UTC, count=5), settings, small.reactor, SystemClock(), book
        )
        analyzer.start()
        where = {"host": "127.0.0.1", "port": int(analyzer.address.rpartition(":")[2])}
        retry = {"retry_first_s": 0.01, "retry_longest_s": 0.01}
        host = LineOnSockets(small, driver, type="tcp_connect", **where, **retry)
        small.until(lambda: analyzer.finished.called)
        small.finish(Deferred.fromCoroutine(host.line.stop()))
        small.finish(Deferred.fromCoroutine(analyzer.stop()))
    assert len(host.texts()) == len(read_obligations(path)) == 5
