"""Framings of several kinds for tests, and links that speak them."""

from __future__ import annotations

from middleware.wire.events import Event, MessageReceived
from middleware.wire.framed import ChecksumKind, FramedLink, FrameSpec

ACK, NAK, ENQ, EOT = b"\x06", b"\x15", b"\x05", b"\x04"
BCC = FrameSpec(checksum=ChecksumKind.XOR_BYTE)
LINES = FrameSpec(start=b"", ends=(b"\r",), ignored=b"\n", ack=b"", nak=b"")
SLOW = FrameSpec(ack_min_s=0.5, ack_max_s=5.0)
BLOCKS = FrameSpec(goes_on=b"\x17", repeated_prefix=3, ends_message=(b"DE",), silence_s=2.0)
REPORT = FrameSpec(
    start=b"", ends=(b"\r",), ack=b"", nak=b"", silence_ends=True, silence_s=1.0, joiner=b"\r"
)
LISTING = FrameSpec(
    start=b"", ends=(b"\n",), ends_message=(b"----",), silence_ends=True, silence_s=2.0,
    joiner=b"\n", ack=b"", nak=b"", max_frame_bytes=40,
)  # fmt: skip
CHAIN = FrameSpec(goes_on=b"\x17", repeated_prefix=4, block_mark=2, silence_s=2.0)
SPECS = [
    BCC,
    LINES,
    SLOW,
    BLOCKS,
    REPORT,
    FrameSpec(checksum=ChecksumKind.SUM_HEX, checksum_before_end=True, trailer=b"\r\n"),
    FrameSpec(ends=(), length=5, checksum=ChecksumKind.CRC16_MODBUS_BYTES),
    CHAIN,
    LISTING,
    FrameSpec(start=b"##", ends=(b"%%",), covers_start=True, checksum=ChecksumKind.COMPLEMENT_HEX),
]


def received(events: list[Event]) -> MessageReceived:
    """The only message among the events."""
    (one,) = [event for event in events if isinstance(event, MessageReceived)]
    return one


def linked(spec: FrameSpec) -> FramedLink:
    """A link whose connection was made at 0."""
    link = FramedLink(spec)
    link.connection_made(0.0)
    return link
