"""An analyzer of the standard library alone: LIS01-A2 sender over TCP, blocking sockets, nothing of Labwire in it.

The crash and end-to-end tests use it because a peer built on the same wire core would share that core's mistakes.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

ENQ, ACK, NAK, EOT, STX = b"\x05", b"\x06", b"\x15", b"\x04", b"\x02"
MAX_TRANSMISSIONS = 6  # LIS01-A2 6.5.1.2


class NoReply(Exception):
    """The host said nothing in time, or closed the connection."""


class Refused(Exception):
    """The host answered NAK as often as a sender may ask."""


def frame(number: int, text: bytes, last: bool = True) -> bytes:
    """One LIS01-A2 frame; the checksum is the sum of the bytes from the number to ETX or ETB."""
    body = b"%d" % (number % 8) + text + (b"\x03" if last else b"\x17")
    return STX + body + b"%02X" % (sum(body) & 0xFF) + b"\r\n"


def frames(records: Sequence[bytes], limit: int = 240) -> list[bytes]:
    """One record to a frame, longer records cut with ETB."""
    made: list[bytes] = []
    for record in records:
        text = record + b"\r"
        pieces = [text[at : at + limit] for at in range(0, len(text), limit)]
        for piece in pieces[:-1]:
            made.append(frame(len(made) + 1, piece, last=False))
        made.append(frame(len(made) + 1, pieces[-1]))
    return made


def result_records(
    sample_id: str, tests: int = 12, measured: str = "20260314092210"
) -> list[bytes]:
    """A chemistry message of one specimen; the values follow from the sample id, so they can be checked."""
    seed = sum(sample_id.encode())
    records = [
        rb"H|\^&|||PLAIN-CHEM^SN1^1.0|||||LIS||P|LIS2-A2|20260314092530",
        b"P|1||L-55012",
        b"O|1|%s||^^^T01|R||||||N||||SER" % sample_id.encode(),
    ]
    records += [
        b"R|%d|^^^T%02d|%d.%d|mmol/L|1.0 to 99.0|N||F||OP7||%s|MOD1"
        % (n, n, 1 + (seed + n) % 90, n % 10, measured.encode())
        for n in range(1, tests + 1)
    ]
    records.append(b"L|1|N")
    return records


@dataclass
class PlainAnalyzer:
    """One connection to one line. `send` returns only when every frame was acknowledged."""

    port: int
    host: str = "127.0.0.1"
    reply_timeout_s: float = 15.0
    _socket: socket.socket | None = None

    def connect(self) -> None:
        self._socket = socket.create_connection(
            (self.host, self.port), timeout=self.reply_timeout_s
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def write(self, data: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise NoReply(str(error)) from error

    def read_reply(self) -> bytes:
        assert self._socket is not None
        try:
            reply = self._socket.recv(1)
        except OSError as error:
            raise NoReply(str(error)) from error
        if not reply:
            raise NoReply("connection closed by the host")
        return reply

    def read_replies(self, quiet_s: float) -> bytes:
        """Everything the host sends until it has been quiet for so long."""
        assert self._socket is not None
        self._socket.settimeout(quiet_s)
        got = b""
        try:
            while piece := self._socket.recv(4096):
                got += piece
        except TimeoutError:
            pass
        self._socket.settimeout(self.reply_timeout_s)
        return got

    def send(self, message: Sequence[bytes]) -> None:
        """One session: ENQ, each frame until acknowledged, EOT. Raises NoReply or Refused."""
        if self._socket is None:
            self.connect()
        self.write(ENQ)
        if self.read_reply() != ACK:
            raise Refused("ENQ was not answered ACK")
        for one in message:
            self._send_frame(one)
        self.write(EOT)

    def _send_frame(self, one: bytes) -> None:
        for _ in range(MAX_TRANSMISSIONS):
            self.write(one)
            if self.read_reply() in (ACK, EOT):
                return
        self.write(EOT)
        raise Refused("a frame was refused six times")


@dataclass
class SendingAnalyzer(threading.Thread):
    """Sends numbered specimens one after another on its own thread, again after every failure, until told to stop.

    `acknowledged` holds the sample ids whose last frame was acknowledged, in order.
    """

    port: int
    prefix: str
    tests: int = 12
    pause_s: float = 0.0
    limit: int = 1_000_000
    acknowledged: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._stopping = threading.Event()
        self._analyzer = PlainAnalyzer(self.port, reply_timeout_s=20)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        number = 0
        while not self._stopping.is_set() and number < self.limit:
            sample_id = f"{self.prefix}{number:06d}"
            if self._send_until_acknowledged(sample_id):
                self.acknowledged.append(sample_id)
                number += 1
                if self.pause_s:
                    time.sleep(self.pause_s)
        self._analyzer.close()

    def stop(self) -> None:
        self._stopping.set()

    def _send_until_acknowledged(self, sample_id: str) -> bool:
        message = frames(result_records(sample_id, self.tests))
        while not self._stopping.is_set():
            try:
                self._analyzer.send(message)
            except (NoReply, Refused, OSError) as error:
                self.problems.append(f"{sample_id}: {error}")
                self._analyzer.close()
                time.sleep(0.05)
            else:
                return True
        return False
