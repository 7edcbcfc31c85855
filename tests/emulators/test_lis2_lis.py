"""The emulated LIS that speaks ASTM, against the true connector: results taken, orders given, refusals obeyed."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from emulators.lis import Change, Conduct
from emulators.lis2_lis import AstmOrderPlan, EmulatedAstmLis
from emulators.oracle import Book
from middleware.connectors.lis2_host import CONNECTOR
from middleware.connectors.lis2_host.config import Lis2HostSettings
from middleware.model import Outcome
from middleware.pipeline.orders import serve_orders
from middleware.transport.settings import TcpListenSettings
from tests.connectors.test_hl7_mllp_connector import Socket
from tests.connectors.test_lis2_host_connector import codes, message
from tests.kit.fake_clock import FakeClock
from tests.kit.instant_store import InstantWriter, empty_store
from tests.kit.made_setups import made_setup
from tests.kit.orders import states


class Pair:
    """Both ends on one reactor in memory."""

    def __init__(self, plan: AstmOrderPlan) -> None:
        self.conn = empty_store()
        self.reactor: Any = MemoryReactorClock()
        own = Lis2HostSettings.model_validate(
            {"transport": {"type": "tcp_connect", "host": "lis", "port": 4500}, "orders": {}}
        )
        self.connector: Any = CONNECTOR.make("lis", own, self.reactor)
        writer: Any = InstantWriter(self.conn)
        serve_orders(self.connector, writer, FakeClock(), made_setup)
        listen = TcpListenSettings(type="tcp_listen", port=4500)
        self.lis = EmulatedAstmLis(plan, listen, self.reactor, FakeClock(), Book(None))
        self.done: list[list[Outcome]] = []
        self.lis.start()
        Deferred.fromCoroutine(self.connector.open())
        peer = IPv4Address("TCP", "127.0.0.1", 4500)
        self.ends = [
            self.reactor.tcpServers[-1][1].buildProtocol(peer),
            self.reactor.tcpClients[-1][2].buildProtocol(peer),
        ]
        self.sockets = [Socket(), Socket()]
        for end, socket in zip(self.ends, self.sockets, strict=True):
            end.makeConnection(socket)
        self.advance(0)

    def advance(self, seconds: float) -> None:
        self.reactor.advance(seconds)
        while any(socket.value() for socket in self.sockets):
            for at, other in ((0, 1), (1, 0)):
                said = self.sockets[at].value()
                self.sockets[at].clear()
                if said:
                    self.ends[other].dataReceived(said)

    def deliver(self, number: int) -> None:
        done = Deferred.fromCoroutine(self.connector.deliver([message(number)]))
        done.addCallback(self.done.append)
        self.advance(0)


@pytest.fixture
def make():
    made: list[Pair] = []

    def one(plan: AstmOrderPlan) -> Pair:
        made.append(Pair(plan))
        return made[-1]

    yield one
    for pair in made:
        pair.conn.rollback()


def test_it_takes_results(make: Any) -> None:
    pair = make(AstmOrderPlan())
    pair.deliver(1)
    assert codes(pair.done[0]) == [("accepted", "received")]
    assert (pair.lis.accepted, pair.lis.results) == (1, 1)


def test_it_orders_tubes_and_changes_its_mind(make: Any) -> None:
    pair = make(AstmOrderPlan(count=2, prefix="T-", cancel_every=2))
    for _ in range(20):
        pair.advance(1)
    assert pair.lis.ordered == 3
    assert pair.lis.all_ordered.called
    found = [set(states(pair.conn, f"T-{number:06d}").values()) for number in (1, 2)]
    assert found == [{"pending"}, {"pending", "cancelled"}]


def test_it_refuses_frames_when_told(make: Any) -> None:
    pair = make(AstmOrderPlan())
    pair.lis.conduct(Change(0.0, Conduct.REFUSE))
    pair.deliver(1)
    for _ in range(10):
        pair.advance(1)
    assert codes(pair.done[0]) == [("deferred", "frame_refused")]
    assert pair.lis.accepted == 0


def test_a_busy_lis_takes_nothing_until_it_is_told(make: Any) -> None:
    pair = make(AstmOrderPlan())
    pair.lis.conduct(Change(0.0, Conduct.BUSY))
    pair.deliver(1)
    assert pair.done == []
    pair.lis.conduct(Change(0.0, Conduct.ACCEPT))
    for _ in range(12):
        pair.advance(1)
    assert codes(pair.done[0]) == [("accepted", "received")]
