"""Analyzers of the standard library alone for the wires that are not ASTM over TCP, and what keeps them sending.

A speaker sends one specimen and returns when it was acknowledged; anything else is an exception. Nothing of Labwire is
in them, so that they do not share its mistakes.
"""

from __future__ import annotations

import os
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.kit.plain_analyzer import ACK, ENQ, EOT, NoReply, Refused, frames, result_records
from tests.kit.plain_hl7_analyzer import END, START, PlainHl7Analyzer
from tests.kit.poct1a_texts import hello, observation, status
from tests.kit.serial_cable import SerialCable

REPLY_WITHIN_S = 3.0


class Speaker(Protocol):
    """Sends specimens over one wire."""

    def send(self, sample_id: str) -> None:
        """Send it once; returns when it was acknowledged, raises OSError, NoReply or Refused else."""
        ...

    def hang_up(self) -> None:
        """Forget the connection."""
        ...


@dataclass
class Hl7Speaker:
    """One block for each specimen, under a control id that a repetition keeps. `segments` follow MSH."""

    port: int
    event: str
    segments: Callable[[str], list[str]]
    _analyzer: PlainHl7Analyzer | None = None

    def send(self, sample_id: str) -> None:
        """One block, one acknowledgement."""
        if self._analyzer is None:
            self._analyzer = PlainHl7Analyzer.dialling(self.port)
        msh = rf"MSH|^~\&|PLAIN|LAB|||20260314100000||{self.event}|{sample_id}|P|2.5.1|||NE|AL"
        text = "".join(one + "\r" for one in (msh, *self.segments(sample_id)))
        code, of = self._analyzer.send(START + text.encode() + END)
        if code not in ("AA", "CA") or of != sample_id:
            raise Refused(f"{code} {of}")

    def hang_up(self) -> None:
        """Close."""
        if self._analyzer is not None:
            self._analyzer.close()
            self._analyzer = None


def oru_segments(sample_id: str) -> list[str]:
    """An ORU^R01 of one result."""
    measured = "20260314092210"
    return [
        "PID|1||P-1",
        f"OBR|1||{sample_id}|GLU^Glucose^99DEMO|||{measured}",
        f"OBX|1|NM|GLU^Glucose^99DEMO||5.4|mmol/L|||||F|||{measured}",
    ]


def law_segments(sample_id: str) -> list[str]:
    """An OUL^R22 of IHE LAW with one result."""
    return [
        f"SPM|1|{sample_id}&LIS||SER^Serum^HL70487|||||||P^^HL70369",
        "OBR|1|AWOS-9001||GLU^Glucose^99DEMO",
        "ORC|SC||||CM",
        "OBX|1|NM|GLU^Glucose^99DEMO|1|5.4|mmol/L^^UCUM||N^^HL70078|||F|||||OP7||C1^DEMO|20260314092210",
    ]


@dataclass
class Poct1aSpeaker:
    """One conversation for each connection; every observation in a message of its own."""

    port: int
    _socket: socket.socket | None = None
    _last: int = 0

    def send(self, sample_id: str) -> None:
        """Say hello where that is due, then send the observation."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), REPLY_WITHIN_S)
            self._last = 2
            self._say(hello(1), rb'V="AA"/><ACK\.ack_control_id V="1"/>')
            self._say(status(2), rb"ROBS")
        self._last += 1
        made = observation(self._last, order=sample_id)
        moment = b'<SVC.observation_dttm V="2026-03-14T09:22:10+01:00"/><PT>'
        answer = self._say(
            made.replace(b"<PT>", moment),
            rb'V="(A[AE])"/><ACK\.ack_control_id V="%d"/>' % self._last,
        )
        if answer[1] != b"AA":
            raise Refused(sample_id)

    def hang_up(self) -> None:
        """Close."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, data: bytes, until: bytes) -> re.Match[bytes]:
        assert self._socket is not None
        self._socket.sendall(data)
        heard = b""
        while True:
            found = re.search(until, heard)
            if found is not None:
                return found
            piece = self._socket.recv(65536)
            if not piece:
                raise NoReply("connection closed by the host")
            heard += piece


@dataclass
class FramedSpeaker:
    """One telegram between STX and ETX, as an AU480 writes it, and one ACK."""

    port: int
    _socket: socket.socket | None = None

    def send(self, sample_id: str) -> None:
        """One telegram."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), REPLY_WITHIN_S)
        telegram = f"D 000701 0101{sample_id:>23}    E0     001     5.42        "
        self._socket.sendall(b"\x02" + telegram.encode() + b"\x03")
        reply = self._socket.recv(1)
        if not reply:
            raise NoReply("connection closed by the host")
        if reply != ACK:
            raise Refused(sample_id)

    def hang_up(self) -> None:
        """Close."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass
class SerialSpeaker:
    """LIS01-A2 over the analyzer's end of a serial cable, which knows of no connection."""

    cable: SerialCable

    def send(self, sample_id: str) -> None:
        """One session; what came late before it counts for nothing."""
        while select.select([self.cable.analyzer], [], [], 0)[0]:
            os.read(self.cable.analyzer, 4096)
        try:
            for one in (ENQ, *frames(result_records(sample_id, 3))):
                self._say(one)
        finally:
            os.write(self.cable.analyzer, EOT)

    def hang_up(self) -> None:
        """There is nothing to close. What a dead node did not read must not be answered by the next one: a reply of
        LIS01-A2 does not say what it is the reply to.
        """
        time.sleep(0.2)
        self.cable.lose_unread()

    def _say(self, data: bytes) -> None:
        os.write(self.cable.analyzer, data)
        if not select.select([self.cable.analyzer], [], [], REPLY_WITHIN_S)[0]:
            raise NoReply("no answer on the cable")
        if os.read(self.cable.analyzer, 1) != ACK:
            raise Refused("a frame or an enquiry was refused")


@dataclass
class Sending(threading.Thread):
    """Sends numbered specimens one after another, each until it is acknowledged, until told to stop."""

    speaker: Speaker
    prefix: str
    acknowledged: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._stopping = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Until `stop`; the specimen under way is the last."""
        while not self._stopping.is_set():
            sample_id = f"{self.prefix}{len(self.acknowledged):06d}"
            try:
                self.speaker.send(sample_id)
            except (NoReply, Refused, OSError) as error:
                self.problems.append(f"{sample_id}: {error}")
                self.speaker.hang_up()
                time.sleep(0.05)
            else:
                self.acknowledged.append(sample_id)
        self.speaker.hang_up()

    def stop(self) -> None:
        """After the specimen that is under way."""
        self._stopping.set()
