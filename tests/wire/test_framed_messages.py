"""Messages of framed lines that break off, lose a frame, come again or go on: no part ever passes for a whole one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.events import Event, MessageAbandoned, MessageDelivered, MessageReceived
from middleware.wire.framed import ChecksumKind, FrameCutter, FrameSpec, encode_frame
from tests.kit.framed_specs import (
    ACK,
    BCC,
    CHAIN,
    ENQ,
    LINES,
    LISTING,
    NAK,
    REPORT,
    SPECS,
    linked,
    received,
)


def _abandoned(events: list[Event]) -> list[tuple[bytes, str]]:
    return [(one.text, one.reason) for one in events if isinstance(one, MessageAbandoned)]


@pytest.mark.parametrize("way", ["enquiry", "part", "wrong"])
def test_no_reply_of_any_kind_leaves_too_soon(way: str) -> None:
    """Also not the one to a frame in the middle, to a bad one, and to an enquiry."""
    spec = FrameSpec(
        ack_min_s=0.5, enquiry=ENQ, ends_message=(b"DE",), checksum=ChecksumKind.SUM_HEX
    )
    link = linked(spec)
    sent = {"enquiry": ENQ, "part": encode_frame(b"D 1", spec), "wrong": b"\x02D 1\x0300"}[way]
    link.receive_bytes(sent, 1.0)
    assert link.bytes_to_send() == b""
    assert not link.is_neutral
    assert link.next_deadline() == 1.5
    link.receive_bytes(encode_frame(b"DE", spec), 1.1)
    events = link.on_deadline(1.5)
    assert link.bytes_to_send() == (NAK if way == "wrong" else ACK)
    assert received(events).text == (b"D 1DE" if way == "part" else b"DE")


def test_a_block_that_comes_again_is_not_joined_twice() -> None:
    """Our acknowledgement was lost in the middle of a text."""
    link = linked(CHAIN)
    first = encode_frame(b"D 1200abc", CHAIN, goes_on=True)
    link.receive_bytes(first, 1.0)
    link.receive_bytes(first, 1.5)
    assert link.bytes_to_send() == ACK + ACK
    event = received(link.receive_bytes(encode_frame(b"D 12EEdef", CHAIN), 2.0))
    assert event.text == b"D 1200abcdef"


def test_a_block_of_another_text_is_never_joined() -> None:
    """The rest of one sample's telegram did not come: the next sample's must not stand in its place."""
    link = linked(CHAIN)
    link.receive_bytes(encode_frame(b"D 1200abc", CHAIN, goes_on=True), 1.0)
    events = link.receive_bytes(encode_frame(b"D 1300xyz", CHAIN), 1.5)
    assert _abandoned(events) == [(b"D 1200abc", "text_not_continued")]
    assert received(events).text == b"D 1300xyz"


def test_a_blank_telegram_is_acknowledged_and_is_no_message() -> None:
    """An analyzer that asks in this way whether we are there goes on."""
    link = linked(BCC)
    events = link.receive_bytes(encode_frame(b"  ", BCC), 1.0)
    assert link.bytes_to_send() == ACK
    assert not [one for one in events if isinstance(one, MessageReceived)]


def test_a_report_that_lost_a_line_does_not_pass_for_a_whole_one() -> None:
    """The line could have been the patient's number; nobody sends it again."""
    link = linked(LISTING)
    link.receive_bytes(b"Report\n" + b"x" * 60 + b"\nK 4.1\n", 1.0)
    events = link.receive_bytes(b"------\n", 1.1)
    assert _abandoned(events) == [(b"Report\nK 4.1\n------", "frame_lost")]
    whole = link.receive_bytes(b"Report\nK 4.2\n------\n", 2.0)
    assert received(whole).text == b"Report\nK 4.2\n------"


def test_a_report_after_a_bad_line_and_a_silence_is_whole() -> None:
    """Noise in the night does not spoil the morning's first report."""
    link = linked(LISTING)
    link.receive_bytes(b"x" * 60 + b"\n", 1.0)
    assert received(link.receive_bytes(b"Report\n------\n", 10.0)).text == b"Report\n------"


def test_a_slow_line_does_not_end_a_report() -> None:
    """Bytes of a line that is not at its end are no silence."""
    link = linked(LISTING)
    link.receive_bytes(b"Report\n", 1.0)
    link.receive_bytes(b"K ", 2.5)
    assert link.on_deadline(3.0) == []
    link.receive_bytes(b"4.1\n", 4.0)
    assert received(link.on_deadline(6.0)).text == b"Report\nK 4.1"


def test_a_report_whose_last_line_breaks_off_is_kept_for_a_person() -> None:
    """Half a number is another number."""
    link = linked(LISTING)
    link.receive_bytes(b"Report\nK 4", 1.0)
    assert _abandoned(link.on_deadline(3.0)) == [(b"Report\nK 4", "receive_timeout")]
    link.receive_bytes(b"Rep", 5.0)
    assert _abandoned(link.on_deadline(7.0)) == [(b"Rep", "receive_timeout")]


def test_lines_that_wait_for_a_commit_survive_the_end_of_the_connection() -> None:
    """The one who prints does not print again."""
    link = linked(LINES)
    event = received(link.receive_bytes(b"R,1\r\nR,2\r\n", 1.0))
    link.receive_bytes(b"R,3\r", 1.1)
    assert _abandoned(link.connection_lost(1.2)) == [(b"R,2\rR,3\r", "connection_lost")]
    assert link.commit(event.token, 1.3) == []


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_tail_of_a_line_that_is_too_long_is_no_line(size: int) -> None:
    """However it was cut into reads: a picture in a line does not become a result."""
    cutter = FrameCutter(LISTING)
    data = b"a" * 100 + b"R,1,5.4\nR,2,5.6\n"
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    told = [event for piece in pieces for event in cutter.feed(piece)]
    assert [getattr(one, "text", None) for one in told] == [None, b"R,2,5.6"]


def test_a_message_beyond_measure_is_given_up_whole() -> None:
    """Its end alone is no message."""
    spec = FrameSpec(ends_message=(b"DE",), max_message_bytes=10)
    link = linked(spec)
    for text in (b"D 12345", b"D 67890", b"D 1"):
        link.receive_bytes(encode_frame(text, spec), 1.0)
    assert link.bytes_to_send() == ACK + NAK + ACK
    assert _abandoned(link.receive_bytes(encode_frame(b"DE", spec), 1.1)) == [
        (b"D 1DE", "frame_lost")
    ]
    assert link.bytes_to_send() == NAK


def test_a_reply_of_two_bytes_may_come_in_two_reads() -> None:
    """What is told does not depend on reads."""
    spec = FrameSpec(ack=b"\x10\x06", nak=b"\x10\x15")
    link = linked(spec)
    send_id = link.send_message(b"S 1", 0.0)
    link.receive_bytes(b"\x10", 0.1)
    assert MessageDelivered(send_id, b"\x10\x06") in link.receive_bytes(b"\x06", 0.2)


@pytest.mark.slow
def test_a_flood_of_single_letters_is_linear_work() -> None:
    """Each a line of one report, or noise between frames."""
    link = linked(REPORT)
    for at in range(4):
        link.receive_bytes(b"x\r" * 32_000, at * 0.01)
    linked(BCC).receive_bytes(ACK + b"y" * 300_000, 1.0)


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
@given(data=st.data())
def test_messages_and_replies_do_not_depend_on_reads(spec: FrameSpec, data: st.DataObject) -> None:
    """Whole, byte by byte, or anywhere between: the same is stored and the same is answered."""
    texts = data.draw(
        st.lists(st.sampled_from([b"D 12a", b"D 13b", b"DE  ", b"-----"]), max_size=6)
    )
    goes_on = data.draw(st.lists(st.booleans(), min_size=6, max_size=6))
    noise = data.draw(st.sampled_from([b"", b"\x15", b"zz", b"\x02", b"\r", b"\n", b"x" * 50]))
    wire = noise.join(
        encode_frame(text[:5].ljust(5), spec, goes_on=bool(spec.goes_on) and more)
        for text, more in zip(texts, goes_on, strict=False)
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(wire) - 1)), max_size=8)))
    ways = [
        [wire],
        [wire[at : at + 1] for at in range(len(wire))],
        [wire[a:b] for a, b in pairwise([0, *cuts, len(wire)])],
    ]
    outcomes = [_lived(spec, way) for way in ways]
    assert outcomes[0] == outcomes[1] == outcomes[2]


def _lived(spec: FrameSpec, pieces: list[bytes]) -> tuple[list[bytes], list[bytes], bytes]:
    """Messages, abandoned texts and replies, when every message is stored at once."""
    link = linked(spec)
    messages, abandoned, replies = [], [], b""
    for at in range(len(pieces) + 16):
        now = 1.0 if at < len(pieces) else 60.0 * at
        pending = link.receive_bytes(pieces[at], now) if at < len(pieces) else link.on_deadline(now)
        while pending:
            event = pending.pop(0)
            if isinstance(event, MessageReceived):
                messages.append(event.text)
                pending += link.commit(event.token, now)
            if isinstance(event, MessageAbandoned):
                abandoned.append(event.text)
        replies += link.bytes_to_send()
    return messages, abandoned, replies
