"""An IPv4 analyzer that a dual-stack socket shows as IPv6 is judged by its IPv4 address."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv6Address

from middleware.transport.settings import TcpListenSettings
from middleware.transport.tcp import TcpListener
from tests.kit.transport_owner import SilentOwner


def test_a_mapped_address_is_allowed_by_its_ipv4_network() -> None:
    """`::ffff:10.1.2.3` is 10.1.2.3."""
    reactor: Any = None
    settings = TcpListenSettings(type="tcp_listen", port=0, peers=("10.1.2.0/24",))
    listener = TcpListener(settings, reactor, SilentOwner(reactor))
    assert listener._is_allowed(IPv6Address("TCP", "::ffff:10.1.2.3", 1).host)
    assert not listener._is_allowed("::ffff:10.1.3.3")
