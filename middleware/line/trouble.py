"""Counts the troubles that a link reports, and puts each into words for the status page."""

from __future__ import annotations

from middleware.observe.events import ContentionCounted, MessageRejected, ProtocolTimeout
from middleware.wire.events import (
    ContentionSeen,
    Event,
    FrameRefused,
    SessionRefused,
    TimerExpired,
)


def tell_trouble(line: str, event: Event) -> str:
    """Count the event if it is a trouble; what is wrong in words, "" when nothing is."""
    if isinstance(event, FrameRefused):
        return f"frame {event.direction}: {event.reason} ({event.clause})"
    if isinstance(event, SessionRefused):
        if event.direction == "received":
            MessageRejected(line, event.reason).emit()
        return f"session {event.direction}: {event.reason}"
    if isinstance(event, TimerExpired):
        ProtocolTimeout(line, event.timer).emit()
        if event.timer == "reply_deadline":
            MessageRejected(line, event.timer).emit()
        return f"timer {event.timer} ran out ({event.clause})"
    if isinstance(event, ContentionSeen):
        ContentionCounted(line).emit()
    return ""
