"""What is under way to the LIS: each message with who waits for its outcome, and how often its frames were refused.

Pure of connections: the connector tells what was sent and what became of it.
"""

from __future__ import annotations

from collections import OrderedDict

from twisted.internet.defer import Deferred

from middleware.delivery.connector import OutgoingMessage
from middleware.model import Outcome, OutcomeKind
from middleware.wire.events import MessageDelivered, MessageNotDelivered

FRAME_REFUSED = "frame_refused"
_REMEMBERED = 1000
_WORDS = {
    "enquiry_unanswered": "the LIS did not answer ENQ",
    "line_busy": "the LIS was busy each time it was asked for the line",
    "contention": "the LIS wanted the line each time it was asked for it",
    "frame_unanswered": "the LIS did not answer a frame in time",
    FRAME_REFUSED: "the LIS refused a frame as often as it may be sent",
    "interrupted": "the LIS asked for the line in the middle of the message",
    "connection_lost": "the connection was lost before the LIS had all of it",
}


class Sending:
    """I am responsible that each message under way gets exactly one outcome."""

    def __init__(self, refused_after: int) -> None:
        self._refused_after = refused_after
        self._under_way: dict[int, tuple[OutgoingMessage, Deferred[Outcome]]] = {}
        self._refusals: OrderedDict[str, int] = OrderedDict()  # by control id

    def started(self, send_id: int, message: OutgoingMessage) -> Deferred[Outcome]:
        """The link has it; fires with what became of it."""
        done: Deferred[Outcome] = Deferred()
        self._under_way[send_id] = (message, done)
        return done

    def delivered(self, event: MessageDelivered) -> None:
        """Every frame was acknowledged."""
        found = self._under_way.pop(event.send_id, None)
        if found is not None:
            message, done = found
            self._refusals.pop(message.control_id, None)
            done.callback(Outcome(kind=OutcomeKind.ACCEPTED, code="received"))

    def not_delivered(self, event: MessageNotDelivered) -> None:
        """It did not get through: tried again, until its frames were refused too often."""
        found = self._under_way.pop(event.send_id, None)
        if found is not None:
            message, done = found
            done.callback(self._judge(message.control_id, event.reason))

    def give_up(self, code: str, text: str) -> None:
        """All that is under way waits for another time."""
        under_way, self._under_way = self._under_way, {}
        for _, done in under_way.values():
            done.callback(deferred(code, text))

    def _judge(self, control_id: str, reason: str) -> Outcome:
        words = _WORDS.get(reason, reason)
        if reason != FRAME_REFUSED:
            return deferred(reason, words)
        count = self._refusals.pop(control_id, 0) + 1
        if count >= self._refused_after:
            text = f"{words}, in {count} sessions"
            return Outcome(kind=OutcomeKind.REFUSED, code=reason, text=text)
        self._refusals[control_id] = count
        if len(self._refusals) > _REMEMBERED:
            self._refusals.popitem(last=False)
        return deferred(reason, words)


def deferred(code: str, text: str) -> Outcome:
    """To be tried again."""
    return Outcome(kind=OutcomeKind.DEFERRED, code=code, text=text)
