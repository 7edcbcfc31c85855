"""The LIS01 state machine as data: states, inputs, actions, and one row for every (state, input).

Theory of operation. Bytes and calls are first told apart (`link` decides which input they are: a
good frame that ends a message, the last transmission refused, ...), so that a row needs no
condition and the next state always comes from here. The receiving and the sending half are one
table because the line is half duplex: whoever is in session cannot open another. Nothing here
depends on our role; only the length of the contention timer does (LIS01-A2 6.2.7).

AWAITING_COMMIT is ours: the standard allows the receiver up to 15 s for an answer, and we use that
time to reach the disk. Bytes that arrive meanwhile are held unread. Cells that cannot happen say
why; reaching one is our own fault.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import NamedTuple

from middleware.wire.lis1 import constants as c


class _Named(Enum):
    # Members are singletons; hashing them by identity instead of by name halves the cost of a
    # look-up in the table.
    __hash__ = object.__hash__


@unique
class State(_Named):
    """Where the link stands; the values are words for status pages."""

    DISCONNECTED = "disconnected"
    NEUTRAL = "neutral"
    RECEIVING = "receiving, waiting for a frame"
    AWAITING_COMMIT = "receiving, message being stored"
    ENQUIRY_SENT = "sending, waiting for the answer to ENQ"
    FRAME_SENT = "sending, waiting for the answer to a frame"


@unique
class Input(_Named):
    """What can happen to the link."""

    CONNECTED = "connection made"
    CONNECTION_LOST = "connection lost"
    ENQ = "ENQ"
    ENQ_WHILE_CLOSED = "ENQ while not accepting"
    ACK = "ACK"
    ACK_OF_LAST_FRAME = "ACK of the last frame"
    NAK = "NAK"
    LAST_TRY_REFUSED = "last transmission refused"
    EOT = "EOT"
    EOT_HONOURED = "EOT as a reply, honoured"
    EOT_FOR_LAST_FRAME = "EOT as the reply to the last frame"
    OTHER_BYTE = "any other byte"
    STX_WITHOUT_SESSION = "STX without a session (quirk)"
    FRAME = "good new frame"
    MESSAGE_END = "good new frame that ends a message"
    REPEATED_FRAME = "repetition of the last frame"
    BAD_FRAME = "bad frame"
    OVERLONG_MESSAGE = "message beyond its limit"
    COMMIT = "commit"
    COMMIT_WITH_MORE = "commit, more messages in the frame"
    COMMIT_ENDING_SESSION = "commit, session without ENQ (quirk)"
    REFUSE = "refuse"
    MESSAGE_QUEUED = "message to send queued"
    LINE_FREE = "message queued and no hold-off timer running"
    TIMER = "timer expired"


@unique
class Action(_Named):
    """What the link does; `receiver`, `sender` and `link` have one method for each."""

    IGNORE = "ignore"
    IMPOSSIBLE = "impossible"
    HOLD_BYTES = "hold the bytes unread"
    KEEP_QUEUED = "keep queued"
    GO_NEUTRAL = "start neutral"
    # receiving half
    GRANT_SESSION = "send ACK, expect frame 1"
    GRANT_STORED_ENQUIRY = "send ACK to the ENQ of the contention"
    RESTART_SESSION = "abandon held text, send ACK, expect frame 1"
    REFUSE_SESSION = "send NAK to ENQ"
    REFUSE_RESTART = "abandon held text, send NAK to ENQ"
    OPEN_WITHOUT_ENQUIRY = "expect frame 1"
    STORE_FRAME = "store text, send ACK"
    OFFER_MESSAGE = "report the message"
    OFFER_NEXT_MESSAGE = "report the next message"
    ACKNOWLEDGE_MESSAGE = "send ACK to the stored message"
    ACKNOWLEDGE_AND_CLOSE = "send ACK to the stored message, close the session"
    ACKNOWLEDGE_REPEAT = "send ACK, store nothing"
    REFUSE_FRAME = "send NAK to the frame"
    REFUSE_OVERLONG = "abandon held text, send NAK to the frame"
    REFUSE_MESSAGE = "restore text and number, send NAK"
    REPLY_TOO_LATE = "restore text and number, send NAK, forget the token"
    END_SESSION = "abandon held text, close the session"
    GIVE_UP_RECEIVING = "abandon held text, close the session in silence"
    LOSE_RECEIVING = "abandon held text, fail queued messages"
    LOSE_OFFERED = "forget the token, fail queued messages"
    # sending half
    SEND_ENQUIRY = "send ENQ"
    SEND_FIRST_FRAME = "send frame 1"
    SEND_NEXT_FRAME = "send the next frame"
    RESEND_FRAME = "send the same frame again"
    GIVE_UP_FRAME = "send EOT, fail the message: frame refused"
    FINISH_MESSAGE = "send EOT, message delivered"
    FINISH_INTERRUPTED = "send EOT, message delivered, hold off"
    HONOUR_INTERRUPT = "send EOT, fail the message, hold off"
    BACK_OFF = "start the busy timer"
    YIELD_LINE = "start the contention timer"
    ENQUIRY_UNANSWERED = "send EOT, fail the message: no answer to ENQ"
    FRAME_UNANSWERED = "send EOT, fail the message: no answer to the frame"
    LOSE_QUEUED = "fail queued messages"


class Transition(NamedTuple):
    """One cell: what to do, where to go, why (clause), and for an impossible cell the reason."""

    action: Action
    next_state: State
    clause: str
    reason: str = ""


_D, _N, _R = State.DISCONNECTED, State.NEUTRAL, State.RECEIVING
_W, _E, _F = State.AWAITING_COMMIT, State.ENQUIRY_SENT, State.FRAME_SENT
_I, _A = Input, Action

_OURS = c.CLAUSE_NONE
_EST, _BUSY, _CONT = c.CLAUSE_ESTABLISHMENT, c.CLAUSE_BUSY, c.CLAUSE_CONTENTION
_NUM, _REPLY, _INT = c.CLAUSE_FRAME_NUMBER, c.CLAUSE_ACKNOWLEDGEMENT, c.CLAUSE_INTERRUPT
_TERM, _BAD, _TIME = c.CLAUSE_TERMINATION, c.CLAUSE_DEFECTIVE_FRAME, c.CLAUSE_TIMEOUT

# What can happen: (state, input, action, next state, clause).
_ROWS: tuple[tuple[State, Input, Action, State, str], ...] = (
    # --- disconnected: bytes are not looked at, calls about the past do nothing
    (_D, _I.CONNECTED, _A.GO_NEUTRAL, _N, _EST),
    (_D, _I.CONNECTION_LOST, _A.IGNORE, _D, _OURS),
    (_D, _I.COMMIT, _A.IGNORE, _D, _OURS),
    (_D, _I.REFUSE, _A.IGNORE, _D, _OURS),
    (_D, _I.MESSAGE_QUEUED, _A.KEEP_QUEUED, _D, _OURS),
    # --- neutral: everything except ENQ is ignored
    (_N, _I.CONNECTION_LOST, _A.LOSE_QUEUED, _D, _OURS),
    (_N, _I.ENQ, _A.GRANT_SESSION, _R, _EST),
    (_N, _I.ENQ_WHILE_CLOSED, _A.REFUSE_SESSION, _N, _BUSY),
    (_N, _I.ACK, _A.IGNORE, _N, _EST),
    (_N, _I.NAK, _A.IGNORE, _N, _EST),
    (_N, _I.EOT, _A.IGNORE, _N, _EST),
    (_N, _I.OTHER_BYTE, _A.IGNORE, _N, _EST),
    (_N, _I.STX_WITHOUT_SESSION, _A.OPEN_WITHOUT_ENQUIRY, _R, _OURS),
    (_N, _I.COMMIT, _A.IGNORE, _N, _OURS),
    (_N, _I.REFUSE, _A.IGNORE, _N, _OURS),
    (_N, _I.MESSAGE_QUEUED, _A.KEEP_QUEUED, _N, _EST),
    (_N, _I.LINE_FREE, _A.SEND_ENQUIRY, _E, _EST),
    (_N, _I.TIMER, _A.GRANT_STORED_ENQUIRY, _R, _OURS),
    # --- receiving: bytes before STX, ENQ or EOT are ignored
    (_R, _I.CONNECTION_LOST, _A.LOSE_RECEIVING, _D, _OURS),
    (_R, _I.ENQ, _A.RESTART_SESSION, _R, _OURS),
    (_R, _I.ENQ_WHILE_CLOSED, _A.REFUSE_RESTART, _N, _OURS),
    (_R, _I.ACK, _A.IGNORE, _R, _BAD),
    (_R, _I.NAK, _A.IGNORE, _R, _BAD),
    (_R, _I.EOT, _A.END_SESSION, _N, _TERM),
    (_R, _I.OTHER_BYTE, _A.IGNORE, _R, _BAD),
    (_R, _I.FRAME, _A.STORE_FRAME, _R, _REPLY),
    (_R, _I.MESSAGE_END, _A.OFFER_MESSAGE, _W, _REPLY),
    (_R, _I.REPEATED_FRAME, _A.ACKNOWLEDGE_REPEAT, _R, _NUM),
    (_R, _I.BAD_FRAME, _A.REFUSE_FRAME, _R, _BAD),
    (_R, _I.OVERLONG_MESSAGE, _A.REFUSE_OVERLONG, _R, _OURS),
    (_R, _I.COMMIT, _A.IGNORE, _R, _OURS),
    (_R, _I.REFUSE, _A.IGNORE, _R, _OURS),
    (_R, _I.MESSAGE_QUEUED, _A.KEEP_QUEUED, _R, _EST),
    (_R, _I.TIMER, _A.GIVE_UP_RECEIVING, _N, _TIME),
    # --- awaiting the commit: whatever arrives is looked at afterwards
    (_W, _I.CONNECTION_LOST, _A.LOSE_OFFERED, _D, _OURS),
    (_W, _I.ENQ, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.ENQ_WHILE_CLOSED, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.ACK, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.NAK, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.EOT, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.OTHER_BYTE, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.FRAME, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.MESSAGE_END, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.REPEATED_FRAME, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.BAD_FRAME, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.OVERLONG_MESSAGE, _A.HOLD_BYTES, _W, _OURS),
    (_W, _I.COMMIT, _A.ACKNOWLEDGE_MESSAGE, _R, _REPLY),
    (_W, _I.COMMIT_WITH_MORE, _A.OFFER_NEXT_MESSAGE, _W, _OURS),
    (_W, _I.COMMIT_ENDING_SESSION, _A.ACKNOWLEDGE_AND_CLOSE, _N, _OURS),
    (_W, _I.REFUSE, _A.REFUSE_MESSAGE, _R, _REPLY),
    (_W, _I.MESSAGE_QUEUED, _A.KEEP_QUEUED, _W, _EST),
    (_W, _I.TIMER, _A.REPLY_TOO_LATE, _R, _TIME),
    # --- ENQ sent
    (_E, _I.CONNECTION_LOST, _A.LOSE_QUEUED, _D, _OURS),
    (_E, _I.ENQ, _A.YIELD_LINE, _N, _CONT),
    (_E, _I.ENQ_WHILE_CLOSED, _A.YIELD_LINE, _N, _CONT),
    (_E, _I.ACK, _A.SEND_FIRST_FRAME, _F, _EST),
    (_E, _I.NAK, _A.BACK_OFF, _N, _BUSY),
    (_E, _I.EOT, _A.IGNORE, _E, _EST),
    (_E, _I.OTHER_BYTE, _A.IGNORE, _E, _EST),
    (_E, _I.COMMIT, _A.IGNORE, _E, _OURS),
    (_E, _I.REFUSE, _A.IGNORE, _E, _OURS),
    (_E, _I.MESSAGE_QUEUED, _A.KEEP_QUEUED, _E, _EST),
    (_E, _I.TIMER, _A.ENQUIRY_UNANSWERED, _N, _TIME),
    # --- frame sent: any byte but ACK and EOT is a refusal
    (_F, _I.CONNECTION_LOST, _A.LOSE_QUEUED, _D, _OURS),
    (_F, _I.ENQ, _A.RESEND_FRAME, _F, _REPLY),
    (_F, _I.ENQ_WHILE_CLOSED, _A.RESEND_FRAME, _F, _REPLY),
    (_F, _I.ACK, _A.SEND_NEXT_FRAME, _F, _REPLY),
    (_F, _I.ACK_OF_LAST_FRAME, _A.FINISH_MESSAGE, _N, _TERM),
    (_F, _I.NAK, _A.RESEND_FRAME, _F, _REPLY),
    (_F, _I.LAST_TRY_REFUSED, _A.GIVE_UP_FRAME, _N, _BAD),
    (_F, _I.EOT, _A.SEND_NEXT_FRAME, _F, _INT),
    (_F, _I.EOT_HONOURED, _A.HONOUR_INTERRUPT, _N, _INT),
    (_F, _I.EOT_FOR_LAST_FRAME, _A.FINISH_INTERRUPTED, _N, _INT),
    (_F, _I.OTHER_BYTE, _A.RESEND_FRAME, _F, _REPLY),
    (_F, _I.COMMIT, _A.IGNORE, _F, _OURS),
    (_F, _I.REFUSE, _A.IGNORE, _F, _OURS),
    (_F, _I.MESSAGE_QUEUED, _A.KEEP_QUEUED, _F, _EST),
    (_F, _I.TIMER, _A.FRAME_UNANSWERED, _N, _TIME),
)

_NOT_READ = "bytes are not looked at while disconnected"
_NO_FRAMES_READ = "frames are read only inside a session of the peer"
_NO_FRAME_OUT = "only a frame of ours has such an answer"
_NOT_OFFERED = "no message was offered, so the input is told apart as a stale commit"

# What cannot happen, and why: (input, reason, states).
_CANNOT: tuple[tuple[Input, str, tuple[State, ...]], ...] = (
    (_I.CONNECTED, "the loss of the old connection is reported first", (_N, _R, _W, _E, _F)),
    (_I.ENQ, _NOT_READ, (_D,)),
    (_I.ENQ_WHILE_CLOSED, _NOT_READ, (_D,)),
    (_I.ACK, _NOT_READ, (_D,)),
    (_I.NAK, _NOT_READ, (_D,)),
    (_I.EOT, _NOT_READ, (_D,)),
    (_I.OTHER_BYTE, _NOT_READ, (_D,)),
    (_I.ACK_OF_LAST_FRAME, _NO_FRAME_OUT, (_D, _N, _R, _W, _E)),
    (_I.LAST_TRY_REFUSED, _NO_FRAME_OUT, (_D, _N, _R, _W, _E)),
    (_I.EOT_HONOURED, _NO_FRAME_OUT, (_D, _N, _R, _W, _E)),
    (_I.EOT_FOR_LAST_FRAME, _NO_FRAME_OUT, (_D, _N, _R, _W, _E)),
    (_I.STX_WITHOUT_SESSION, "a session runs or no byte is read", (_D, _R, _W, _E, _F)),
    (_I.FRAME, _NO_FRAMES_READ, (_D, _N, _E, _F)),
    (_I.MESSAGE_END, _NO_FRAMES_READ, (_D, _N, _E, _F)),
    (_I.REPEATED_FRAME, _NO_FRAMES_READ, (_D, _N, _E, _F)),
    (_I.BAD_FRAME, _NO_FRAMES_READ, (_D, _N, _E, _F)),
    (_I.OVERLONG_MESSAGE, _NO_FRAMES_READ, (_D, _N, _E, _F)),
    (_I.COMMIT_WITH_MORE, _NOT_OFFERED, (_D, _N, _R, _E, _F)),
    (_I.COMMIT_ENDING_SESSION, _NOT_OFFERED, (_D, _N, _R, _E, _F)),
    (_I.LINE_FREE, "a message is only begun when neutral", (_D, _R, _W, _E, _F)),
    (_I.TIMER, "no timer runs while disconnected", (_D,)),
)

TRANSITIONS: dict[tuple[State, Input], Transition] = {
    (state, cause): Transition(action, next_state, clause)
    for state, cause, action, next_state, clause in _ROWS
} | {
    (state, cause): Transition(Action.IMPOSSIBLE, state, c.CLAUSE_NONE, reason)
    for cause, reason, states in _CANNOT
    for state in states
}

# States in which arriving bytes are held unread.
HOLDING = frozenset(
    state for state in State if TRANSITIONS[state, Input.ENQ].action is Action.HOLD_BYTES
)
