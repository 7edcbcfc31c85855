"""A LIS of the standard library alone: MLLP over blocking sockets; it keeps every arrival and answers as told."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_SAMPLE = re.compile(rb"\rSPM\|[^|]*\|([^|^&\r]*)")


@dataclass(frozen=True)
class Arrival:
    """One message as it arrived. `answer` is the MSA-1 code it got, empty when none was sent."""

    control_id: str
    sample_id: str
    payload: bytes
    answer: str

    def observations(self) -> list[list[str]]:
        """The OBX segments, split into fields; OBX-n is index n."""
        lines = self.payload.decode().split("\r")
        return [line.split("|") for line in lines if line.startswith("OBX|")]


def _answer_accept(_: Arrival) -> str:
    return "AA"


@dataclass
class PlainLis:
    """Listens on loopback. `answer` maps an arrival to AA, AE, AR, "mute" or "drop"; change it while it runs."""

    port: int = 0
    answer: Callable[[Arrival], str] = _answer_accept
    arrivals: list[Arrival] = field(default_factory=list)
    context: ssl.SSLContext | None = (
        None  # of the standard library as well; without it, in the clear
    )

    def start(self) -> PlainLis:
        self._stopping = False
        self._connections: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        """Disappear: close the listener and every connection. `start` brings it back on the same port."""
        self._stopping = True
        for one in (self._server, *self._connections):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def first_arrivals(self) -> list[Arrival]:
        """Each control id once, in order of first arrival: what a LIS that checks MSH-10 applies."""
        seen: dict[str, Arrival] = {}
        for arrival in list(self.arrivals):
            if arrival.answer in ("AA", "CA"):
                seen.setdefault(arrival.control_id, arrival)
        return list(seen.values())

    def wait_for(self, enough: Callable[[list[Arrival]], bool], timeout_s: float = 30.0) -> bool:
        """Poll until `enough(first_arrivals)`; False when the time is up."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if enough(self.first_arrivals()):
                return True
            time.sleep(0.02)
        return enough(self.first_arrivals())

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
                self._connections.append(connection)
            while data := connection.recv(65536):
                buffer += data
                while (end := buffer.find(b"\x1c\r")) >= 0:
                    block, buffer = buffer[buffer.find(b"\x0b") + 1 : end], buffer[end + 2 :]
                    self._take(connection, block)
        except OSError:
            return

    def _take(self, connection: socket.socket, block: bytes) -> None:
        header = block.split(b"\r", 1)[0].split(b"|")
        control_id = header[9].decode()
        found = _SAMPLE.search(block)
        sample_id = found.group(1).decode() if found else ""
        code = self.answer(Arrival(control_id, sample_id, block, ""))
        self.arrivals.append(
            Arrival(control_id, sample_id, block, "" if code in ("mute", "drop") else code)
        )
        if code == "mute":
            return
        if code == "drop":
            connection.close()
            return
        reply = (
            f"MSH|^~\\&|LIS|HOSP|LABWIRE||20260314092601||ACK^R01^ACK|A{control_id}|P|2.5.1\r"
            f"MSA|{code}|{control_id}|{'' if code[1] == 'A' else 'not taken by the test LIS'}\r"
        )
        connection.sendall(b"\x0b" + reply.encode() + b"\x1c\r")
