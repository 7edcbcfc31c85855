"""A serial port read and written by two threads over pyserial: where the reactor cannot watch a port itself.

The reader hands over one read at a time and waits until it was taken: a link that rests stops the
reading, and the system's buffer (or the terminal server) holds the rest.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

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
from middleware.transport.serial_open import open_port
from middleware.transport.serial_settings import SerialSettings
from middleware.transport.shim import Shim

READ_BYTES = 65536
# Of one write: a port that is held by flow control can be given up between two.
WRITE_BYTES = 1024
# What waits to be written before the shim is asked to rest.
WAITING_BYTES = 16384
# A reader looks so often whether it should end, where its port cannot be interrupted.
READ_TIMEOUT_S = 0.25
_LOOK_EVERY_S = 0.01


class ThreadedSerialTransport(KeptPort):
    """A serial port of this machine, read and written by threads."""

    def opener(self) -> Opener:
        """Opens the port in a thread: some systems take their time."""
        settings = self._settings
        assert isinstance(settings, SerialSettings)
        return ThreadedOpener(lambda: open_port(settings), self._reactor, self.address)


class ThreadedOpener:
    """Calls what opens the port in a thread of its own."""

    def __init__(self, open_it: Callable[[], Any], reactor: Any, name: str) -> None:
        self._open_it = open_it
        self._reactor = reactor
        self._name = name

    def open(
        self, opened: Callable[[OpenPort], None], failed: Callable[[PortTrouble], None]
    ) -> None:
        """Begin to open it."""

        def work() -> None:
            try:
                port = self._open_it()
                port.timeout = READ_TIMEOUT_S
            except PortTrouble as trouble:
                self._reactor.callFromThread(failed, trouble)
            except Exception as error:  # noqa: BLE001 - told, and tried again
                other = PortTrouble(f"{self._name} could not be opened: {_first_line(error)}")
                self._reactor.callFromThread(failed, other)
            else:
                self._reactor.callFromThread(opened, ThreadedPort(self._reactor, port, self._name))

        threading.Thread(target=work, name=f"opens {self._name}", daemon=True).start()


class ThreadedPort:
    """An open port with a reader and a writer; to the shim it looks like a transport of Twisted's.

    The fields below `_changed` are shared with the threads, and changed only while it is held.
    """

    def __init__(self, reactor: Any, port: Any, name: str) -> None:
        self._reactor = reactor
        self._port = port
        self._name = name
        self._shim: Shim | None = None
        self._gone: Gone | None = None
        self._producer: Any = None
        self._arrived: bytes = b""  # read, and not given to a shim that rests
        self._changed = threading.Condition()
        self._out = bytearray()
        self._is_paused = False
        self._is_taken = True  # what was read has been given to the shim
        self._is_ending = False  # what waits is still written
        self._is_cut = False  # nothing is written any more
        self._lost_by = ""
        self._running = 2

    # -- OpenPort ---------------------------------------------------------------------------------

    def begin(self, shim: Shim, gone: Gone) -> None:
        """Read and write for `shim` from now on."""
        self._shim = shim
        self._gone = gone
        shim.makeConnection(self)  # type: ignore[no-untyped-call]
        for work in (self._read, self._write):
            threading.Thread(target=self._work, args=(work,), name=self._name, daemon=True).start()

    def discard(self) -> None:
        """Close it unused; some ports take their time."""

        def work() -> None:
            with contextlib.suppress(OSError):
                self._port.close()

        threading.Thread(target=work, name=f"closes {self._name}", daemon=True).start()

    # -- what the shim asks -----------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write `data` after what waits."""
        with self._changed:
            self._out += data
            self._changed.notify_all()

    def writeSomeData(self, data: bytes) -> int:
        """Take all of `data`, or nothing while much waits."""
        with self._changed:
            if len(self._out) > WAITING_BYTES:
                return 0
            self._out += data
            self._changed.notify_all()
        return len(data)

    def registerProducer(self, producer: Any, _streaming: bool) -> None:
        """Ask `producer` for more when all is written (and once now, as Twisted does)."""
        self._producer = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Ask nobody any more."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Give the shim nothing until `resumeProducing`, and read nothing."""
        with self._changed:
            self._is_paused = True

    def resumeProducing(self) -> None:
        """Go on, in the reactor's next turn."""
        with self._changed:
            self._is_paused = False
            self._changed.notify_all()
        if self._arrived:
            self._reactor.callLater(0, self._give)

    def loseConnection(self) -> None:
        """Close after what was written."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()

    def abortConnection(self) -> None:
        """Close now."""
        self._cut("")

    # -- on the reactor's thread ------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        self._arrived = data
        self._give()

    def _give(self) -> None:
        with self._changed:
            if self._is_paused or self._is_ending or self._is_cut:
                return
        data, self._arrived = self._arrived, b""
        if data and self._shim is not None:
            self._shim.dataReceived(data)
        with self._changed:
            self._is_taken = True
            self._changed.notify_all()

    def _written(self) -> None:
        with self._changed:
            is_empty = not self._out
        if is_empty and self._producer is not None:
            self._producer.resumeProducing()

    def _finished(self) -> None:
        """Both threads have ended and the port is closed."""
        shim, gone = self._shim, self._gone
        self._shim = self._gone = self._producer = None
        error: Exception = CONNECTION_DONE
        if self._lost_by:
            error = PortLost(
                self._lost_by, what_to_do="It is opened again by itself when it is back."
            )
        if shim is not None:
            shim.connectionLost(Failure(error))  # type: ignore[no-untyped-call]
        if gone is not None:
            gone(bool(self._lost_by))

    # -- in the threads ---------------------------------------------------------------------------

    def _work(self, work: Callable[[], None]) -> None:
        """Do one thread's part; the last to end closes the port."""
        try:
            work()
        except (OSError, ValueError, TypeError, AttributeError) as error:
            # pyserial raises the latter three where a port vanishes in the middle of a call.
            self._cut(f"the port {self._name} is gone ({_first_line(error)}): unplugged?")
        with self._changed:
            self._running -= 1
            is_last = self._running == 0
        if is_last:
            with contextlib.suppress(OSError):
                self._port.close()
            self._reactor.callFromThread(self._finished)

    def _read(self) -> None:
        port = self._port
        while self._may_read():
            data = port.read(max(1, min(port.in_waiting, READ_BYTES)))
            if data:
                with self._changed:
                    self._is_taken = False
                self._reactor.callFromThread(self._take, bytes(data))

    def _may_read(self) -> bool:
        """Waits until the last read was taken and the shim does not rest; False at the end."""
        with self._changed:
            while not self._is_cut and (self._is_paused or not self._is_taken or self._is_ending):
                self._changed.wait()
            return not self._is_cut

    def _write(self) -> None:
        while chunk := self._next_chunk():
            self._port.write(chunk)
            with self._changed:
                is_empty = not self._out
            if is_empty and self._producer is not None:
                self._reactor.callFromThread(self._written)
        if not self._is_cut:
            self._wait_until_sent()
            self._cut("")

    def _next_chunk(self) -> bytes:
        """What is to be written next; empty at the end."""
        with self._changed:
            while not (self._out or self._is_ending or self._is_cut):
                self._changed.wait()
            chunk = b"" if self._is_cut else bytes(self._out[:WRITE_BYTES])
            del self._out[:WRITE_BYTES]
            return chunk

    def _wait_until_sent(self) -> None:
        give_up_at = time.monotonic() + CLOSE_WITHIN_S
        while getattr(self._port, "out_waiting", 0) and time.monotonic() < give_up_at:
            time.sleep(_LOOK_EVERY_S)

    def _cut(self, lost_by: str) -> None:
        """End both threads; the first reason counts, and none once we are closing."""
        with self._changed:
            if self._is_cut:
                return
            self._lost_by = "" if self._is_ending else lost_by
            self._is_cut = True
            self._out.clear()
            self._changed.notify_all()
        for name in ("cancel_read", "cancel_write"):
            interrupt = getattr(self._port, name, None)
            if interrupt is not None:
                with contextlib.suppress(OSError, TypeError):
                    interrupt()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
