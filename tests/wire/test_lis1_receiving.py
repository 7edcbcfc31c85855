"""The receiving half: when Labwire acknowledges, and that it does not matter how bytes arrive."""

from __future__ import annotations

from middleware.wire.events import (
    AcknowledgementConfirmed,
    Event,
    FrameRefused,
    MessageReceived,
    SessionClosed,
    SessionOpened,
    TimerExpired,
)
from middleware.wire.lis1 import Lis1Link, Role, encode_frame, encode_message
from tests.kit.lis1_peer import (
    ACK,
    ENQ,
    EOT,
    NAK,
    NOW,
    RESULT,
    committed,
    feed,
    only,
    opened_link,
    ready_link,
    session_of,
    texts_of,
)

FRAMES = encode_message(RESULT)
H_FRAME, LAST_FRAME = FRAMES[0], FRAMES[-1]


def offered() -> tuple[Lis1Link, int]:
    """A link that waits for the commit of a whole message; the ACKs before are taken."""
    link = opened_link()
    events = link.receive_bytes(b"".join(FRAMES), NOW)
    assert link.bytes_to_send() == ACK * (len(FRAMES) - 1)
    (message,) = [event for event in events if isinstance(event, MessageReceived)]
    return link, message.token


# --- the order of commit and acknowledgement ---


def test_the_frame_that_ends_a_message_is_answered_only_after_the_commit() -> None:
    """What the analyzer may forget is on the disk."""
    link, token = offered()
    assert link.is_awaiting_commit
    assert link.bytes_to_send() == b""
    assert link.commit(token, NOW) == []
    assert link.bytes_to_send() == ACK
    assert not link.is_awaiting_commit


def test_a_refused_message_is_taken_whole_when_its_frame_comes_again() -> None:
    """The disk was full for a moment: one resend of one frame repairs it."""
    link, token = offered()
    assert link.refuse(token, NOW) == [FrameRefused("received", "not_stored", "LIS01-A2 6.3.4")]
    assert link.bytes_to_send() == NAK
    assert texts_of(feed(link, LAST_FRAME)) == [RESULT]
    assert link.bytes_to_send() == ACK


def test_a_commit_that_takes_too_long_is_refused_once_and_then_sends_nothing() -> None:
    """The analyzer gets its answer while it still listens; a late commit may not acknowledge another frame."""
    link, token = offered()
    assert link.next_deadline() == NOW + 14.0
    assert link.on_deadline(NOW + 13.9) == []
    events = link.on_deadline(NOW + 14.0)
    assert only(events, TimerExpired) == [TimerExpired("reply_deadline", "LIS01-A2 6.5.2")]
    assert link.bytes_to_send() == NAK
    assert link.commit(token, NOW + 15) == []
    assert link.bytes_to_send() == b""
    (again,) = texts_of(link.receive_bytes(LAST_FRAME, NOW + 15))
    assert again == RESULT
    assert link.commit(token, NOW + 15) == []
    assert link.bytes_to_send() == b""


def test_bytes_that_arrive_while_a_commit_is_awaited_are_looked_at_afterwards() -> None:
    """EOT and the next session behind the last frame are neither lost nor answered early."""
    link, token = offered()
    assert link.receive_bytes(EOT + ENQ, NOW) == []
    assert link.bytes_to_send() == b""
    events = link.commit(token, NOW)
    assert events == [AcknowledgementConfirmed(token), SessionClosed(), SessionOpened()]
    assert link.bytes_to_send() == ACK + ACK


def test_a_lost_connection_while_a_commit_is_awaited_forgets_the_token() -> None:
    """The message is stored all the same; the next connection starts clean."""
    link, token = offered()
    assert link.connection_lost(NOW) == [SessionClosed()]
    assert link.commit(token, NOW) == []
    link.connection_made(NOW)
    assert link.bytes_to_send() == b""
    assert texts_of(feed(link, session_of(RESULT))) == [RESULT]


def test_several_messages_in_one_frame_are_acknowledged_after_the_last_commit() -> None:
    """Section 10.10: one frame, three messages, one ACK."""
    link = opened_link()
    texts = [b"H|\\^&\rR|%d\rL|1\r" % n for n in range(3)]
    (first,) = link.receive_bytes(encode_frame(1, b"".join(texts)), NOW)
    assert isinstance(first, MessageReceived)
    (second,) = link.commit(first.token, NOW)
    assert isinstance(second, MessageReceived)
    assert link.bytes_to_send() == b""
    (third,) = link.commit(second.token, NOW)
    assert isinstance(third, MessageReceived)
    assert [first.text, second.text, third.text] == texts
    assert link.commit(third.token, NOW) == []
    assert link.bytes_to_send() == ACK


def test_a_refusal_of_the_second_message_brings_the_first_again() -> None:
    """The frame is refused as a whole; what was already stored comes a second time, nothing is lost."""
    link = opened_link()
    frame = encode_frame(1, b"H|\\^&\rR|1\rL|1\rH|\\^&\rR|2\rL|1\r")
    (first,) = link.receive_bytes(frame, NOW)
    assert isinstance(first, MessageReceived)
    (second,) = link.commit(first.token, NOW)
    assert isinstance(second, MessageReceived)
    link.refuse(second.token, NOW)
    assert link.bytes_to_send() == NAK
    assert texts_of(feed(link, frame)) == [first.text, second.text]
    assert link.bytes_to_send() == ACK


def test_the_acknowledgement_is_confirmed_by_the_next_frame_or_by_eot() -> None:
    """DESIGN 8.6: only what the peer did next proves that our ACK arrived."""
    link, token = offered()
    link.commit(token, NOW)
    assert AcknowledgementConfirmed(token) in link.receive_bytes(EOT, NOW + 1)
    link, token = offered()
    link.commit(token, NOW)
    number = (len(FRAMES) + 1) % 8
    assert link.receive_bytes(encode_frame(number, b"H|\\^&\r"), NOW) == [
        AcknowledgementConfirmed(token)
    ]


def test_neither_enquiry_nor_repetition_nor_a_late_eot_confirms() -> None:
    """All three are what a sender does whose acknowledgement was lost."""
    for data, later in ((ENQ, 1.0), (LAST_FRAME, 1.0), (EOT, 15.0)):
        link, token = offered()
        link.commit(token, NOW)
        assert only(link.receive_bytes(data, NOW + later), AcknowledgementConfirmed) == []


# --- how bytes arrive ---


def test_frame_split_over_reads_is_one_frame() -> None:
    """A first test of the issue: TCP cuts where it likes."""
    link = ready_link()
    data = session_of(RESULT)
    events: list[Event] = []
    for at in range(len(data)):
        events += feed(link, data[at : at + 1])
    assert texts_of(events) == [RESULT]
    assert link.bytes_to_send() == ACK * (len(FRAMES) + 1)


def test_enquiry_and_a_frame_in_one_read_are_both_answered() -> None:
    """A first test of the issue."""
    link = ready_link()
    assert link.receive_bytes(ENQ + H_FRAME, NOW) == [SessionOpened()]
    assert link.bytes_to_send() == ACK + ACK


def test_frames_and_eot_in_one_read_give_the_whole_message() -> None:
    """A first test of the issue."""
    link = opened_link()
    events = feed(link, b"".join(FRAMES) + EOT)
    assert texts_of(events) == [RESULT]
    assert isinstance(events[-1], SessionClosed)
    assert link.is_neutral


def test_nul_before_enquiry_is_ignored() -> None:
    """A first test of the issue: some analyzers send NUL before each session."""
    link = ready_link()
    assert texts_of(feed(link, b"\0" + ENQ + EOT + b"\0" + session_of(RESULT))) == [RESULT]


def test_noise_in_neutral_is_never_answered_and_never_kept() -> None:
    """Section 11.14: whatever a floating line sends, we stay silent and small."""
    link = ready_link()
    for _ in range(100):
        assert link.receive_bytes(b"\x02noise\x03\x04\x06\x15" * 10, NOW) == []
    assert link.bytes_to_send() == b""
    assert link.is_neutral


def test_noise_between_frames_is_ignored_but_kept_as_evidence() -> None:
    """LIS01-A2 6.5.1.1: bytes before STX do not count."""
    link = opened_link()
    (message,) = only(feed(link, b"\r\n??" + b"".join(FRAMES)), MessageReceived)
    assert isinstance(message, MessageReceived)
    assert message.text == RESULT
    assert message.wire == ENQ + b"\r\n??" + b"".join(FRAMES)


def test_an_empty_session_reports_no_message() -> None:
    """Some analyzers probe with ENQ and EOT."""
    assert feed(ready_link(), ENQ + EOT) == [SessionOpened(), SessionClosed()]


def test_held_bytes_are_bounded_while_a_commit_is_awaited() -> None:
    """An owner that does not pause its transport cannot make us hold everything."""
    link, token = offered()
    for _ in range(18):
        link.receive_bytes(b"x" * 65536, NOW)
    assert link.counts()["received", "overflowed"] > 0
    assert committed(link, link.commit(token, NOW)) == []
    assert link.bytes_to_send() == ACK


def test_a_link_that_is_not_connected_ignores_bytes() -> None:
    """Late bytes of an old connection open nothing."""
    link = Lis1Link(Role.INSTRUMENT)
    assert link.receive_bytes(ENQ, NOW) == []
    assert link.state_name == "disconnected"
