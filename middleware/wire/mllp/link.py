"""The MLLP link, both ends of it: it sends messages and matches their replies, it receives messages
and answers them.

Theory of operation.
- A block is a reply when it is of type ACK or has an MSA segment. It is matched by MSA-2 to a
  message under way, or counted and ignored; but one that brings results, or lines to display (DSR), and belongs to
  nothing of ours is a message.
  A reply is never answered.
- Every other block is a message. One at a time waits for `commit` or `refuse`; the blocks after it
  wait in order, and further bytes are held. Only `commit` writes an accepting acknowledgement:
  none exists before the message is on stable storage.
- Whether and how a message is answered follows MSH-15 and MSH-16 (`replies_for`), unless the options say otherwise.
- What the peer never finished (lost end byte, silence, lost connection) is reported as abandoned:
  the peer still has it, for it was never acknowledged.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from middleware.wire.events import (
    AcknowledgementConfirmed,
    Event,
    FrameRefused,
    MessageAbandoned,
    MessageReceived,
    SessionClosed,
    SessionOpened,
    SessionRefused,
    TimerExpired,
)
from middleware.wire.hl7 import AckCode, Glance, glance
from middleware.wire.mllp.framing import (
    CLAUSE,
    END,
    START,
    Block,
    BlockEvent,
    CommitBlock,
    Oversize,
    PartialDropped,
    Skipped,
    encode_block,
)
from middleware.wire.mllp.options import MllpLinkOptions
from middleware.wire.mllp.outgoing import CONNECTION_LOST, Outgoing
from middleware.wire.mllp.quirks import END_SILENCE_S

_BRINGS_SOMETHING = re.compile(rb"[\r\n](?:OBX|DSP)[^\w\s]")
MOST_ABANDONED_AT_ONCE = 8
"""Of one read. More is no analyzer that lost its end bytes, and must not become as many rows of the journal."""

NOT_ACCEPTING = "not_accepting"
_CODES = frozenset(AckCode)
# A transport that is paused may still deliver what it has read already; more than that is not kept.
_HELD_BEYOND_BLOCK_BYTES = 1024 * 1024
_NOT_HL7 = Glance("", "", "", "", is_acknowledgement=False)


@dataclass(frozen=True, slots=True)
class _Awaiting:
    """The message that waits for `commit`."""

    token: int
    text: bytes
    seen: Glance
    since: float


class MllpLink:
    """One end of a connection that speaks MLLP; implements `middleware.wire.link.Link`."""

    def __init__(self, options: MllpLinkOptions | None = None) -> None:
        self._options = options or MllpLinkOptions()
        self._reader = self._options.make_reader()
        self._outgoing = Outgoing(
            self._options.in_flight, self._options.ack_timeout_s, self._options.unanswered
        )
        self._counts: Counter[tuple[str, str]] = Counter()
        self._blocks: deque[BlockEvent] = deque()
        self._held = bytearray()
        self._written: list[bytes] = []
        self._awaiting: _Awaiting | None = None
        self._unconfirmed: tuple[int, str] | None = None  # token and control id of our last AA
        self._noise = b""
        self._silence_deadline: float | None = None
        self._last_token = 0
        self._is_connected = False
        self._is_accepting = True

    # -- connection ---------------------------------------------------------------------------

    def connection_made(self, now: float) -> list[Event]:
        """The transport is connected: what was queued is sent."""
        self._is_connected = True
        self._reader.drop_partial()
        self._written.clear()
        self._unconfirmed = None
        self._noise = b""
        self._pump(now)
        return [SessionOpened()]

    def connection_lost(self, now: float) -> list[Event]:
        """The transport is gone. Replies that had arrived still count; nothing else is answered any
        more.
        """
        self._awaiting = None
        self._unconfirmed = None
        self._blocks += self._reader.feed(bytes(self._held))
        self._held.clear()
        events: list[Event] = []
        while self._blocks:
            events += self._take_after_loss(self._blocks.popleft(), now)
        if partial := self._reader.drop_partial():
            events.append(self._abandoned(partial, CONNECTION_LOST))
        events += self._outgoing.abandon()
        self._silence_deadline = None
        self._written.clear()
        if self._is_connected:
            events.append(SessionClosed())
        self._is_connected = False
        return events

    def _take_after_loss(self, block: BlockEvent, now: float) -> list[Event]:
        if isinstance(block, PartialDropped):
            return self._take_partials(block, CONNECTION_LOST)
        if not isinstance(block, Block):
            return []
        seen = glance(block.data)
        if seen is not None and seen.is_acknowledgement:
            return self._match(seen, block.data, now)
        return [MessageAbandoned(block.data, START + block.data + END, CONNECTION_LOST)]

    # -- receiving ----------------------------------------------------------------------------

    def receive_bytes(self, data: bytes, now: float) -> list[Event]:
        """Bytes came; while a commit is awaited they are held, at most one block and a read more."""
        if self._awaiting is None:
            return self._read(data, now)
        if len(self._held) + len(data) > self._options.max_block_bytes + _HELD_BEYOND_BLOCK_BYTES:
            self._held.clear()
            self._reader.drop_partial()
            self._counts["received", "overrun"] += 1
            return [FrameRefused("received", "held_bytes_overrun", CLAUSE)]
        self._held += data
        return []

    def _read(self, data: bytes, now: float) -> list[Event]:
        self._blocks += self._reader.feed(data)
        return self._advance(now)

    def _advance(self, now: float) -> list[Event]:
        """Take blocks until one must be committed."""
        events: list[Event] = []
        while self._blocks and self._awaiting is None:
            events += self._take(self._blocks.popleft(), now)
        self._pump(now)
        inside = self._reader.is_inside and self._awaiting is None
        self._silence_deadline = now + self._longest_silence() if inside else None
        return events

    def _longest_silence(self) -> float:
        if self._reader.ends_by_silence:
            return min(END_SILENCE_S, self._options.partial_timeout_s)
        return self._options.partial_timeout_s

    def _take(self, block: BlockEvent, now: float) -> list[Event]:
        if isinstance(block, Block):
            seen = glance(block.data)
            if seen is not None and seen.is_acknowledgement:
                is_ours = self._outgoing.awaits(seen.acknowledged_id)
                if is_ours or _BRINGS_SOMETHING.search(block.data) is None:
                    return self._match(seen, block.data, now)
            return self._take_message(block, seen or _NOT_HL7, now)
        if isinstance(block, Skipped):
            self._counts["received", "skipped_bytes"] += block.count
            self._noise = block.head
            return []
        if isinstance(block, PartialDropped):
            return self._take_partials(block, "terminator_missing")
        if isinstance(block, Oversize):
            self._counts["received", "oversize"] += 1
            return [FrameRefused("received", "block_too_large", CLAUSE)]
        name = "empty"
        if isinstance(block, CommitBlock):
            name = "commit_ack" if block.accepted else "commit_nak"
        self._counts["received", name] += 1
        return []

    def _take_message(self, block: Block, seen: Glance, now: float) -> list[Event]:
        events, text = self._confirmed_by(seen), block.data
        for quirk in block.quirks:
            self._counts["quirk", quirk] += 1
        wire = self._noise + START + text + END
        self._noise = b""
        if not self._is_accepting:
            self._answer(text, self._options.replies(seen, accepted=False))
            self._counts["received", "refused"] += 1
            events.append(SessionRefused("received", NOT_ACCEPTING))
            return events
        self._last_token += 1
        self._awaiting = _Awaiting(self._last_token, text, seen, now)
        events.append(MessageReceived(self._last_token, text, wire, block.quirks))
        return events

    def _confirmed_by(self, seen: Glance) -> list[Event]:
        """The next message proves that our acknowledgement arrived; the same one again proves the
        opposite.
        """
        unconfirmed, self._unconfirmed = self._unconfirmed, None
        if unconfirmed is None or unconfirmed[1] == seen.control_id:
            return []
        return [AcknowledgementConfirmed(unconfirmed[0])]

    def _take_partials(self, first: PartialDropped, reason: str) -> list[Event]:
        """Unfinished blocks that came together: each is kept, but a flood of them as one."""
        bodies = [first.data]
        while self._blocks and isinstance(following := self._blocks[0], PartialDropped):
            bodies.append(following.data)
            self._blocks.popleft()
        self._counts["received", "partial"] += len(bodies)
        if len(bodies) > MOST_ABANDONED_AT_ONCE:
            bodies = [START.join(bodies)]
        return [self._abandoned(body, reason) for body in bodies]

    def _abandoned(self, text: bytes, reason: str) -> Event:
        wire = self._noise + START + text
        self._noise = b""
        return MessageAbandoned(text, wire, reason)

    # -- answering ----------------------------------------------------------------------------

    def commit(self, token: int, now: float) -> list[Event]:
        """The message is on stable storage: acknowledge it as it asks, then go on with what came
        meanwhile.
        """
        awaiting = self._awaiting
        if awaiting is None or awaiting.token != token:
            return []
        self._answer(awaiting.text, self._options.replies(awaiting.seen, accepted=True))
        self._unconfirmed = (token, awaiting.seen.control_id)
        self._counts["received", "accepted"] += 1
        return self._resume(awaiting, now)

    def refuse(self, token: int, now: float, reason: str = "not_stored") -> list[Event]:
        """Refuse the message. A `reason` that is a code of table 0008 (an emulated LIS's `AR`) is
        the code to answer.

        Otherwise the answer is AE or CE, as the message asks.
        """
        awaiting = self._awaiting
        if awaiting is None or awaiting.token != token:
            return []
        replies = self._options.replies(awaiting.seen, accepted=False)
        self._answer(awaiting.text, (AckCode(reason),) if reason in _CODES else replies)
        self._counts["received", "refused"] += 1
        refused: list[Event] = [FrameRefused("received", reason, CLAUSE)]
        return refused + self._resume(awaiting, now)

    def _answer(self, text: bytes, codes: tuple[AckCode, ...]) -> None:
        for code in codes:
            if reply := self._options.acknowledge(text, code):
                self._written.append(encode_block(reply))

    def _resume(self, awaiting: _Awaiting, now: float) -> list[Event]:
        self._awaiting = None
        self._outgoing.postpone(now - awaiting.since)
        events = self._advance(now)
        if self._held and self._awaiting is None:
            held = bytes(self._held)
            self._held.clear()
            events += self._read(held, now)
        return events

    # -- sending ------------------------------------------------------------------------------

    def send_message(self, text: bytes, now: float) -> int:
        """Queue a message; raises LocalProtocolError when it has no control id or holds framing
        bytes.
        """
        send_id = self._outgoing.add(text)
        self._pump(now)
        return send_id

    def _pump(self, now: float) -> None:
        if self._is_connected and (ready := self._outgoing.take_ready(now)):
            self._written.append(ready)

    def _match(self, seen: Glance, reply: bytes, now: float) -> list[Event]:
        events = self._outgoing.settle(seen.acknowledged_id, reply, now)
        self._counts["received", "unmatched_reply" if events is None else "reply"] += 1
        return events or []

    def bytes_to_send(self) -> bytes:
        """Take what must be written now."""
        if not self._written:
            return b""
        data = b"".join(self._written)
        self._written.clear()
        return data

    # -- time ---------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `on_deadline` is due. While a commit is awaited nothing is read, so no reply can be
        late.
        """
        if self._awaiting is not None:
            return self._awaiting.since + self._options.reply_deadline_s
        deadlines = (self._silence_deadline, self._outgoing.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def on_deadline(self, now: float) -> list[Event]:
        """A time ran out: refuse what was not committed, give up an unfinished block or an
        unanswered message.
        """
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return []
        if self._awaiting is not None:
            expired: list[Event] = [TimerExpired("reply_deadline", CLAUSE)]
            return expired + self.refuse(self._awaiting.token, now, "reply_deadline")
        events: list[Event] = []
        if self._silence_deadline is not None and self._silence_deadline <= now:
            self._silence_deadline = None
            events += self._end_by_silence(now)
        events += self._outgoing.expire(now)
        self._pump(now)
        return events

    def _end_by_silence(self, now: float) -> list[Event]:
        if self._reader.ends_by_silence:
            self._blocks += self._reader.end_by_silence()
            return self._advance(now)
        self._counts["received", "partial"] += 1
        partial = self._reader.drop_partial()
        expired: list[Event] = [TimerExpired("receive", CLAUSE)]
        if partial:
            expired.append(self._abandoned(partial, "receive_timeout"))
        return expired

    # -- what it looks like from outside ---------------------------------------------------------

    def set_accepting(self, accepting: bool) -> None:
        """When False, messages are refused at once because the store cannot be written."""
        self._is_accepting = accepting

    @property
    def is_neutral(self) -> bool:
        """Nothing is half received, waiting for a commit, or waiting for a reply."""
        return (
            self._awaiting is None
            and not self._blocks
            and not self._reader.is_inside
            and self._outgoing.is_idle
        )

    @property
    def is_awaiting_commit(self) -> bool:
        """A message waits for `commit` or `refuse`."""
        return self._awaiting is not None

    @property
    def state_name(self) -> str:
        """For status pages."""
        if not self._is_connected:
            return "not connected"
        if self._awaiting is not None:
            return "awaiting commit"
        if self._reader.is_inside:
            return "receiving a block"
        return "awaiting acknowledgement" if self._outgoing.is_under_way else "idle"

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Running totals by (direction, outcome); see the README for the outcomes."""
        return self._counts
