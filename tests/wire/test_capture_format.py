"""A capture is text that a technician can read and that loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.capture import (
    Moment,
    Way,
    facts_of,
    format_moment,
    from_lossless,
    heading,
    lossless,
    read_capture,
)
from middleware.wire.errors import RemoteProtocolError

HEAD = heading({"line": "chem-1", "began": "2031-03-04T09:30:00+00:00"}).splitlines(keepends=True)


@given(st.binary(max_size=400))
def test_any_bytes_come_back_as_they_were(data: bytes) -> None:
    """What is looked at is also what can be played again."""
    text = lossless(data)
    assert text.isascii()
    assert text.isprintable()
    assert from_lossless(text) == data


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x05", "<ENQ>"),
        (b"\x021H|\\^&\r\x03A3\r\n", "<STX>1H|\\^&<CR><ETX>A3<CR><LF>"),
        (b"a < b", "a <x3C> b"),
        (b"\x0c\xff", "<FF><xFF>"),
        ("Müller".encode(), "M<xC3><xBC>ller"),
    ],
)
def test_control_characters_have_their_names(data: bytes, text: str) -> None:
    """A form feed and the byte FF are two things."""
    assert lossless(data) == text


def test_a_capture_is_read_as_it_was_written() -> None:
    """Both directions, and what became of the connection, in order."""
    moments = [
        Moment(0.0, Way.CONNECTION, b"opened 10.1.2.3"),
        Moment(0.012345, Way.FROM_ANALYZER, b"\x05"),
        Moment(0.012689, Way.TO_ANALYZER, b"\x06"),
    ]
    lines = [*HEAD, *map(format_moment, moments)]
    assert list(read_capture(lines)) == moments
    assert facts_of(lines) == {"line": "chem-1", "began": "2031-03-04T09:30:00+00:00"}


def test_a_capture_that_was_cut_off_is_read_up_to_there() -> None:
    """The machine lost power: the last line has no end."""
    lines = [*HEAD, "+0.000001 > <ENQ>\n", "+0.000002 > <ST"]
    assert [moment.data for moment in read_capture(lines)] == [b"\x05"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["H|\\^&\n"], "line 1"),
        ([*HEAD, "now > <ENQ>\n"], f"line {len(HEAD) + 1}"),
        ([*HEAD, "+0.000001 > <NOSUCH>\n"], "NOSUCH"),
        ([*HEAD, "+0.000001 > é\n"], "cannot be read"),
    ],
)
def test_what_is_no_capture_is_refused_with_its_line(lines: list[str], told: str) -> None:
    """Somebody edited the file by hand."""
    with pytest.raises(RemoteProtocolError, match=told):
        list(read_capture(lines))
