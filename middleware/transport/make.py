"""Makes the transport for a line's or an emulator's settings: one branch for each type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from middleware.errors import SettingsError
from middleware.transport.base import Transport, TransportOwner
from middleware.transport.settings import (
    TcpConnectSettings,
    TcpListenSettings,
    TransportSettings,
)
from middleware.transport.tcp import make_tcp_transport


def make_transport(
    settings: TransportSettings,
    reactor: Any,
    owner: TransportOwner,
    random: Callable[[], float],
) -> Transport:
    """The transport for `settings`. `random` gives numbers from 0 to 1, for the jitter of waits."""
    if isinstance(settings, TcpListenSettings | TcpConnectSettings):
        return make_tcp_transport(settings, reactor, owner, random)
    raise SettingsError(f"no transport of type {settings.type}", what_to_do="Choose another type.")
