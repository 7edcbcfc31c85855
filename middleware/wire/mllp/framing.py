"""MLLP blocks: start byte, HL7 text, end byte, CR (HL7 2.5.1 appendix C; MLLP release 1 and the
commit blocks of 2).

Theory. The reader is outside a block or inside one. Outside it drops bytes up to the next start
byte and counts them; inside it collects up to the end byte. A start byte inside a block means that
the end was lost: what was collected is given up and reading starts anew there. A block is complete
at its end byte; the CR after it is swallowed when it comes, and not missed when it does not. The
events depend on the bytes alone, never on how they were cut into reads.
"""

from __future__ import annotations

from dataclasses import dataclass

START = b"\x0b"
END = b"\x1c"
CLOSING = END + b"\r"
CLAUSE = "HL7 2.5.1 appendix C"

# MLLP release 2 commit blocks: their one byte between start and end.
COMMIT_ACK = b"\x06"
COMMIT_NAK = b"\x15"

# Histograms, curves and PDF reports travel inside messages; nothing sensible is larger (threat T6:
# an endless block).
DEFAULT_LIMIT_BYTES = 16 * 1024 * 1024

# Of dropped bytes so many are kept, enough to see what a peer sends between its blocks.
SKIPPED_KEPT_BYTES = 256


@dataclass(frozen=True, slots=True)
class Block:
    """A complete block: what stood between start and end byte. `quirks` names the tolerances that it took."""

    data: bytes
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitBlock:
    """A commit block of MLLP release 2."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class EmptyBlock:
    """A block with nothing in it: some peers send it to keep the connection."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """`count` bytes stood before a start byte; `head` is the beginning of them."""

    count: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Oversize:
    """A block grew beyond `limit` bytes and was given up."""

    limit: int


@dataclass(frozen=True, slots=True)
class PartialDropped:
    """A start byte came inside a block: `data` had no end and was given up."""

    data: bytes


BlockEvent = Block | CommitBlock | EmptyBlock | Skipped | Oversize | PartialDropped


def encode_block(data: bytes) -> bytes:
    """`data` as a block."""
    return START + data + CLOSING


class BlockReader:
    """Cuts a stream of bytes into blocks; holds at most `limit` bytes."""

    def __init__(self, limit: int = DEFAULT_LIMIT_BYTES) -> None:
        self._limit = limit
        self._partial = bytearray()
        self._is_inside = False
        self._may_swallow = False  # a block has just ended: one CR or LF belongs to it
        self._skipped = 0
        self._skipped_head = bytearray()
        self._next_end = -1  # where the next end byte of the bytes in hand is

    @property
    def is_inside(self) -> bool:
        """A block has begun and not ended."""
        return self._is_inside

    @property
    def ends_by_silence(self) -> bool:
        """Whether what is collected may be a whole message: only for a reader that tolerates it."""
        return False

    def end_by_silence(self) -> list[BlockEvent]:
        """The message that silence ended (`ends_by_silence`)."""
        return []

    def feed(self, data: bytes) -> list[BlockEvent]:
        """What the bytes that arrived complete, in order."""
        events: list[BlockEvent] = []
        self._next_end = -1
        at = 0
        while at < len(data):
            step = self._collect if self._is_inside else self._seek_start
            at = step(data, at, events)
        return events

    def drop_partial(self) -> bytes:
        """Give up what is collected (silence, connection lost) and return it; look for a start byte
        again.
        """
        data = bytes(self._partial)
        self._partial.clear()
        self._is_inside = self._may_swallow = False
        return data

    def _seek_start(self, data: bytes, at: int, events: list[BlockEvent]) -> int:
        if self._may_swallow:
            self._may_swallow = False
            if data[at] in b"\r\n":
                return at + 1
        start = data.find(START, at)
        stop = len(data) if start < 0 else start
        self._skip(data, at, stop)
        if start < 0:
            return stop
        if self._skipped:
            events.append(Skipped(self._skipped, bytes(self._skipped_head)))
            self._skipped = 0
            self._skipped_head.clear()
        self._is_inside = True
        return start + 1

    def _skip(self, data: bytes, at: int, stop: int) -> None:
        self._skipped += stop - at
        room = SKIPPED_KEPT_BYTES - len(self._skipped_head)
        if room > 0:
            self._skipped_head += data[at : min(stop, at + room)]

    def _collect(self, data: bytes, at: int, events: list[BlockEvent]) -> int:
        end = self._find_end(data, at)
        restart = data.find(START, at, end)
        stop = end if restart < 0 else restart
        room = self._limit - len(self._partial)
        if stop - at > room:
            events.append(Oversize(self._limit))
            self.drop_partial()
            return at + room + 1
        if stop == len(data):
            self._partial += data[at:]
            return stop
        body = data[at:stop] if not self._partial else bytes(self._partial) + data[at:stop]
        self._partial.clear()
        if restart >= 0:
            if body:
                events.append(PartialDropped(body))
        else:
            self._is_inside = False
            self._may_swallow = True
            events.append(completed(body))
        return stop + 1

    def _find_end(self, data: bytes, at: int) -> int:
        """The next end byte, or the length of `data`. Remembered, so that many start bytes cost no
        second search.
        """
        if self._next_end < at:
            found = data.find(END, at)
            self._next_end = len(data) if found < 0 else found
        return self._next_end


def completed(body: bytes) -> BlockEvent:
    """What a block is by its content."""
    if not body:
        return EmptyBlock()
    if body in (COMMIT_ACK, COMMIT_NAK):
        return CommitBlock(accepted=body == COMMIT_ACK)
    return Block(body)
