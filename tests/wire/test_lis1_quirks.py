"""Each named tolerance: refused by the strict profile, accepted, counted and reported by name with the quirk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from middleware.wire.events import (
    MessageAbandoned,
    MessageDelivered,
    MessageReceived,
    SessionClosed,
)
from middleware.wire.lis1 import QUIRKS, Lis1Options, Role, checksum, encode_frame, encode_message
from tests.kit.lis1_peer import (
    ACK,
    ENQ,
    EOT,
    ETB,
    NAK,
    NOW,
    RESULT,
    feed,
    ready_link,
    session_of,
    texts_of,
    tolerant_link,
)

TEXT = b"H|\\^&\rR|1|^^^GLU|5.4\rL|1|N\r"
LETTERED = TEXT.replace(b"5.4", b"5.0")  # its checksum, 4E, has a letter
RECORDS = TEXT.splitlines(keepends=True)


def numbered(*numbers: int) -> bytes:
    return b"".join(
        encode_frame(number, record) for number, record in zip(numbers, RECORDS, strict=True)
    )


def frame_with(digits: bytes, text: bytes = TEXT, trailer: bytes = b"\r\n") -> bytes:
    return b"\x021" + text + b"\x03" + digits + trailer


GOOD_DIGITS = checksum(b"1" + TEXT + b"\x03")
SUM_WITHOUT_END = b"%02X" % (sum(b"1" + TEXT) & 0xFF)
SUM_WITH_START = b"%02X" % (sum(b"\x021" + TEXT + b"\x03") & 0xFF)


@dataclass(frozen=True)
class Deviation:
    """What such an analyzer sends between ENQ and EOT, and the message that we must take from it."""

    quirk: str
    data: bytes
    text: bytes = TEXT


DEVIATIONS = [
    Deviation("checksum_absent", frame_with(b"")),
    Deviation("checksum_zero", frame_with(b"00")),
    Deviation("checksum_unchecked", frame_with(b"7E")),
    Deviation("checksum_excludes_end", frame_with(SUM_WITHOUT_END)),
    Deviation("checksum_includes_start", frame_with(SUM_WITH_START)),
    Deviation("lowercase_checksum", frame_with(b"4e", LETTERED), LETTERED),
    Deviation("frame_number_constant", numbered(1, 1, 1)),
    Deviation("frame_number_starts_at_zero", numbered(0, 1, 2)),
    Deviation("frame_number_not_reset", numbered(5, 6, 7)),
    Deviation("trailer_incomplete", frame_with(GOOD_DIGITS, trailer=b"\r")),
    Deviation("trailer_incomplete", frame_with(GOOD_DIGITS, trailer=b"\n")),
    Deviation("trailer_absent", frame_with(GOOD_DIGITS, trailer=b"")),
    Deviation("line_feed_in_text", encode_frame(1, TEXT.replace(b"\r", b"\r\n"))),
    Deviation("line_feed_ends_record", encode_frame(1, TEXT.replace(b"\r", b"\n"))),
    Deviation("line_feed_ends_record", encode_frame(1, TEXT.replace(b"\r", b"\r\n"))),
    Deviation("restricted_in_text", encode_frame(1, TEXT[:-1] + b"\x11\r"), TEXT[:-1] + b"\x11\r"),
    Deviation("terminator_missing", encode_frame(1, TEXT[:-6]), TEXT[:-6]),
    Deviation("record_split_by_etx", encode_frame(1, TEXT[:15]) + encode_frame(2, TEXT[15:]), TEXT),
]


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.quirk)
def test_a_quirk_accepts_what_the_strict_profile_does_not(deviation: Deviation) -> None:
    """Tolerant by name only, and the name is reported with the message."""
    data = ENQ + deviation.data + EOT
    assert texts_of(feed(ready_link(), data)) != [deviation.text]
    link = tolerant_link(deviation.quirk)
    (message,) = [event for event in feed(link, data) if isinstance(event, MessageReceived)]
    assert message.text == deviation.text
    assert message.quirks == (deviation.quirk,)
    assert link.counts()["quirk", deviation.quirk] >= 1
    assert NAK not in link.bytes_to_send()


def test_without_checksum_digits_a_wrong_checksum_is_still_refused() -> None:
    """The tolerance is for absent digits, not for wrong ones."""
    for quirk in ("checksum_absent", "checksum_zero", "lowercase_checksum"):
        link = tolerant_link(quirk)
        assert texts_of(feed(link, ENQ + frame_with(b"7E"))) == []
        assert link.bytes_to_send() == ACK + NAK


def test_nul_is_kept_in_the_strict_profile_and_removed_by_quirk() -> None:
    """NUL is not restricted in a frame; whether it may stand in a record is for the record layer."""
    padded = TEXT.replace(b"5.4", b"5.4\0\0")
    assert texts_of(feed(ready_link(), ENQ + encode_frame(1, padded))) == [padded]
    assert texts_of(feed(tolerant_link("nul_in_text"), ENQ + encode_frame(1, padded))) == [TEXT]


def test_a_line_feed_ends_a_record_only_where_one_begins_when_both_are_named() -> None:
    """LF alone between records is read; LF inside a text is dropped and never cuts a value."""
    link = tolerant_link("line_feed_in_text", "line_feed_ends_record")
    for sent in (
        TEXT.replace(b"\r", b"\n"),
        TEXT.replace(b"\r", b"\r\n"),
        TEXT.replace(b"5.4", b"5\n.4"),
    ):
        data = ENQ + encode_frame(1, sent) + EOT
        assert texts_of(feed(link, data)) == [TEXT]


def test_a_constant_number_repeats_only_what_is_identical() -> None:
    """A resend is recognised by its bytes when its number says nothing."""
    link = tolerant_link("frame_number_constant")
    frames = [encode_frame(1, record) for record in RECORDS]
    data = frames[0] + frames[1] * 2 + frames[2]
    assert texts_of(feed(link, ENQ + data)) == [TEXT]
    assert link.counts()["received", "repeated"] == 1


def test_with_a_constant_number_a_refused_frame_must_come_again() -> None:
    """A sender that goes on after NAK would leave a hole that its numbers cannot show."""
    link = tolerant_link("frame_number_constant")
    frames = [encode_frame(1, record) for record in RECORDS]
    bad = frames[1].replace(b"5.4", b"9.4")
    assert texts_of(feed(link, ENQ + frames[0] + bad + frames[2] + EOT)) == []
    assert texts_of(feed(link, ENQ + frames[0] + bad + frames[1] + frames[2])) == [TEXT]


def test_a_number_that_skips_zero_is_followed() -> None:
    """Seen in a published example: 7 is followed by 1."""
    records = [b"H|\\^&\r", *[b"C|%d\r" % n for n in range(1, 9)], b"L|1\r"]
    numbers = [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]
    data = b"".join(map(encode_frame, numbers, records))
    assert texts_of(feed(ready_link(), ENQ + data)) == []
    assert texts_of(feed(tolerant_link("frame_number_skips_zero"), ENQ + data)) == [
        b"".join(records)
    ]


def test_without_terminator_every_etx_frame_is_committed_before_its_acknowledgement() -> None:
    """What cannot be recognised as complete is stored frame by frame."""
    link = tolerant_link("terminator_missing")
    link.receive_bytes(ENQ, NOW)
    link.bytes_to_send()
    (event,) = link.receive_bytes(encode_frame(1, b"H|\\^&\rR|1\r"), NOW)
    assert isinstance(event, MessageReceived)
    assert link.bytes_to_send() == b""
    link.commit(event.token, NOW)
    assert link.bytes_to_send() == ACK


def test_without_terminator_a_header_ends_the_message_before_it() -> None:
    """Two messages streamed without L are two."""
    link = tolerant_link("terminator_missing")
    streamed = encode_frame(1, b"H|\\^&\rR|1\rH|\\^&\rR|2\r")
    assert texts_of(feed(link, ENQ + streamed)) == [b"H|\\^&\rR|1\r", b"H|\\^&\rR|2\r"]


def test_without_terminator_eot_delivers_what_is_left() -> None:
    """An intermediate frame was the last."""
    link = tolerant_link("terminator_missing")
    events = feed(link, ENQ + encode_frame(1, b"H|\\^&\rR|1\r", ETB) + EOT)
    assert texts_of(events) == [b"H|\\^&\rR|1\r"]
    assert link.is_neutral
    assert link.bytes_to_send() == ACK + ACK


def test_without_terminator_a_refused_frame_that_never_came_again_leaves_no_message() -> None:
    """EOT after a refusal is the sender giving up, not the end of a message."""
    link = tolerant_link("terminator_missing")
    bad = encode_frame(2, b"R|2|x\r").replace(b"x", b"y")
    events = feed(link, ENQ + encode_frame(1, b"H|\\^&\rR|1\r", ETB) + bad + EOT)
    assert texts_of(events) == []
    assert any(isinstance(event, MessageAbandoned) for event in events)


def test_a_shortened_trailer_does_not_swallow_the_next_frame() -> None:
    """CR and LF that come after all are passed over."""
    for quirk in ("trailer_incomplete", "trailer_absent"):
        for trailer in (b"\r\n", b"\n\r", b"\r", b"\n"):
            data = b"".join(
                encode_frame(n, record)[:-2] + trailer for n, record in enumerate(RECORDS, 1)
            )
            assert texts_of(feed(tolerant_link(quirk), ENQ + data + EOT)) == [TEXT]


def test_bare_blocks_need_neither_checksum_nor_line_end() -> None:
    """STX number text ETX and nothing else, with both quirks."""
    link = tolerant_link("checksum_absent", "trailer_absent")
    bare = b"".join(b"\x02%d%b\x03" % (n, record) for n, record in enumerate(RECORDS, 1))
    assert texts_of(feed(link, ENQ + bare + EOT)) == [TEXT]


def test_frames_without_a_session_open_and_close_one_by_themselves() -> None:
    """Section 10.2: blocks are acknowledged, the link is neutral between messages."""
    link = tolerant_link("session_absent")
    for _ in range(2):
        events = feed(link, b"".join(encode_message(RESULT)))
        assert texts_of(events) == [RESULT]
        assert isinstance(events[-1], SessionClosed)
        assert link.is_neutral
    assert link.bytes_to_send() == ACK * 10


def test_without_a_session_a_repeated_last_frame_is_acknowledged_and_not_stored() -> None:
    """Our ACK was lost after the session had ended by itself."""
    link = tolerant_link("session_absent")
    frames = encode_message(RESULT)
    feed(link, b"".join(frames))
    link.bytes_to_send()
    assert texts_of(feed(link, frames[-1])) == []
    assert link.bytes_to_send() == ACK


def test_a_missing_eot_is_replaced_by_silence_or_by_the_next_enquiry() -> None:
    """Section 10.7: our own messages need not wait half a minute."""
    link = tolerant_link("session_end_missing")
    feed(link, session_of(RESULT)[:-1])
    link.send_message(RESULT, NOW)
    link.bytes_to_send()
    assert link.next_deadline() == NOW + 2
    assert link.on_deadline(NOW + 2) == [SessionClosed()]
    assert link.bytes_to_send() == ENQ
    twice = session_of(RESULT)[:-1] * 2
    assert texts_of(feed(ready_link(), twice)) == [RESULT, RESULT]


def test_an_enquiry_that_is_not_repeated_is_granted_after_contention() -> None:
    """Section 5.2 (b)."""
    link = tolerant_link("enquiry_not_repeated")
    link.send_message(RESULT, NOW)
    link.bytes_to_send()
    link.receive_bytes(ENQ, NOW)
    assert link.next_deadline() == NOW + 2
    link.on_deadline(NOW + 2)
    assert link.bytes_to_send() == ACK
    assert texts_of(feed(link, session_of(RESULT)[1:], NOW + 2)) == [RESULT]


def test_echoed_bytes_are_dropped() -> None:
    """Section 10.18: an RS-485 converter returns what we say."""
    link = tolerant_link("echoes_sent_bytes")
    seen = feed(link, ENQ)
    for frame in [*encode_message(RESULT), EOT]:
        echo = link.bytes_to_send()
        assert echo == ACK
        seen += feed(link, echo + frame)
    assert texts_of(seen) == [RESULT]
    assert link.counts()["quirk", "echoes_sent_bytes"] == 6


def test_a_line_that_does_not_echo_for_once_loses_nothing() -> None:
    """The first byte that differs is the peer's own."""
    link = tolerant_link("echoes_sent_bytes")
    assert texts_of(feed(link, session_of(RESULT))) == [RESULT]


def test_doubled_replies_do_not_acknowledge_frames_that_were_not_read() -> None:
    """Section 10.20: ACK ACK for each frame."""
    link = ready_link(Role.INSTRUMENT, Lis1Options(quirks=frozenset({"reply_doubled"})))
    link.send_message(RESULT, NOW)
    sent = []
    while link.bytes_to_send() != EOT:
        sent += link.receive_bytes(ACK, NOW) + link.receive_bytes(ACK, NOW)
    assert sent == [MessageDelivered(1)]
    assert link.counts()["sent", "ok"] == 5


def test_every_quirk_is_documented_and_tested_here() -> None:
    """A tolerance that nobody can read about is a fault."""
    source = Path(__file__).read_text(encoding="utf-8")
    for name, quirk in QUIRKS.items():
        assert quirk.clause
        assert quirk.what_the_analyzer_does.endswith(".")
        assert quirk.what_we_do.endswith(".")
        assert f'"{name}"' in source
