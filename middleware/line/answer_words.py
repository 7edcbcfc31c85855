"""What is said of the answer to a host query: in its journal entry, and for its work in the history of each step."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# The same message so often, under the same number, before it is given up; the link waits for each reply.
MOST_TRIES = 3
# A rack of a hundred tubes may be asked for in one session. An analyzer that asks and never takes an answer must not
# fill the memory.
MOST_OPEN = 256

REASON_GONE = "the connection ended before the answer was taken"
REASON_NOT_WRITTEN = (
    "no file could be written for the analyzer; answers need the line's `out_folder`"
)
REASON_TOO_MANY = f"{MOST_OPEN} answers wait for the analyzer already"
REASON_NO_REPLY = f"the analyzer did not reply to the answer, sent {MOST_TRIES} times"
ANSWERED_NEGATIVE = "answered that there is no work"
ANSWERED_SILENCE = "received; there is no work, and the analyzer expects no message that says so"
ANSWERED_CANCEL = "the analyzer took its query back"
ANSWERED_NOT_WORK = "answered that nothing is known: it asks for results or people's data, which no analyzer is given"
NOT_CARRIED = "no message to the analyzer carries it"

_NO_REPLY = "no_reply"
EARLIER = "earlier_not_delivered"
"""Of a link: it was not sent, for the one before it was not taken."""

SENT_AGAIN = frozenset({_NO_REPLY, EARLIER, "interrupted", "line_busy", "contention"})
"""Reasons of a link after which the same message goes out once more: the analyzer may take it then."""

_NOT_TAKEN: Mapping[str, str] = MappingProxyType(
    {
        _NO_REPLY: REASON_NO_REPLY,
        EARLIER: REASON_NO_REPLY,
        "not_written": REASON_NOT_WRITTEN,
        "interrupted": f"the analyzer broke the answer off, sent {MOST_TRIES} times",
        "line_busy": f"the analyzer was too busy to take the answer, asked {MOST_TRIES} times",
        "contention": f"the analyzer sent whenever it was to take the answer, tried {MOST_TRIES} times",
        "enquiry_unanswered": "the analyzer did not react when it was to take the answer",
        "frame_refused": "the analyzer refused a frame of the answer each time it was sent",
        "frame_unanswered": "the analyzer went silent in the middle of the answer",
    }
)


def not_taken(reason: str) -> str:
    """A sentence for the reason of a link's `MessageNotDelivered`."""
    return _NOT_TAKEN.get(reason, REASON_GONE)
