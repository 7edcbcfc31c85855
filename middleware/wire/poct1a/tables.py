"""The conversation of the computer's end as data: states, inputs, actions, and one row for every (state, input).

Theory. The analyzer says hello and how much it has; then our end asks for one topic after the other, and at last ends
the conversation or lets the analyzer go on by itself (continuous). What comes next depends on what was announced and on
the line's options: rows with `AGENDA` as next state leave it to the agenda (`conversation`). Observations and events
are taken in every state in which the analyzer is known, asked for or not: a result must never wait for a state.
Cells that cannot happen say so by their action; reaching one is our own fault.
"""

from __future__ import annotations

from enum import Enum, unique
from types import MappingProxyType
from typing import NamedTuple


@unique
class State(Enum):
    """Where the conversation stands; the values are words for status pages."""

    DISCONNECTED = "not connected"
    WAIT_HELLO = "waiting for hello"
    WAIT_STATUS = "waiting for the analyzer's status"
    SETTING_TIME = "setting the analyzer's clock"
    OBSERVATIONS = "observations asked for"
    EVENTS = "events asked for"
    STARTING_CONTINUOUS = "asking for continuous mode"
    CONTINUOUS = "continuous"
    ENDING = "ending"
    CLOSED = "ended"
    AGENDA = "as the agenda says"  # only as a row's next state


@unique
class Input(Enum):
    """What can happen to the conversation."""

    CONNECTED = "connection made"
    LOST = "connection lost"
    HELLO = "HEL"
    STATUS = "DST"
    RESULTS = "OBS or EVS"
    UNREADABLE = "a document that cannot be read"
    TOPIC_ENDED = "EOT"
    KEEP_ALIVE = "KPA"
    ESCAPED = "ESC"
    ENDED = "END"
    OTHER = "any other message"
    ACCEPTED = "our message was acknowledged"
    REFUSED = "our message was refused"
    UNANSWERED = "our message got no answer"
    UNANSWERED_AGAIN = "our message got no answer once more"
    SILENT = "nothing was heard for long"


@unique
class Action(Enum):
    """What the conversation does; `conversation` has one method for each."""

    IGNORE = "ignore"
    IMPOSSIBLE = "impossible"
    BEGIN = "begin anew"
    FORGET = "forget everything"
    WELCOME = "accept; keep the hello, make a new agenda"
    NOTE_STATUS = "accept; note what is new"
    NOTE_STATUS_AND_GO_ON = "accept; note what is new, take the next of the agenda"
    STORE = "hand to the node; accept after the commit"
    STORE_UNGREETED = "hand to the node where the line tolerates it, else refuse"
    ACKNOWLEDGE = "accept"
    ACKNOWLEDGE_AND_GO_ON = "accept; take the next of the agenda"
    COMPLAIN = "refuse with a note"
    GO_ON = "take the next of the agenda"
    PROBE = "send KPA"
    SAY_END = "send END"
    FAREWELL = "accept; the conversation is over"
    GIVE_UP = "the conversation is over"


class Row(NamedTuple):
    """What one state does with one input."""

    action: Action
    next_state: State


_S, _I, _A = State, Input, Action

# What most states do.
_COMMON: dict[Input, tuple[Action, State | None]] = {
    _I.CONNECTED: (_A.BEGIN, _S.WAIT_HELLO),
    _I.LOST: (_A.FORGET, _S.DISCONNECTED),
    _I.HELLO: (_A.WELCOME, _S.WAIT_STATUS),
    _I.STATUS: (_A.NOTE_STATUS, None),
    _I.RESULTS: (_A.STORE, None),
    _I.UNREADABLE: (_A.STORE, None),
    _I.TOPIC_ENDED: (_A.ACKNOWLEDGE, None),
    _I.KEEP_ALIVE: (_A.ACKNOWLEDGE, None),
    _I.ESCAPED: (_A.ACKNOWLEDGE, None),
    _I.ENDED: (_A.FAREWELL, _S.CLOSED),
    _I.OTHER: (_A.COMPLAIN, None),
    _I.ACCEPTED: (_A.IMPOSSIBLE, None),
    _I.REFUSED: (_A.IMPOSSIBLE, None),
    _I.UNANSWERED: (_A.IMPOSSIBLE, None),
    _I.UNANSWERED_AGAIN: (_A.IMPOSSIBLE, None),
    _I.SILENT: (_A.IMPOSSIBLE, None),
}
_NEXT: tuple[Action, State | None] = (_A.GO_ON, _S.AGENDA)
_ASKED: dict[Input, tuple[Action, State | None]] = {
    _I.TOPIC_ENDED: (_A.ACKNOWLEDGE_AND_GO_ON, _S.AGENDA),
    _I.ESCAPED: (_A.ACKNOWLEDGE_AND_GO_ON, _S.AGENDA),
    _I.ACCEPTED: (_A.IGNORE, None),
    _I.REFUSED: _NEXT,
    _I.UNANSWERED: _NEXT,
    _I.SILENT: _NEXT,
}
_GIVE_UP: tuple[Action, State | None] = (_A.GIVE_UP, _S.CLOSED)
_OVER: tuple[Action, State | None] = (_A.IGNORE, None)

# Where a state differs from the others.
_OWN: dict[State, dict[Input, tuple[Action, State | None]]] = {
    _S.DISCONNECTED: {one: (_A.IMPOSSIBLE, None) for one in Input if one is not _I.CONNECTED}
    | {_I.LOST: _OVER},
    _S.WAIT_HELLO: {_I.RESULTS: (_A.STORE_UNGREETED, None), _I.STATUS: (_A.COMPLAIN, None)},
    _S.WAIT_STATUS: {_I.STATUS: (_A.NOTE_STATUS_AND_GO_ON, _S.AGENDA), _I.SILENT: _NEXT},
    _S.SETTING_TIME: {_I.ACCEPTED: _NEXT, _I.REFUSED: _NEXT, _I.UNANSWERED: _NEXT},
    _S.OBSERVATIONS: _ASKED,
    _S.EVENTS: _ASKED,
    _S.STARTING_CONTINUOUS: {
        _I.ACCEPTED: (_A.GO_ON, _S.AGENDA),
        _I.REFUSED: (_A.SAY_END, _S.ENDING),
        _I.UNANSWERED: _GIVE_UP,
    },
    _S.CONTINUOUS: {
        _I.STATUS: (_A.NOTE_STATUS_AND_GO_ON, _S.AGENDA),
        _I.ACCEPTED: (_A.IGNORE, None),
        _I.REFUSED: (_A.IGNORE, None),
        _I.UNANSWERED: (_A.PROBE, None),
        _I.UNANSWERED_AGAIN: _GIVE_UP,
        _I.SILENT: (_A.PROBE, None),
    },
    _S.ENDING: {
        _I.STATUS: (_A.ACKNOWLEDGE, None),
        _I.ACCEPTED: _GIVE_UP,
        _I.REFUSED: _GIVE_UP,
        _I.UNANSWERED: _GIVE_UP,
    },
    _S.CLOSED: {
        _I.STATUS: (_A.ACKNOWLEDGE, None),
        _I.ENDED: (_A.ACKNOWLEDGE, None),
    },
}


def _rows() -> dict[tuple[State, Input], Row]:
    rows: dict[tuple[State, Input], Row] = {}
    for state in State:
        if state is _S.AGENDA:
            continue
        for cause, (action, following) in (_COMMON | _OWN[state]).items():
            rows[state, cause] = Row(action, following or state)
    return rows


TRANSITIONS = MappingProxyType(_rows())
