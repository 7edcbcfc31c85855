"""Sending over MLLP: no reply is taken for another's; and both ends talk to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import (
    Event,
    MessageDelivered,
    MessageNotDelivered,
    MessageReceived,
    SessionClosed,
    TimerExpired,
)
from middleware.wire.mllp import MllpLink, MllpLinkOptions, encode_block
from tests.kit.mllp_peers import acknowledgement, connected, message, received, sent


def test_a_message_is_delivered_when_its_own_reply_comes() -> None:
    """Whatever the reply says: the connector judges it."""
    link = connected()
    send_id = link.send_message(message("MW-1"), 10.0)
    assert link.bytes_to_send() == encode_block(message("MW-1"))
    assert link.state_name == "awaiting acknowledgement"
    assert link.next_deadline() == 40.0
    answer = acknowledgement("MW-1", "AE")
    assert received(link, encode_block(answer)) == [MessageDelivered(send_id, answer)]
    assert link.is_neutral
    assert link.next_deadline() is None


def test_only_one_message_is_under_way_unless_told_otherwise() -> None:
    """Stop and wait."""
    link = connected()
    first, second = (link.send_message(message(name), 0.0) for name in ("MW-1", "MW-2"))
    assert sent(link) == [message("MW-1")]
    assert received(link, encode_block(acknowledgement("MW-1"))) == [
        MessageDelivered(first, acknowledgement("MW-1"))
    ]
    assert sent(link) == [message("MW-2")]
    assert second == first + 1


def test_several_messages_under_way_are_matched_by_their_control_ids() -> None:
    """A peer may answer in another order."""
    link = connected(in_flight=2)
    ids = [link.send_message(message(f"MW-{number}"), 0.0) for number in (1, 2, 3)]
    assert sent(link) == [message("MW-1"), message("MW-2")]
    assert received(link, encode_block(acknowledgement("MW-2"))) == [
        MessageDelivered(ids[1], acknowledgement("MW-2"))
    ]
    assert sent(link) == [message("MW-3")]


def test_two_messages_of_one_control_id_are_never_under_way_together() -> None:
    """A reply could not be told apart."""
    link = connected(in_flight=4)
    link.send_message(message("MW-1"), 0.0)
    link.send_message(message("MW-1"), 0.0)
    assert len(sent(link)) == 1
    received(link, encode_block(acknowledgement("MW-1")))
    assert len(sent(link)) == 1


def test_a_reply_to_nothing_is_counted_and_ignored() -> None:
    """A stale or wrong acknowledgement settles nothing and is not answered."""
    link = connected()
    link.send_message(message("MW-1"), 0.0)
    link.bytes_to_send()
    assert received(link, encode_block(acknowledgement("MW-0"))) == []
    assert received(link, encode_block(b"MSH|^~\\&|||||||ACK\r")) == []
    assert link.counts()["received", "unmatched_reply"] == 2
    assert link.bytes_to_send() == b""
    assert not link.is_neutral


def test_no_reply_in_time_hands_back_the_message_and_all_behind_it() -> None:
    """What was queued must not overtake what failed; a late reply settles nothing."""
    link = connected(ack_timeout_s=30.0)
    first, second = (link.send_message(message(name), 5.0) for name in ("MW-1", "MW-2"))
    link.bytes_to_send()
    assert link.on_deadline(34.9) == []
    assert link.on_deadline(35.0) == [
        TimerExpired("acknowledgement", "HL7 2.5.1 2.9"),
        MessageNotDelivered(first, "no_reply", "HL7 2.5.1 2.9"),
        MessageNotDelivered(second, "earlier_not_delivered", "HL7 2.5.1 2.9"),
    ]
    assert link.bytes_to_send() == b""
    assert received(link, encode_block(acknowledgement("MW-1"))) == []


def test_a_lost_connection_hands_back_everything_but_what_was_answered() -> None:
    """A reply that had arrived still counts."""
    link = connected(in_flight=2)
    first, second, third = (link.send_message(message(f"MW-{n}"), 0.0) for n in (1, 2, 3))
    received(link, encode_block(message("from the LIS")))
    received(link, encode_block(acknowledgement("MW-1")))
    assert link.connection_lost(1.0) == [
        MessageDelivered(first, acknowledgement("MW-1")),
        MessageNotDelivered(second, "connection_lost", "HL7 2.5.1 2.9"),
        MessageNotDelivered(third, "connection_lost", "HL7 2.5.1 2.9"),
        SessionClosed(),
    ]


def test_messages_queued_before_the_connection_are_sent_when_it_stands() -> None:
    """A connector may queue first."""
    link = MllpLink()
    link.send_message(message("MW-1"), 0.0)
    assert link.bytes_to_send() == b""
    link.connection_made(1.0)
    assert sent(link) == [message("MW-1")]


def test_waiting_for_a_commit_does_not_make_replies_late() -> None:
    """While the transport is paused nothing is read: the wait is longer by that time."""
    link = connected(ack_timeout_s=10.0)
    send_id = link.send_message(message("MW-1"), 0.0)
    received(link, encode_block(message("an order")), now=5.0)
    assert link.next_deadline() == 14.0
    link.commit(1, 13.0)
    assert link.next_deadline() == 18.0
    assert received(link, encode_block(acknowledgement("MW-1")), now=13.0) == [
        MessageDelivered(send_id, acknowledgement("MW-1"))
    ]


@pytest.mark.parametrize(
    "text", [b"", b"PID|1\r", b"MSH|^~\\&|A\r", message("1") + b"\x0b", message("1") + b"\x1c\r"]
)
def test_what_cannot_be_answered_or_framed_is_not_sent(text: bytes) -> None:
    """A mistake of ours is found before it is on the wire."""
    with pytest.raises(LocalProtocolError):
        connected().send_message(text, 0.0)


def test_two_links_talk_to_each_other() -> None:
    """Both ends are the same core: a connector and an emulated LIS."""
    us, lis = connected(in_flight=3), connected()
    ids = [us.send_message(message(f"MW-{number}"), 0.0) for number in range(5)]
    delivered: list[int] = []
    for _ in range(10):
        events = lis.receive_bytes(us.bytes_to_send(), 0.0)
        while lis.is_awaiting_commit:
            tokens = [event.token for event in events if isinstance(event, MessageReceived)]
            events = lis.commit(tokens[-1], 0.0)
        delivered += [
            event.send_id
            for event in us.receive_bytes(lis.bytes_to_send(), 0.0)
            if isinstance(event, MessageDelivered)
        ]
    assert delivered == ids


PIECES = st.sampled_from(
    [encode_block(message(str(n))) for n in range(3)]
    + [
        encode_block(acknowledgement("MW-1")),
        b"\x0b\x1c\r",
        b"\x0bMSH|half",
        b"\x02",
        b"\r\n",
        b"\x1c",
    ]
)


@pytest.mark.slow
@given(st.lists(PIECES, max_size=8).map(b"".join), st.lists(st.integers(1, 40), min_size=1))
def test_the_same_bytes_give_the_same_events_however_they_are_cut(
    data: bytes, sizes: list[int]
) -> None:
    """With a commit after each message, as a node does it."""

    def play(cuts: list[int]) -> tuple[list[Event], bytes]:
        link, seen, at, turn = connected(), [], 0, 0
        link.send_message(message("MW-1"), 0.0)
        while at < len(data):
            size = cuts[turn % len(cuts)]
            events = link.receive_bytes(data[at : at + size], 0.0)
            at, turn = at + size, turn + 1
            while events or link.is_awaiting_commit:
                seen += events
                tokens = [event.token for event in events if isinstance(event, MessageReceived)]
                events = link.commit(tokens[-1], 0.0) if tokens else []
        return seen, link.bytes_to_send()

    whole = play([len(data) or 1])
    assert play(sizes) == whole
    assert play([1]) == whole


@pytest.mark.slow
@given(st.binary(max_size=120))
def test_no_bytes_make_the_link_raise(data: bytes) -> None:
    """A peer may send what it likes."""
    link = connected()
    received(link, b"\x0b" + data + b"\x1c\r" + data)
    link.commit(1, 0.0)
    link.on_deadline(1e9)
    link.connection_lost(1e9)


def test_a_response_goes_out_at_once_and_is_delivered_when_written() -> None:
    """Nobody replies to it; a message that waits for its reply does not hold it up."""
    link = MllpLink(MllpLinkOptions(unanswered=frozenset({"RSP"})))
    link.connection_made(0.0)
    link.send_message(b"MSH|^~\\&|||||||OML^O33|A|P|2.5.1\r", 0.0)
    link.bytes_to_send()
    response = link.send_message(b"MSH|^~\\&|||||||RSP^Z02|B|P|2.5\r", 1.0)
    assert b"RSP^Z02" in link.bytes_to_send()
    assert link.next_deadline() == 1.0
    assert link.on_deadline(1.0) == [MessageDelivered(response, b"")]
    assert not link.is_neutral  # the other one still waits


def test_a_response_that_was_cut_off_by_the_end_of_the_connection_is_not_delivered() -> None:
    link = MllpLink(MllpLinkOptions(unanswered=frozenset({"RSP"})))
    link.connection_made(0.0)
    response = link.send_message(b"MSH|^~\\&|||||||RSP^Z02|B|P|2.5\r", 1.0)
    events = link.connection_lost(1.0)
    assert [one.send_id for one in events if isinstance(one, MessageNotDelivered)] == [response]


def test_a_message_that_is_answered_later_gets_no_acknowledgement_now() -> None:
    link = MllpLink(MllpLinkOptions(acknowledge=lambda _text, _code: b""))
    link.connection_made(0.0)
    block = b"\x0bMSH|^~\\&|||||||QRY^Q02|7|P|2.3.1\r\x1c\r"
    (received,) = [
        one for one in link.receive_bytes(block, 0.0) if isinstance(one, MessageReceived)
    ]
    link.commit(received.token, 0.0)
    assert link.bytes_to_send() == b""
