"""The sending half of an MLLP link: what waits, what is under way, and which reply belongs to which
message.

A reply is matched by MSA-2 alone, to any message under way. When one gets no reply, those that were
not yet written go back to the caller as well: they must not overtake it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import Event, MessageDelivered, MessageNotDelivered, TimerExpired
from middleware.wire.hl7 import glance
from middleware.wire.mllp.framing import END, START, encode_block

CLAUSE = "HL7 2.5.1 2.9"
NO_REPLY = "no_reply"
CONNECTION_LOST = "connection_lost"
EARLIER_NOT_DELIVERED = "earlier_not_delivered"


@dataclass(slots=True)
class _Sending:
    send_id: int
    control_id: str
    block: bytes
    deadline: float = 0.0


class Outgoing:
    """Messages on their way to the peer."""

    def __init__(self, in_flight: int, ack_timeout_s: float) -> None:
        self._most_under_way = in_flight
        self._ack_timeout_s = ack_timeout_s
        self._waiting: deque[_Sending] = deque()
        self._under_way: dict[str, _Sending] = {}  # by control id, in the order of sending
        self._last_send_id = 0

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return not self._waiting and not self._under_way

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
        self._waiting.append(_Sending(self._last_send_id, seen.control_id, encode_block(text)))
        return self._last_send_id

    def take_ready(self, now: float) -> bytes:
        """The blocks to write now; the wait for their replies begins."""
        ready: list[bytes] = []
        while self._waiting and len(self._under_way) < self._most_under_way:
            if self._waiting[0].control_id in self._under_way:
                break  # a reply could not be told apart
            sending = self._waiting.popleft()
            sending.deadline = now + self._ack_timeout_s
            self._under_way[sending.control_id] = sending
            ready.append(sending.block)
        return b"".join(ready)

    def settle(self, acknowledged_id: str, reply: bytes) -> list[Event]:
        """Match a reply; empty when it belongs to nothing that is under way."""
        sending = self._under_way.pop(acknowledged_id.strip(), None)
        return [] if sending is None else [MessageDelivered(sending.send_id, reply)]

    def next_deadline(self) -> float | None:
        """When the earliest wait for a reply ends."""
        return min((sending.deadline for sending in self._under_way.values()), default=None)

    def postpone(self, seconds: float) -> None:
        """Nothing was read for so long: replies may lie unread, so the waits are longer by it."""
        for sending in self._under_way.values():
            sending.deadline += seconds

    def expire(self, now: float) -> list[Event]:
        """Give up what has waited too long, and hand back what was queued behind it."""
        late = [sending for sending in self._under_way.values() if sending.deadline <= now]
        if not late:
            return []
        events: list[Event] = [TimerExpired("acknowledgement", CLAUSE)]
        for sending in late:
            del self._under_way[sending.control_id]
            events.append(MessageNotDelivered(sending.send_id, NO_REPLY, CLAUSE))
        events += self._hand_back(self._waiting, EARLIER_NOT_DELIVERED)
        self._waiting.clear()
        return events

    def abandon(self) -> list[Event]:
        """The connection is gone: nothing of this got through for certain."""
        events = self._hand_back([*self._under_way.values(), *self._waiting], CONNECTION_LOST)
        self._under_way.clear()
        self._waiting.clear()
        return events

    @staticmethod
    def _hand_back(messages: deque[_Sending] | list[_Sending], reason: str) -> list[Event]:
        return [MessageNotDelivered(message.send_id, reason, CLAUSE) for message in messages]
