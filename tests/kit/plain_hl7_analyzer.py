"""An HL7 analyzer of the standard library alone: writes blocks, waits for their acknowledgements; dials or listens."""

from __future__ import annotations

import socket

START, END = b"\x0b", b"\x1c\r"


class PlainHl7Analyzer:
    """One connection to a node."""

    def __init__(self, connection: socket.socket, timeout_s: float = 20.0) -> None:
        self._connection = connection
        connection.settimeout(timeout_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    @classmethod
    def dialling(cls, port: int) -> PlainHl7Analyzer:
        """Connect to a line that listens."""
        return cls(socket.create_connection(("127.0.0.1", port), timeout=20))

    @classmethod
    def listening(cls, server: socket.socket) -> PlainHl7Analyzer:
        """Take the connection of a line that dials."""
        server.settimeout(20)
        connection, _ = server.accept()
        return cls(connection)

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(data)

    def acknowledgement(self) -> tuple[str, str]:
        """MSA-1 and MSA-2 of the next block; raises TimeoutError when none comes."""
        while END not in self._buffer:
            data = self._connection.recv(65536)
            if not data:
                raise ConnectionError("the node closed the connection")
            self._buffer += data
        block, _, self._buffer = self._buffer.partition(END)
        for segment in block.lstrip(START).decode("utf-8").split("\r"):
            fields = [*segment.split("|"), "", ""]
            if fields[0] == "MSA":
                return fields[1], fields[2]
        return "", ""

    def send(self, block: bytes) -> tuple[str, str]:
        """Write and wait."""
        self.write(block)
        return self.acknowledgement()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
