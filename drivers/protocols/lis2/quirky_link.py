"""A LIS01 link in the analyzer's role whose frames show the quirks of a profile, for test benches.

Each quirk is in force for one session in turn, so that a profile which names several is tried with each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from middleware.wire.control import Control
from middleware.wire.lis1.frame import checksum
from middleware.wire.lis1.link import Lis1Link
from middleware.wire.lis1.options import Lis1Options, Role

_STX, _ENQ = Control.STX.byte, Control.ENQ.byte
_CR, _LF, _NUL = b"\r", b"\n", b"\0"
_TRAILER = 4  # two digits of the checksum, CR and LF
_NUMBERS = 8


def _framed(body: bytes) -> bytes:
    return _STX + body + checksum(body) + _CR + _LF


def _body(frame: bytes) -> bytes:
    """Frame number, text and end."""
    return frame[1:-_TRAILER]


def _with_sum(frame: bytes, digits: bytes) -> bytes:
    return frame[:-_TRAILER] + digits + _CR + _LF


def _wrong(frame: bytes) -> bytes:
    digits = frame[-_TRAILER:-2]
    return _with_sum(frame, b"%02X" % ((int(digits, 16) + 1) & 0xFF))


def _renumbered(frame: bytes, number: int) -> bytes:
    return _framed(b"%d" % (number % _NUMBERS) + _body(frame)[1:])


def _in_text(frame: bytes, before: bytes, after: bytes) -> bytes:
    return _framed(_body(frame).replace(before, after))


FRAMES: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "checksum_absent": lambda frame: _with_sum(frame, b""),
        "checksum_zero": lambda frame: _with_sum(frame, b"00"),
        "checksum_unchecked": _wrong,
        "checksum_excludes_end": lambda frame: _with_sum(frame, checksum(_body(frame)[:-1])),
        "checksum_includes_start": lambda frame: _with_sum(frame, checksum(_STX + _body(frame))),
        "lowercase_checksum": lambda frame: _with_sum(frame, frame[-_TRAILER:-2].lower()),
        "frame_number_constant": lambda frame: _renumbered(frame, 1),
        "frame_number_starts_at_zero": lambda frame: _renumbered(frame, int(frame[1:2]) + 7),
        "frame_number_not_reset": lambda frame: _renumbered(frame, int(frame[1:2]) + 3),
        "trailer_incomplete": lambda frame: frame[:-2] + _LF,
        "trailer_absent": lambda frame: frame[:-2],
        "line_feed_in_text": lambda frame: _in_text(frame, _CR, _CR + _LF),
        "line_feed_ends_record": lambda frame: _in_text(frame, _CR, _LF),
        "nul_in_text": lambda frame: _in_text(frame, _CR, _NUL + _CR),
    }
)
"""What each quirk makes of a good frame."""


class QuirkyLink(Lis1Link):
    """I send good frames as an analyzer with these quirks would."""

    def __init__(self, options: Lis1Options, quirks: tuple[str, ...]) -> None:
        super().__init__(Role.INSTRUMENT, options)
        self._shown = tuple(name for name in quirks if name in FRAMES)
        self._sessions = -1

    def bytes_to_send(self) -> bytes:
        """As the link's own; a frame as the quirk of this session has it."""
        data = super().bytes_to_send()
        if data == _ENQ:
            self._sessions += 1
        if not self._shown or not data.startswith(_STX):
            return data
        return FRAMES[self._shown[self._sessions % len(self._shown)]](data)
