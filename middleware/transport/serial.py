"""A serial port as a file descriptor of the reactor (POSIX): bytes leave at once, no threads.

Twisted's own class empties the input as it opens, opens a port that others hold, and calls a port
that was unplugged closed in good order; none of that will do for an analyzer.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import termios
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure

from middleware.transport.kept_port import (
    CLOSE_WITHIN_S,
    Gone,
    KeptPort,
    Opener,
    OpenPort,
    PortLost,
    PortTrouble,
)
from middleware.transport.serial_open import open_port, trouble_of
from middleware.transport.serial_settings import SerialSettings
from middleware.transport.shim import Shim

READ_BYTES = 65536
# Linux: struct serial_icounter_struct of <linux/serial.h>, and the request that fills it.
_TIOCGICOUNT: int | None = getattr(termios, "TIOCGICOUNT", None)
_COUNTS = struct.Struct("20i")
_DAMAGE = {"framing": 6, "overrun": 7, "parity": 8, "break": 9}
_NOT_NOW = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)
# Between two looks whether the port has sent what it holds.
_LOOK_EVERY_S = 0.01


class SerialTransport(KeptPort):
    """A serial port of this machine, read and written by the reactor."""

    def opener(self) -> Opener:
        """Opens a descriptor; opening takes no time on POSIX."""
        assert isinstance(self._settings, SerialSettings)
        return DescriptorOpener(self._settings, self._reactor)


class DescriptorOpener:
    """Opens the port for us alone."""

    def __init__(self, settings: SerialSettings, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor

    def open(
        self, opened: Callable[[OpenPort], None], failed: Callable[[PortTrouble], None]
    ) -> None:
        """Open it now."""
        try:
            port = open_port(self._settings)
        except PortTrouble as trouble:
            failed(trouble)
            return
        try:
            fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
        except OSError as error:
            port.close()
            failed(trouble_of(self._settings, error))
            return
        opened(DescriptorPort(self._reactor, port, self._settings.port))


class DescriptorPort(FileDescriptor):
    """An open port under the reactor; Twisted's `FileDescriptor` gives buffers and producers."""

    def __init__(self, reactor: Any, port: Any, name: str) -> None:
        super().__init__(reactor)
        self._port = port
        self._name = name
        self._fd: int = port.fileno()
        self._shim: Shim | None = None
        self._gone: Gone | None = None
        self._is_cut = False
        self._give_up_at = 0.0
        self._damage_before = self._damage_now()

    # -- OpenPort ---------------------------------------------------------------------------------

    def begin(self, shim: Shim, gone: Gone) -> None:
        """Read and write for `shim` from now on."""
        self._shim = shim
        self._gone = gone
        self.connected = 1
        self.startReading()  # type: ignore[no-untyped-call]
        shim.makeConnection(self)  # type: ignore[no-untyped-call]

    def discard(self) -> None:
        """Close it unused."""
        self._close()

    # -- what the reactor asks --------------------------------------------------------------------

    def fileno(self) -> int:
        """The descriptor; -1 when it is closed."""
        return self._fd

    def doRead(self) -> Exception | None:
        """Twisted: bytes are there, or the port hung up."""
        try:
            data = os.read(self._fd, READ_BYTES)
        except OSError as error:
            return None if error.errno in _NOT_NOW else self._lost(error)
        if not data:
            return self._lost(None)
        if self._shim is not None:
            self._shim.dataReceived(data)
        return None

    def writeSomeData(self, data: bytes) -> int | BaseException:
        """Hand over what the port takes now."""
        try:
            return os.write(self._fd, data)
        except OSError as error:
            return 0 if error.errno in _NOT_NOW else self._lost(error)

    def connectionLost(self, reason: Failure) -> None:
        """Twisted: over, whoever ended it. Closes the port, then tells the shim and the transport."""
        if self.disconnected:
            return
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self._close()
        if not self.disconnecting and not isinstance(reason.value, PortLost):
            reason = Failure(self._lost(None))  # type: ignore[no-untyped-call]
        shim, gone = self._shim, self._gone
        self._shim = self._gone = None
        if shim is not None:
            shim.connectionLost(reason)
        if gone is not None:
            gone(isinstance(reason.value, PortLost))

    # -- CountsDamage -----------------------------------------------------------------------------

    def damage(self) -> Mapping[str, int]:
        """What the driver of the port has counted since it was opened; one cheap question to the system."""
        before = self._damage_before
        return {kind: total - before.get(kind, 0) for kind, total in self._damage_now().items()}

    def _damage_now(self) -> dict[str, int]:
        if _TIOCGICOUNT is None:
            return {}
        try:
            counts = _COUNTS.unpack(fcntl.ioctl(self._fd, _TIOCGICOUNT, bytes(_COUNTS.size)))
        except (OSError, ValueError):  # a pseudo-terminal, or closed
            return {}
        return {kind: counts[place] for kind, place in _DAMAGE.items()}

    # -- what the shim asks -----------------------------------------------------------------------

    def abortConnection(self) -> None:
        """Close now; what was not sent is thrown away."""
        if self.disconnected or self._is_cut:
            return
        self._is_cut = True
        self.disconnecting = 1
        self.stopReading()  # type: ignore[no-untyped-call]
        self.stopWriting()  # type: ignore[no-untyped-call]
        # Not at once: the reactor may be in the middle of a read of this very descriptor.
        self.reactor.callLater(0, self.connectionLost, _done())  # type: ignore[attr-defined]

    def _postLoseConnection(self) -> Exception | None:
        """Twisted: all is written. The system may still hold it, and `close` would wait for it."""
        self._give_up_at = self.reactor.seconds() + CLOSE_WITHIN_S  # type: ignore[attr-defined]
        if not self._unsent():
            return CONNECTION_DONE
        self.reactor.callLater(_LOOK_EVERY_S, self._look)  # type: ignore[attr-defined]
        return None

    def _look(self) -> None:
        if self.disconnected:
            return
        if self._unsent() and self.reactor.seconds() < self._give_up_at:  # type: ignore[attr-defined]
            self.reactor.callLater(_LOOK_EVERY_S, self._look)  # type: ignore[attr-defined]
        else:
            self.connectionLost(_done())

    def _unsent(self) -> int:
        """Bytes that the system holds and has not sent; 0 for a port that is gone."""
        try:
            answer = fcntl.ioctl(self._fd, termios.TIOCOUTQ, struct.pack("I", 0))
        except OSError:
            return 0
        return int(struct.unpack("I", answer)[0])

    def _close(self) -> None:
        """Give the port back. Unsent bytes are dropped: `close` would hold up the whole node for them."""
        with contextlib.suppress(OSError, termios.error):  # a port that is gone knows none of these
            if self._unsent():
                termios.tcflush(self._fd, termios.TCOFLUSH)
            fcntl.ioctl(self._fd, termios.TIOCNXCL)  # others may hold the port open, as a pty's do
        self._fd = -1
        with contextlib.suppress(OSError):
            self._port.close()

    def _lost(self, error: OSError | None) -> PortLost:
        why = f" ({error.strerror})" if error is not None and error.strerror else ""
        return PortLost(
            f"the port {self._name} is gone{why}: unplugged?",
            what_to_do="Plug it in again; it is found by itself.",
        )


def _done() -> Failure:
    return Failure(CONNECTION_DONE)  # type: ignore[no-untyped-call]
