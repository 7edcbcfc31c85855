"""A port of a terminal server that takes its serial settings over the wire (RFC 2217, Telnet option 44).

pyserial speaks the protocol; two threads move the bytes (`serial_threads.py`).
"""

from __future__ import annotations

import contextlib
import queue
import socket
from types import SimpleNamespace
from typing import Any

import serial
from serial import rfc2217 as pyserial_rfc2217

from middleware.transport.kept_port import KeptPort, Opener, PortTrouble, place_of
from middleware.transport.serial_open import apply_settings
from middleware.transport.serial_settings import Rfc2217Settings
from middleware.transport.serial_threads import ThreadedOpener
from middleware.transport.tcp import set_keepalive

# Bytes that are read ahead; pyserial's own buffer has no bound, and a terminal server may send for ever.
AHEAD_BYTES = 65536
# A terminal server that lost power is noticed within 10 s, as with plain TCP.
_KEEPALIVE = SimpleNamespace(
    keepalive_idle_s=3, keepalive_interval_s=2, keepalive_count=3, user_timeout_s=9
)
# The longest sub-negotiation that is read; those of RFC 2217 have a few bytes (its signature: a line of text).
LONGEST_OPTION_BYTES = 4096
_ESCAPED, _BEGINS, _ENDS = b"\xff\xff", b"\xff\xfa", b"\xff\xf0"


class Rfc2217Transport(KeptPort):
    """Kept open over the network, with speed, characters, flow control, RTS and DTR as set."""

    def opener(self) -> Opener:
        """Dials and negotiates in a thread: it takes up to some seconds."""
        settings = self._settings
        assert isinstance(settings, Rfc2217Settings)
        return ThreadedOpener(lambda: open_remote_port(settings), self._reactor, self.address)


class OptionGuard:
    """A socket that ends a connection whose sub-negotiation never ends: pyserial would collect it for ever."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self._last = b""
        self._open_bytes = 0  # since a sub-negotiation began; 0: none is open

    def recv(self, size: int) -> bytes:
        """As a socket's. Raises OSError for an option beyond LONGEST_OPTION_BYTES."""
        data = self._peer.recv(size)
        seen = (self._last + data).replace(_ESCAPED, b"")
        self._last = seen[-1:] if seen.endswith(b"\xff") else b""
        begins, ends = seen.rfind(_BEGINS), seen.rfind(_ENDS)
        if begins > ends:
            self._open_bytes = len(seen) - begins
        elif ends >= 0:
            self._open_bytes = 0
        elif self._open_bytes:
            self._open_bytes += len(seen)
        if self._open_bytes > LONGEST_OPTION_BYTES:
            raise OSError("the terminal server sent an option without an end")
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._peer, name)


class BoundedRfc2217(pyserial_rfc2217.Serial):
    """pyserial's client that keeps waiting bytes when it opens, and reads only so far ahead."""

    # pyserial's own fields, which it does not declare.
    _read_buffer: Any
    _socket: Any
    _telnet_options: Any
    _rfc2217_options: Any

    def reset_input_buffer(self) -> None:
        """`open` calls it: nothing is thrown away."""

    def reset_output_buffer(self) -> None:
        """`open` calls it."""

    def bound(self) -> None:
        """From now on pyserial's reader waits when so much is read ahead; TCP then holds the sender."""
        self._read_buffer.maxsize = AHEAD_BYTES
        self._socket = OptionGuard(self._socket)

    def keep_alive(self) -> None:
        """Let the system find a terminal server that is gone."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        set_keepalive(self._socket, _KEEPALIVE)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close, also while its reader waits for room."""
        buffer = self._read_buffer
        if buffer is not None:
            with buffer.mutex:
                buffer.maxsize = 0
                buffer.not_full.notify_all()
        super().close()

    @property
    def has_option_44(self) -> bool:
        """Whether the peer agreed to the option; False also for a peer that said nothing."""
        return any(
            option.active
            for option in self._telnet_options or ()
            if option.option == pyserial_rfc2217.COM_PORT_OPTION
        )


def open_remote_port(settings: Rfc2217Settings) -> Any:
    """The open port. Raises PortTrouble with what to do."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = BoundedRfc2217()
    apply_settings(port, settings)
    port.port = f"rfc2217://{host}:{settings.port}?timeout={settings.connect_timeout_s}"
    try:
        port.open()
        port.keep_alive()
        port.bound()
    except (OSError, ValueError, queue.Empty) as error:
        raise _trouble(settings, port, error) from error
    return port


def _trouble(settings: Rfc2217Settings, port: BoundedRfc2217, error: Exception) -> PortTrouble:
    place = place_of(settings)
    text = str(error).partition("\n")[0]
    is_connected = port._rfc2217_options is not None  # noqa: SLF001  (pyserial says it nowhere else)
    with contextlib.suppress(OSError, serial.SerialException):
        port.close()
    if not is_connected:
        return PortTrouble(
            f"{place} does not answer: {text}",
            what_to_do="Ask whether the terminal server is on; check host, port and firewall.",
        )
    if not port.has_option_44:
        return PortTrouble(
            f"{place} does not speak RFC 2217: it refused Telnet option 44, or did not answer it",
            what_to_do='Switch the port of the terminal server to RFC 2217, or use type "tcp_connect" (raw TCP).',
        )
    return PortTrouble(
        f"{place} did not take the serial settings: {text}",
        what_to_do="Choose speed, data bits, parity, stop bits and flow control that the terminal server has.",
    )
