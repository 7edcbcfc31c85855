"""Receiving over MLLP: nothing is acknowledged before its commit."""

from __future__ import annotations

import pytest

from middleware.wire.events import (
    AcknowledgementConfirmed,
    FrameRefused,
    MessageAbandoned,
    MessageDelivered,
    MessageReceived,
    SessionClosed,
    SessionRefused,
    TimerExpired,
)
from middleware.wire.hl7 import AckOutcome, classify
from middleware.wire.link import Link
from middleware.wire.mllp import MllpLink, encode_block
from tests.kit.mllp_peers import codes, connected, message, received, sent


def test_an_mllp_link_is_a_link() -> None:
    """Shims, lines and connectors treat it as any other."""
    link: Link = MllpLink()
    assert link.state_name == "not connected"
    assert link.is_neutral


def test_a_message_is_acknowledged_only_after_its_commit() -> None:
    """The first promise: no acknowledgement before the disk."""
    link = connected()
    text = message("7")
    assert received(link, encode_block(text)) == [
        MessageReceived(1, text, b"\x0b" + text + b"\x1c")
    ]
    assert link.bytes_to_send() == b""
    assert link.is_awaiting_commit
    assert not link.is_neutral
    assert link.commit(1, 0.1) == []
    assert codes(link) == [("AA", "7")]
    assert link.is_neutral
    assert link.counts()["received", "accepted"] == 1


def test_a_message_that_could_not_be_stored_is_refused_so_that_it_comes_again() -> None:
    """The sender reads: try again later."""
    link = connected()
    received(link, encode_block(message("7")))
    assert link.refuse(1, 0.1) == [FrameRefused("received", "not_stored", "HL7 2.5.1 appendix C")]
    (answer,) = sent(link)
    verdict = classify(answer, "7")
    assert verdict.code == "AE"
    assert verdict.outcome is AckOutcome.DEFERRED


def test_an_emulated_lis_may_choose_the_code_of_its_refusal() -> None:
    """`AR` is what a busy LIS says."""
    link = connected()
    received(link, encode_block(message("7")))
    link.refuse(1, 0.1, "AR")
    assert codes(link) == [("AR", "7")]


@pytest.mark.parametrize(
    ("wish", "stored", "refused"),
    [
        ("|||AL|NE", [("CA", "7")], [("CE", "7")]),
        ("|||NE|AL", [("AA", "7")], [("AE", "7")]),
        ("|||AL|AL", [("CA", "7"), ("AA", "7")], [("CE", "7"), ("AE", "7")]),
        ("|||NE|NE", [], []),
    ],
)
def test_the_message_says_which_acknowledgement_it_wants(
    wish: str, stored: list[tuple[str, str]], refused: list[tuple[str, str]]
) -> None:
    """Enhanced mode."""
    link = connected()
    received(link, encode_block(message("7", wish)))
    link.commit(1, 0.0)
    assert codes(link) == stored
    received(link, encode_block(message("7", wish)))
    link.refuse(2, 0.0)
    assert codes(link) == refused


def test_several_messages_in_one_read_are_answered_one_after_another() -> None:
    """Each waits for its own commit; none is acknowledged by another's."""
    link = connected()
    data = b"".join(encode_block(message(str(number))) for number in (1, 2, 3))
    (first,) = received(link, data)
    assert isinstance(first, MessageReceived)
    (second,) = link.commit(1, 0.0)[-1:]
    assert isinstance(second, MessageReceived)
    assert link.is_awaiting_commit
    assert codes(link) == [("AA", "1")]
    link.refuse(2, 0.0)
    assert link.is_awaiting_commit
    link.commit(3, 0.0)
    assert codes(link) == [("AE", "2"), ("AA", "3")]


def test_bytes_that_come_while_a_commit_is_awaited_are_held() -> None:
    """In order, and looked at only afterwards."""
    link = connected()
    received(link, encode_block(message("1")))
    assert received(link, encode_block(message("2"))[:9]) == []
    assert received(link, encode_block(message("2"))[9:]) == []
    events = link.commit(1, 0.0)
    assert [type(event) for event in events] == [AcknowledgementConfirmed, MessageReceived]
    link.commit(2, 0.0)
    assert codes(link) == [("AA", "1"), ("AA", "2")]


def test_held_bytes_are_bounded() -> None:
    """A transport that does not pause cannot fill the memory; the sender sends again what was
    dropped.
    """
    link = connected(max_block_bytes=1000)
    received(link, encode_block(message("1")))
    dropped = [received(link, b"x" * 500_000) for _ in range(4)]
    assert [len(events) for events in dropped] == [0, 0, 1, 0]
    assert dropped[2] == [FrameRefused("received", "held_bytes_overrun", "HL7 2.5.1 appendix C")]
    link.commit(1, 0.0)
    (event, *_) = reversed(received(link, encode_block(message("2"))))
    assert isinstance(event, MessageReceived)


def test_a_stale_token_answers_nothing() -> None:
    """Whoever commits too late, or twice, sends nothing."""
    link = connected()
    received(link, encode_block(message("1")))
    assert link.commit(99, 0.0) == link.refuse(0, 0.0) == []
    link.commit(1, 0.0)
    link.bytes_to_send()
    assert link.commit(1, 0.0) == link.refuse(1, 0.0) == []
    assert link.bytes_to_send() == b""


def test_a_commit_that_takes_too_long_is_refused_by_the_link() -> None:
    """Before the analyzer gives up and goes on to its next result."""
    link = connected(reply_deadline_s=9.0)
    received(link, encode_block(message("1")), now=100.0)
    assert link.next_deadline() == 109.0
    assert link.on_deadline(108.9) == []
    assert link.on_deadline(109.0)[0] == TimerExpired("reply_deadline", "HL7 2.5.1 appendix C")
    assert codes(link) == [("AE", "1")]
    assert link.commit(1, 110.0) == []
    assert link.bytes_to_send() == b""


def test_the_next_message_proves_that_our_acknowledgement_arrived() -> None:
    """The same one again proves the opposite."""
    link = connected()
    received(link, encode_block(message("1")))
    link.commit(1, 0.0)
    again = received(link, encode_block(message("1")))
    assert [type(event) for event in again] == [MessageReceived]
    link.commit(2, 0.0)
    assert received(link, encode_block(message("2")))[0] == AcknowledgementConfirmed(2)


def test_without_a_store_messages_are_refused_at_once() -> None:
    """The analyzer keeps its result."""
    link = connected()
    link.set_accepting(False)
    assert received(link, encode_block(message("1"))) == [
        SessionRefused("received", "not_accepting")
    ]
    assert codes(link) == [("AE", "1")]
    link.set_accepting(True)
    assert isinstance(received(link, encode_block(message("1")))[0], MessageReceived)


def test_what_is_no_hl7_is_kept_and_rejected() -> None:
    """Every message stays findable, understood or not; and the sender is not told that it was."""
    link = connected()
    (event,) = received(link, encode_block(b"H|\\^&\rL|1\r"))
    assert isinstance(event, MessageReceived)
    link.commit(1, 0.0)
    assert codes(link) == [("AR", "")]


def test_noise_before_a_message_is_kept_with_it() -> None:
    """The journal shows what came over the wire."""
    link = connected()
    (event,) = received(link, b"\x02\x02" + encode_block(message("1")))
    assert isinstance(event, MessageReceived)
    assert event.wire == b"\x02\x02\x0b" + message("1") + b"\x1c"
    assert event.text == message("1")
    assert link.counts()["received", "skipped_bytes"] == 2


def test_a_message_without_end_is_abandoned_when_the_next_begins() -> None:
    """Its sender was never told that it arrived; it is kept for a person."""
    link = connected()
    events = received(link, b"\x0bMSH|half" + encode_block(message("2")))
    assert events[0] == MessageAbandoned(b"MSH|half", b"\x0bMSH|half", "terminator_missing")
    assert isinstance(events[1], MessageReceived)


def test_silence_inside_a_message_ends_it() -> None:
    """30 seconds after the last byte."""
    link = connected()
    received(link, b"\x0bMSH|", now=100.0)
    received(link, b"half", now=110.0)
    assert link.state_name == "receiving a block"
    assert link.next_deadline() == 140.0
    assert link.on_deadline(139.9) == []
    assert link.on_deadline(140.0) == [
        TimerExpired("receive", "HL7 2.5.1 appendix C"),
        MessageAbandoned(b"MSH|half", b"\x0bMSH|half", "receive_timeout"),
    ]
    assert link.is_neutral
    assert link.next_deadline() is None
    assert isinstance(received(link, encode_block(message("1")))[0], MessageReceived)


def test_a_block_that_is_too_large_is_refused_and_the_next_one_read() -> None:
    """Nothing is answered: there is no control id to answer to."""
    link = connected(max_block_bytes=200)
    events = received(link, encode_block(b"x" * 300) + encode_block(message("1")))
    assert events[0] == FrameRefused("received", "block_too_large", "HL7 2.5.1 appendix C")
    assert isinstance(events[1], MessageReceived)


def test_commit_and_empty_blocks_are_counted_and_disturb_nothing() -> None:
    """MLLP release 2, and keep-alives."""
    link = connected()
    assert received(link, encode_block(b"\x06") + encode_block(b"\x15") + encode_block(b"")) == []
    counts = link.counts()
    assert counts["received", "commit_ack"] == counts["received", "commit_nak"] == 1
    assert counts["received", "empty"] == 1
    assert link.bytes_to_send() == b""


def test_a_lost_connection_abandons_what_was_unfinished() -> None:
    """A late commit sends nothing; half a message is kept for a person."""
    link = connected()
    received(link, encode_block(message("1")))
    received(link, encode_block(message("2")) + b"\x0bMSH|half")
    assert link.connection_lost(1.0) == [
        MessageAbandoned(message("2"), b"\x0b" + message("2") + b"\x1c", "connection_lost"),
        MessageAbandoned(b"MSH|half", b"\x0bMSH|half", "connection_lost"),
        SessionClosed(),
    ]
    assert link.commit(1, 2.0) == []
    link.connection_made(3.0)
    assert link.bytes_to_send() == b""
    assert link.is_neutral


def test_lines_to_display_that_answer_nothing_under_way_are_a_message() -> None:
    """DSR follows QCK, which answered the query already: the analyzer takes it and acknowledges it."""
    link = connected()
    query = link.send_message(b"MSH|^~\\&|||||||QRY^Q02|7|P|2.3.1\r", 0.0)
    sent(link)
    first = b"MSH|^~\\&|||||||QCK^Q02|7|P|2.3.1\rMSA|AA|7\rQAK|SR|OK\r"
    second = b"MSH|^~\\&|||||||DSR^Q03|M-1|P|2.3.1\rMSA|AA|7\rDSP|1||x\r"
    delivered, got = received(link, encode_block(first) + encode_block(second))
    assert isinstance(delivered, MessageDelivered)
    assert delivered.send_id == query
    assert isinstance(got, MessageReceived)
    link.commit(got.token, 0.0)
    assert b"MSA|AA|M-1" in link.bytes_to_send()
