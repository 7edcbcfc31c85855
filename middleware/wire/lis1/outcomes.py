"""What became of each frame: the words by which a link counts them (`Lis1Link.counts`).

They are the values of the label `outcome` of `labwire_frames_total`; a test holds the metrics' list
equal to this one.
"""

from __future__ import annotations

from enum import StrEnum

from middleware.wire.lis1.frame import Fault


class FrameOutcome(StrEnum):
    """What became of a frame, received or sent."""

    OK = "ok"
    BAD_CHECKSUM = "bad_checksum"
    BAD_SEQUENCE = "bad_sequence"
    OVERSIZE = "oversize"
    TIMEOUT = "timeout"  # received: awaited in vain, or not stored in time; sent: never answered
    NAK = "nak"  # sent: the peer refused it
    OTHER = "other"  # received: refused for any other reason
    REPEATED = "repeated"  # received or sent once more, byte for byte
    BROKEN_OFF = "broken_off"  # received: the sender began anew; never answered
    OVERFLOWED = "overflowed"  # received: more bytes than may wait for a commit


_O = FrameOutcome
OF_RECEIVED = (
    _O.OK, _O.BAD_CHECKSUM, _O.BAD_SEQUENCE, _O.OVERSIZE, _O.TIMEOUT, _O.OTHER, _O.REPEATED,
    _O.BROKEN_OFF, _O.OVERFLOWED,
)  # fmt: skip
OF_SENT = (_O.OK, _O.NAK, _O.TIMEOUT, _O.REPEATED)

_OF_FAULT = {
    Fault.CHECKSUM_WRONG: _O.BAD_CHECKSUM,
    Fault.CHECKSUM_MISSING: _O.BAD_CHECKSUM,
    Fault.FRAME_NUMBER_MISSING: _O.BAD_SEQUENCE,
    Fault.FRAME_NUMBER_WRONG: _O.BAD_SEQUENCE,
    Fault.FRAME_MISSING: _O.BAD_SEQUENCE,
    Fault.REPEAT_DIFFERS: _O.BAD_SEQUENCE,
    Fault.FRAME_TOO_LONG: _O.OVERSIZE,
    Fault.MESSAGE_TOO_LONG: _O.OVERSIZE,
    Fault.BROKEN_OFF: _O.BROKEN_OFF,
}


def outcome_of(fault: Fault) -> FrameOutcome:
    """The word for a received frame with this fault."""
    return _OF_FAULT.get(fault, FrameOutcome.OTHER)
