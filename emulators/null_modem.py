"""A null modem: two serial ports of this machine joined by a cable, as fast as a cable of some speed.

The ports are pseudo-terminals. A thread of its own moves the bytes, because the timers of the reactor
are exact to a millisecond, and a character at 115,200 baud takes 0.087 ms.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import termios
import threading
import time
import tty
from collections import deque
from pathlib import Path
from typing import Annotated, Self

import typer

# A start bit, eight data bits and a stop bit (8N1).
BITS_PER_CHARACTER = 10
# Like the buffer of a UART: so many characters are handed over together while more follow.
GATHERED = 16
READ_BYTES = 4096
# What is on its way in one direction; then the sender's port is full, as with flow control.
ON_THE_WAY = 4096
# A port that its last user held for itself (and did not give back) is free again after so long.
_FREE_EVERY_S = 1.0


class NullModem:
    """I am responsible for two ports and the cable between them.

    `baud` 0 is a cable without a speed. `links`: two names for the ports (symbolic links), which stay
    the same in each run. The ports stand ready from `start` to `close`, whoever opens or closes them.
    """

    def __init__(self, baud: int = 0, links: tuple[Path, Path] | None = None) -> None:
        self._character_s = BITS_PER_CHARACTER / baud if baud else 0.0
        self._links = links
        self._ends: list[_End] = []
        self._thread: threading.Thread | None = None
        self._waker = (-1, -1)

    @property
    def names(self) -> tuple[str, str]:
        """The two ports: the links where there are some."""
        if self._links is not None:
            return str(self._links[0]), str(self._links[1])
        return self._ends[0].name, self._ends[1].name

    def start(self) -> None:
        """Make the ports; they can be opened when this returns. Raises OSError."""
        self._waker = os.pipe()
        self._ends = [_End(), _End()]
        for end, link in zip(self._ends, self._links or (), strict=False):
            _point(link, end.name)
        self._thread = threading.Thread(target=self._carry, name="null modem", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take the ports away: who has them open sees them unplugged. Closing twice is harmless."""
        if self._thread is None:
            return
        os.write(self._waker[1], b".")
        self._thread.join()
        self._thread = None
        for end, link in zip(self._ends, self._links or (), strict=False):
            if link.is_symlink() and str(link.readlink()) == end.name:
                link.unlink()
        for end in self._ends:
            end.close()
        for descriptor in self._waker:
            os.close(descriptor)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _carry(self) -> None:
        one, other = self._ends
        wires = (_Wire(one, other, self._character_s), _Wire(other, one, self._character_s))
        stop = self._waker[0]
        while True:
            now = time.monotonic()
            readers = [wire.source.master for wire in wires if wire.has_room]
            writers = [wire.target.master for wire in wires if wire.is_blocked]
            waits = [wire.due_in(now) for wire in wires]
            ready, free, _ = select.select(
                [stop, *readers], writers, [], min(_FREE_EVERY_S, *waits)
            )
            if stop in ready:
                return
            now = time.monotonic()
            for wire in wires:
                if wire.source.master in ready:
                    wire.take(now)
                wire.deliver(now, is_free=wire.target.master in free)
            if not ready and not free:
                one.free()
                other.free()


class _End:
    """One port: a pseudo-terminal whose other side the cable holds."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)  # nothing is echoed or changed, even before somebody opens it
        os.set_blocking(self.master, False)
        self.name = os.ttyname(self._slave)

    def free(self) -> None:
        """Let the port be opened, also where its last user was killed."""
        fcntl.ioctl(self._slave, termios.TIOCNXCL)

    def close(self) -> None:
        os.close(self._slave)
        os.close(self.master)


class _Wire:
    """One direction: each character needs its time, and comes after the one before it."""

    def __init__(self, source: _End, target: _End, character_s: float) -> None:
        self.source = source
        self.target = target
        self.is_blocked = False
        self._character_s = character_s
        self._bursts: deque[tuple[float, bytes]] = deque()  # (when its first character began, rest)
        self._count = 0
        self._is_idle_at = 0.0

    @property
    def has_room(self) -> bool:
        return self._count < ON_THE_WAY

    def take(self, now: float) -> None:
        """Characters were written into the source's port."""
        try:
            data = os.read(self.source.master, READ_BYTES)
        except BlockingIOError:
            return
        begins = max(now, self._is_idle_at)
        self._is_idle_at = begins + len(data) * self._character_s
        self._bursts.append((begins, data))
        self._count += len(data)

    def due_in(self, now: float) -> float:
        """Seconds until the next characters are to be handed over."""
        if not self._bursts or self.is_blocked:
            return _FREE_EVERY_S
        begins, data = self._bursts[0]
        return max(0.0, begins + min(len(data), GATHERED) * self._character_s - now)

    def deliver(self, now: float, *, is_free: bool) -> None:
        """Hand over what has arrived by now."""
        if self.is_blocked and not is_free:
            return
        self.is_blocked = False
        while self._bursts and not self.is_blocked:
            begins, data = self._bursts[0]
            count = self._arrived(begins, len(data), now)
            if not count:
                return
            sent = self._write(data[:count])
            self.is_blocked = sent < count
            self._count -= sent
            if sent == len(data):
                self._bursts.popleft()
            else:
                self._bursts[0] = (begins + sent * self._character_s, data[sent:])

    def _arrived(self, begins: float, length: int, now: float) -> int:
        if not self._character_s:
            return length
        # A tenth of a character's time is the rounding of the sum, not a faster cable.
        return max(0, min(length, int((now - begins) / self._character_s + 0.1)))

    def _write(self, data: bytes) -> int:
        try:
            return os.write(self.target.master, data)
        except BlockingIOError:
            return 0


def _point(link: Path, name: str) -> None:
    """Let `link` name the port; an old link of an earlier run is replaced at once."""
    fresh = link.with_name(f".{link.name}.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    fresh.symlink_to(name)
    fresh.replace(link)


def command(
    baud: Annotated[int, typer.Option(help="Speed of the cable (0: as fast as it goes).")] = 0,
    links: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Two names for the ports (links).")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Stop after so long (0: never).")] = 0.0,
) -> None:
    """Join two serial ports of this machine by a cable; prints their names, one in a line."""
    modem = NullModem(baud, links)
    try:
        modem.start()
    except OSError as error:
        raise typer.BadParameter(f"the ports could not be made: {error}") from error
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())  # so that the links go too
    with contextlib.closing(modem), contextlib.suppress(KeyboardInterrupt):
        for name in modem.names:
            typer.echo(name)
        ended.wait(seconds or None)
