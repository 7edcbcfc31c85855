"""A LIS of the standard library alone that can be asked for orders (QBP^Q11), and hears of their status."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.kit.plain_lis import PlainLis

_QUESTION = re.compile(rb"\rQPD\|[^|]*\|([^|]*)\|([^|\r]*)")


@dataclass(frozen=True)
class Said:
    """What the LIS answers: QAK-2, the tests with the tube they stand on, and after how many seconds."""

    status: str = "OK"
    sample_id: str = ""
    tests: tuple[str, ...] = ()
    after_s: float = 0.0


@dataclass
class PlainAskedLis(PlainLis):
    """`say` maps a sample id to the answer; None: silence. Every other message is taken as by any LIS."""

    say: Callable[[str], Said | None] = lambda _sample_id: Said("NF")
    questions: list[str] = field(default_factory=list)

    def _take(self, connection: socket.socket, block: bytes) -> None:
        found = _QUESTION.search(block)
        if found is None:
            super()._take(connection, block)
            return
        tag, sample_id = found.group(1).decode(), found.group(2).decode()
        self.questions.append(sample_id)
        said = self.say(sample_id)
        if said is None:
            return
        control_id = block.split(b"\r", 1)[0].split(b"|")[9].decode()
        reply = _response(control_id, tag, sample_id, said)
        threading.Timer(said.after_s, _send, (connection, reply)).start()


def _response(control_id: str, tag: str, sample_id: str, said: Said) -> bytes:
    query = "WOS^Work Order Step^IHELAW"
    lines = [
        f"MSH|^~\\&|LIS|HOSP|LABWIRE||20260314092601||RSP^K11^RSP_K11|A{control_id}|D|2.5.1",
        f"MSA|AA|{control_id}",
        f"QAK|{tag}|{said.status}|{query}",
        f"QPD|{query}|{tag}|{sample_id}",
    ]
    if said.tests:
        lines.append(f"SPM|1|{said.sample_id}||SER")
    for test in said.tests:
        lines += [f"ORC|NW|{said.sample_id}-{test}", f"OBR|1|{said.sample_id}-{test}||{test}"]
    return "\r".join([*lines, ""]).encode()


def _send(connection: socket.socket, reply: bytes) -> None:
    try:
        connection.sendall(b"\x0b" + reply + b"\x1c\r")
    except OSError:
        return  # the node hung up
