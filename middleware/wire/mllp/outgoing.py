"""The sending half of an MLLP link: what waits, what is under way, and which reply belongs to which
message.

A reply is matched by MSA-2 alone, to any message under way. When one gets no reply, those that were
not yet written go back to the caller as well: they must not overtake it. A message that asks for
both acknowledgements (MSH-15 and MSH-16, HL7 2.5.1 2.9.3) gets CA first: then its application
acknowledgement is awaited, and when none comes, CA stands: the peer has stored the message.
A response of ours (a type that the options name) gets no reply: it goes out at once and is delivered when written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, TimerExpired
from middleware.wire.hl7 import AckCode, AckCondition, classify, glance
from middleware.wire.mllp.framing import END, START, encode_block

CLAUSE = "HL7 2.5.1 2.9"
NO_REPLY = "no_reply"
CONNECTION_LOST = "connection_lost"
EARLIER_NOT_DELIVERED = "earlier_not_delivered"
_TYPE_AT = 8  # MSH-9 in a split header
_ACCEPTS = frozenset((AckCondition.ALWAYS, AckCondition.SUCCESS, AckCondition.ERROR))


@dataclass(slots=True)
class _Sending:
    send_id: int
    control_id: str
    block: bytes
    deadline: float = 0.0
    asks_for_both: bool = False
    commit_reply: bytes = b""  # the CA that came


class Outgoing:
    """Messages on their way to the peer."""

    def __init__(
        self, in_flight: int, ack_timeout_s: float, unanswered: Collection[str] = ()
    ) -> None:
        """`unanswered`: types (MSH-9.1) of messages of ours that nobody replies to."""
        self._most_under_way = in_flight
        self._ack_timeout_s = ack_timeout_s
        self._unanswered = frozenset(unanswered)
        self._responses: deque[_Sending] = deque()
        self._written: list[_Sending] = []  # responses, not yet reported as delivered
        self._waiting: deque[_Sending] = deque()
        self._under_way: dict[str, _Sending] = {}  # by control id, in the order of sending
        self._last_send_id = 0

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return not (self._waiting or self._under_way or self._responses or self._written)

    @property
    def is_under_way(self) -> bool:
        """A written message has no reply yet."""
        return bool(self._under_way)

    def add(self, text: bytes) -> int:
        """Queue a message; raises LocalProtocolError when it cannot travel or no reply could be
        matched to it.
        """
        seen = glance(text)
        if seen is None or not seen.control_id:
            raise LocalProtocolError("a message needs MSH and a control id (MSH-10) to be sent")
        if START in text or END in text:
            raise LocalProtocolError("a message may not hold the bytes that frame a block")
        self._last_send_id += 1
        sending = _Sending(self._last_send_id, seen.control_id, encode_block(text))
        sending.asks_for_both = seen.application_condition == AckCondition.ALWAYS and (
            seen.accept_condition in _ACCEPTS
        )
        is_response = bool(self._unanswered) and _type_of(text) in self._unanswered
        (self._responses if is_response else self._waiting).append(sending)
        return self._last_send_id

    def take_ready(self, now: float) -> bytes:
        """The blocks to write now; the wait for their replies begins."""
        ready: list[bytes] = [sending.block for sending in self._responses]
        for sending in self._responses:
            sending.deadline = now
        self._written += self._responses
        self._responses.clear()
        while self._waiting and len(self._under_way) < self._most_under_way:
            if self._waiting[0].control_id in self._under_way:
                break  # a reply could not be told apart
            sending = self._waiting.popleft()
            sending.deadline = now + self._ack_timeout_s
            self._under_way[sending.control_id] = sending
            ready.append(sending.block)
        return b"".join(ready)

    def awaits(self, control_id: str) -> bool:
        """Whether a message with this control id is under way."""
        return control_id.strip() in self._under_way

    def settle(self, acknowledged_id: str, reply: bytes, now: float) -> list[Event] | None:
        """Match a reply; None when it belongs to nothing that is under way."""
        sending = self._under_way.get(acknowledged_id.strip())
        if sending is None:
            return None
        if sending.asks_for_both and _is_commit_accept(reply, sending.control_id):
            sending.commit_reply = reply
            sending.deadline = now + self._ack_timeout_s
            return []
        del self._under_way[sending.control_id]
        return [MessageDelivered(sending.send_id, reply)]

    def next_deadline(self) -> float | None:
        """When the earliest wait for a reply ends, or what was written is to be reported."""
        waits = (*self._under_way.values(), *self._written)
        return min((sending.deadline for sending in waits), default=None)

    def postpone(self, seconds: float) -> None:
        """Nothing was read for so long: replies may lie unread, so the waits are longer by it."""
        for sending in self._under_way.values():
            sending.deadline += seconds

    def expire(self, now: float) -> list[Event]:
        """Give up what has waited too long, and hand back what was queued behind it; report what was written."""
        events: list[Event] = [MessageDelivered(sending.send_id, b"") for sending in self._written]
        self._written.clear()
        late = [sending for sending in self._under_way.values() if sending.deadline <= now]
        if not late:
            return events
        events.append(TimerExpired("acknowledgement", CLAUSE))
        for sending in late:
            del self._under_way[sending.control_id]
        events += self._hand_back(late, NO_REPLY)
        if all(sending.commit_reply for sending in late):
            return events
        events += self._hand_back(self._waiting, EARLIER_NOT_DELIVERED)
        self._waiting.clear()
        return events

    def abandon(self) -> list[Event]:
        """The connection is gone: nothing of this got through for certain."""
        unsure = [*self._written, *self._responses, *self._under_way.values(), *self._waiting]
        events = self._hand_back(unsure, CONNECTION_LOST)
        self._written.clear()
        self._responses.clear()
        self._under_way.clear()
        self._waiting.clear()
        return events

    @staticmethod
    def _hand_back(messages: Iterable[_Sending], reason: str) -> list[Event]:
        return [
            MessageDelivered(message.send_id, message.commit_reply)
            if message.commit_reply
            else MessageNotDelivered(message.send_id, reason, CLAUSE)
            for message in messages
        ]


def _type_of(text: bytes) -> str:
    """MSH-9.1 of a message that `glance` could read."""
    text = text.lstrip(b"\xef\xbb\xbf\r\n")
    fields = text.split(text[3:4], _TYPE_AT + 1)
    kind = fields[_TYPE_AT] if len(fields) > _TYPE_AT else b""
    return kind.split(text[4:5], 1)[0].decode("latin-1").strip()


def _is_commit_accept(reply: bytes, control_id: str) -> bool:
    return classify(reply, control_id).code.upper() == AckCode.COMMIT_ACCEPT
