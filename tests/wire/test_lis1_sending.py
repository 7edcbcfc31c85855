"""The sending half: how Labwire (or an emulated analyzer) asks for the line, sends, and gives up."""

from __future__ import annotations

import pytest

from middleware.wire.errors import LocalProtocolError
from middleware.wire.events import (
    ContentionSeen,
    FrameRefused,
    MessageDelivered,
    MessageNotDelivered,
    SessionRefused,
    TimerExpired,
)
from middleware.wire.lis1 import Lis1Link, Lis1Options, Packaging, Role, encode_message
from tests.kit.lis1_peer import (
    ACK,
    ENQ,
    EOT,
    NAK,
    NOW,
    RESULT,
    converse,
    feed,
    ready_link,
    session_of,
    texts_of,
)

FRAMES = encode_message(RESULT)


def asking(options: Lis1Options | None = None, role: Role = Role.COMPUTER) -> Lis1Link:
    """A link that has sent ENQ for one message."""
    link = ready_link(role, options)
    assert link.send_message(RESULT, NOW) == 1
    assert link.bytes_to_send() == ENQ
    return link


def transferring(options: Lis1Options | None = None) -> Lis1Link:
    """A link whose first frame is out."""
    link = asking(options)
    assert link.receive_bytes(ACK, NOW) == []
    assert link.bytes_to_send() == FRAMES[0]
    return link


def test_a_message_goes_out_frame_by_frame_and_is_delivered() -> None:
    """ENQ, one frame for each ACK, EOT, delivered."""
    link = transferring()
    for frame in FRAMES[1:]:
        assert link.receive_bytes(ACK, NOW) == []
        assert link.bytes_to_send() == frame
    assert link.receive_bytes(ACK, NOW) == [MessageDelivered(1)]
    assert link.bytes_to_send() == EOT
    assert link.is_neutral
    assert link.next_deadline() is None


@pytest.mark.parametrize("packaging", list(Packaging))
def test_two_links_understand_each_other_in_both_directions(packaging: Packaging) -> None:
    """Both roles are the same core: what one sends the other stores, whoever begins."""
    options = Lis1Options(packaging=packaging)
    computer, instrument = (ready_link(role, options) for role in Role)
    instrument.send_message(RESULT, NOW)
    instrument.send_message(RESULT, NOW)
    up = [event for link, event in converse(computer, instrument) if link is computer]
    assert texts_of(up) == [RESULT, RESULT]
    computer.send_message(RESULT, NOW)
    down = [event for link, event in converse(computer, instrument) if link is instrument]
    assert texts_of(down) == [RESULT]
    assert computer.is_neutral
    assert instrument.is_neutral


def test_refused_own_frame_is_sent_again_with_the_same_number() -> None:
    """A first test of the issue: NAK to our own frame."""
    link = transferring()
    assert link.receive_bytes(NAK, NOW) == [
        FrameRefused("sent", "refused_by_peer", "LIS01-A2 6.3.4")
    ]
    assert link.bytes_to_send() == FRAMES[0]
    link.receive_bytes(ACK, NOW)
    assert link.bytes_to_send() == FRAMES[1]
    assert link.counts()["sent", "repeated"] == 1


def test_six_refusals_end_the_message_with_eot() -> None:
    """Section 11.4: sent six times in all, then given back to its owner."""
    link = transferring()
    sent = 1
    for _ in range(5):
        link.receive_bytes(NAK, NOW)
        sent += link.bytes_to_send() == FRAMES[0]
    assert sent == 6
    refused, failed = link.receive_bytes(NAK, NOW)
    assert isinstance(refused, FrameRefused)
    assert failed == MessageNotDelivered(1, "frame_refused", "LIS01-A2 6.5.1")
    assert link.bytes_to_send() == EOT
    assert link.is_neutral


def test_an_accepted_frame_gives_the_next_one_all_its_tries() -> None:
    """The count is per frame."""
    link = transferring()
    for frame in FRAMES[:-1]:
        for _ in range(5):
            link.receive_bytes(NAK, NOW)
            assert link.bytes_to_send() == frame
        link.receive_bytes(ACK, NOW)
        link.bytes_to_send()
    assert not link.is_neutral


def test_any_other_byte_is_a_refusal_but_line_ends_are_not() -> None:
    """Some stacks end every write with CR LF; anything else means that the frame did not arrive well."""
    link = transferring()
    assert link.receive_bytes(b"\r\n\0", NOW) == []
    assert link.bytes_to_send() == b""
    link.receive_bytes(b"?", NOW)
    assert link.bytes_to_send() == FRAMES[0]


def test_fifteen_seconds_of_silence_after_a_frame_end_the_message() -> None:
    """Section 11.5."""
    link = transferring()
    assert link.next_deadline() == NOW + 15
    assert link.on_deadline(NOW + 14.9) == []
    assert link.on_deadline(NOW + 15) == [
        TimerExpired("frame_reply", "LIS01-A2 6.5.2"),
        MessageNotDelivered(1, "frame_unanswered", "LIS01-A2 6.5.2"),
    ]
    assert link.bytes_to_send() == EOT


def test_fifteen_seconds_of_silence_after_enquiry_end_the_message() -> None:
    """Nobody is there: the owner decides when to try again."""
    link = asking()
    assert link.on_deadline(NOW + 15) == [
        TimerExpired("enquiry_reply", "LIS01-A2 6.5.2"),
        MessageNotDelivered(1, "enquiry_unanswered", "LIS01-A2 6.5.2"),
    ]
    assert link.bytes_to_send() == EOT


def test_a_busy_peer_is_not_asked_again_for_ten_seconds() -> None:
    """Section 11.8; the message stays queued."""
    link = asking()
    assert link.receive_bytes(NAK, NOW) == [SessionRefused("sent", "busy")]
    assert link.next_deadline() == NOW + 10
    assert link.on_deadline(NOW + 9.9) == []
    assert link.bytes_to_send() == b""
    link.on_deadline(NOW + 10)
    assert link.bytes_to_send() == ENQ


def test_a_peer_that_is_always_busy_does_not_hold_a_message_for_ever() -> None:
    """After six enquiries the owner gets it back."""
    link = asking()
    now = NOW
    for _ in range(5):
        link.receive_bytes(NAK, now)
        now += 10
        link.on_deadline(now)
        assert link.bytes_to_send() == ENQ
    assert link.receive_bytes(NAK, now)[-1] == MessageNotDelivered(1, "line_busy", "LIS01-A2 6.2.5")


def test_in_contention_the_computer_yields_and_sends_afterwards() -> None:
    """Section 11.7: the instrument's second ENQ is granted, our message follows its session."""
    link = asking()
    assert link.receive_bytes(ENQ, NOW) == [ContentionSeen()]
    assert link.bytes_to_send() == b""
    assert link.next_deadline() == NOW + 20
    assert texts_of(feed(link, session_of(RESULT), NOW + 1)) == [RESULT]
    assert link.bytes_to_send() == ACK * (len(FRAMES) + 1) + ENQ


def test_in_contention_the_computer_asks_again_after_twenty_seconds() -> None:
    """The instrument never came back."""
    link = asking()
    link.receive_bytes(ENQ, NOW)
    link.on_deadline(NOW + 19.9)
    assert link.bytes_to_send() == b""
    link.on_deadline(NOW + 20)
    assert link.bytes_to_send() == ENQ


def test_in_contention_the_instrument_asks_again_after_one_second() -> None:
    """Both roles together: contention ends by itself with both messages delivered."""
    computer, instrument = (ready_link(role) for role in Role)
    computer.send_message(RESULT, NOW)
    instrument.send_message(RESULT, NOW)
    asked = computer.bytes_to_send(), instrument.bytes_to_send()
    assert asked == (ENQ, ENQ)
    assert computer.receive_bytes(ENQ, NOW) == instrument.receive_bytes(ENQ, NOW)
    assert instrument.next_deadline() == NOW + 1
    instrument.on_deadline(NOW + 1)
    seen = converse(computer, instrument, NOW + 1)
    assert len([event for _, event in seen if isinstance(event, MessageDelivered)]) == 2


def test_receiving_goes_before_sending() -> None:
    """A message given to us inside the peer's session waits for its end."""
    link = ready_link()
    link.receive_bytes(ENQ, NOW)
    link.send_message(RESULT, NOW)
    assert link.bytes_to_send() == ACK
    link.receive_bytes(EOT + ENQ, NOW)
    assert link.bytes_to_send() == ACK
    link.receive_bytes(EOT, NOW)
    assert link.bytes_to_send() == ENQ


def test_a_turnaround_delay_keeps_us_silent_after_the_peers_eot() -> None:
    """Section 10.14."""
    link = ready_link(options=Lis1Options(turnaround_delay_s=2.0))
    link.receive_bytes(ENQ, NOW)
    link.send_message(RESULT, NOW)
    link.bytes_to_send()
    link.receive_bytes(EOT, NOW)
    assert (link.bytes_to_send(), link.next_deadline()) == (b"", NOW + 2)
    link.on_deadline(NOW + 2)
    assert link.bytes_to_send() == ENQ


def test_a_request_to_stop_counts_as_acceptance_and_may_be_ignored() -> None:
    """Section 11.9, first half: EOT as a reply."""
    link = transferring()
    assert link.receive_bytes(EOT, NOW) == []
    assert link.bytes_to_send() == FRAMES[1]
    for _ in FRAMES[2:]:
        link.receive_bytes(ACK, NOW)
    assert link.receive_bytes(EOT, NOW) == [MessageDelivered(1)]
    assert link.bytes_to_send().endswith(EOT)


def test_an_honoured_request_to_stop_gives_the_line_away_for_fifteen_seconds() -> None:
    """Section 11.9, second half: the message goes back to its owner, the next one waits."""
    link = transferring(Lis1Options(honours_interrupt=True))
    link.send_message(RESULT, NOW)
    assert link.receive_bytes(EOT, NOW) == [MessageNotDelivered(1, "interrupted", "LIS01-A2 6.3.5")]
    assert (link.bytes_to_send(), link.next_deadline()) == (EOT, NOW + 15)
    feed(link, ENQ, NOW + 1)
    assert link.bytes_to_send() == ACK
    feed(link, EOT, NOW + 1)
    assert link.bytes_to_send() == ENQ


def test_we_may_ask_for_the_line_and_the_peer_may_go_on() -> None:
    """The other end of the interrupt: EOT instead of ACK, and the message is received all the same."""
    computer = ready_link(options=Lis1Options(requests_interrupt=True))
    instrument = ready_link(Role.INSTRUMENT)
    instrument.send_message(RESULT, NOW)
    assert instrument.bytes_to_send() == ENQ
    computer.receive_bytes(ENQ, NOW)
    computer.send_message(RESULT, NOW)
    seen = converse(computer, instrument)
    assert [texts_of([event]) for _, event in seen if texts_of([event])] == [[RESULT], [RESULT]]


def test_a_lost_connection_gives_all_messages_back() -> None:
    """The message stays its owner's until it is delivered."""
    link = transferring()
    link.send_message(RESULT, NOW)
    assert link.connection_lost(NOW) == [
        MessageNotDelivered(1, "connection_lost", "not in LIS01-A2"),
        MessageNotDelivered(2, "connection_lost", "not in LIS01-A2"),
    ]
    link.connection_made(NOW)
    assert link.bytes_to_send() == b""


def test_a_message_queued_before_the_connection_goes_out_with_it() -> None:
    """The caller need not know whether the line is up."""
    link = Lis1Link(Role.INSTRUMENT)
    link.send_message(RESULT, NOW)
    assert link.bytes_to_send() == b""
    link.connection_made(NOW)
    assert link.bytes_to_send() == ENQ


def test_a_text_that_cannot_be_framed_is_refused_at_once() -> None:
    """And the link is none the worse."""
    link = ready_link()
    with pytest.raises(LocalProtocolError):
        link.send_message(b"H|\x03", NOW)
    link.send_message(RESULT, NOW)
    assert link.bytes_to_send() == ENQ


@pytest.mark.parametrize(
    "wrong",
    [
        {"quirks": frozenset({"no_such_quirk"})},
        {"receive_s": 0.0},
        {"max_transmissions": 0},
        {"contention_s": -1.0},
        {"turnaround_delay_s": -0.1},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    """A typing error in a profile shows before the first byte."""
    with pytest.raises(LocalProtocolError):
        Lis1Options(**wrong)
