"""Frames that are not good: refused once, with their reason, and made good by a resend."""

from __future__ import annotations

from middleware.wire.events import (
    FrameRefused,
    MessageAbandoned,
    SessionClosed,
)
from middleware.wire.lis1 import Lis1Options, encode_frame, encode_message
from tests.kit.lis1_peer import (
    ACK,
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
H_FRAME, LAST_FRAME = FRAMES[0], FRAMES[-1]


# --- bad frames ---


def test_corrupted_middle_frame_is_refused_and_its_resend_completes_the_message() -> None:
    """A flipped digit in a result value never gets through."""
    link = opened_link()
    bad = FRAMES[3].replace(b"5.4", b"9.4")
    events = link.receive_bytes(b"".join(FRAMES[:3]) + bad, NOW)
    assert events == [FrameRefused("received", "checksum_wrong", "LIS01-A2 6.3.3")]
    assert link.bytes_to_send() == ACK * 3 + NAK
    assert texts_of(feed(link, b"".join(FRAMES[3:]))) == [RESULT]


def test_corrupted_etb_frame_is_refused_and_nothing_of_it_is_kept() -> None:
    """A first test of the issue: an intermediate frame is judged like any other."""
    link = opened_link()
    good = encode_frame(1, b"H|\\^&\rR|1|^^^GLU|5.", ETB)
    link.receive_bytes(good.replace(b"5.", b"7."), NOW)
    assert link.bytes_to_send() == NAK
    events = feed(link, good + encode_frame(2, b"4\rL|1\r"))
    assert texts_of(events) == [b"H|\\^&\rR|1|^^^GLU|5.4\rL|1\r"]


def test_retransmitted_frame_is_acknowledged_and_stored_once() -> None:
    """A first test of the issue: our ACK was lost."""
    link = opened_link()
    events = feed(link, FRAMES[0] + FRAMES[1] * 2 + b"".join(FRAMES[2:]) + LAST_FRAME)
    assert texts_of(events) == [RESULT]
    assert link.bytes_to_send() == ACK * (len(FRAMES) + 2)
    assert link.counts()["received", "repeated"] == 2


def test_same_number_with_other_bytes_is_refused_never_swallowed() -> None:
    """An analyzer that forgot to advance its number must not lose a result in silence."""
    link = opened_link()
    link.receive_bytes(encode_frame(1, b"H|\\^&\r") + encode_frame(1, b"P|1\r"), NOW)
    assert link.bytes_to_send() == ACK + NAK


def test_constant_frame_number_is_refused_in_the_strict_profile() -> None:
    """A first test of the issue; the quirk that allows it has its own test."""
    link = opened_link()
    events = feed(link, encode_frame(1, b"H|\\^&\r") + encode_frame(1, b"L|1\r"))
    assert events == [FrameRefused("received", "repeat_differs", "LIS01-A2 6.3.2.1")]


def test_a_frame_out_of_sequence_is_refused() -> None:
    """A lost frame is noticed at the next one."""
    link = opened_link()
    events = link.receive_bytes(encode_frame(2, b"P|1\r") + encode_frame(0, b"P|1\r"), NOW)
    assert [event.reason for event in events if isinstance(event, FrameRefused)] == [
        "frame_number_wrong",
        "frame_missing",
    ]
    assert link.bytes_to_send() == NAK + NAK


def test_a_sender_that_goes_on_after_a_refusal_never_gets_a_message_with_a_hole() -> None:
    """Seen in a recording: eight frames after the refused one its number fits again, and results would be missing."""
    records = [b"H|\\^&\r", *[b"R|%d\r" % n for n in range(1, 12)], b"L|1\r"]
    frames = [encode_frame(n % 8, record) for n, record in enumerate(records, start=1)]
    frames[3] = frames[3].replace(b"R|3", b"R|9")
    link = opened_link()
    events = feed(link, b"".join(frames) + EOT)
    assert texts_of(events) == []
    (event,) = only(events, MessageAbandoned)
    assert isinstance(event, MessageAbandoned)
    assert event.text == b"".join(records[:3])
    assert link.bytes_to_send() == ACK * 3 + NAK * 10


def test_faults_of_shape_are_refused_with_their_reason() -> None:
    """Section 5.6: each way to be defective has one answer, NAK, given once."""
    good = encode_frame(1, b"H|\\^&\r")
    cases = {
        b"\x021H|\\^&\r\x03\r\n": "checksum_missing",
        good[:-2] + b"x\n": "trailer_wrong",
        good[:-1] + b"x": "trailer_wrong",
        good[:-4] + good[-4:-2].lower() + b"\r\n": "checksum_wrong",
        b"\x021H|\r\nP|1\r\x03": "line_feed_in_text",
        encode_frame(1, b"H|\x11\r"): "restricted_character",
        b"\x02xH|\r\x03" + b"04\r\n": "checksum_wrong",
        b"\x02" + encode_frame(1, b"8")[2:]: "checksum_wrong",
        b"\x02\x0303\r\n": "frame_number_missing",
    }
    for data, reason in cases.items():
        link = opened_link()
        refusals = only(link.receive_bytes(data, NOW), FrameRefused)
        assert [getattr(event, "reason", "") for event in refusals] == [reason], data
        assert link.bytes_to_send() == NAK, data
        assert texts_of(feed(link, b"".join(FRAMES))) == [RESULT], data


def test_a_frame_cut_off_by_a_new_one_is_answered_only_once() -> None:
    """Two answers to one frame would acknowledge a frame that was never read."""
    link = opened_link()
    assert link.receive_bytes(H_FRAME[:9] + H_FRAME, NOW) == []
    assert link.bytes_to_send() == ACK
    assert link.counts()["received", "broken_off"] == 1


def test_a_session_aborted_in_the_middle_of_a_frame_is_closed() -> None:
    """The sender gave up: EOT counts even inside a frame."""
    link = opened_link()
    (event, closed) = link.receive_bytes(H_FRAME + FRAMES[1][:5] + EOT, NOW)
    assert isinstance(event, MessageAbandoned)
    assert (event.reason, event.text) == (
        "terminator_missing",
        b"".join(RESULT.splitlines(True)[:1]),
    )
    assert closed == SessionClosed()


def test_a_frame_without_end_is_passed_over_and_refused() -> None:
    """A peer cannot make us hold more than one largest frame."""
    link = ready_link(options=Lis1Options(max_frame_text=100))
    link.receive_bytes(ENQ, NOW)
    link.bytes_to_send()
    assert link.receive_bytes(b"\x021" + b"x" * 5000, NOW) == []
    assert link.receive_bytes(b"x" * 5000, NOW) == []
    (refusal,) = link.receive_bytes(b"\x0300\r\n", NOW)
    assert isinstance(refusal, FrameRefused)
    assert refusal.reason == "frame_too_long"
    assert link.bytes_to_send() == NAK
    assert texts_of(feed(link, b"".join(FRAMES))) == [RESULT]


def test_a_message_beyond_its_limit_is_abandoned_and_the_session_refused() -> None:
    """Memory stays bounded; what was held is shown to a person."""
    link = ready_link(options=Lis1Options(max_message_bytes=100))
    events = link.receive_bytes(ENQ + frames_of(b"H|\\^&\r", b"C|" + b"x" * 99, b"L|1\r"), NOW)
    assert [type(event).__name__ for event in events] == [
        "SessionOpened",
        "MessageAbandoned",
        "FrameRefused",
        "FrameRefused",
    ]
    assert link.bytes_to_send() == ACK + ACK + NAK + NAK
    small = b"H|\\^&\rL|1\r"
    assert texts_of(feed(link, EOT + session_of(small))) == [small]
