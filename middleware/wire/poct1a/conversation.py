"""The computer's half of a conversation: walks the table and says what is to be sent and what is to be stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from middleware.wire.errors import LocalProtocolError
from middleware.wire.poct1a import compose
from middleware.wire.poct1a import constants as c
from middleware.wire.poct1a.document import Document
from middleware.wire.poct1a.options import Poct1aOptions
from middleware.wire.poct1a.outgoing import Compose
from middleware.wire.poct1a.quirks import HELLO_MISSING
from middleware.wire.poct1a.tables import TRANSITIONS, Action, Input, State


class Reply(Enum):
    """What becomes of the message that was just read."""

    NONE = auto()
    ACCEPT = auto()
    REFUSE = auto()
    STORE = auto()  # the answer follows after the commit


@dataclass(slots=True)
class Move:
    """What one input led to. `note` says why the message is refused; `is_welcome`: a conversation began."""

    reply: Reply = Reply.NONE
    note: str = ""
    send: list[Compose] = field(default_factory=list)
    quirks: tuple[str, ...] = ()
    is_welcome: bool = False


@dataclass(slots=True)
class _Agenda:
    """What is still to be done. `None`: the analyzer did not say whether it has any."""

    set_time: bool = False
    observations: bool | None = None
    events: bool | None = None
    is_continuous: bool = False  # continuous mode was agreed


class Conversation:
    """I know where the conversation stands and what comes next; I write nothing and store nothing."""

    def __init__(self, options: Poct1aOptions) -> None:
        self._options = options
        self.state = State.DISCONNECTED
        self.timeout_s = options.application_timeout_s
        self._agenda = _Agenda()
        self._actions: dict[Action, Callable[[Move, Document | None], None]] = {
            Action.IGNORE: _nothing,
            Action.BEGIN: self._forget,
            Action.FORGET: self._forget,
            Action.WELCOME: self._welcome,
            Action.NOTE_STATUS: self._note_status,
            Action.NOTE_STATUS_AND_GO_ON: self._note_status,
            Action.STORE: _store,
            Action.STORE_UNGREETED: self._store_ungreeted,
            Action.ACKNOWLEDGE: _accept,
            Action.ACKNOWLEDGE_AND_GO_ON: _accept,
            Action.COMPLAIN: self._complain,
            Action.GO_ON: _nothing,
            Action.PROBE: _probe,
            Action.SAY_END: _say_end,
            Action.FAREWELL: _accept,
            Action.GIVE_UP: _nothing,
        }

    def step(self, cause: Input, document: Document | None = None) -> Move:
        """Take one input; `document` is the message for those that are one."""
        row = TRANSITIONS[self.state, cause]
        if row.action is Action.IMPOSSIBLE:
            raise LocalProtocolError(f"{cause.value} cannot happen while {self.state.value}")
        move = Move()
        self._actions[row.action](move, document)
        self.state = self._follow_agenda(move) if row.next_state is State.AGENDA else row.next_state
        return move

    @property
    def awaits_something(self) -> bool:
        """Whether silence of the analyzer means anything in this state."""
        return Input.SILENT in _MEANINGFUL_SILENCE[self.state]

    @property
    def silence_s(self) -> float:
        """The silence after which `Input.SILENT` is due: half of the analyzer's patience in continuous mode."""
        return self.timeout_s / 2 if self.state is State.CONTINUOUS else self.timeout_s

    # -- actions ----------------------------------------------------------------------------------

    def _forget(self, _move: Move, _document: Document | None) -> None:
        self._agenda = _Agenda()
        self.timeout_s = self._options.application_timeout_s

    def _welcome(self, move: Move, document: Document | None) -> None:
        self._agenda = _Agenda(set_time=self._options.sets_time)
        said = document.find("DCP.application_timeout") if document else ""
        self.timeout_s = _timeout(said, self._options.application_timeout_s)
        move.reply, move.is_welcome = Reply.ACCEPT, True

    def _note_status(self, move: Move, document: Document | None) -> None:
        if document is not None:
            self._agenda.observations = _is_new(document.find("DST.new_observations_qty"))
            self._agenda.events = _is_new(document.find("DST.new_events_qty"))
            if self._agenda.is_continuous:  # what it does not announce then, it sends by itself
                self._agenda.observations = self._agenda.observations or False
                self._agenda.events = self._agenda.events or False
        move.reply = Reply.ACCEPT

    def _store_ungreeted(self, move: Move, _document: Document | None) -> None:
        if HELLO_MISSING in self._options.quirks:
            move.reply, move.quirks = Reply.STORE, (HELLO_MISSING,)
        else:
            move.reply, move.note = Reply.REFUSE, "HEL.R01 is expected first"

    def _complain(self, move: Move, _document: Document | None) -> None:
        is_waiting = self.state is State.WAIT_HELLO
        note = "HEL.R01 is expected first" if is_waiting else "this message is not supported here"
        move.reply, move.note = Reply.REFUSE, note

    # -- agenda -----------------------------------------------------------------------------------

    def _follow_agenda(self, move: Move) -> State:
        """The next thing to do, and the state that it leads to."""
        agenda, options = self._agenda, self._options
        if self.state is State.STARTING_CONTINUOUS:
            agenda.is_continuous = True
        if agenda.set_time:
            agenda.set_time = False
            if options.moment():
                move.send.append(compose.set_time)
                return State.SETTING_TIME
        if agenda.observations is not False:
            agenda.observations = False
            move.send.append(_ask(c.REQUEST_OBSERVATIONS))
            return State.OBSERVATIONS
        if options.asks_events and agenda.events is not False:
            agenda.events = False
            move.send.append(_ask(c.REQUEST_EVENTS))
            return State.EVENTS
        return self._last_of_agenda(move)

    def _last_of_agenda(self, move: Move) -> State:
        if not self._options.is_continuous:
            _say_end(move, None)
            return State.ENDING
        if self._agenda.is_continuous:
            return State.CONTINUOUS
        move.send.append(_start_continuous)
        return State.STARTING_CONTINUOUS


_MEANINGFUL_SILENCE = {
    state: {
        cause
        for (of, cause), row in TRANSITIONS.items()
        if of is state and row.action is not Action.IMPOSSIBLE
    }
    for state in State
}


def _nothing(_move: Move, _document: Document | None) -> None:
    """The state alone changes."""


def _accept(move: Move, _document: Document | None) -> None:
    move.reply = Reply.ACCEPT


def _store(move: Move, _document: Document | None) -> None:
    move.reply = Reply.STORE


def _probe(move: Move, _document: Document | None) -> None:
    move.send.append(compose.keep_alive)


def _say_end(move: Move, _document: Document | None) -> None:
    move.send.append(compose.end)


def _ask(what: str) -> Compose:
    return lambda control_id, moment: compose.request(control_id, moment, what)


def _start_continuous(control_id: str, moment: str) -> bytes:
    return compose.directive(control_id, moment, c.START_CONTINUOUS)


def _is_new(quantity: str) -> bool | None:
    """Whether a count announces anything; None when it is missing or no number."""
    return quantity.strip("0") != "" if quantity.isascii() and quantity.isdigit() else None


def _timeout(text: str, otherwise: float) -> float:
    """DCP.application_timeout in seconds, within its bounds."""
    if not (text.isascii() and text.isdigit()) or len(text) > len("999999"):
        return otherwise
    return min(max(float(text), c.SHORTEST_APPLICATION_TIMEOUT_S), c.LONGEST_APPLICATION_TIMEOUT_S)
