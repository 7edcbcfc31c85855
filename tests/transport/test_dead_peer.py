"""A peer that lost power is found although nobody tells us: its packets are dropped, as a pulled cable drops them."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
import time
from collections.abc import Iterator

import pytest

from middleware.transport.base import ConnectionOutcome, TransportState
from middleware.transport.settings import TcpConnectSettings, TcpListenSettings
from middleware.transport.tcp import TcpListener
from tests.kit.small_reactor import SmallReactor
from tests.kit.transport_owner import SilentOwner

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="a filter on a socket is Linux's"),
]

SO_ATTACH_FILTER = 26  # asm-generic/socket.h
BPF_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # linux/filter.h: keep 0 bytes of a packet


@pytest.fixture
def small() -> Iterator[SmallReactor]:
    reactor = SmallReactor()
    yield reactor
    reactor.close()


def cut_off(peer: socket.socket) -> None:
    """From now on the peer's system drops whatever comes for it unanswered: no RST, no ACK, no FIN."""
    program = ctypes.create_string_buffer(BPF_RETURN_NOTHING)
    pointer = struct.pack("HL", 1, ctypes.addressof(program))
    peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)


@pytest.mark.parametrize("is_written_to", [False, True], ids=["idle", "bytes on their way"])
def test_a_dead_peer_is_found_by_the_system(small: SmallReactor, is_written_to: bool) -> None:
    """With one second each for idle, interval and count it is found within 3 s, whether we write or not."""
    owner = SilentOwner(small.reactor)
    fast = {"keepalive_idle_s": 1, "keepalive_interval_s": 1, "keepalive_count": 1}
    listener = TcpListener(
        TcpListenSettings(type="tcp_listen", port=0, user_timeout_s=2, **fast), small.reactor, owner
    )
    listener.start()
    address = (listener.address.host, listener.address.port)
    with socket.create_connection(address, timeout=5) as peer:
        small.until(lambda: owner.shims)
        cut_off(peer)
        if is_written_to:
            owner.shims[0].transport.write(b"\x06")
        began = time.monotonic()
        small.until(lambda: owner.closed)
        assert time.monotonic() - began < 4
        assert owner.outcomes[-1] is ConnectionOutcome.LOST
        assert owner.states[-1] is TransportState.LISTENING
    small.finish(listener.stop())


def test_with_the_default_settings_ten_seconds_are_enough() -> None:
    """The arithmetic of the defaults: idle + interval x count, and the time for bytes that nobody acknowledges."""
    for settings in (
        TcpListenSettings(type="tcp_listen", port=0),
        TcpConnectSettings(type="tcp_connect", host="10.1.2.3", port=4010),
    ):
        probing_s = settings.keepalive_interval_s * settings.keepalive_count
        assert settings.keepalive_idle_s + probing_s <= 10
        assert settings.user_timeout_s <= 10
