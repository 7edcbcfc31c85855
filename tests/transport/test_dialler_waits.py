"""How long a dialler waits between attempts: on a clock that moves when told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.error import ConnectionRefusedError as PeerRefused
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from middleware.transport.settings import TcpConnectSettings
from middleware.transport.tcp import TcpDialler
from tests.kit.transport_owner import SilentOwner


@pytest.fixture
def reactor() -> Iterator[MemoryReactorClock]:
    return MemoryReactorClock()


def waits(reactor: MemoryReactorClock, chance: float, attempts: int) -> list[float]:
    settings = TcpConnectSettings(type="tcp_connect", host="192.0.2.1", port=4010)
    dialler = TcpDialler(settings, reactor, SilentOwner(reactor), lambda: chance)
    dialler.start()
    found = []
    for attempt in range(attempts):
        reactor.tcpClients[attempt][2].clientConnectionFailed(None, Failure(PeerRefused()))
        (wait,) = [call.getTime() - reactor.seconds() for call in reactor.getDelayedCalls()]
        found.append(wait)
        reactor.advance(wait)
    return found


def test_waits_double_up_to_a_minute_and_stay_there(reactor: MemoryReactorClock) -> None:
    """A server that is away for a night is asked once a minute, not once a millisecond."""
    assert waits(reactor, 0.0, 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_chance_makes_waits_shorter_never_longer(reactor: MemoryReactorClock) -> None:
    """A hundred lines do not dial a restarted server in the same instant."""
    assert waits(reactor, 1.0, 3) == [pytest.approx(0.8), pytest.approx(1.6), pytest.approx(3.2)]
