"""The machine of the framed link as a table: total over state and input. Data only.

The receiving half. Sending (`sender.py`) knows two states, nothing under way and one frame under way: at most one reply
can be awaited, and the reply alone decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """How far the message is."""

    NEUTRAL = "neutral"
    COLLECTING = "collecting"  # some frames of the message are here
    AWAITING_COMMIT = "awaiting commit"
    REPLY_DUE = "reply due"  # committed or refused; the reply may not leave yet


class Input(StrEnum):
    """What happened."""

    LAST_FRAME = "last frame"
    PART = "part"  # a good frame after which the message goes on
    BAD_FRAME = "bad frame"
    ENQUIRY = "enquiry"
    COMMITTED = "committed"
    REFUSED = "refused"
    TIME = "time"  # the state's own deadline: silence, latest reply, or earliest reply
    LOST = "lost"


class Action(StrEnum):
    """What is done."""

    NOTHING = "nothing"
    KEEP_PART = "keep part"  # and reply ACK
    COMPLETE = "complete"  # report the message
    REPLY_NAK = "reply NAK"
    REPLY_ACK = "reply ACK"
    REPLY_LATER = "reply later"  # at once, or when ack_min_s is over
    REPLY_AS_DECIDED = "reply as decided"
    END_BY_SILENCE = "end by silence"  # the message is complete, or abandoned, as the spec says
    REFUSE_BY_TIME = "refuse by time"
    ABANDON = "abandon"
    IMPOSSIBLE = "impossible"  # held back by the link before it becomes an input


S, IN, A = State, Input, Action

TRANSITIONS: Mapping[tuple[State, Input], tuple[Action, State]] = MappingProxyType(
    {
        (S.NEUTRAL, IN.LAST_FRAME): (A.COMPLETE, S.AWAITING_COMMIT),
        (S.NEUTRAL, IN.PART): (A.KEEP_PART, S.COLLECTING),
        (S.NEUTRAL, IN.BAD_FRAME): (A.REPLY_NAK, S.NEUTRAL),
        (S.NEUTRAL, IN.ENQUIRY): (A.REPLY_ACK, S.NEUTRAL),
        (S.NEUTRAL, IN.COMMITTED): (A.NOTHING, S.NEUTRAL),
        (S.NEUTRAL, IN.REFUSED): (A.NOTHING, S.NEUTRAL),
        (S.NEUTRAL, IN.TIME): (A.NOTHING, S.NEUTRAL),
        (S.NEUTRAL, IN.LOST): (A.NOTHING, S.NEUTRAL),
        (S.COLLECTING, IN.LAST_FRAME): (A.COMPLETE, S.AWAITING_COMMIT),
        (S.COLLECTING, IN.PART): (A.KEEP_PART, S.COLLECTING),
        (S.COLLECTING, IN.BAD_FRAME): (A.REPLY_NAK, S.COLLECTING),
        (S.COLLECTING, IN.ENQUIRY): (A.REPLY_ACK, S.COLLECTING),
        (S.COLLECTING, IN.COMMITTED): (A.NOTHING, S.COLLECTING),
        (S.COLLECTING, IN.REFUSED): (A.NOTHING, S.COLLECTING),
        (S.COLLECTING, IN.TIME): (A.END_BY_SILENCE, S.NEUTRAL),
        (S.COLLECTING, IN.LOST): (A.ABANDON, S.NEUTRAL),
        (S.AWAITING_COMMIT, IN.LAST_FRAME): (A.IMPOSSIBLE, S.AWAITING_COMMIT),
        (S.AWAITING_COMMIT, IN.PART): (A.IMPOSSIBLE, S.AWAITING_COMMIT),
        (S.AWAITING_COMMIT, IN.BAD_FRAME): (A.IMPOSSIBLE, S.AWAITING_COMMIT),
        (S.AWAITING_COMMIT, IN.ENQUIRY): (A.IMPOSSIBLE, S.AWAITING_COMMIT),
        (S.AWAITING_COMMIT, IN.COMMITTED): (A.REPLY_LATER, S.REPLY_DUE),
        (S.AWAITING_COMMIT, IN.REFUSED): (A.REPLY_LATER, S.REPLY_DUE),
        (S.AWAITING_COMMIT, IN.TIME): (A.REFUSE_BY_TIME, S.NEUTRAL),
        (S.AWAITING_COMMIT, IN.LOST): (A.NOTHING, S.NEUTRAL),
        (S.REPLY_DUE, IN.LAST_FRAME): (A.IMPOSSIBLE, S.REPLY_DUE),
        (S.REPLY_DUE, IN.PART): (A.IMPOSSIBLE, S.REPLY_DUE),
        (S.REPLY_DUE, IN.BAD_FRAME): (A.IMPOSSIBLE, S.REPLY_DUE),
        (S.REPLY_DUE, IN.ENQUIRY): (A.IMPOSSIBLE, S.REPLY_DUE),
        (S.REPLY_DUE, IN.COMMITTED): (A.NOTHING, S.REPLY_DUE),
        (S.REPLY_DUE, IN.REFUSED): (A.NOTHING, S.REPLY_DUE),
        (S.REPLY_DUE, IN.TIME): (A.REPLY_AS_DECIDED, S.NEUTRAL),
        (S.REPLY_DUE, IN.LOST): (A.NOTHING, S.NEUTRAL),
    }
)
