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
from middleware.wire.mllp.options import (
    Acknowledge,
    MllpLinkOptions,
    Replies,
    acknowledge_plainly,
)
from middleware.wire.mllp.quirks import QUIRKS
from middleware.wire.mllp.tolerant import TolerantBlockReader

__all__ = [
    "DEFAULT_LIMIT_BYTES",
    "QUIRKS",
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
    "Replies",
    "Skipped",
    "TolerantBlockReader",
    "acknowledge_plainly",
    "encode_block",
]
