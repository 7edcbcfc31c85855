"""Files of LIS2 records: where one message ends and the next begins, and what is refused rather than guessed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.errors import RemoteProtocolError
from middleware.wire.lis2.file_text import (
    FRAME_RESIDUE,
    MOST_LINES,
    TEXT_BEFORE_HEADER,
    split_file,
)

ONE = b"H|\\^&\rP|1\rO|1|S1\rR|1|^^^GLU|5.4\rL|1|N\r"
TWO = ONE.replace(b"S1", b"S2")
RESIDUE = frozenset({FRAME_RESIDUE})


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("between", [b"", b"\r\n\r\n", b"  \r\n", b"\xef\xbb\xbf", b"\x1a"])
def test_several_messages_are_cut_whatever_ends_their_lines(end: bytes, between: bytes) -> None:
    """CR, LF, CR LF, blank lines, and files that were simply joined."""
    text = b"\xef\xbb\xbf" + ONE.replace(b"\r", end) + between + TWO.replace(b"\r", end)
    if between == b"\x1a":
        text = ONE.replace(b"\r", end) + TWO.replace(b"\r", end) + between
    assert split_file(text).messages == (ONE, TWO)
    assert split_file(text).quirks == ()


def test_the_last_line_needs_no_end() -> None:
    assert split_file(ONE.removesuffix(b"\r")).messages == (ONE,)


@pytest.mark.parametrize("text", [ONE[:-7], ONE[:-7] + b"\r" + TWO, ONE + TWO[:-7]])
def test_a_message_without_terminator_refuses_the_file(text: bytes) -> None:
    """Half a value looks like a value: 15.9 cut short is 15."""
    with pytest.raises(RemoteProtocolError, match="no terminator record; the file may be cut"):
        split_file(text)


@pytest.mark.parametrize("text", [b"", b"\r\n\r\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_message_is_refused(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="holds no header"):
        split_file(text)


def test_other_text_before_the_header_is_dropped_only_where_it_is_expected() -> None:
    text = b"Export of today\r\n" + ONE
    with pytest.raises(RemoteProtocolError, match="line 1 of the file"):
        split_file(text)
    found = split_file(text, frozenset({TEXT_BEFORE_HEADER}))
    assert (found.messages, found.quirks) == ((ONE,), (TEXT_BEFORE_HEADER,))


def test_frames_in_a_file_are_taken_apart_only_where_they_are_expected() -> None:
    """A file that holds the whole session, with a record cut in two by ETB."""
    frames = b"\x021" + ONE[:30] + b"\x17A1\r\n\x022" + ONE[30:] + b"\x03B2\r\n"
    with pytest.raises(RemoteProtocolError):
        split_file(b"\x05" + frames + b"\x04")
    found = split_file(b"\x05" + frames + b"\x04", RESIDUE)
    assert (found.messages, found.quirks) == ((ONE,), (FRAME_RESIDUE,))


def test_numbers_and_checksums_that_a_logger_left_are_dropped() -> None:
    """No control characters: the number before the header, the checksum below the terminator."""
    text = b"1" + ONE + b"0F\r\r2" + TWO + b"FD\r"
    assert split_file(text, RESIDUE).messages == (ONE, TWO)


def test_a_value_that_looks_like_a_checksum_is_no_residue() -> None:
    """Only below a terminator; a line of two digits elsewhere stays, and is a fault of its own."""
    text = ONE.replace(b"L|1", b"A1\rL|1")
    assert b"\rA1\r" in split_file(text, RESIDUE).messages[0]


@given(st.binary(max_size=300))
def test_any_bytes_are_cut_or_refused_and_nothing_is_invented(data: bytes) -> None:
    """Whatever lies in the folder: messages made of its own lines, or an error that says where."""
    try:
        found = split_file(data)
    except RemoteProtocolError:
        return
    text = data.replace(b"\r\n", b"\r").replace(b"\n", b"\r").replace(b"\xef\xbb\xbf", b"")
    for message in found.messages:
        for line in message.split(b"\r"):
            assert line.replace(b"\xef\xbb\xbf", b"") in text


@pytest.mark.slow
@pytest.mark.parametrize(
    "data", [b"\r" * 10_000_000, b"H" * 10_000_000, b"\x03" * 5_000_000, b"H|\r" * (MOST_LINES + 1)]
)
def test_hostile_files_are_refused_in_linear_time(data: bytes) -> None:
    """The reactor is not kept waiting by a file of ten megabytes of nothing."""
    began = time.monotonic()
    with pytest.raises(RemoteProtocolError):
        split_file(data, RESIDUE)
    assert time.monotonic() - began < 2
