"""What a message is, whatever the frames; and what becomes of messages that do not end as they should."""

from __future__ import annotations

from middleware.wire.events import (
    MessageAbandoned,
    MessageReceived,
    SessionClosed,
    SessionRefused,
    TimerExpired,
)
from middleware.wire.lis1 import Lis1Link, encode_frame, encode_message
from middleware.wire.lis1.options import Lis1Options
from tests.kit.lis1_peer import (
    ENQ,
    EOT,
    ETB,
    NAK,
    NOW,
    RESULT,
    feed,
    frames_of,
    only,
    opened_link,
    ready_link,
    session_of,
    texts_of,
)

FRAMES = encode_message(RESULT)
H_FRAME = FRAMES[0]


# --- messages that do not end as they should ---


def abandoned(link: Lis1Link, data: bytes) -> MessageAbandoned:
    (event,) = only(feed(link, data), MessageAbandoned)
    assert isinstance(event, MessageAbandoned)
    return event


def test_enquiry_inside_a_session_abandons_the_message_and_starts_at_frame_one() -> None:
    """A first test of the issue: the analyzer was switched off and on."""
    link = opened_link()
    event = abandoned(link, FRAMES[0] + FRAMES[1] + ENQ)
    assert event.reason == "session_restarted"
    assert event.text == b"".join(RESULT.splitlines(keepends=True)[:2])
    assert event.wire == ENQ + FRAMES[0] + FRAMES[1]
    assert texts_of(feed(link, b"".join(FRAMES))) == [RESULT]


def test_a_header_before_the_terminator_abandons_what_stood_before() -> None:
    """Results of the old message are never mixed into the new one."""
    link = opened_link()
    events = feed(link, frames_of(b"H|\\^&\r", b"P|1\r", b"H|\\^&|2\r", b"L|1\r"))
    (event,) = only(events, MessageAbandoned)
    assert isinstance(event, MessageAbandoned)
    assert (event.reason, event.text) == ("header_repeated", b"H|\\^&\rP|1\r")
    assert texts_of(events) == [b"H|\\^&|2\rL|1\r"]


def test_eot_before_the_terminator_abandons_the_message() -> None:
    """Kept for a person with its wire bytes, never processed."""
    event = abandoned(opened_link(), FRAMES[0] + FRAMES[1] + EOT)
    assert event.reason == "terminator_missing"
    assert event.wire == ENQ + FRAMES[0] + FRAMES[1] + EOT


def test_thirty_seconds_of_silence_end_the_session() -> None:
    """Section 11.6: the partial message is dropped from the wire's view and the next ENQ is accepted."""
    link = opened_link()
    link.receive_bytes(FRAMES[0] + FRAMES[1][:7], NOW + 5)
    assert link.next_deadline() == NOW + 35
    expired, event, closed = link.on_deadline(NOW + 35)
    assert expired == TimerExpired("receive", "LIS01-A2 6.5.2")
    assert isinstance(event, MessageAbandoned)
    assert event.reason == "receive_timeout"
    assert event.wire.endswith(FRAMES[1][:7])
    assert closed == SessionClosed()
    link.bytes_to_send()
    assert texts_of(feed(link, session_of(RESULT))) == [RESULT]


def test_a_connection_lost_in_the_middle_of_a_frame_abandons_the_message() -> None:
    """Hang-up in mid-frame: evidence is kept, the next connection starts clean."""
    link = opened_link()
    link.receive_bytes(FRAMES[0] + FRAMES[1][:7], NOW)
    event, closed = link.connection_lost(NOW)
    assert isinstance(event, MessageAbandoned)
    assert event.reason == "connection_lost"
    assert closed == SessionClosed()
    link.connection_made(NOW)
    assert texts_of(feed(link, session_of(RESULT))) == [RESULT]


def test_while_the_store_cannot_be_written_sessions_are_refused() -> None:
    """The analyzer keeps its results until there is room for them."""
    link = ready_link()
    link.set_accepting(False)
    assert link.receive_bytes(ENQ, NOW) == [SessionRefused("received", "not_accepting")]
    assert link.bytes_to_send() == NAK
    link.set_accepting(True)
    assert texts_of(feed(link, session_of(RESULT))) == [RESULT]


# --- what a message is ---


def test_several_messages_in_one_session_are_told_apart() -> None:
    """Section 10.10: frame numbers run on, each message is committed by itself."""
    texts = [b"H|\\^&\rR|%d\rL|1\r" % n for n in range(5)]
    records = [record for text in texts for record in text.splitlines(keepends=True)]
    link = opened_link()
    assert texts_of(feed(link, frames_of(*records) + EOT)) == texts


def test_records_cut_anywhere_are_joined() -> None:
    """Cuts inside the letter L, between CR and L, and inside a field do not matter."""
    for limit in range(1, 12):
        pieces = [RESULT[at : at + limit] for at in range(0, len(RESULT), limit)]
        frames = [encode_frame((n + 1) % 8, piece, ETB) for n, piece in enumerate(pieces)]
        events = feed(opened_link(), b"".join(frames))
        assert texts_of(events) == [RESULT], limit


def test_a_missing_record_end_is_supplied_after_etx_only() -> None:
    """Section 2.1 of the fact sheet."""
    link = opened_link()
    frames = frames_of(b"H|\\^&") + encode_frame(2, b"R|1|5", ETB) + encode_frame(3, b".4")
    events = feed(link, frames + encode_frame(4, b"L|1"))
    assert texts_of(events) == [b"H|\\^&\rR|1|5.4\rL|1\r"]


def test_the_delimiter_of_the_header_decides_what_a_terminator_is() -> None:
    """A record that merely begins with the letter L or H ends and begins nothing."""
    text = b"H@^\\@\rLOW|x\rHISTOGRAM|y\rL|1\rL@1@N\r"
    assert texts_of(feed(opened_link(), frames_of(text))) == [text]


def test_wire_bytes_of_a_message_are_all_that_came_since_the_one_before() -> None:
    """The journal shows refused frames too."""
    link = opened_link()
    bad = H_FRAME.replace(b"DEMO", b"DEMA")
    (message,) = only(feed(link, bad + b"".join(FRAMES)), MessageReceived)
    assert isinstance(message, MessageReceived)
    assert message.wire == ENQ + bad + b"".join(FRAMES)
    (second,) = only(feed(link, EOT + session_of(RESULT)), MessageReceived)
    assert isinstance(second, MessageReceived)
    assert second.wire == ENQ + b"".join(FRAMES)


def test_a_message_ends_with_its_terminator_also_where_records_are_numbered() -> None:
    """One frame holds all records, each with a digit before it: the last one ends the message."""
    text = b"H|\\^&\r2P|1\r3O|1|S1\r4R|1|^^^GLU|5.4\r5L|1|N\r"
    link = ready_link(options=Lis1Options(records_numbered=True))
    events = feed(link, ENQ + encode_frame(1, text))
    assert texts_of(events) == [text]
    strict = ready_link()
    assert texts_of(feed(strict, ENQ + encode_frame(1, text))) == []


def test_a_numbered_header_begins_the_next_message() -> None:
    """Two messages in one frame stay two."""
    first, second = b"H|\\^&|1\r2L|1\r", b"3H|\\^&|2\r4L|1\r"
    link = ready_link(options=Lis1Options(records_numbered=True))
    assert texts_of(feed(link, ENQ + encode_frame(1, first + second))) == [first, second]
