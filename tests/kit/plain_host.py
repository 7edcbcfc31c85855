"""A host of the standard library alone: it acknowledges every ENQ and every frame, and keeps what it heard."""

from __future__ import annotations

import contextlib
import socket
import threading

ENQ, ACK, EOT = b"\x05", b"\x06", b"\x04"


class PlainHost(threading.Thread):
    """Listens; one connection after another. `heard` is every byte that came."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.heard = b""
        self.connections = 0

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._serve(connection)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # a blocked accept would keep it open
        self._server.close()

    def _serve(self, connection: socket.socket) -> None:
        while True:
            try:
                data = connection.recv(4096)
            except OSError:
                return
            if not data:
                return
            self.heard += data
            if data != EOT and (data == ENQ or data.endswith(b"\n")):
                connection.sendall(ACK)
