"""Counts what one line's links and shims have counted, over all its connections; never per frame."""

from __future__ import annotations

from collections.abc import Mapping

from middleware.line.frame_words import frame_outcome
from middleware.observe.events import BytesMoved, CharactersDamaged, FramesCounted, QuirksUsed
from middleware.transport.base import CountsDamage
from middleware.transport.shim import Shim


class Tally:
    """I bring the running totals of the connection that is here into metrics and status."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._totals: dict[tuple[str, str], int] = {}  # of links that are gone, and shown so far
        self._seen: Mapping[tuple[str, str], int] = {}  # of the link that is here
        self._bytes = [0, 0]
        self._bytes_seen = (0, 0)
        self._damage_seen: Mapping[str, int] = {}

    @property
    def bytes_in(self) -> int:
        """Bytes received since the start of the line, as far as they were counted."""
        return self._bytes[0]

    @property
    def bytes_out(self) -> int:
        """Bytes sent."""
        return self._bytes[1]

    def frames(self) -> dict[str, int]:
        """For people: `received accepted` and the like, with their totals."""
        return {" ".join(key): count for key, count in sorted(self._totals.items())}

    def begin(self) -> None:
        """A new connection: its link and shim count from nothing."""
        self._seen = {}
        self._bytes_seen = (0, 0)
        self._damage_seen = {}

    def take(self, shim: Shim) -> None:
        """Count what has come since the last time; cheap, often called."""
        for index, (direction, now) in enumerate(
            (("received", shim.bytes_in), ("sent", shim.bytes_out))
        ):
            count = now - self._bytes_seen[index]
            if count:
                self._bytes[index] += count
                BytesMoved(self._line, direction, count).emit()
        self._bytes_seen = (shim.bytes_in, shim.bytes_out)
        counts = dict(shim.link.counts())
        for key, total in counts.items():
            count = total - self._seen.get(key, 0)
            if count:
                self._totals[key] = self._totals.get(key, 0) + count
                self._count(key, count)
        self._seen = counts
        if isinstance(shim.transport, CountsDamage):
            self._take_damage(shim.transport.damage())

    def _take_damage(self, damage: Mapping[str, int]) -> None:
        for kind, total in damage.items():
            count = total - self._damage_seen.get(kind, 0)
            if count:
                CharactersDamaged(self._line, kind, count).emit()
        self._damage_seen = damage

    def _count(self, key: tuple[str, str], count: int) -> None:
        what, name = key
        if what == "quirk":
            QuirksUsed(self._line, name, count).emit()
        elif outcome := frame_outcome(what, name):
            FramesCounted(self._line, what, outcome, count).emit()
