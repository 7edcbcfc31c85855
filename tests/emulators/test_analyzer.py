"""The emulated analyzer against a real line on real sockets: with and without faults."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from emulators.analyzer import AnalyzerPlan, EmulatedAnalyzer
from emulators.faults import FaultPlan, UnreliableTransport
from emulators.oracle import Book, read_obligations
from emulators.scenario import FaultShares, Scenario
from middleware.clock import SystemClock
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from tests.kit.line_on_sockets import LineOnSockets, sample_ids
from tests.kit.small_reactor import SmallReactor

pytestmark = pytest.mark.slow


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


def play(
    small: SmallReactor, port: int, scenario: dict, count: int, book: Book
) -> EmulatedAnalyzer:
    plan = AnalyzerPlan(
        "EMU", Scenario.model_validate({"title": "t", **scenario}), 7, "A-", UTC, count
    )
    settings = TcpConnectSettings(
        type="tcp_connect", host="127.0.0.1", port=port, retry_first_s=0.01, retry_longest_s=0.01
    )
    analyzer = EmulatedAnalyzer(plan, settings, small.reactor, SystemClock(), book)
    analyzer.start()
    return analyzer


def finish(small: SmallReactor, analyzer: EmulatedAnalyzer, host: LineOnSockets) -> None:
    small.until(lambda: analyzer.finished.called)
    small.finish(Deferred.fromCoroutine(analyzer.stop()))
    small.finish(Deferred.fromCoroutine(host.line.stop()))


@pytest.mark.parametrize(
    "packaging", ["record_per_frame", "record_per_frame_etb", "streamed", "single_frame"]
)
def test_each_packaging_arrives_whole(small: SmallReactor, tmp_path: Path, packaging: str) -> None:
    """The host takes all four ways to cut a message, and each obligation is in its journal."""
    host = LineOnSockets(small)
    path = tmp_path / "obligations"
    scenario = {"step": [{"do": "results"}], "repeats": True, "link": {"packaging": packaging}}
    with Book(path) as book:
        finish(small, play(small, host.line.address.port, scenario, 5, book), host)
    owed = [obligation.sample_id for obligation in read_obligations(path)]
    assert owed == [f"A-{number:06d}" for number in range(1, 6)]
    assert sample_ids(host.texts()) == owed


@pytest.mark.parametrize(
    "faults",
    [
        {"bad_checksum": 0.3},
        {"repeated_frame": 0.3},
        {"split_writes": 0.7},
        {"joined_writes": 1.0},
        {"lost_ack": 0.02},
        {"hang_up": 0.02},
        {"bad_checksum": 0.1, "repeated_frame": 0.1, "split_writes": 0.3, "joined_writes": 0.5},
    ],
    ids="+".join,
)
def test_whatever_goes_wrong_each_acknowledged_message_is_in_the_journal(
    small: SmallReactor, tmp_path: Path, faults: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad cables cost repetitions, never a result."""
    monkeypatch.setattr("emulators.analyzer.RETRY_S", 0.01)
    host = LineOnSockets(small)
    path = tmp_path / "obligations"
    scenario = {
        "step": [{"do": "results"}],
        "repeats": True,
        "faults": faults,
        "link": {"frame_reply_s": 0.05},
    }
    with Book(path) as book:
        analyzer = play(small, host.line.address.port, scenario, 10, book)
        finish(small, analyzer, host)
    assert analyzer.faults.counts.keys() == faults.keys()
    owed = [obligation.sample_id for obligation in read_obligations(path)]
    assert len(owed) == 10
    assert list(dict.fromkeys(sample_ids(host.texts()))) == owed


def test_queries_controls_and_further_runs_are_played(small: SmallReactor, tmp_path: Path) -> None:
    """Each deed is acknowledged, and the book says what must become of it."""
    host = LineOnSockets(small)
    path = tmp_path / "obligations"
    steps = [{"do": deed} for deed in ("results", "rerun", "qc", "query")]
    with Book(path) as book:
        finish(small, play(small, host.line.address.port, {"step": steps}, 9, book), host)
    expected = [obligation.expect.value for obligation in read_obligations(path)]
    assert expected == ["deliver", "keep", "keep", "nothing"]
    assert len(host.texts()) == 3
    assert len(host.texts("not_answered")) == 1


def test_an_unplugged_cable_is_plugged_in_again(small: SmallReactor) -> None:
    """The next message goes over a new connection."""
    host = LineOnSockets(small)
    steps = [{"do": "results"}, {"do": "unplug"}, {"do": "results"}]
    with Book(None) as book:
        finish(small, play(small, host.line.address.port, {"step": steps}, 9, book), host)
    assert len(host.texts()) == 2
    assert host.line.status().connections["accepted"] == 2


def test_an_analyzer_that_listens_is_dialled(small: SmallReactor) -> None:
    """The other way round: Labwire connects to the analyzer."""
    plan = AnalyzerPlan(
        "EMU", Scenario.model_validate({"title": "t", "step": [{"do": "results"}]}), 7, "B-", UTC
    )
    settings = TcpListenSettings(type="tcp_listen", port=0)
    with Book(None) as book:
        analyzer = EmulatedAnalyzer(plan, settings, small.reactor, SystemClock(), book)
        analyzer.start()
        port = int(analyzer.address.rpartition(":")[2])
        host = LineOnSockets(small, type="tcp_connect", host="127.0.0.1", port=port)
        finish(small, analyzer, host)
    assert sample_ids(host.texts()) == ["B-000001"]


def test_a_stopping_analyzer_waits_for_the_acknowledgement_of_what_it_sends(
    small: SmallReactor, tmp_path: Path
) -> None:
    """Nothing is left in doubt when the demo ends."""
    host = LineOnSockets(small)
    path = tmp_path / "obligations"
    with Book(path) as book:
        scenario = {"step": [{"do": "results"}], "repeats": True}
        analyzer = play(small, host.line.address.port, scenario, 10**6, book)
        small.until(lambda: analyzer.acknowledged >= 3)
        small.finish(Deferred.fromCoroutine(analyzer.stop()))
        small.finish(Deferred.fromCoroutine(host.line.stop()))
    assert sample_ids(host.texts()) == [owed.sample_id for owed in read_obligations(path)]


def test_in_contention_the_host_hears_our_enquiry_and_we_never_hear_its(
    small: SmallReactor,
) -> None:
    """The fault itself: ENQ answered by ENQ. (This version's host never asks to send.)"""
    written: list[bytes] = []

    class Wire:
        def write(self, data: bytes) -> None:
            written.append(data)

    plan = FaultPlan(FaultShares(contention=1.0), 1)
    transport = UnreliableTransport(Wire(), plan, small.reactor)
    assert transport.hear(b"\x05") == b""
    assert written == [b"\x05"]
    assert plan.counts == {"contention": 1}
