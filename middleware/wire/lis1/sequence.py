"""Frame numbers of the receiving half: new, repeated, or wrong (LIS01-A2 6.3.2.1).

The counter goes 1 to 7, then 0, and begins again at 1 with each ENQ. A frame with the number of the
last accepted one is its repetition only when every byte is equal; otherwise it is refused, because
swallowing it would lose what it says.

Where numbers say nothing (quirk `frame_number_constant`) a sender that goes on after a refusal could
not be noticed by them. There the frame after a refused one must look like it: same length, same
beginning (which holds the record's own number). Otherwise a frame is missing.
"""

from __future__ import annotations

from typing import NamedTuple

from middleware.wire.lis1 import constants as c
from middleware.wire.lis1.frame import Fault, Frame

_TOLERANCES = frozenset(
    (
        "frame_number_constant",
        "frame_number_starts_at_zero",
        "frame_number_not_reset",
        "frame_number_skips_zero",
    )
)


class NumberVerdict(NamedTuple):
    """What a frame's number means. Neither repeat nor fault: the frame is new, by `quirk` if named."""

    is_repeat: bool = False
    fault: Fault | None = None
    quirk: str = ""


_BEGINNING = 9  # STX, frame number, record type, delimiter, record number and a little more

_NEW = NumberVerdict()
_REPEAT = NumberVerdict(is_repeat=True)


class FrameSequence:
    """I am responsible for knowing which frame comes next and which one came last.

    A frame with `plain_number` is plainly the next one; every other needs `judge`.
    """

    __slots__ = (
        "_expected",
        "_has_accepted",
        "_ignores_line_end",
        "_is_unchecked",
        "_knows_last",
        "_last_body",
        "_last_number",
        "_refused",
        "_tolerances",
        "plain_number",
    )

    def __init__(self, quirks: frozenset[str]) -> None:
        self._tolerances = quirks & _TOLERANCES
        self._is_unchecked = "frame_number_constant" in quirks
        # A LF that comes too late once and in time the next time makes no other frame.
        self._ignores_line_end = "trailer_incomplete" in quirks
        self._has_accepted = False
        self._knows_last = False
        self._last_number = -1
        self._expected = c.FIRST_FRAME_NUMBER
        self.plain_number = -1 if self._is_unchecked else self._expected
        self._last_body = b""
        self._refused: bytes | None = None

    def begin(self, *, opened_without_enquiry: bool) -> None:
        """A new session. Without ENQ the frame before it may still be repeated, so it stays known."""
        self._expected = c.FIRST_FRAME_NUMBER
        if not self._is_unchecked:
            self.plain_number = self._expected
        self._has_accepted = False
        self._knows_last = self._knows_last and opened_without_enquiry
        self._refused = None

    def judge(self, frame: Frame) -> NumberVerdict:
        """What the number of this good frame means."""
        if self._knows_last and frame.number == self._last_number:
            if frame.body == self._last_body:
                return _REPEAT
            if not self._is_unchecked:
                return NumberVerdict(fault=Fault.REPEAT_DIFFERS)
        if self._is_unchecked and not self._may_be_resend(frame.raw):
            return _MISSING
        if frame.number == self._expected:
            return _NEW
        quirk = self._tolerance_of(frame.number)
        return NumberVerdict(quirk=quirk) if quirk else _WRONG

    def accept(self, frame: Frame) -> None:
        """The frame is ours."""
        self._expected = (frame.number + 1) % c.FRAME_NUMBERS
        if not self._is_unchecked:
            self.plain_number = self._expected
        self._has_accepted = self._knows_last = True
        self._last_number = frame.number
        self._last_body = frame.body
        self._refused = None

    def refuse(self, raw: bytes) -> None:
        """The frame was answered NAK; the sender owes it again."""
        self._refused = raw

    @property
    def is_owed(self) -> bool:
        """The last frame was refused and has not come again."""
        return self._refused is not None

    def _may_be_resend(self, raw: bytes) -> bool:
        """No frame is owed, or this one looks like the one that is."""
        owed = self._refused
        if owed is None:
            return True
        if self._ignores_line_end:
            raw, owed = raw.rstrip(b"\r\n"), owed.rstrip(b"\r\n")
        return len(raw) == len(owed) and raw[:_BEGINNING] == owed[:_BEGINNING]

    def _tolerance_of(self, number: int) -> str:
        """The quirk in force that allows this number here, or nothing."""
        is_met = {
            "frame_number_constant": True,
            "frame_number_not_reset": not self._has_accepted,
            "frame_number_starts_at_zero": not self._has_accepted and number == 0,
            "frame_number_skips_zero": self._expected == 0 and number == 1,
        }
        return next((name for name in sorted(self._tolerances) if is_met[name]), "")


_WRONG = NumberVerdict(fault=Fault.FRAME_NUMBER_WRONG)
_MISSING = NumberVerdict(fault=Fault.FRAME_MISSING)
