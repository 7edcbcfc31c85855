"""One LIS01 frame: checksum, building, and reading it from the bytes that arrived.

Rules of reading (LIS01-A2 6.3.1.2, 6.5.1). A frame begins at STX and goes on to ETX or ETB, two
digits, CR and LF. The checksum is computed on the bytes, before any decoding. What ends a frame
early is told apart by what the sender does next:

- STX, ENQ or EOT inside a frame: the sender began anew or gave up. Nothing is answered, because an
  answer to the lost frame would be taken as the answer to the next one.
- LF before ETX or ETB: the end character was damaged. The sender now waits, so the frame is refused
  at once.
- a byte that cannot stand in the trailer: refused at that byte.

With the quirk `trailer_incomplete` a frame whose last byte so far is the CR of its trailer may be
whole or may lack its LF: only the next byte, or silence (`awaits_line_feed`), tells. So where a
frame ends never depends on how many bytes one read brought.

A good frame is recognised by one regular expression on the buffer that arrived (no loop over
bytes); everything else takes the slower search, which remembers how far it looked so that a frame
in many small reads is still searched only once.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from middleware.wire.errors import LocalProtocolError
from middleware.wire.lis1 import constants as c
from middleware.wire.lis1.options import Lis1Options, Packaging

_ETX = c.ETX
_HEX = [b"%02X" % value for value in range(256)]
_HEX_DIGITS = frozenset(b"0123456789ABCDEFabcdef")
_NUMBERS = frozenset(b"01234567")
_BEGINS_ANEW = frozenset((c.STX, c.ENQ, c.EOT))

_WHOLE_FRAME = re.compile(rb"\x02[0-7][^\x01-\x06\x0a\x10-\x17]*+[\x03\x17][0-9A-F]{2}\r\n")
_END_STRICT = re.compile(rb"[\x02\x03\x04\x05\x0a\x17]")
_END_WITH_LINE_FEEDS = re.compile(rb"[\x02\x03\x04\x05\x17]")
# A record letter and a delimiter (LIS02-A2 5.1), an empty record, or the end of the frame.
_LINE_FEED_BEFORE_RECORD = re.compile(rb"\n(?=[HPOQRCMSLhpoqrcmsl][^0-9A-Za-z\s]|\n|\Z)")
_ANY_BYTE_BUT_LINE_FEED = b"\0"
_UNSENDABLE = re.compile(rb"[\x01-\x06\x0a\x10-\x17]")  # LIS01-A2 6.6.2


class Fault(Enum):
    """Why a frame is not good. The value is the stable reason code of `FrameRefused`."""

    CHECKSUM_WRONG = "checksum_wrong"
    CHECKSUM_MISSING = "checksum_missing"
    TRAILER_WRONG = "trailer_wrong"
    LINE_FEED_IN_TEXT = "line_feed_in_text"
    RESTRICTED_CHARACTER = "restricted_character"
    FRAME_TOO_LONG = "frame_too_long"
    FRAME_NUMBER_MISSING = "frame_number_missing"
    FRAME_NUMBER_WRONG = "frame_number_wrong"
    FRAME_MISSING = "frame_missing"  # an earlier frame of the session was passed over
    REPEAT_DIFFERS = "repeat_differs"
    MESSAGE_TOO_LONG = "message_too_long"
    BROKEN_OFF = "broken_off"  # never answered, see the rules above


FAULT_CLAUSES: dict[Fault, str] = {
    Fault.CHECKSUM_WRONG: c.CLAUSE_CHECKSUM,
    Fault.CHECKSUM_MISSING: c.CLAUSE_CHECKSUM,
    Fault.TRAILER_WRONG: c.CLAUSE_FRAME,
    Fault.LINE_FEED_IN_TEXT: c.CLAUSE_RESTRICTED,
    Fault.RESTRICTED_CHARACTER: c.CLAUSE_RESTRICTED,
    Fault.FRAME_TOO_LONG: c.CLAUSE_FRAME,
    Fault.FRAME_NUMBER_MISSING: c.CLAUSE_FRAME_NUMBER,
    Fault.FRAME_NUMBER_WRONG: c.CLAUSE_FRAME_NUMBER,
    Fault.FRAME_MISSING: c.CLAUSE_FRAME_NUMBER,
    Fault.REPEAT_DIFFERS: c.CLAUSE_FRAME_NUMBER,
    Fault.MESSAGE_TOO_LONG: c.CLAUSE_NONE,
    Fault.BROKEN_OFF: c.CLAUSE_DEFECTIVE_FRAME,
}


class Frame(NamedTuple):
    """A frame as read. `body` is what the checksum covers (number, text, end); `raw` every byte,
    empty when too long.

    `text` has been cleaned as the quirks allow; `after` is the offset of the next byte in the
    buffer it was read from.
    """

    number: int
    text: bytes
    is_end: bool
    body: bytes
    raw: bytes
    after: int
    fault: Fault | None = None
    quirks: tuple[str, ...] = ()


def checksum(body: bytes) -> bytes:
    """Two upper-case hexadecimal digits:

    The sum, modulo 256, of frame number, text and ETX or ETB (LIS01-A2 6.3.3).
    """
    return _HEX[sum(body) & 0xFF]


def encode_frame(number: int, text: bytes, end: int = c.ETX) -> bytes:
    """One frame ready to be sent;

    `number` 0 to 7, `end` ETX or ETB (LIS01-A2 6.3.1.2). The text is not inspected.
    """
    if number not in range(c.FRAME_NUMBERS) or end not in (c.ETX, c.ETB):
        raise LocalProtocolError(f"frame number {number} or end character {end} is not possible")
    body = b"%d%b%c" % (number, text, end)
    return b"\x02%b%b\r\n" % (body, checksum(body))


def encode_message(text: bytes, options: Lis1Options | None = None) -> list[bytes]:
    """The frames of `text` (records ended by CR; a missing last CR is supplied), numbered from 1 as
    after ENQ.

    Raises LocalProtocolError when the text is empty or has a character that may not be sent
    (LIS01-A2 6.6.2).
    """
    chosen = options or Lis1Options()
    if not text:
        raise LocalProtocolError("an empty message cannot be sent")
    found = _UNSENDABLE.search(text)
    if found is not None:
        at = found.start()
        raise LocalProtocolError(
            f"character {text[at]:02X} at offset {at} may not stand in a message",
            what_to_do="Escape or remove control characters before the message is built.",
        )
    whole = text if text.endswith(b"\r") else text + b"\r"
    return [
        encode_frame((c.FIRST_FRAME_NUMBER + index) % c.FRAME_NUMBERS, piece, end)
        for index, (piece, end) in enumerate(_pieces(whole, chosen))
    ]


def _pieces(text: bytes, options: Lis1Options) -> list[tuple[bytes, int]]:
    """The text cut as the packaging says, each piece with its end character."""
    limit = min(options.send_frame_text, options.max_frame_text)
    if options.packaging is Packaging.SINGLE_FRAME:
        return _cut(text, options.max_frame_text)
    if options.packaging is Packaging.STREAMED:
        return _cut(text, limit)
    records = [record + b"\r" for record in text[:-1].split(b"\r")]
    pieces = [piece for record in records for piece in _cut(record, limit)]
    if options.packaging is Packaging.RECORD_PER_FRAME_ETB:
        return [(piece, c.ETB) for piece, _end in pieces[:-1]] + pieces[-1:]
    return pieces


def _cut(text: bytes, limit: int) -> list[tuple[bytes, int]]:
    """`text` in pieces of at most `limit` bytes: ETB after all but the last."""
    starts = range(0, len(text), limit)
    return [(text[at : at + limit], c.ETB if at + limit < len(text) else c.ETX) for at in starts]


class FrameReader:
    """I am responsible for finding the next frame in a buffer, and for knowing how far I looked.

    `discard` says, after `read` returned None, how many bytes from the asked offset need not be
    kept: it is not zero only while a frame that is too long is passed over. `awaits_line_feed` says
    that the frame lacks at most its LF (quirk `trailer_incomplete`): `read_after_silence` ends it.
    `is_passing_over` says that a frame that is too long is being skipped: its STX is no longer in
    the buffer.
    """

    __slots__ = (
        "_ends",
        "_max_text",
        "_quirks",
        "_reads_whole",
        "_scanned",
        "_strips",
        "awaits_line_feed",
        "discard",
        "is_passing_over",
    )

    def __init__(self, options: Lis1Options) -> None:
        quirks = options.quirks
        allows_line_feeds = quirks & {"line_feed_in_text", "line_feed_ends_record"}
        self._quirks = quirks
        self._max_text = options.max_frame_text
        self._ends = _END_WITH_LINE_FEEDS if allows_line_feeds else _END_STRICT
        self._strips = bool(allows_line_feeds or "nul_in_text" in quirks)
        # With no trailer expected, where a frame ends may not depend on how many bytes one read
        # brought.
        self._reads_whole = "trailer_absent" not in quirks
        self.discard = 0
        self.awaits_line_feed = False
        self.is_passing_over = False
        self._scanned = 1

    def reset(self) -> None:
        """Forget the frame in hand."""
        self.discard = 0
        self.awaits_line_feed = False
        self.is_passing_over = False
        self._scanned = 1

    def read(self, buffer: bytes | bytearray, at: int) -> Frame | None:
        """The frame whose STX is at offset `at`, or None when it is not complete."""
        if self._scanned == 1 and self._reads_whole:
            match = _WHOLE_FRAME.match(buffer, at)
            if match is not None:
                raw = match.group()
                body = raw[1:-4]
                is_good = _HEX[sum(body) & 0xFF] == raw[-4:-2] and len(body) - 2 <= self._max_text
                if is_good and not (self._strips and b"\0" in body):
                    is_end = body[-1] == _ETX
                    return Frame(body[0] - 0x30, body[1:-1], is_end, body, raw, at + len(raw))
        return self._search(buffer, at)

    def read_after_silence(self, unfinished: bytes | bytearray) -> Frame | None:
        """The frame in hand, all of which is `unfinished`, when its LF did not come.

        It ends at its CR just as if any other byte had followed.
        """
        return self.read(unfinished + _ANY_BYTE_BUT_LINE_FEED, 0)

    def _search(self, buffer: bytes | bytearray, at: int) -> Frame | None:
        """The slow way: look for what ends the frame, from where the last look stopped."""
        self.discard = 0
        self.awaits_line_feed = False
        found = self._ends.search(buffer, at + self._scanned)
        if found is None:
            self._look_on(len(buffer) - at)
            return None
        end = found.start()
        too_long = self.is_passing_over or end - at - 2 > self._max_text
        byte = buffer[end]
        if byte in _BEGINS_ANEW:
            return self._faulty(Fault.BROKEN_OFF, b"" if too_long else bytes(buffer[at:end]), end)
        if byte == c.LF:
            fault = Fault.FRAME_TOO_LONG if too_long else Fault.LINE_FEED_IN_TEXT
            raw = b"" if too_long else bytes(buffer[at : end + 1])
            return self._faulty(fault, raw, end + 1)
        trailer = self._trailer(buffer, end + 1)
        if trailer is None:
            self._scanned = 0 if self.is_passing_over else end - at
            self.discard = end - at if self.is_passing_over else 0
            return None
        after, fault_of_trailer, quirks = trailer
        if too_long:
            return self._faulty(Fault.FRAME_TOO_LONG, b"", after)
        raw = bytes(buffer[at:after])
        if fault_of_trailer is not None:
            return self._faulty(fault_of_trailer, raw, after)
        return self._checked(raw, end - at, after, quirks)

    def _look_on(self, length: int) -> None:
        """No end in sight:

        Remember how far we looked, or begin to pass over a frame that is too long.
        """
        if self.is_passing_over or length - 2 > self._max_text:
            self.is_passing_over = True
            self._scanned = 0
            self.discard = length
        else:
            self._scanned = max(1, length)

    def _trailer(
        self, buffer: bytes | bytearray, at: int
    ) -> tuple[int, Fault | None, tuple[str, ...]] | None:
        """Where the frame ends that has its trailer at `at`, what is wrong with it, the quirks
        used; None: incomplete.
        """
        quirks = self._quirks
        if "trailer_absent" in quirks and "checksum_absent" in quirks:
            return at, None, ("checksum_absent", "trailer_absent")
        for index in (at, at + 1):
            if index >= len(buffer):
                return None
            if buffer[index] in _HEX_DIGITS:
                continue
            if index == at and "checksum_absent" in quirks and buffer[index] in (c.CR, c.LF):
                return self._line_end(buffer, at, ("checksum_absent",))
            return _stopped(buffer, index, Fault.CHECKSUM_MISSING)
        if "trailer_absent" in quirks:
            return at + 2, None, ("trailer_absent",)
        return self._line_end(buffer, at + 2, ())

    def _line_end(
        self, buffer: bytes | bytearray, at: int, used: tuple[str, ...]
    ) -> tuple[int, Fault | None, tuple[str, ...]] | None:
        """The CR and LF that end the frame, or what the quirks allow instead."""
        if at >= len(buffer):
            return None
        may_be_short = "trailer_incomplete" in self._quirks
        short = at + 1, None, (*used, "trailer_incomplete")
        if buffer[at] != c.CR:
            is_short = may_be_short and buffer[at] == c.LF
            return short if is_short else _stopped(buffer, at, Fault.TRAILER_WRONG)
        if at + 1 >= len(buffer):
            self.awaits_line_feed = may_be_short
            return None
        if buffer[at + 1] != c.LF:
            return short if may_be_short else _stopped(buffer, at + 1, Fault.TRAILER_WRONG)
        return at + 2, None, used

    def _checked(self, raw: bytes, end: int, after: int, used: tuple[str, ...]) -> Frame:
        """Checksum first: a damaged byte anywhere else is then reported as what it is."""
        body = raw[1 : end + 1]
        if "checksum_absent" not in used:
            tolerance = self._judge_checksum(body, raw[end + 1 : end + 3])
            if tolerance is None:
                return self._faulty(Fault.CHECKSUM_WRONG, raw, after, used)
            used += tolerance
        if body[0] not in _NUMBERS:
            return self._faulty(Fault.FRAME_NUMBER_MISSING, raw, after, used)
        return self._cleaned(body, raw, after, used)

    def _judge_checksum(self, body: bytes, digits: bytes) -> tuple[str, ...] | None:
        """The quirks that the checksum needs (none when it is right), or None when it is wrong."""
        total = sum(body)
        right = _HEX[total & 0xFF]
        if digits == right:
            return ()
        accepted = {
            "lowercase_checksum": digits.upper() == right,
            "checksum_zero": digits == b"00",
            "checksum_excludes_end": digits == _HEX[(total - body[-1]) & 0xFF],
            "checksum_includes_start": digits == _HEX[(total + c.STX) & 0xFF],
            "checksum_unchecked": True,
        }
        for name, is_met in accepted.items():
            if is_met and name in self._quirks:
                return (name,)
        return None

    def _cleaned(self, body: bytes, raw: bytes, after: int, used: tuple[str, ...]) -> Frame:
        """Text as the quirks allow it, after the checksum was verified on the bytes as sent."""
        text = body[1:-1]
        if self._strips:
            text, used = self._stripped(text, used)
        if len(text.translate(None, c.RESTRICTED_IN_TEXT)) != len(text):
            if "restricted_in_text" not in self._quirks:
                return self._faulty(Fault.RESTRICTED_CHARACTER, raw, after, used)
            used = (*used, "restricted_in_text")
        self.reset()
        return Frame(body[0] - 0x30, text, body[-1] == c.ETX, body, raw, after, None, used)

    def _stripped(self, text: bytes, used: tuple[str, ...]) -> tuple[bytes, tuple[str, ...]]:
        if "nul_in_text" in self._quirks and b"\0" in text:
            text, used = text.replace(b"\0", b""), (*used, "nul_in_text")
        if b"\n" not in text:
            return text, used
        if "line_feed_ends_record" in self._quirks:
            return self._line_feeds_ended(text, used)
        return text.replace(b"\n", b""), (*used, "line_feed_in_text")

    def _line_feeds_ended(
        self, text: bytes, used: tuple[str, ...]
    ) -> tuple[bytes, tuple[str, ...]]:
        """LF ends a record; where `line_feed_in_text` is named too, only where a record begins after it."""
        text = text.replace(b"\r\n", b"\r")
        if "line_feed_in_text" in self._quirks:
            ended = _LINE_FEED_BEFORE_RECORD.sub(b"\r", text)
            if ended == text:
                return text.replace(b"\n", b""), (*used, "line_feed_in_text")
            text = ended.replace(b"\n", b"")
        return text.replace(b"\n", b"\r"), (*used, "line_feed_ends_record")

    def _faulty(self, fault: Fault, raw: bytes, after: int, used: tuple[str, ...] = ()) -> Frame:
        self.reset()
        return Frame(
            -1, b"", is_end=False, body=b"", raw=raw, after=after, fault=fault, quirks=used
        )


def _stopped(
    buffer: bytes | bytearray, index: int, fault: Fault
) -> tuple[int, Fault, tuple[str, ...]]:
    """The frame ends at the byte that does not belong;

    STX, ENQ and EOT are left for what they begin.
    """
    after = index if buffer[index] in _BEGINS_ANEW else index + 1
    return after, fault, ()
