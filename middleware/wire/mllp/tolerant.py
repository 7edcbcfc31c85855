"""Reads blocks of senders that leave out start or end byte, or put several messages into a block; by named quirks.

Theory. As `BlockReader`, with a third way to begin a block (a header outside of one) and two more ways to end it (the
next beginning; silence). A header may be cut anywhere by the reads, so the last bytes outside a block are kept until
they cannot begin one. Time is linear: every byte is looked at a bounded number of times.
"""

from __future__ import annotations

import re
from itertools import pairwise

from middleware.wire.mllp.framing import (
    CLOSING,
    DEFAULT_LIMIT_BYTES,
    END,
    START,
    Block,
    BlockEvent,
    BlockReader,
    Oversize,
    PartialDropped,
    Skipped,
    completed,
)
from middleware.wire.mllp.quirks import END_MISSING, SEVERAL_IN_BLOCK, START_MISSING

# A header: MSH and a separator, which is neither a letter, a digit nor a control character.
_HEADER = rb"MSH[!-/:-@\[-`{-~]"
_HEADER_LENGTH = 4
_BEGINNING = re.compile(START + rb"|(?<![0-9A-Za-z])" + _HEADER)
_NEXT_HEADER = re.compile(rb"(?<=[\r\n])" + _HEADER)
_TEXT = re.compile(rb"[!-~]")
_LINE_ENDS = (b"\r", b"\n")


class TolerantBlockReader(BlockReader):
    """A block reader with tolerances: names of `middleware.wire.mllp.quirks`."""

    def __init__(
        self, limit: int = DEFAULT_LIMIT_BYTES, tolerances: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(limit)
        self._takes_bare = START_MISSING in tolerances
        self._takes_endless = END_MISSING in tolerances
        self._cuts = SEVERAL_IN_BLOCK in tolerances
        self._is_bare = False  # the block that is being collected began with a header
        self._has_broken_off = (
            False  # silence ended a message: what comes next may be the rest of it
        )
        self._is_rest = False  # such a rest is being collected
        self._searched = (
            0  # no header that was not seen before begins ahead of this place of a read
        )
        self._tail = b""  # bytes outside a block that may be the beginning of a header
        self._looked_at = 0  # how much of the partial block has been searched

    @property
    def ends_by_silence(self) -> bool:
        """What is collected would be a whole message if nothing more came."""
        return self._takes_endless and self._is_inside and self._is_whole(self._partial)

    def feed(self, data: bytes) -> list[BlockEvent]:
        """What the bytes that arrived complete, in order."""
        if self._may_be_plain(data):
            return self._divided(super().feed(data))
        events: list[BlockEvent] = []
        self._searched = max(0, len(self._tail) - _HEADER_LENGTH + 1)
        data, self._tail = self._tail + data, b""
        at = 0
        while at < len(data):
            at = (
                self._inside(data, at, events)
                if self._is_inside
                else self._outside(data, at, events)
            )
        return self._divided(events)

    def drop_partial(self) -> bytes:
        """Give up what is collected and return it; look for a beginning again."""
        self._is_bare = self._is_rest = self._has_broken_off = False
        self._looked_at = 0
        self._tail = b""
        return super().drop_partial()

    def end_by_silence(self) -> list[BlockEvent]:
        """Silence: the message that is collected is complete (`ends_by_silence`)."""
        quirks = (START_MISSING, END_MISSING) if self._is_bare else (END_MISSING,)
        body = self.drop_partial()
        self._has_broken_off = True
        return self._divided([Block(body, quirks)])

    def _may_be_plain(self, data: bytes) -> bool:
        """Whole blocks and nothing else: the strict reader does the same, and quicker."""
        if self._is_inside or self._tail or self._has_broken_off or data[:1] != START:
            return False
        if not data.endswith((END, CLOSING)):
            return False
        blocks = data.count(START)
        joints = data.count(END + b"\r" + START) + data.count(END + START)
        return data.count(END) == blocks == joints + 1

    # -- outside a block --------------------------------------------------------------------------

    def _outside(self, data: bytes, at: int, events: list[BlockEvent]) -> int:
        if self._may_swallow:
            self._may_swallow = False
            if data[at] in b"\r\n":
                return at + 1
        if self._has_broken_off and (rest := self._rest_of_broken(data, at)) >= 0:
            return rest
        found = self._next_beginning(data, at)
        if found is None:
            stop = self._keep_tail(data, at)
            self._skip(data, at, stop)
            return len(data)
        self._skip(data, at, found.start())
        if self._skipped:
            events.append(Skipped(self._skipped, bytes(self._skipped_head)))
            self._skipped = 0
            self._skipped_head.clear()
        self._has_broken_off = False
        self._is_inside, self._looked_at = True, 0
        self._is_bare = found.group() != START
        return found.start() if self._is_bare else found.end()

    def _next_beginning(self, data: bytes, at: int) -> re.Match[bytes] | None:
        pattern = _BEGINNING if self._takes_bare else _START
        return pattern.search(data, max(at, self._searched))

    def _keep_tail(self, data: bytes, at: int) -> int:
        """Where the bytes begin that may yet become a header (with the byte before it)."""
        stop = max(at, len(data) - _HEADER_LENGTH) if self._takes_bare else len(data)
        self._tail = data[stop:]
        return stop

    def _rest_of_broken(self, data: bytes, at: int) -> int:
        """After silence has ended a message: text that is no beginning is the rest of it, and collected as a block."""
        beginning = self._next_beginning(data, at)
        text = _TEXT.search(data, at)
        if text is None or (beginning is not None and beginning.start() <= text.start()):
            return -1
        if beginning is None and len(data) - text.start() < _HEADER_LENGTH:
            self._tail = data[at:]
            return len(data)
        self._has_broken_off = False
        self._is_inside = self._is_bare = self._is_rest = True
        self._looked_at = 0
        return at

    # -- inside a block ---------------------------------------------------------------------------

    def _inside(self, data: bytes, at: int, events: list[BlockEvent]) -> int:
        end = data.find(END, at)
        start = data.find(START, at, len(data) if end < 0 else end)
        stop = min((one for one in (end, start) if one >= 0), default=len(data))
        reach = min(stop, at + self._limit - len(self._partial))
        self._partial += data[at:reach]
        if self._is_bare:
            self._restart_at_headers(events)
        if reach < stop:
            if len(self._partial) < self._limit:
                return reach
            events.append(Oversize(self._limit))
            self.drop_partial()
            return reach + 1
        if stop == len(data):
            return stop
        self._close(events, by_end=stop == end)
        return stop + 1

    def _restart_at_headers(self, events: list[BlockEvent]) -> None:
        """A block that a header began is ended by the next one."""
        while found := _NEXT_HEADER.search(self._partial, max(self._looked_at, 1)):
            body = bytes(self._partial[: found.start()])
            del self._partial[: found.start()]
            self._looked_at = 0
            events.append(self._ended(body))
        self._looked_at = max(0, len(self._partial) - _HEADER_LENGTH)

    def _close(self, events: list[BlockEvent], *, by_end: bool) -> None:
        body = bytes(self._partial)
        if not by_end or self._is_rest:
            if body:
                events.append(self._ended(body))
        else:
            events.append(Block(body, (START_MISSING,)) if self._is_bare else completed(body))
        self._partial.clear()
        self._looked_at = 0
        self._is_inside = not by_end
        self._is_bare = self._is_rest = False
        self._may_swallow = by_end

    def _ended(self, body: bytes) -> BlockEvent:
        """A block that another beginning ended, or the rest of one that silence ended too early."""
        quirks = (START_MISSING, END_MISSING) if self._is_bare else (END_MISSING,)
        whole = self._takes_endless and not self._is_rest and self._is_whole(body)
        self._is_rest = False
        return Block(body, quirks) if whole else PartialDropped(body)

    def _is_whole(self, body: bytes | bytearray) -> bool:
        return body[:3] == b"MSH" and body[-1:] in _LINE_ENDS

    # -- several messages in a block --------------------------------------------------------------

    def _divided(self, events: list[BlockEvent]) -> list[BlockEvent]:
        if not self._cuts:
            return events
        divided: list[BlockEvent] = []
        for event in events:
            if isinstance(event, Block) and event.data.find(b"MSH", 4) >= 0:
                divided += _messages_of(event)
            else:
                divided.append(event)
        return divided


_START = re.compile(START)


def _messages_of(block: Block) -> list[BlockEvent]:
    starts = [found.start() for found in _NEXT_HEADER.finditer(block.data, 1)]
    if not starts or not block.data.lstrip(b"\r\n\xef\xbb\xbf").startswith(b"MSH"):
        return [block]
    if not block.data[: starts[0]].strip(b"\r\n"):
        starts = starts[1:]
    if not starts:
        return [block]
    quirks = (*block.quirks, SEVERAL_IN_BLOCK)
    edges = [0, *starts, len(block.data)]
    return [Block(block.data[a:b], quirks) for a, b in pairwise(edges)]
