"""What may be set for one LIS01 link: role, times, limits, packaging, quirks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from middleware.wire.errors import LocalProtocolError
from middleware.wire.lis1 import constants as c
from middleware.wire.lis1.quirks import QUIRKS


class Role(Enum):
    """Which end of the link we are.

    It decides who yields in contention, and nothing else (LIS01-A2 6.2.7).
    """

    COMPUTER = "computer"
    INSTRUMENT = "instrument"


class Packaging(Enum):
    """How a message that we send is cut into frames; receivers must take all four."""

    RECORD_PER_FRAME = "record_per_frame"  # every record ends with ETX (sheet: A1)
    RECORD_PER_FRAME_ETB = "record_per_frame_etb"  # ETB on all but the last record (A2)
    STREAMED = "streamed"  # cut every `send_frame_text` bytes, wherever that falls (B)
    SINGLE_FRAME = "single_frame"  # the whole message in one frame (C)


@dataclass(frozen=True, slots=True)
class Lis1Options:
    """Settings of one link. Names ending in `_s` are seconds, all greater than zero unless said
    otherwise.

    `contention_s` None means by role: 1 for the instrument, 20 for the computer. Two computers on
    one line need different values. `turnaround_delay_s` (0 or more) is the pause between the peer's
    EOT and our ENQ. `reply_deadline_s` must stay below the peer's own waiting time, 15 by the
    standard. `records_numbered`: a digit stands before each record inside a frame (the record quirk of
    that name; the link must know it to see where a message ends). `max_enquiries` bounds how often a
    busy or contending peer is asked for one message.
    Raises LocalProtocolError for an unknown quirk or a value out of range.
    """

    enquiry_reply_s: float = c.ENQUIRY_REPLY_S
    busy_backoff_s: float = c.BUSY_BACKOFF_S
    contention_s: float | None = None
    frame_reply_s: float = c.FRAME_REPLY_S
    receive_s: float = c.RECEIVE_S
    interrupt_holdoff_s: float = c.INTERRUPT_HOLDOFF_S
    reply_deadline_s: float = c.REPLY_DEADLINE_S
    turnaround_delay_s: float = 0.0
    max_transmissions: int = c.MAX_TRANSMISSIONS
    max_enquiries: int = c.MAX_ENQUIRIES
    send_frame_text: int = c.OLD_FRAME_TEXT
    max_frame_text: int = c.MAX_FRAME_TEXT
    max_message_bytes: int = c.MAX_MESSAGE_BYTES
    packaging: Packaging = Packaging.RECORD_PER_FRAME
    honours_interrupt: bool = False
    requests_interrupt: bool = False
    records_numbered: bool = False
    quirks: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        unknown = sorted(self.quirks - QUIRKS.keys())
        if unknown:
            raise LocalProtocolError(
                f"unknown quirk: {', '.join(unknown)}",
                what_to_do=f"Use names from this list: {', '.join(sorted(QUIRKS))}.",
            )
        wrong = [name for name in _POSITIVE if getattr(self, name) <= 0]
        wrong += ["turnaround_delay_s"] if self.turnaround_delay_s < 0 else []
        wrong += (
            ["contention_s"] if self.contention_s is not None and self.contention_s <= 0 else []
        )
        if wrong:
            raise LocalProtocolError(
                f"link options out of range: {', '.join(wrong)}",
                what_to_do="Give times in seconds and sizes in bytes, greater than zero.",
            )


_POSITIVE = (
    "enquiry_reply_s",
    "busy_backoff_s",
    "frame_reply_s",
    "receive_s",
    "interrupt_holdoff_s",
    "reply_deadline_s",
    "max_transmissions",
    "max_enquiries",
    "send_frame_text",
    "max_frame_text",
    "max_message_bytes",
)
