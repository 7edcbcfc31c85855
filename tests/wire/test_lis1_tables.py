"""Every cell of the LIS01 state table, enumerated from the table: output, events and next state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import Event, MessageReceived
from middleware.wire.lis1 import Lis1Link, Lis1Options, Role, encode_frame, encode_message
from middleware.wire.lis1.actions import methods_of
from middleware.wire.lis1.exchange import Exchange
from middleware.wire.lis1.receiver import Receiver
from middleware.wire.lis1.sender import Sender
from middleware.wire.lis1.tables import TRANSITIONS, Action, Input, State
from tests.kit.lis1_peer import ACK, ENQ, EOT, NAK, NOW

HEADER = encode_frame(1, b"H|\\^&\r")
ONE_MESSAGE = encode_frame(2, b"L|1\r")
TWO_MESSAGES = encode_frame(2, b"L|1\rH|\\^&\rL|1\r")
WHOLE = encode_frame(1, b"H|\\^&\rL|1\r")
OVERLONG = encode_frame(2, b"C|" + b"x" * 200 + b"\r")
SENT = encode_message(b"H|\\^&\rL|1\r")
LATER = NOW + 100

POSSIBLE = [cell for cell, row in TRANSITIONS.items() if row.action is not Action.IMPOSSIBLE]
IMPOSSIBLE = [cell for cell, row in TRANSITIONS.items() if row.action is Action.IMPOSSIBLE]

OPTIONS: dict[Input, Lis1Options] = {
    Input.STX_WITHOUT_SESSION: Lis1Options(quirks=frozenset({"session_absent"})),
    Input.COMMIT_ENDING_SESSION: Lis1Options(quirks=frozenset({"session_absent"})),
    Input.EOT_HONOURED: Lis1Options(honours_interrupt=True),
    Input.LAST_TRY_REFUSED: Lis1Options(max_transmissions=1),
    Input.OVERLONG_MESSAGE: Lis1Options(max_message_bytes=100),
}


def _told(link: Lis1Link, *steps: bytes) -> Lis1Link:
    for data in steps:
        link.receive_bytes(data, NOW)
    link.bytes_to_send()
    return link


def _asking(options: Lis1Options, role: Role = Role.COMPUTER) -> Lis1Link:
    link = Lis1Link(role, options)
    link.connection_made(NOW)
    link.send_message(b"H|\\^&\rL|1\r", NOW)
    return _told(link)


def _connected(options: Lis1Options) -> Lis1Link:
    link = Lis1Link(Role.COMPUTER, options)
    link.connection_made(NOW)
    return link


def neutral(cause: Input, options: Lis1Options) -> Lis1Link:
    """For what concerns a queued message: after contention, with the timer still running."""
    if cause in (Input.MESSAGE_QUEUED, Input.LINE_FREE, Input.CONNECTION_LOST):
        return _told(_asking(options), ENQ)
    if cause is Input.TIMER:
        return _told(_asking(Lis1Options(quirks=frozenset({"enquiry_not_repeated"}))), ENQ)
    return _connected(options)


def awaiting(cause: Input, options: Lis1Options) -> Lis1Link:
    """A message is offered; in the frame of which depends on what comes next."""
    if cause is Input.COMMIT_ENDING_SESSION:
        return _told(_connected(options), WHOLE)
    frame = TWO_MESSAGES if cause is Input.COMMIT_WITH_MORE else ONE_MESSAGE
    return _told(_connected(options), ENQ, HEADER + frame)


def frame_sent(cause: Input, options: Lis1Options) -> Lis1Link:
    """The first of two frames is out, or the last where the input is about the last."""
    link = _told(_asking(options), ACK)
    is_last = cause in (Input.ACK_OF_LAST_FRAME, Input.EOT_FOR_LAST_FRAME)
    return _told(link, ACK) if is_last else link


ENTER: dict[State, Callable[[Input, Lis1Options], Lis1Link]] = {
    State.DISCONNECTED: lambda _cause, options: Lis1Link(Role.COMPUTER, options),
    State.NEUTRAL: neutral,
    State.RECEIVING: lambda _cause, options: _told(_connected(options), ENQ, HEADER),
    State.AWAITING_COMMIT: awaiting,
    State.ENQUIRY_SENT: lambda _cause, options: _asking(options),
    State.FRAME_SENT: frame_sent,
}

BYTES: dict[Input, bytes] = {
    Input.ENQ: ENQ,
    Input.ENQ_WHILE_CLOSED: ENQ,
    Input.ACK: ACK,
    Input.ACK_OF_LAST_FRAME: ACK,
    Input.NAK: NAK,
    Input.LAST_TRY_REFUSED: NAK,
    Input.EOT: EOT,
    Input.EOT_HONOURED: EOT,
    Input.EOT_FOR_LAST_FRAME: EOT,
    Input.OTHER_BYTE: b"?",
    Input.STX_WITHOUT_SESSION: b"\x02",
    Input.FRAME: encode_frame(2, b"P|1\r"),
    Input.MESSAGE_END: ONE_MESSAGE,
    Input.REPEATED_FRAME: HEADER,
    Input.BAD_FRAME: HEADER.replace(b"H", b"h"),
    Input.OVERLONG_MESSAGE: OVERLONG,
}


def happen(link: Lis1Link, cause: Input) -> list[Event]:
    """Make the input happen through the public interface."""
    if cause is Input.ENQ_WHILE_CLOSED:
        link.set_accepting(False)
    if cause in BYTES:
        return link.receive_bytes(BYTES[cause], NOW)
    if cause is Input.MESSAGE_QUEUED:
        link.send_message(b"H|\\^&\rL|1\r", NOW)
        return []
    calls: dict[Input, Callable[[], list[Event]]] = {
        Input.CONNECTED: lambda: link.connection_made(NOW),
        Input.CONNECTION_LOST: lambda: link.connection_lost(NOW),
        Input.LINE_FREE: lambda: link.on_deadline(LATER),
        Input.TIMER: lambda: link.on_deadline(link.next_deadline() or 0.0),
        Input.REFUSE: lambda: link.refuse(1, NOW),
    }
    return calls.get(cause, lambda: link.commit(1, NOW))()


# What each action shows outside: bytes to the peer, and the events by name.
SHOWS: dict[Action, tuple[bytes, str]] = {
    Action.IGNORE: (b"", ""),
    Action.HOLD_BYTES: (b"", ""),
    Action.KEEP_QUEUED: (b"", ""),
    Action.GO_NEUTRAL: (b"", ""),
    Action.GRANT_SESSION: (ACK, "SessionOpened"),
    Action.GRANT_STORED_ENQUIRY: (ACK, "SessionOpened"),
    Action.RESTART_SESSION: (ACK, "MessageAbandoned SessionClosed SessionOpened"),
    Action.REFUSE_SESSION: (NAK, "SessionRefused"),
    Action.REFUSE_RESTART: (NAK, "MessageAbandoned SessionClosed SessionRefused"),
    Action.OPEN_WITHOUT_ENQUIRY: (b"", "SessionOpened"),
    Action.STORE_FRAME: (ACK, ""),
    Action.OFFER_MESSAGE: (b"", "MessageReceived"),
    Action.OFFER_NEXT_MESSAGE: (b"", "MessageReceived"),
    Action.ACKNOWLEDGE_MESSAGE: (ACK, ""),
    Action.ACKNOWLEDGE_AND_CLOSE: (ACK, "SessionClosed"),
    Action.ACKNOWLEDGE_REPEAT: (ACK, ""),
    Action.REFUSE_FRAME: (NAK, "FrameRefused"),
    Action.REFUSE_OVERLONG: (NAK, "MessageAbandoned FrameRefused"),
    Action.REFUSE_MESSAGE: (NAK, "FrameRefused"),
    Action.REPLY_TOO_LATE: (NAK, "TimerExpired FrameRefused"),
    Action.END_SESSION: (b"", "MessageAbandoned SessionClosed"),
    Action.GIVE_UP_RECEIVING: (b"", "TimerExpired MessageAbandoned SessionClosed"),
    Action.LOSE_RECEIVING: (b"", "MessageAbandoned SessionClosed"),
    Action.LOSE_OFFERED: (b"", "SessionClosed"),
    Action.SEND_ENQUIRY: (ENQ, ""),
    Action.SEND_FIRST_FRAME: (SENT[0], ""),
    Action.SEND_NEXT_FRAME: (SENT[1], ""),
    Action.RESEND_FRAME: (SENT[0], "FrameRefused"),
    Action.GIVE_UP_FRAME: (EOT, "FrameRefused MessageNotDelivered"),
    Action.FINISH_MESSAGE: (EOT, "MessageDelivered"),
    Action.FINISH_INTERRUPTED: (EOT, "MessageDelivered"),
    Action.HONOUR_INTERRUPT: (EOT, "MessageNotDelivered"),
    Action.BACK_OFF: (b"", "SessionRefused"),
    Action.YIELD_LINE: (b"", "ContentionSeen"),
    Action.ENQUIRY_UNANSWERED: (EOT, "TimerExpired MessageNotDelivered"),
    Action.FRAME_UNANSWERED: (EOT, "TimerExpired MessageNotDelivered"),
    Action.LOSE_QUEUED: (b"", "MessageNotDelivered"),
}


def _name(cell: tuple[State, Input]) -> str:
    return f"{cell[0].name}-{cell[1].name}"


def test_the_table_has_a_row_for_every_state_and_input() -> None:
    """The cells that nobody thought of are where peers fail."""
    assert set(TRANSITIONS) == {(state, cause) for state in State for cause in Input}


@pytest.mark.parametrize("cell", POSSIBLE, ids=_name)
def test_each_cell_does_what_the_table_says(cell: tuple[State, Input]) -> None:
    """Driven into the state through the public interface, the link answers as its row promises."""
    state, cause = cell
    row = TRANSITIONS[cell]
    link = ENTER[state](cause, OPTIONS.get(cause, Lis1Options()))
    assert link.state is state
    events = happen(link, cause)
    expected_bytes, expected_events = SHOWS[row.action]
    assert link.state is row.next_state
    assert link.bytes_to_send() == expected_bytes
    assert " ".join(type(event).__name__ for event in events) == expected_events
    assert row.clause


@pytest.mark.parametrize("cell", IMPOSSIBLE, ids=_name)
def test_each_impossible_cell_says_why_and_is_our_own_fault(cell: tuple[State, Input]) -> None:
    """A cell that cannot be reached is explicit, and reaching it never passes in silence."""
    state, cause = cell
    assert TRANSITIONS[cell].reason
    assert TRANSITIONS[cell].next_state is state
    link = ENTER[state](Input.FRAME, Lis1Options())
    with pytest.raises(LocalProtocolError):
        link._apply(cause, NOW)
    assert link.state is state


def test_every_action_has_a_method_and_is_used() -> None:
    """No word of the table is empty, none is left over."""
    exchange, options = Exchange(), Lis1Options()
    sender = Sender(Role.COMPUTER, options, exchange)
    methods = methods_of(Receiver(options, exchange), sender)
    used = {row.action for row in TRANSITIONS.values()}
    assert set(Action) == used
    assert set(methods) == used - {Action.IMPOSSIBLE} == set(SHOWS)


@pytest.mark.parametrize("held", [ENQ, EOT, ACK, NAK, b"?", ENQ + EOT, encode_frame(3, b"P|1\r")])
def test_what_was_held_during_a_commit_is_read_after_it(held: bytes) -> None:
    """Holding means reading later: the link ends where it would have ended with the bytes after the commit."""
    early, late = (awaiting(Input.COMMIT, Lis1Options()) for _ in range(2))
    early.receive_bytes(held, NOW)
    events = early.commit(1, NOW)
    expected = late.commit(1, NOW) + late.receive_bytes(held, NOW)
    assert (events, early.state) == (expected, late.state)
    assert early.bytes_to_send() == late.bytes_to_send()
    assert not any(isinstance(event, MessageReceived) for event in events)
