"""MLLP: block framing and the link that sends and answers HL7 messages in blocks."""

from __future__ import annotations

from middleware.wire.mllp.framing import (
    DEFAULT_LIMIT_BYTES,
    Block,
    BlockEvent,
    BlockReader,
    CommitBlock,
    EmptyBlock,
    Oversize,
    PartialDropped,
    Skipped,
    encode_block,
)
from middleware.wire.mllp.link import MllpLink
from middleware.wire.mllp.options import Acknowledge, MllpLinkOptions, acknowledge_plainly

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "Acknowledge",
    "Block",
    "BlockEvent",
    "BlockReader",
    "CommitBlock",
    "EmptyBlock",
    "MllpLink",
    "MllpLinkOptions",
    "Oversize",
    "PartialDropped",
    "Skipped",
    "acknowledge_plainly",
    "encode_block",
]
