"""The `[protocol.frame]` section: how one telegram is framed on the wire, with control characters by name."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from middleware.driver.rules import Section
from middleware.wire.capture import from_lossless
from middleware.wire.framed import ChecksumKind, FrameSpec


def _is_bytes(text: str) -> str:
    try:
        from_lossless(text)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"cannot be read: {error}; write control characters by name, as <STX>"
        ) from error
    return text


Bytes = Annotated[str, AfterValidator(_is_bytes)]


class FrameSection(Section):
    """How one telegram is framed. Control characters are written by name: <STX>, <CR>, <x9F>."""

    start: Bytes = Field(
        default="<STX>", description="Begins a frame; empty: lines.", examples=["<STX>"]
    )
    ends: tuple[Bytes, ...] = Field(
        default=("<ETX>",), description="Each of them ends a frame.", examples=[["<ETX>", "<ETB>"]]
    )
    length: int | None = Field(
        default=None,
        ge=1,
        le=65536,
        description="Length of the text instead of an end, in bytes.",
        examples=[128],
    )
    checksum: ChecksumKind = Field(
        default=ChecksumKind.NONE, description="How a frame is proved.", examples=["sum_hex"]
    )
    checksum_before_end: bool = Field(
        default=False,
        description="The checksum stands before the end, not behind it.",
        examples=[True],
    )
    covers_start: bool = Field(
        default=False, description="The checksum includes the start.", examples=[True]
    )
    covers_end: bool = Field(
        default=True, description="The checksum includes the end.", examples=[False]
    )
    trailer: Bytes = Field(
        default="", description="Behind the checksum, as <CR><LF>.", examples=["<CR><LF>"]
    )
    goes_on: Bytes = Field(
        default="",
        description="The end which says that the text goes on in the next frame.",
        examples=["<ETB>"],
    )
    repeated_prefix: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="So many bytes of that frame only repeat the first one's; with others it is another text.",
        examples=[16],
    )
    block_mark: int = Field(
        default=0,
        ge=0,
        le=64,
        description="So many bytes behind them number the block.",
        examples=[1],
    )
    ends_message: tuple[Bytes, ...] = Field(
        default=(),
        description="Beginnings of telegrams that end a message; none: each is one.",
        examples=[["DE"]],
    )
    silence_ends: bool = Field(
        default=False,
        description="A message ends when nothing comes; only without replies.",
        examples=[True],
    )
    joiner: Bytes = Field(
        default="", description="Stands between the telegrams of a message.", examples=["<CR>"]
    )
    ack: Bytes = Field(
        default="<ACK>",
        description="Our acknowledgement; empty: none is expected.",
        examples=["<ACK>"],
    )
    nak: Bytes = Field(
        default="<NAK>", description="Our refusal; empty: none is expected.", examples=["<NAK>"]
    )
    ack_min_s: float = Field(
        default=0.0,
        ge=0,
        le=30,
        description="Seconds before which the analyzer does not listen.",
        examples=[0.05],
    )
    ack_max_s: float = Field(
        default=9.0,
        gt=0,
        le=120,
        description="Latest reply, in seconds; then the message is refused.",
        examples=[2.0],
    )
    enquiry: Bytes = Field(
        default="",
        description="What asks whether we are there; answered by `ack`.",
        examples=["<ENQ>"],
    )
    ignored: Bytes = Field(
        default="", description="Bytes between frames that mean nothing.", examples=["<NUL>"]
    )
    silence_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Silence that ends a frame or a message, in seconds.",
        examples=[5.0],
    )
    max_frame_bytes: int = Field(
        default=65536,
        ge=16,
        le=16 * 1024 * 1024,
        description="Longest frame, in bytes.",
        examples=[4096],
    )

    def spec(self) -> FrameSpec:
        """The framing as the link takes it. Raises ValueError for what cannot work."""
        ends = () if self.length is not None else tuple(map(from_lossless, self.ends))
        return FrameSpec(
            start=from_lossless(self.start),
            ends=ends,
            length=self.length,
            checksum=self.checksum,
            checksum_before_end=self.checksum_before_end,
            covers_start=self.covers_start,
            covers_end=self.covers_end,
            trailer=from_lossless(self.trailer),
            goes_on=from_lossless(self.goes_on),
            repeated_prefix=self.repeated_prefix,
            block_mark=self.block_mark,
            ends_message=tuple(map(from_lossless, self.ends_message)),
            silence_ends=self.silence_ends,
            joiner=from_lossless(self.joiner),
            ack=from_lossless(self.ack),
            nak=from_lossless(self.nak),
            ack_min_s=self.ack_min_s,
            ack_max_s=self.ack_max_s,
            enquiry=from_lossless(self.enquiry),
            ignored=from_lossless(self.ignored),
            silence_s=self.silence_s,
            max_frame_bytes=self.max_frame_bytes,
        )

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        self.spec()
        return self
