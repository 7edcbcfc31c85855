"""Plays what an analyzer sends into a driver's link, commits each message, and decodes it; no socket, no store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from middleware.driver.api import DecodeContext, Driver
from middleware.errors import DriverError
from middleware.model import Envelope
from middleware.wire.events import FrameRefused, MessageAbandoned, MessageReceived

_NAMES = {
    "NUL": 0,
    "STX": 2,
    "ETX": 3,
    "EOT": 4,
    "ENQ": 5,
    "TAB": 9,
    "LF": 10,
    "VT": 11,
    "CR": 13,
    "ETB": 23,
    "FS": 28,
}
NAK, EOT = b"\x15", b"\x04"
TRANSMISSIONS = 6  # LIS01-A2 6.5.1.2
_NAMED = re.compile("<(" + "|".join(_NAMES) + ")>")


@dataclass
class Played:
    """What came out: envelopes in order, decode errors, quirks of the link, and how often a frame was refused."""

    envelopes: list[Envelope] = field(default_factory=list)
    errors: list[DriverError] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    quirks: set[str] = field(default_factory=set)
    refused: int = 0
    abandoned: int = 0


def play(
    driver: Driver,
    steps: Iterable[bytes],
    context: DecodeContext | None = None,
    options: Mapping[str, object] | None = None,
) -> Played:
    """Play `steps` as an analyzer does: a refused step is sent six times, then the session is given up with EOT."""
    player = _Player(driver, context or DecodeContext(), options or {})
    for step in steps:
        for _ in range(TRANSMISSIONS):
            if player.send(step) != NAK:
                break
        else:
            player.send(EOT)
            break
    return player.played


def play_file(driver: Driver, data: bytes, context: DecodeContext) -> Played:
    """Read a whole file, which comes without any link."""
    played = Played(texts=[data])
    try:
        played.envelopes.append(driver.decode(data, replace(context, is_file=True)))
        played.quirks.update(played.envelopes[0].quirks)
    except DriverError as error:
        played.errors.append(error)
    return played


class _Player:
    """One connection; every message is committed at once."""

    def __init__(
        self, driver: Driver, context: DecodeContext, options: Mapping[str, object]
    ) -> None:
        self.played = Played()
        self._driver = driver
        self._context = context
        self._link = driver.make_link(options)
        self._now = 0.0
        self._link.connection_made(self._now)

    def send(self, step: bytes) -> bytes:
        """Send one step; returns what the link answers."""
        self._now += 0.01
        pending = self._link.receive_bytes(step, self._now)
        while pending:
            event = pending.pop(0)
            if isinstance(event, MessageReceived):
                _decode(self._driver, event, self._context, self.played)
                pending += self._link.commit(event.token, self._now)
            self.played.refused += isinstance(event, FrameRefused)
            self.played.abandoned += isinstance(event, MessageAbandoned)
        return self._link.bytes_to_send()


def _decode(driver: Driver, event: MessageReceived, context: DecodeContext, played: Played) -> None:
    played.quirks.update(event.quirks)
    played.texts.append(event.text)
    try:
        played.envelopes.append(driver.decode(event.text, context))
    except DriverError as error:
        played.errors.append(error)


def read_session(text: str) -> list[bytes]:
    """The lines of a session.cap: what the analyzer sends, control characters by name."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [_NAMED.sub(lambda m: chr(_NAMES[m[1]]), line).encode("latin-1") for line in lines]
