"""FrameSpec: what a profile says of a framing that follows no standard. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from middleware.wire.framed.checksums import BINARY, ChecksumKind

DEFAULT_LIMIT_BYTES = 64 * 1024
CLAUSE = "the driver's frame"  # what events name instead of a clause: no standard is broken


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """Times in seconds, sizes in bytes.

    A frame is `start`, text, one of `ends` (or `length` bytes of text), then `checksum` and `trailer`. Without `start`
    a frame begins where the last one ended: lines. `checksum_before_end` puts the checksum before the end;
    `covers_start` and `covers_end` say whether it includes them.

    `goes_on`: the end that says that the text goes on in the next frame, whose first `repeated_prefix` bytes repeat the
    first frame's (a frame with others is another text) and whose next `block_mark` bytes number the block; both are
    dropped there. `ends_message`: beginnings of the text of a frame that ends a message; empty: every frame does.
    `silence_ends`: a message without them ends when nothing comes for `silence_s`. `joiner` stands between the texts of
    its frames in the message (not where a text only goes on).

    `ack`, `nak`: our replies; both empty: the analyzer expects none. A reply leaves no earlier than `ack_min_s` and no
    later than `ack_max_s` after the frame's last byte. `enquiry` is answered by `ack`; `ignored` are single bytes
    between frames that mean nothing to us.
    """

    start: bytes = b"\x02"
    ends: tuple[bytes, ...] = (b"\x03",)
    length: int | None = None
    checksum: ChecksumKind = ChecksumKind.NONE
    checksum_before_end: bool = False
    covers_start: bool = False
    covers_end: bool = True
    trailer: bytes = b""
    goes_on: bytes = b""
    repeated_prefix: int = 0
    block_mark: int = 0
    ends_message: tuple[bytes, ...] = ()
    silence_ends: bool = False
    joiner: bytes = b""
    ack: bytes = b"\x06"
    nak: bytes = b"\x15"
    ack_min_s: float = 0.0
    ack_max_s: float = 9.0
    enquiry: bytes = b""
    ignored: bytes = b""
    silence_s: float = 10.0
    reply_s: float = 10.0
    most_tries: int = 3
    max_frame_bytes: int = DEFAULT_LIMIT_BYTES
    max_message_bytes: int = 16 * DEFAULT_LIMIT_BYTES

    def __post_init__(self) -> None:
        for rule in (self._check_extent, self._check_ends, self._check_replies):
            rule()

    def _check_extent(self) -> None:
        if bool(self.ends) == (self.length is not None):
            raise ValueError("a frame has either an end or a length")
        if self.length is None:
            return
        if not self.start:
            raise ValueError(
                "frames of a fixed length need a start: nothing else tells where one begins"
            )
        if len(self.start) + self.length > self.max_frame_bytes:
            raise ValueError("max_frame_bytes must be more than start and length")

    def _check_ends(self) -> None:
        if self.goes_on and self.goes_on in self.ends:
            raise ValueError("goes_on must not be one of ends")
        ends = [one for one in (*self.ends, self.goes_on) if one]
        if len(ends) < len(self.ends):
            raise ValueError("an end must not be empty")
        if any(one is not other and other.startswith(one) for one in ends for other in ends):
            raise ValueError(
                "no end may begin another: give the shorter, and the rest in `ignored`"
            )
        if self.start and any(one.startswith(self.start) for one in ends):
            raise ValueError("the start must not begin an end")
        if self.start and self.start.startswith(self._between_frames()):
            raise ValueError("what is read between frames must not begin a start")
        if self.checksum in BINARY and self.checksum_before_end and self.length is None:
            raise ValueError("a checksum of any bytes before the end could look like the end")

    def _between_frames(self) -> tuple[bytes, ...]:
        ignored = (bytes((one,)) for one in self.ignored)
        return tuple(one for one in (self.enquiry, self.ack, self.nak, *ignored) if one)

    def _check_replies(self) -> None:
        if self.ack_max_s <= self.ack_min_s:
            raise ValueError("ack_max_s must be later than ack_min_s")
        if bool(self.ack) != bool(self.nak):
            raise ValueError("give both ack and nak, or none")
        if self.silence_ends and self.ack:
            raise ValueError(
                "a message that ends by silence cannot be acknowledged: when it is stored, nobody waits"
            )
        if (self.repeated_prefix or self.block_mark) and not self.goes_on:
            raise ValueError("repeated_prefix and block_mark belong to goes_on")

    @property
    def replies(self) -> bool:
        """Whether the analyzer waits for an acknowledgement."""
        return bool(self.ack)
