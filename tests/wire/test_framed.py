"""Framings that follow no standard: cut as the profile says, acknowledged after the commit and not too soon."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.events import (
    AcknowledgementConfirmed,
    FrameRefused,
    MessageAbandoned,
    MessageDelivered,
    MessageNotDelivered,
    MessageReceived,
    TimerExpired,
)
from middleware.wire.framed import (
    CHECKSUMS,
    ChecksumKind,
    Frame,
    FrameCutter,
    FrameSpec,
    Skipped,
    encode_frame,
)
from middleware.wire.framed.tables import TRANSITIONS, Input, State
from tests.kit.framed_specs import (
    ACK,
    BCC,
    BLOCKS,
    ENQ,
    EOT,
    LINES,
    NAK,
    REPORT,
    SLOW,
    SPECS,
    linked,
    received,
)


def test_the_table_is_total() -> None:
    """No cell is undecided."""
    assert set(TRANSITIONS) == set(product(State, Input))


@pytest.mark.parametrize("kind", list(ChecksumKind))
def test_every_checksum_proves_a_frame(kind: ChecksumKind) -> None:
    """What is written is read; one changed letter is refused."""
    spec = FrameSpec(checksum=kind)
    frame = encode_frame(b"D 0001 5.4", spec)
    (good,) = FrameCutter(spec).feed(frame)
    assert good == Frame(b"D 0001 5.4", goes_on=False, wire=frame)
    if kind is not ChecksumKind.NONE:
        (bad,) = FrameCutter(spec).feed(frame.replace(b"5.4", b"5.5"))
        assert not isinstance(bad, Frame)


@pytest.mark.parametrize(
    ("kind", "data", "check"),
    [
        (ChecksumKind.XOR_BYTE, b"123456789", b"\x31"),
        (ChecksumKind.SUM_HEX, b"123456789", b"DD"),
        (ChecksumKind.COMPLEMENT_HEX, b"123456789", b"23"),
        (ChecksumKind.CRC16_CCITT_HEX, b"123456789", b"29B1"),
        (ChecksumKind.CRC16_MODBUS_BYTES, b"123456789", b"\x37\x4b"),
    ],
)
def test_checksums_give_the_published_check_values(
    kind: ChecksumKind, data: bytes, check: bytes
) -> None:
    """The catalogue of CRCs names the check value of the digits 1 to 9."""
    assert CHECKSUMS[kind][1](data) == check


def test_a_message_is_acknowledged_only_after_its_commit() -> None:
    """The promise of every line, also where no standard asks for it."""
    link = linked(BCC)
    event = received(link.receive_bytes(encode_frame(b"D 1", BCC), 1.0))
    assert event.text == b"D 1"
    assert link.is_awaiting_commit
    assert link.bytes_to_send() == b""
    link.commit(event.token, 1.2)
    assert link.bytes_to_send() == ACK
    assert link.is_neutral


def test_a_wrong_checksum_is_refused_and_kept_for_evidence() -> None:
    """The analyzer sends it again; the bad bytes stay with the message."""
    link = linked(BCC)
    good = encode_frame(b"D 1", BCC)
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    events = link.receive_bytes(bad, 1.0)
    assert FrameRefused("received", "checksum_wrong", "the driver's frame") in events
    assert link.bytes_to_send() == NAK
    event = received(link.receive_bytes(good, 2.0))
    assert event.wire == bad + good
    assert link.counts()["received", "bad_checksum"] == 1


def test_an_acknowledgement_leaves_no_earlier_than_the_analyzer_listens() -> None:
    """An analyzer that still turns its line around would miss it."""
    link = linked(SLOW)
    event = received(link.receive_bytes(encode_frame(b"D 1", SLOW), 10.0))
    link.commit(event.token, 10.1)
    assert link.bytes_to_send() == b""
    assert link.is_awaiting_commit
    assert link.next_deadline() == 10.5
    link.on_deadline(10.4)
    assert link.bytes_to_send() == b""
    link.on_deadline(10.5)
    assert link.bytes_to_send() == ACK
    late = received(link.receive_bytes(encode_frame(b"D 2", SLOW), 20.0))
    link.commit(late.token, 21.0)
    assert link.bytes_to_send() == ACK


def test_a_message_that_is_not_stored_in_time_is_refused() -> None:
    """Before the analyzer gives up; a commit that comes later sends nothing."""
    link = linked(SLOW)
    event = received(link.receive_bytes(encode_frame(b"D 1", SLOW), 10.0))
    assert link.on_deadline(15.0) == [TimerExpired("reply_deadline", "the driver's frame")]
    assert link.bytes_to_send() == NAK
    assert link.commit(event.token, 15.1) == []
    assert link.bytes_to_send() == b""


def test_the_owner_can_refuse() -> None:
    """The disk is full: the analyzer keeps its result."""
    link = linked(BCC)
    event = received(link.receive_bytes(encode_frame(b"D 1", BCC), 1.0))
    assert link.refuse(event.token, 1.1) == [
        FrameRefused("received", "not_stored", "the driver's frame")
    ]
    assert link.bytes_to_send() == NAK
    link.set_accepting(False)
    link.receive_bytes(encode_frame(b"D 1", BCC), 2.0)
    assert link.bytes_to_send() == NAK


def test_a_text_that_goes_on_is_joined_without_the_repeated_beginning() -> None:
    """Each block begins with the same three characters; only the last one ends the message."""
    link = linked(BLOCKS)
    assert not link.is_awaiting_commit
    for text, goes_on in ((b"D  one", True), (b"D   two", False)):
        events = link.receive_bytes(encode_frame(text, BLOCKS, goes_on=goes_on), 1.0)
        assert not [event for event in events if isinstance(event, MessageReceived)]
        assert link.bytes_to_send() == ACK
    event = received(link.receive_bytes(encode_frame(b"DE", BLOCKS), 1.5))
    assert event.text == b"D  one two" + b"DE"


def test_a_message_that_breaks_off_is_abandoned_for_a_person() -> None:
    """Its first frames were acknowledged."""
    link = linked(BLOCKS)
    link.receive_bytes(encode_frame(b"D  one", BLOCKS), 1.0)
    assert link.next_deadline() == 3.0
    events = link.on_deadline(3.0)
    assert [one.reason for one in events if isinstance(one, MessageAbandoned)] == [
        "receive_timeout"
    ]
    link.receive_bytes(encode_frame(b"D  one", BLOCKS), 4.0)
    (lost,) = link.connection_lost(4.1)
    assert isinstance(lost, MessageAbandoned)
    assert lost.text == b"D  one"


def test_a_report_ends_by_silence() -> None:
    """A printer says nothing when it has done."""
    link = linked(REPORT)
    link.receive_bytes(b"Sample 1\rpH 7.4\r\r", 1.0)
    event = received(link.on_deadline(2.0))
    assert event.text == b"Sample 1\rpH 7.4"
    link.commit(event.token, 2.1)
    assert link.bytes_to_send() == b""


def test_lines_need_no_start_and_no_reply() -> None:
    """Each line is a message; the one who prints does not listen."""
    link = linked(LINES)
    event = received(link.receive_bytes(b"R,1,5.4\r\nR,2", 1.0))
    assert event.text == b"R,1,5.4"
    link.receive_bytes(b",5.6\r\n", 1.1)
    (second,) = [e for e in link.commit(event.token, 1.2) if isinstance(e, MessageReceived)]
    assert second.text == b"R,2,5.6"
    assert link.bytes_to_send() == b""


def test_an_enquiry_is_answered_and_a_repeated_frame_tells_that_our_reply_was_lost() -> None:
    """Then the first acknowledgement is not known to have arrived."""
    spec = FrameSpec(enquiry=ENQ, ignored=EOT)
    link = linked(spec)
    link.receive_bytes(ENQ, 0.5)
    assert link.bytes_to_send() == ACK
    first = encode_frame(b"D 1", spec)
    event = received(link.receive_bytes(first, 1.0))
    link.commit(event.token, 1.0)
    again = link.receive_bytes(EOT + ENQ + first, 2.0)
    assert not [one for one in again if isinstance(one, AcknowledgementConfirmed)]
    link.commit(received(again).token, 2.0)
    third = link.receive_bytes(encode_frame(b"D 2", spec), 3.0)
    assert AcknowledgementConfirmed(2) in third


def test_what_stops_inside_a_frame_is_given_up() -> None:
    """The cable was pulled: the next frame is read from its own start."""
    link = linked(BCC)
    link.receive_bytes(b"\x02D 12", 1.0)
    assert not link.is_neutral
    events = link.on_deadline(11.0)
    assert FrameRefused("received", "receive_timeout", "the driver's frame") in events
    assert received(link.receive_bytes(encode_frame(b"D 2", BCC), 12.0)).text == b"D 2"


def test_a_frame_without_end_takes_no_more_memory_than_a_frame_may() -> None:
    """Whatever is connected to the port."""
    spec = FrameSpec(max_frame_bytes=1000)
    link = linked(spec)
    link.receive_bytes(b"\x02", 0.0)
    for _ in range(100):
        link.receive_bytes(b"x" * 500, 0.1)
    assert link.counts()["received", "oversize"] >= 1
    assert len(link._cutter._buffer) <= 1500
    assert len(link._parts._wire) < 1_000_000


def test_a_message_is_sent_again_until_it_is_taken() -> None:
    """Both roles from one link: an emulator, and later answers to queries."""
    link = linked(BCC)
    send_id = link.send_message(b"S 1", 0.0)
    frame = encode_frame(b"S 1", BCC)
    assert link.bytes_to_send() == frame
    link.receive_bytes(NAK, 0.1)
    assert link.bytes_to_send() == frame
    assert MessageDelivered(send_id, ACK) in link.receive_bytes(ACK, 0.2)
    silent = link.send_message(b"S 2", 1.0)
    events: list[Any] = []
    for _ in range(3):
        link.bytes_to_send()
        deadline = link.next_deadline()
        assert deadline is not None
        events += link.on_deadline(deadline)
    assert events[-1] == MessageNotDelivered(silent, "no_reply", "the driver's frame")
    unsendable = link.send_message(b"a\x03b", 50.0)
    assert link.bytes_to_send() == b""
    deadline = link.next_deadline()
    assert deadline is not None
    assert link.on_deadline(deadline) == [
        MessageNotDelivered(unsendable, "no_reply", "the driver's frame")
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends": ()},
        {"length": 5},
        {"ends": (), "length": 5, "start": b""},
        {"ends": (b"\r", b"\r\n")},
        {"ends": (b"",)},
        {"ack_min_s": 3.0, "ack_max_s": 2.0},
        {"nak": b""},
        {"goes_on": b"\x03"},
        {"silence_ends": True},
        {"repeated_prefix": 3},
        {"start": b"\r", "ends": (b"\r",)},
        {"start": b"\r\n", "ignored": b"\r"},
        {"checksum": ChecksumKind.XOR_BYTE, "checksum_before_end": True},
        {"ends": (), "length": 65536},
    ],
)
def test_a_framing_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    """Whoever writes a profile is told at once."""
    with pytest.raises(ValueError, match=r"\w"):
        FrameSpec(**wrong)


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"\x02", b"\x03", b"\r", b"\x17", ACK, NAK, ENQ, b"##", b"%%", b"DE"]),
    ),
    max_size=30,
)


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
@given(pieces=PIECES, cuts=st.lists(st.integers(0, 300), max_size=10))
def test_what_comes_out_does_not_depend_on_how_it_was_cut(
    spec: FrameSpec, pieces: list[bytes], cuts: list[int]
) -> None:
    """Whole, byte by byte, or anywhere between."""
    frames = [encode_frame(b"Dab", spec)] if spec.length is None else [encode_frame(b"Dabcd", spec)]
    data = b"".join([*pieces, *frames, *pieces, *frames])
    places = sorted({0, len(data), *(at for at in cuts if at < len(data))})
    ways = [
        [data],
        [data[at : at + 1] for at in range(len(data))],
        [data[a:b] for a, b in pairwise(places)],
    ]
    told = [[one for one in map(_plain, _fed(spec, way)) if one] for way in ways]
    assert told[0] == told[1] == told[2]


def _fed(spec: FrameSpec, pieces: list[bytes]) -> list[Any]:
    cutter = FrameCutter(spec)
    return [event for piece in pieces for event in cutter.feed(piece)]


def _plain(event: Any) -> Any:
    """Skipped bytes come in as many pieces as they were read; only what is told of frames must be equal."""
    return None if isinstance(event, Skipped) else event


@given(PIECES)
def test_no_bytes_make_a_link_raise(pieces: list[bytes]) -> None:
    """Whatever the peer is."""
    for spec in SPECS:
        link = linked(spec)
        now = 0.0
        for piece in pieces:
            now += 0.4
            for event in link.receive_bytes(piece, now):
                if isinstance(event, MessageReceived):
                    link.commit(event.token, now)
            link.bytes_to_send()
            link.on_deadline(now)
        link.connection_lost(now)
