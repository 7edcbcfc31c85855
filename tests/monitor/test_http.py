"""Metrics and health over HTTP, for machines."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from twisted.internet.defer import Deferred

from middleware.clock import SystemClock
from middleware.monitor import http as monitor_http
from middleware.monitor.http import MetricsText, MonitorNotListening, MonitorServer, Probes
from middleware.setup import ListenAddress
from tests.kit.fake_clock import FakeClock
from tests.kit.running_reactor import RunningReactor, running_reactor


@dataclass
class Site:
    """A running monitor and the answers of its probes."""

    port: int = 0
    lag_s: float = 0.01
    store: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, method: str = "GET", body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, body)
        answer = connection.getresponse()
        self.headers = {key.lower(): value for key, value in answer.getheaders()}
        text = answer.read().decode()
        connection.close()
        return answer.status, text


@pytest.fixture
def running() -> Iterator[RunningReactor]:
    with running_reactor() as reactor:
        yield reactor


@pytest.fixture
def site(running: RunningReactor) -> Iterator[Site]:
    made = Site()
    probes = Probes(lambda: made.lag_s, {"store": lambda: made.store, "listeners": lambda: ""})
    server = MonitorServer(running.reactor, ListenAddress("127.0.0.1", 0), SystemClock(), probes)
    running.do(server.start)
    made.port = server.address.port
    yield made
    running.do(server.stop)


@pytest.mark.slow
def test_metrics_are_text_that_prometheus_reads(site: Site) -> None:
    """A scrape gets every metric of the table."""
    status, text = site.get("/metrics")
    assert status == 200
    assert site.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE labwire_messages_received_total counter" in text
    assert "server" not in site.headers


@pytest.mark.slow
def test_a_late_event_loop_is_unhealthy(site: Site) -> None:
    """What restarts the process asks here."""
    assert site.get("/healthz") == (200, "ok\n")
    site.lag_s = 6.0
    status, text = site.get("/healthz")
    assert (status, text) == (503, "the event loop is 6.0 s late\n")


@pytest.mark.slow
def test_a_node_that_cannot_store_is_not_ready_and_says_why(site: Site) -> None:
    """Analyzers would be refused: the reason is named."""
    assert site.get("/readyz")[0] == 200
    site.store = "the store cannot be written"
    status, text = site.get("/readyz")
    assert status == 503
    assert json.loads(text) == {
        "ready": False,
        "missing": {"store": "the store cannot be written"},
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", None, 404),
        ("GET", "/status", None, 404),
        ("POST", "/metrics", "x", 413),
        ("DELETE", "/metrics", None, 405),
        ("HEAD", "/healthz", None, 200),
    ],
)
def test_nothing_else_is_served(
    site: Site, method: str, path: str, body: str | None, status: int
) -> None:
    """Three pages to read, and nothing to write."""
    assert site.get(path, method, body)[0] == status


@pytest.mark.slow
def test_a_taken_port_is_told_in_one_sentence(running: RunningReactor) -> None:
    """The administrator learns which address and what to write instead."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = ListenAddress("127.0.0.1", other.getsockname()[1])
        server = MonitorServer(running.reactor, address, SystemClock(), Probes(lambda: 0.0, {}))
        with pytest.raises(MonitorNotListening, match="in use") as refused:
            running.do(server.start)
    assert str(address) in str(refused.value)
    assert "[monitor] listen" in refused.value.what_to_do


@pytest.mark.slow
def test_a_slow_client_is_cut_off_at_an_absolute_deadline(
    running: RunningReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte now and then does not hold a connection for ever."""
    monkeypatch.setattr(monitor_http, "LONGEST_CONNECTION_S", 0.05)
    server = MonitorServer(
        running.reactor, ListenAddress("127.0.0.1", 0), SystemClock(), Probes(lambda: 0.0, {})
    )
    running.do(server.start)
    with socket.create_connection(("127.0.0.1", server.address.port), timeout=5) as client:
        client.sendall(b"GET /metr")
        with pytest.raises(ConnectionError):
            if client.recv(1) == b"":
                raise ConnectionResetError
    running.do(server.stop)


@pytest.mark.slow
def test_more_connections_than_the_bound_are_closed(
    running: RunningReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five hundred silent clients do not take the node's files."""
    monkeypatch.setattr(monitor_http, "MOST_CONNECTIONS", 2)
    server = MonitorServer(
        running.reactor, ListenAddress("127.0.0.1", 0), SystemClock(), Probes(lambda: 0.0, {})
    )
    running.do(server.start)
    address = ("127.0.0.1", server.address.port)
    first, second, third = (socket.create_connection(address, timeout=5) for _ in range(3))
    assert third.recv(1) == b""
    for client in (first, second, third):
        client.close()
    running.do(server.stop)


def test_metrics_are_rendered_once_a_second_at_most() -> None:
    """Ten monitoring systems cost as much as one."""
    clock = FakeClock()
    renderings: list[bytes] = []

    async def in_thread(work):  # type: ignore[no-untyped-def]
        return work()

    def render() -> bytes:
        renderings.append(b"")
        return b"text %d" % len(renderings)

    text = MetricsText(clock, in_thread, render)

    def current() -> bytes:
        answers: list[bytes] = []
        Deferred.fromCoroutine(text.current()).addCallback(answers.append)
        return answers[0]

    assert [current(), current()] == [b"text 1", b"text 1"]
    clock.advance(1.01)
    assert current() == b"text 2"


def test_scrapes_that_come_together_share_one_rendering() -> None:
    """A rendering that takes long is not started again by those who wait."""
    started: list[Deferred[bytes]] = []

    def in_thread(_work: object) -> Deferred[bytes]:
        started.append(Deferred())
        return started[-1]

    text = MetricsText(FakeClock(), in_thread)
    answers: list[bytes] = []
    for _ in range(3):
        Deferred.fromCoroutine(text.current()).addCallback(answers.append)
    assert len(started) == 1
    started[0].callback(b"text")
    assert answers == [b"text"] * 3
