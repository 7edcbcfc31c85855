"""Cuts a stream of bytes into frames as a FrameSpec says; what comes out depends on the bytes alone, not on reads.

Theory. Outside a frame the cutter looks for a start, an enquiry, a reply or an ignored byte; everything else is skipped
and counted. Inside it looks for the first end (or the length), then waits for checksum and trailer. A start inside a
frame means that the end was lost: reading begins anew there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from middleware.wire.framed.checksums import CHECKSUMS, HEXADECIMAL
from middleware.wire.framed.spec import FrameSpec

SKIPPED_KEPT_BYTES = 256


@dataclass(frozen=True, slots=True)
class Frame:
    """A good frame. `goes_on`: the text continues in the next one. `wire` is every byte of it."""

    text: bytes
    goes_on: bool
    wire: bytes


@dataclass(frozen=True, slots=True)
class BadFrame:
    """A frame that is not good: `checksum_wrong`, `trailer_wrong`, `frame_too_long` or `restarted`."""

    reason: str
    wire: bytes


@dataclass(frozen=True, slots=True)
class Single:
    """An enquiry or a reply between frames."""

    byte: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """Bytes that mean nothing."""

    wire: bytes


FrameEvent = Frame | BadFrame | Single | Skipped


def encode_frame(text: bytes, spec: FrameSpec, *, goes_on: bool = False) -> bytes:
    """`text` as one frame. Raises ValueError for text that holds an end."""
    end = spec.goes_on if goes_on else (spec.ends[0] if spec.ends else b"")
    if any(one in text for one in (*spec.ends, *filter(None, (spec.goes_on, spec.start)))):
        raise ValueError("the text holds a byte that would end the frame")
    if spec.length is not None and len(text) != spec.length:
        raise ValueError(f"the text must be {spec.length} bytes long")
    covered = (spec.start if spec.covers_start else b"") + text + (end if spec.covers_end else b"")
    if spec.checksum_before_end:
        covered = covered[: len(covered) - len(end)] if spec.covers_end else covered
    check = CHECKSUMS[spec.checksum][1](covered)
    tail = check + end if spec.checksum_before_end else end + check
    return spec.start + text + tail + spec.trailer


class FrameCutter:
    """Bytes to frames, in any pieces."""

    def __init__(self, spec: FrameSpec) -> None:
        self._spec = spec
        self._buffer = bytearray()
        self._looked = 0  # so far into the buffer there is no end
        self._is_inside = False
        self._is_overlong = False  # inside a frame that was refused for its length
        self._check_length, self._check = CHECKSUMS[spec.checksum]
        ends = sorted({*spec.ends, *filter(None, (spec.goes_on,))}, key=len, reverse=True)
        stops = [*ends, *([spec.start] if spec.start else [])]
        self._stop = re.compile(b"|".join(map(re.escape, stops))) if stops else None
        self._longest_stop = max(map(len, stops), default=1)
        singles = {*filter(None, (spec.enquiry, spec.ack, spec.nak))}
        singles |= {bytes((one,)) for one in spec.ignored}
        self._singles = sorted(singles, key=len, reverse=True)
        self._ignored = frozenset(bytes((one,)) for one in spec.ignored)
        self._several_bytes = [one for one in self._singles if len(one) > 1]
        firsts = bytes({one[0] for one in filter(None, (spec.start, *self._singles))})
        self._first = re.compile(b"[" + re.escape(firsts) + b"]") if firsts else None

    @property
    def is_inside(self) -> bool:
        """A frame has begun and not ended."""
        return self._is_inside

    def feed(self, data: bytes) -> list[FrameEvent]:
        """What the bytes complete, in order."""
        self._buffer += data
        events: list[FrameEvent] = []
        while self._buffer:
            step = self._inside if self._is_inside else self._outside
            if not step(events):
                break
        return events

    def drop(self) -> bytes:
        """Give up what is collected (silence, connection lost) and return it."""
        data = bytes(self._buffer)
        self._clear()
        return data

    def _clear(self) -> None:
        self._buffer.clear()
        self._looked = 0
        self._is_inside = False
        self._is_overlong = False

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._looked = 0
        return data

    # -- outside ----------------------------------------------------------------------------------

    def _outside(self, events: list[FrameEvent]) -> bool:
        for single in self._singles:
            if self._buffer.startswith(single):
                self._take(len(single))
                if single not in self._ignored:
                    events.append(Single(single))
                return True
        if any(one.startswith(bytes(self._buffer[: len(one)])) for one in self._several_bytes):
            return False  # the beginning of a reply: more must come
        start = self._spec.start
        if not start or self._buffer.startswith(start):
            self._is_inside = True
            self._looked = len(start)
            return True
        if start.startswith(bytes(self._buffer[: len(start)])):
            return False  # the beginning of a start: more must come
        self._skip(events)
        return True

    def _skip(self, events: list[FrameEvent]) -> None:
        found = self._first.search(self._buffer, 1) if self._first is not None else None
        at = found.start() if found is not None else len(self._buffer)
        events.append(Skipped(self._take(at)[:SKIPPED_KEPT_BYTES]))

    # -- inside -----------------------------------------------------------------------------------

    def _inside(self, events: list[FrameEvent]) -> bool:
        if self._is_overlong:
            return self._leave_overlong()
        found = self._end()
        limit = self._spec.max_frame_bytes
        if found is None:
            if len(self._buffer) > limit + self._longest_stop:
                self._refuse_overlong(events)
                return True
            return False
        text_end, end = found
        if text_end > limit:
            self._refuse_overlong(events)
            return True
        if self._spec.start and end == self._spec.start:
            events.append(BadFrame("restarted", self._take(text_end)))
            self._is_inside = False
            return True
        return self._finish(text_end, end, events)

    def _refuse_overlong(self, events: list[FrameEvent]) -> None:
        kept = min(SKIPPED_KEPT_BYTES, self._spec.max_frame_bytes)
        events.append(BadFrame("frame_too_long", bytes(self._buffer[:kept])))
        self._is_overlong = True

    def _leave_overlong(self) -> bool:
        """Drop the rest of a frame that was too long: its tail must not pass for a frame."""
        found = self._stop.search(self._buffer, self._looked) if self._stop is not None else None
        if found is None:
            self._take(max(0, len(self._buffer) - self._longest_stop + 1))
            return False
        self._take(found.start() if found[0] == self._spec.start else found.end())
        self._is_inside = self._is_overlong = False
        return True

    def _end(self) -> tuple[int, bytes] | None:
        """Where the text ends, and by what; for a fixed length the end is what stands there."""
        spec = self._spec
        if spec.length is not None:
            at = len(spec.start) + spec.length
            return (at, b"") if len(self._buffer) >= at else None
        if self._stop is None:
            return None
        found = self._stop.search(self._buffer, self._looked)
        if found is None:
            self._looked = max(len(spec.start), len(self._buffer) - self._longest_stop + 1)
            return None
        return found.start(), bytes(found[0])

    def _finish(self, text_end: int, end: bytes, events: list[FrameEvent]) -> bool:
        """Checksum and trailer, when they are there."""
        spec = self._spec
        behind = 0 if spec.checksum_before_end else self._check_length
        whole = text_end + len(end) + behind + len(spec.trailer)
        if len(self._buffer) < whole:
            self._looked = text_end  # the end is found again when the rest has come
            return False
        wire = self._take(whole)
        self._is_inside = False
        body = wire[len(spec.start) : text_end]
        check = wire[text_end + len(end) : text_end + len(end) + behind]
        if spec.checksum_before_end and self._check_length:
            body, check = body[: -self._check_length], body[-self._check_length :]
        if not self._is_right(body, end, check):
            events.append(BadFrame("checksum_wrong", wire))
        elif not wire.endswith(spec.trailer):
            events.append(BadFrame("trailer_wrong", wire))
        else:
            events.append(Frame(body, bool(spec.goes_on) and end == spec.goes_on, wire))
        return True

    def _is_right(self, body: bytes, end: bytes, check: bytes) -> bool:
        spec = self._spec
        covers_end = spec.covers_end and not spec.checksum_before_end
        covered = (spec.start if spec.covers_start else b"") + body + (end if covers_end else b"")
        right = self._check(covered)
        if spec.checksum in HEXADECIMAL:
            return check.upper() == right
        return check == right
