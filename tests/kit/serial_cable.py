"""A serial cable for tests: a port with a lasting name, and the analyzer's end of it in the test's hand."""

from __future__ import annotations

import os
import select
import termios
import time
import tty
from pathlib import Path

PATIENCE_S = 5.0


class SerialCable:
    """The port is a pseudo-terminal behind a link, as /dev/serial/by-id names real ones."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "usb-Adapter_A1234-if00-port0"
        self.analyzer = -1
        self._slave = -1

    def plug(self) -> None:
        """The adapter is there (again), under the same name and with a new number."""
        self.analyzer, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.analyzer, False)
        fresh = self.port.with_suffix(".new")
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.port)

    def unplug(self) -> None:
        """Pull the adapter out: whoever has the port open sees it hang up."""
        if self.analyzer >= 0:
            self.port.unlink(missing_ok=True)
            os.close(self.analyzer)
            os.close(self._slave)
            self.analyzer = self._slave = -1

    def send(self, data: bytes) -> int:
        """The analyzer sends; how much the cable took."""
        try:
            return os.write(self.analyzer, data)
        except BlockingIOError:
            return 0

    def lose_unread(self) -> None:
        """What no program has read is lost, as on a real port that nobody has open."""
        termios.tcflush(self._slave, termios.TCIFLUSH)

    def received(self) -> bytes:
        """What has come to the analyzer since the last time; empty when nothing has."""
        try:
            return os.read(self.analyzer, 65536)
        except BlockingIOError:
            return b""

    def wait(self, count: int) -> bytes:
        """Waits until the analyzer has `count` bytes."""
        data = b""
        deadline = time.monotonic() + PATIENCE_S
        while len(data) < count and time.monotonic() < deadline:
            select.select([self.analyzer], [], [], 0.05)
            data += self.received()
        return data

    def attributes(self) -> list[int]:
        """How the port is set: input, output, control and local modes, and both speeds (termios)."""
        return [int(one) for one in termios.tcgetattr(self._slave)[:6]]  # type: ignore[call-overload]
