"""Checksums, single frames, and how a message is cut into frames."""

from __future__ import annotations

import pytest

from middleware.wire.control import readable
from middleware.wire.errors import LocalProtocolError
from middleware.wire.lis1 import Lis1Options, Packaging, checksum, encode_frame, encode_message
from tests.kit.lis1_peer import ETB, RESULT, feed, ready_link, session_of, texts_of

ETX_BYTE, ETB_BYTE = b"\x03", b"\x17"

# The worked examples of the fact sheet, 3.1, and one of the same kind: number and text, end, checksum.
VECTORS = [
    (
        b"1H|\\^&|||DEMO-CHEM^01.02|||||LIS||P|LIS2-A2|20260314092530\r",
        ETX_BYTE,
        b"2A",
    ),
    (b"7L|1|N\r", ETX_BYTE, b"0A"),
    (b"3R|1|^^^GLU|5.4|mmol/L|3.9 to 6.1|N||F||OP7||20260314092210\r", ETX_BYTE, b"DB"),
    (b"5C|1|I|LONG COMMENT PART ONE ", ETB_BYTE, b"59"),
    (b"6AND PART TWO|G\r", ETX_BYTE, b"4D"),
    (b"1M\xfcller\r", ETX_BYTE, b"39"),
    (b"0L|1|N\r", ETX_BYTE, b"03"),
]


@pytest.mark.parametrize(("text", "end", "digits"), VECTORS)
def test_worked_checksums_are_computed_and_accepted(text: bytes, end: bytes, digits: bytes) -> None:
    """Section 11.1 of the fact sheet: the vectors, both directions."""
    assert checksum(text + end) == digits
    frame = encode_frame(int(text[:1]), text[1:], end[0])
    assert frame == b"\x02" + text + end + digits + b"\r\n"


def test_a_latin_1_letter_in_a_name_does_not_disturb_the_checksum() -> None:
    """A patient called Müller is received: the sum is over bytes, before any decoding."""
    text = RESULT.replace(b"Muster", b"M\xfcller")
    assert texts_of(feed(ready_link(), session_of(text))) == [text]


def test_frame_numbers_wrap_from_seven_to_zero() -> None:
    """Section 11.2: a message of ten frames is numbered 1 to 7, 0, 1, 2 and arrives whole."""
    text = b"H|\\^&\r" + b"".join(b"C|%d|I|x|G\r" % n for n in range(1, 9)) + b"L|1|N\r"
    frames = encode_message(text)
    assert [frame[1:2] for frame in frames] == [b"%d" % (n % 8) for n in range(1, 11)]
    assert texts_of(feed(ready_link(), session_of(text))) == [text]


@pytest.mark.parametrize("packaging", list(Packaging))
@pytest.mark.parametrize("limit", [7, 240])
def test_every_packaging_gives_the_receiver_the_same_records(
    packaging: Packaging, limit: int
) -> None:
    """Section 11.12: however an analyzer cuts its message, the records are the same."""
    options = Lis1Options(packaging=packaging, send_frame_text=limit)
    assert texts_of(feed(ready_link(), session_of(RESULT, options))) == [RESULT]


def test_packagings_end_their_frames_as_they_should() -> None:
    """What an emulator sends looks like the analyzers that pack that way."""

    def ends(packaging: Packaging, limit: int = 240) -> str:
        options = Lis1Options(packaging=packaging, send_frame_text=limit)
        frames = encode_message(b"H|\\^&\rP|1||ABCDEFGH\rL|1\r", options)
        return "".join("B" if frame[-5] == ETB else "X" for frame in frames)

    assert ends(Packaging.RECORD_PER_FRAME) == "XXX"
    assert ends(Packaging.RECORD_PER_FRAME, 10) == "XBXX"
    assert ends(Packaging.RECORD_PER_FRAME_ETB) == "BBX"
    assert ends(Packaging.RECORD_PER_FRAME_ETB, 10) == "BBBX"
    assert ends(Packaging.STREAMED, 10) == "BBX"
    assert ends(Packaging.SINGLE_FRAME, 10) == "X"


def test_a_missing_last_record_end_is_supplied_when_sending() -> None:
    """Callers need not care for the last CR."""
    assert encode_message(b"H|\\^&\rL|1") == encode_message(b"H|\\^&\rL|1\r")


@pytest.mark.parametrize("text", [b"", b"H|\x03\r", b"H|\n\r", b"H|\x11\r"])
def test_a_text_that_would_break_the_framing_is_refused_when_queued(text: bytes) -> None:
    """Our own mistake shows at once and not at the analyzer."""
    with pytest.raises(LocalProtocolError):
        encode_message(text)


def test_impossible_frames_are_refused() -> None:
    """Only 0 to 7 and the two end characters exist."""
    with pytest.raises(LocalProtocolError):
        encode_frame(8, b"")
    with pytest.raises(LocalProtocolError):
        encode_frame(1, b"", 0x04)


def test_wire_bytes_are_readable() -> None:
    """A technician sees control characters by their manual's names."""
    shown = readable(b"\x05\x021H|\xfc\x85\r\x03A3\r\n\x04")
    assert shown == "<ENQ><STX>1H|ü<85><CR><ETX>A3<CR><LF><EOT>"
