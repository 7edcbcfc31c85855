"""What an MLLP link may be told: times, limits, and who writes the acknowledgements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from middleware.wire.errors import RemoteProtocolError
from middleware.wire.hl7 import (
    ERROR_TEXTS,
    AckCode,
    AckError,
    AckNote,
    ErrorCode,
    Glance,
    build_ack,
    compose,
    parse,
    replies_for,
    segment,
)
from middleware.wire.mllp.framing import DEFAULT_LIMIT_BYTES, BlockReader
from middleware.wire.mllp.tolerant import TolerantBlockReader

# (the message as it came, the code to answer) -> the acknowledgement, without framing. Pure:
# whoever wants a time or a control id of his own in it supplies his own. b"": it gets no answer now.
Acknowledge = Callable[[bytes, AckCode], bytes]


class Replies(Protocol):
    """Which acknowledgements a received message gets, in order; `replies_for` does as the message asks."""

    def __call__(self, message: Glance, *, accepted: bool) -> tuple[AckCode, ...]:
        """The codes; () for silence."""
        ...


_ACCEPTING = frozenset((AckCode.APPLICATION_ACCEPT, AckCode.COMMIT_ACCEPT))
_NOT_STORED = AckNote(
    errors=(AckError(ErrorCode.INTERNAL_ERROR, ERROR_TEXTS[ErrorCode.INTERNAL_ERROR]),)
)


def acknowledge_plainly(text: bytes, code: AckCode) -> bytes:
    """The usual acknowledgement: the control id of the message, and no time, for there is no clock
    here.

    A refusal says 207 (internal error), which means: send it again later. What is no HL7 message is
    rejected, whatever `code` is.
    """
    try:
        message = parse(text)
    except RemoteProtocolError as error:
        header = segment("MSH", {9: "ACK", 11: "P", 12: "2.5.1"})
        reject = segment("MSA", {1: AckCode.APPLICATION_REJECT, 3: str(error)})
        return compose([header, reject])
    note = AckNote() if code in _ACCEPTING else _NOT_STORED
    return build_ack(message, code, message.header.get("MSH-10"), "", note)


@dataclass(frozen=True, slots=True)
class MllpLinkOptions:
    """Times in seconds, sizes in bytes.

    `ack_timeout_s`: how long a sent message waits for its acknowledgement. `in_flight`: how many
    may wait at once (1: stop and wait). `partial_timeout_s`: silence inside a block after which it
    is given up. `reply_deadline_s`: how long a received message may wait for `commit` before the
    link itself refuses it; known analyzers wait 10 s and then go on to their next result.
    `max_block_bytes`: a longer block is given up. `tolerances`: names of `middleware.wire.mllp.quirks`.
    `unanswered`: types (MSH-9.1) of messages of ours that are responses: the peer replies to none of them.
    """

    ack_timeout_s: float = 30.0
    in_flight: int = 1
    partial_timeout_s: float = 30.0
    reply_deadline_s: float = 9.0
    max_block_bytes: int = DEFAULT_LIMIT_BYTES
    acknowledge: Acknowledge = acknowledge_plainly
    replies: Replies = replies_for
    tolerances: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()

    def make_reader(self) -> BlockReader:
        """The reader of one connection's bytes."""
        if self.tolerances:
            return TolerantBlockReader(self.max_block_bytes, self.tolerances)
        return BlockReader(self.max_block_bytes)
