"""Cuts a stream of bytes into POCT1-A documents: from the root's start tag to its end tag, with what stands before it.

Theory. There is no length and no delimiter: a document ends with the end tag of its root (fact: the names of messages
hold a dot, `OBS.R01`). Outside a document everything that does not begin one is dropped and counted: white space, NUL,
byte order marks, and the tags of an element that a peer wraps around its messages. The reader looks at each byte once:
it remembers what it looks for and from where. The events depend on the bytes alone, never on how they were cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from middleware.wire.poct1a.constants import (
    DEFAULT_LIMIT_BYTES,
    SKIPPED_KEPT_BYTES,
    SKIPPED_TOLD_BYTES,
)

_LONGEST_NAME = 64
_ROOT_NAME = re.compile(rb"(?:[A-Za-z_][\w-]*:)?[A-Za-z_]\w*(?:\.\w+)+(?=[\s/>])")
_NAME = re.compile(rb"[A-Za-z_][\w.:-]*")
_QUOTE_OR_END = re.compile(rb"[>\"']")
_BLANK = b" \t\r\n\0\xef\xbb\xbf"  # white space, NUL, the bytes of a byte order mark


@dataclass(frozen=True, slots=True)
class DocumentCut:
    """One whole document with the declaration before it. Whether it is well-formed is not known yet."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """`count` bytes that are no white space belonged to no document; `head` is the beginning of them."""

    count: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Oversize:
    """A document grew beyond `limit` bytes; it is dropped up to its end tag."""

    limit: int


Cut = DocumentCut | Skipped | Oversize


class _Looking(Enum):
    """What the reader looks for next."""

    MARKUP = auto()  # the `<` of a declaration or of the root
    PROLOG_END = auto()  # the end of a declaration, comment or DOCTYPE
    TAG_END = auto()  # the end of the root's start tag, or a quoted text in it
    QUOTE_END = auto()
    ROOT_END = auto()  # the root's end tag


class DocumentReader:
    """I hold at most `limit` bytes of one unfinished document."""

    def __init__(self, limit: int = DEFAULT_LIMIT_BYTES) -> None:
        self._limit = limit
        self._skipped = 0
        self._skipped_head = bytearray()
        self._buffer = bytearray()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._at = 0  # everything before is looked at
        self._looking = _Looking.MARKUP
        self._wanted = b""  # what ends the declaration, comment or quoted text
        self._end_tag = b""
        self._is_begun = False  # a prolog or root stands at the beginning of the buffer
        self._is_dropping = False  # a document that is too long

    @property
    def is_inside(self) -> bool:
        """A document has begun and not ended."""
        return self._is_begun or self._is_dropping

    def feed(self, data: bytes) -> list[Cut]:
        """What the bytes that arrived complete, in order."""
        self._buffer += data
        events: list[Cut] = []
        while self._step(events):
            pass
        self._keep_within_limit(events)
        return events

    def drop_partial(self) -> bytes:
        """Give up what is collected (silence, connection lost) and return it."""
        data = bytes(self._buffer) if self._is_begun and not self._is_dropping else b""
        self._buffer.clear()
        self._begin_anew()
        return data

    # -- one step: True when there may be more to find ------------------------------------------------

    def _step(self, events: list[Cut]) -> bool:
        if self._looking is _Looking.MARKUP:
            return self._seek_markup(events)
        if self._looking is _Looking.TAG_END:
            return self._seek_tag_end(events)
        if self._looking is _Looking.ROOT_END:
            return self._seek_root_end(events)
        found = self._find(self._wanted)
        if found < 0:
            return False
        self._at = found + len(self._wanted)
        is_prolog = self._looking is _Looking.PROLOG_END
        self._looking = _Looking.MARKUP if is_prolog else _Looking.TAG_END
        return True

    def _find(self, wanted: bytes) -> int:
        """Where the wanted bytes are; what cannot be the beginning of them is not looked at again."""
        found = self._buffer.find(wanted, self._at)
        if found < 0:
            self._at = max(self._at, len(self._buffer) - len(wanted) + 1)
        return found

    def _seek_markup(self, events: list[Cut]) -> bool:
        start = self._buffer.find(b"<", self._at)
        if start < 0:
            self._at = len(self._buffer)
            if not self._is_begun:
                self._skip(self._at, events)
            return False
        if not self._is_begun:
            self._skip(start, events)
            start = 0
        self._at = start
        return self._begin_markup(events)

    def _begin_markup(self, events: list[Cut]) -> bool:
        """At `<`: a declaration, the root, or something that is not ours."""
        buffer, at = self._buffer, self._at
        second = bytes(buffer[at + 1 : at + 2])
        if not second:
            return False
        if second in b"?!":
            return self._begin_prolog(second, events)
        longest = at + 1 + _LONGEST_NAME
        name = _NAME.match(buffer, at + 1, longest)
        if name is not None and name.end() == len(buffer) < longest:
            return False  # the name may go on
        root = _ROOT_NAME.match(buffer, at + 1, longest)
        if root is None:  # a wrapper, a stray end tag or no markup at all
            self._is_begun = False
            self._skip(at + 1, events)
            return True
        self._begin_document(events)
        self._end_tag = b"</" + root.group()
        self._at = root.end()
        self._looking = _Looking.TAG_END
        return True

    def _begin_document(self, events: list[Cut]) -> None:
        if not self._is_begun:
            self._tell_skipped(events)
        self._is_begun = True

    def _begin_prolog(self, second: bytes, events: list[Cut]) -> bool:
        at = self._at
        if second == b"?":
            self._wanted = b"?>"
        else:
            opening = bytes(self._buffer[at : at + 4])
            if b"<!--".startswith(opening) and len(opening) < len(b"<!--"):
                return False
            self._wanted = b"-->" if opening == b"<!--" else b">"
        self._begin_document(events)
        self._looking = _Looking.PROLOG_END
        self._at = at + (4 if self._wanted == b"-->" else 2)
        return True

    def _seek_tag_end(self, events: list[Cut]) -> bool:
        found = _QUOTE_OR_END.search(self._buffer, self._at)
        if found is None:
            self._at = len(self._buffer)
            return False
        self._at = found.end()
        if found.group() != b">":
            self._wanted = found.group()
            self._looking = _Looking.QUOTE_END
        elif self._buffer[found.start() - 1 : found.start()] == b"/":
            self._complete(found.end(), events)
        else:
            self._looking = _Looking.ROOT_END
        return True

    def _seek_root_end(self, events: list[Cut]) -> bool:
        found = self._find(self._end_tag)
        if found < 0:
            return False
        after = found + len(self._end_tag)
        close = self._buffer.find(b">", after, after + _LONGEST_NAME)
        if close < 0 and len(self._buffer) < after + _LONGEST_NAME:
            self._at = found
            return False
        if close < 0 or self._buffer[after:close].strip():  # the end tag of a longer name
            self._at = after
        else:
            self._complete(close + 1, events)
        return True

    def _complete(self, end: int, events: list[Cut]) -> None:
        if not self._is_dropping:
            is_long = end > self._limit
            events.append(
                Oversize(self._limit) if is_long else DocumentCut(bytes(self._buffer[:end]))
            )
        del self._buffer[:end]
        self._begin_anew()

    # -- what belongs to nothing ----------------------------------------------------------------------

    def _skip(self, end: int, events: list[Cut]) -> None:
        """Drop the buffer up to `end`; of much that was dropped is told before the next document comes."""
        dropped = bytes(self._buffer[:end]).translate(None, _BLANK)
        del self._buffer[:end]
        self._at = 0
        self._skipped += len(dropped)
        self._skipped_head += dropped[: SKIPPED_KEPT_BYTES - len(self._skipped_head)]
        if self._skipped >= SKIPPED_TOLD_BYTES:
            self._tell_skipped(events)

    def _tell_skipped(self, events: list[Cut]) -> None:
        if self._skipped:
            events.append(Skipped(self._skipped, bytes(self._skipped_head)))
            self._skipped = 0
            self._skipped_head.clear()

    def _keep_within_limit(self, events: list[Cut]) -> None:
        if not self._is_begun or len(self._buffer) <= self._limit:
            return
        if not self._is_dropping:
            events.append(Oversize(self._limit))
        if self._looking in (
            _Looking.MARKUP,
            _Looking.PROLOG_END,
        ):  # no root yet: nothing to wait for
            self._buffer.clear()
            self._begin_anew()
            return
        self._is_dropping = True
        del self._buffer[: self._at]
        self._at = 0
