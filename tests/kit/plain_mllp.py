"""An analyzer's end of MLLP, of the standard library alone: whole messages over a blocking socket."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

START, END = b"\x0b", b"\x1c\r"


class PlainMllp:
    """Connects on entering, and reads one block at a time."""

    def __init__(self, port: int, reply_timeout_s: float = 15.0) -> None:
        self._port = port
        self._timeout_s = reply_timeout_s
        self._buffer = b""

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(("127.0.0.1", self._port), self._timeout_s)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def write(self, text: bytes) -> None:
        """Send one message."""
        self._socket.sendall(START + text + END)

    def read(self) -> bytes:
        """The next message that comes."""
        while END not in self._buffer:
            data = self._socket.recv(65536)
            assert data, "the connection was closed"
            self._buffer += data
        block, self._buffer = self._buffer.split(END, 1)
        return block[block.index(START) + 1 :]

    def ask(self, text: bytes) -> bytes:
        """Send one message and read the next one that comes."""
        self.write(text)
        return self.read()


def field(text: bytes, segment: bytes, number: int) -> str:
    """A field of the first segment of that name, counted from 1 after the name (MSH-10 is number 9)."""
    for line in text.replace(b"\n", b"\r").split(b"\r"):
        fields = line.split(b"|")
        if fields[0] == segment:
            return fields[number].decode() if number < len(fields) else ""
    return ""
