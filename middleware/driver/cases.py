"""Cases of a driver: a session or a file as the analyzer writes it, played through the driver's own link and read.

A case is a folder with `session.cap` (or `file.cap`): one line for each write of the analyzer, control characters by
name (`<STX>1H|\\^&…<CR><ETX>A3<CR><LF>`), and `expected.json`: everything that is read from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from middleware.driver.api import DecodeContext, Driver
from middleware.driver.finish import finish
from middleware.errors import DriverError
from middleware.model import Envelope
from middleware.wire.control import Control
from middleware.wire.events import Event, FrameRefused, MessageAbandoned, MessageReceived

SESSION, FILE, EXPECTED = "session.cap", "file.cap", "expected.json"
CASES = "cases"
CASE_CONTEXT = DecodeContext(time_zone="Europe/Berlin", encoding="latin-1")
NAK, EOT = Control.NAK.byte, Control.EOT.byte
TRANSMISSIONS = 6  # LIS01-A2 6.5.1.2

_CODES = {member.name: member.value for member in Control} | {"TAB": 0x09}
_NAMED = re.compile(f"<(?:({'|'.join(_CODES)})|x([0-9A-F]{{2}}))>")
_STEP_S, _PATIENCE_S = 0.01, 1.0
_MOST_DEADLINES = 16


@dataclass
class Played:
    """What came out: envelopes in order, decode errors, quirks of the link, and how often a frame was refused.

    `reasons`: why frames were refused. `taken`: how many steps the link answered before the session was given up.
    """

    envelopes: list[Envelope] = field(default_factory=list)
    errors: list[DriverError] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    quirks: set[str] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)
    taken: int = 0
    refused: int = 0
    abandoned: int = 0


def read_session(text: str) -> list[bytes]:
    """The lines of a session.cap: what the analyzer sends, control characters by name."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [_NAMED.sub(_control, line).encode("latin-1") for line in lines]


def _control(found: re.Match[str]) -> str:
    if found[1] and f"</{found[1]}>" in found.string:
        return found[0]  # an element of an XML document, such as POCT1-A's ACK
    return chr(_CODES[found[1]] if found[1] else int(found[2], 16))


def play(
    driver: Driver,
    steps: Iterable[bytes],
    context: DecodeContext | None = None,
    options: Mapping[str, object] | None = None,
    *,
    waits: bool = True,
) -> Played:
    """Play `steps` as an analyzer does: a refused step is sent six times, then the session is given up with EOT.

    `waits`: it waits a moment for the answer to each step, as one that sends frames does.
    """
    player = _Player(driver, context or DecodeContext(), options or {})
    for step in steps:
        for _ in range(TRANSMISSIONS):
            reply = player.send(step) or (player.wait() if waits else b"")
            if reply != NAK:
                player.played.taken += bool(reply)
                break
        else:
            player.send(EOT)
            break
    player.be_silent()
    return player.played


def play_file(driver: Driver, data: bytes, context: DecodeContext) -> Played:
    """Read a whole file, which comes without any link."""
    played = Played(texts=[data])
    try:
        envelope = driver.decode(data, replace(context, is_file=True))
        played.envelopes.append(finish(envelope, driver.profile))
        played.quirks.update(played.envelopes[0].quirks)
    except DriverError as error:
        played.errors.append(error)
    return played


def play_case(case: Path, driver: Driver) -> Played:
    """Play one case. Raises OSError, UnicodeError when its session cannot be read."""
    if (case / FILE).exists():
        steps = read_session((case / FILE).read_text(encoding="utf-8"))
        return play_file(driver, b"".join(steps), CASE_CONTEXT)
    return play(driver, read_session((case / SESSION).read_text(encoding="utf-8")), CASE_CONTEXT)


def outcome(played: Played) -> dict[str, Any]:
    """What comes of a case: quirks of the link, refused frames, and the envelopes without their empty fields."""
    return {
        "quirks": sorted(played.quirks),
        "refused_frames": played.refused,
        "unreadable": [str(error) for error in played.errors],
        "messages": [
            envelope.model_dump(mode="json", exclude_defaults=True) for envelope in played.envelopes
        ],
    }


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
        self._now += _STEP_S
        self._take(self._link.receive_bytes(step, self._now))
        return self._link.bytes_to_send()

    def wait(self) -> bytes:
        """Let a moment pass; returns what the link answers late."""
        deadline = self._link.next_deadline()
        if deadline is None or deadline > self._now + _PATIENCE_S:
            return b""
        self._now = max(self._now, deadline)
        self._take(self._link.on_deadline(self._now))
        return self._link.bytes_to_send()

    def be_silent(self) -> None:
        """Nothing more comes: whatever waits for silence, or to answer late, does so."""
        for _ in range(_MOST_DEADLINES):
            deadline = self._link.next_deadline()
            if deadline is None:
                break
            self._now = max(self._now, deadline)
            self._take(self._link.on_deadline(self._now))

    def _take(self, pending: list[Event]) -> None:
        while pending:
            event = pending.pop(0)
            if isinstance(event, MessageReceived):
                self._decode(event)
                pending += self._link.commit(event.token, self._now)
            if isinstance(event, FrameRefused):
                self.played.refused += 1
                self.played.reasons.add(event.reason)
            self.played.abandoned += isinstance(event, MessageAbandoned)

    def _decode(self, event: MessageReceived) -> None:
        self.played.quirks.update(event.quirks)
        self.played.texts.append(event.text)
        try:
            envelope = self._driver.decode(event.text, self._context)
            self.played.envelopes.append(finish(envelope, self._driver.profile))
        except DriverError as error:
            self.played.errors.append(error)
