"""Makes the transport for a line's or an emulator's settings: one branch for each type."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from middleware.transport.base import Transport, TransportOwner
from middleware.transport.file_drop import FileDropTransport
from middleware.transport.rfc2217 import Rfc2217Transport
from middleware.transport.serial_settings import Rfc2217Settings, SerialSettings
from middleware.transport.settings import (
    TcpConnectSettings,
    TcpListenSettings,
    TransportSettings,
)
from middleware.transport.tcp import make_tcp_transport

# The reactor reads a port itself where a port is a file descriptor; elsewhere two threads do.
if sys.platform != "win32":
    from middleware.transport.serial import SerialTransport as LocalSerialTransport
else:
    from middleware.transport.serial_threads import ThreadedSerialTransport as LocalSerialTransport


def make_transport(
    settings: TransportSettings,
    reactor: Any,
    owner: TransportOwner,
    random: Callable[[], float],
) -> Transport:
    """The transport for `settings`. `random` gives numbers from 0 to 1, for the jitter of waits."""
    if isinstance(settings, TcpListenSettings | TcpConnectSettings):
        return make_tcp_transport(settings, reactor, owner, random)
    if isinstance(settings, SerialSettings):
        return LocalSerialTransport(settings, reactor, owner, random)
    if isinstance(settings, Rfc2217Settings):
        return Rfc2217Transport(settings, reactor, owner, random)
    return FileDropTransport(settings, reactor, owner)
