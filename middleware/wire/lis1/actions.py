"""Which method does which action: the only place where the table's words meet the two halves.

`cells_of` is the table with the methods of one link put in: for each state, what each possible
input does and where it leads.
"""

from __future__ import annotations

from collections.abc import Callable

from middleware.wire.lis1.receiver import Receiver
from middleware.wire.lis1.sender import Sender
from middleware.wire.lis1.tables import TRANSITIONS, Action, Input, State

Method = Callable[[float], None]
Cells = dict[State, dict[Input, tuple[Method, State]]]


def cells_of(receiver: Receiver, sender: Sender) -> Cells:
    """The method and the next state of every cell that is not impossible."""
    methods = methods_of(receiver, sender)
    cells: Cells = {state: {} for state in State}
    for (state, cause), row in TRANSITIONS.items():
        if row.action is not Action.IMPOSSIBLE:
            cells[state][cause] = methods[row.action], row.next_state
    return cells


def methods_of(receiver: Receiver, sender: Sender) -> dict[Action, Method]:
    """A method for every action but IMPOSSIBLE; each takes the monotonic time."""
    return _common(receiver, sender) | _of_receiver(receiver) | _of_sender(sender)


def _common(receiver: Receiver, sender: Sender) -> dict[Action, Method]:
    return {
        Action.IGNORE: _nothing,
        Action.HOLD_BYTES: _nothing,
        Action.KEEP_QUEUED: _nothing,
        Action.LOSE_RECEIVING: _both(receiver.lose_receiving, sender.lose_queued),
        Action.LOSE_OFFERED: _both(receiver.lose_offered, sender.lose_queued),
    }


def _of_receiver(receiver: Receiver) -> dict[Action, Method]:
    return {
        Action.GRANT_SESSION: receiver.grant_session,
        Action.GRANT_STORED_ENQUIRY: receiver.grant_stored_enquiry,
        Action.RESTART_SESSION: receiver.restart_session,
        Action.REFUSE_SESSION: receiver.refuse_session,
        Action.REFUSE_RESTART: receiver.refuse_restart,
        Action.OPEN_WITHOUT_ENQUIRY: receiver.open_without_enquiry,
        Action.STORE_FRAME: receiver.store_frame,
        Action.OFFER_MESSAGE: receiver.offer_message,
        Action.OFFER_NEXT_MESSAGE: receiver.offer_next_message,
        Action.ACKNOWLEDGE_MESSAGE: receiver.acknowledge_message,
        Action.ACKNOWLEDGE_AND_CLOSE: receiver.acknowledge_and_close,
        Action.ACKNOWLEDGE_REPEAT: receiver.acknowledge_repeat,
        Action.REFUSE_FRAME: receiver.refuse_frame,
        Action.REFUSE_OVERLONG: receiver.refuse_overlong,
        Action.REFUSE_MESSAGE: receiver.refuse_message,
        Action.REPLY_TOO_LATE: receiver.reply_too_late,
        Action.END_SESSION: receiver.end_session,
        Action.GIVE_UP_RECEIVING: receiver.give_up_receiving,
    }


def _of_sender(sender: Sender) -> dict[Action, Method]:
    return {
        Action.GO_NEUTRAL: sender.start_neutral,
        Action.SEND_ENQUIRY: sender.send_enquiry,
        Action.SEND_FIRST_FRAME: sender.send_first_frame,
        Action.SEND_NEXT_FRAME: sender.send_next_frame,
        Action.RESEND_FRAME: sender.resend_frame,
        Action.GIVE_UP_FRAME: sender.give_up_frame,
        Action.FINISH_MESSAGE: sender.finish_message,
        Action.FINISH_INTERRUPTED: sender.finish_interrupted,
        Action.HONOUR_INTERRUPT: sender.honour_interrupt,
        Action.BACK_OFF: sender.back_off,
        Action.YIELD_LINE: sender.yield_line,
        Action.ENQUIRY_UNANSWERED: sender.enquiry_unanswered,
        Action.FRAME_UNANSWERED: sender.frame_unanswered,
        Action.LOSE_QUEUED: sender.lose_queued,
    }


def _nothing(_now: float) -> None:
    """The action of cells in which nothing happens."""


def _both(first: Method, second: Method) -> Method:
    """One action that concerns both halves."""

    def do_both(now: float) -> None:
        first(now)
        second(now)

    return do_both
