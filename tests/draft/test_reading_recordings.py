"""However somebody wrote a session down, the bytes of the analyzer come back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.draft import NoRecording, read_recording
from middleware.draft.text_forms import Form
from middleware.errors import MiddlewareError
from middleware.wire.capture import Moment, Way, format_moment, heading
from tests.kit import recorded_logs as logs

WRITTEN = {
    "names": (logs.named(logs.SESSION), Form.NAMES),
    "names, a line for each write": (logs.named_lines(), Form.NAMES),
    "brackets": (logs.named_lines("[", "]"), Form.NAMES),
    "braces": (logs.named_lines("{", "}"), Form.NAMES),
    "carets": (logs.carets(), Form.CARETS),
    "hex pairs": (logs.pairs(), Form.HEX),
    "hex with 0x": (logs.pairs().replace(" ", " 0x"), Form.HEX),
    "xxd": (logs.xxd(), Form.HEX),
    "hexdump -C": (logs.hexdump(), Form.HEX),
    "strings of a program": (logs.printed(), Form.ESCAPES),
    "a string in JSON": (
        logs.escaped_json().removeprefix('{"raw": ').removesuffix("}"),
        Form.ESCAPES,
    ),
    "decimal numbers": (logs.numbers(), Form.NUMBERS),
    "pictures of control characters": (logs.pictures(), Form.NAMES),
    "line ends lost": (logs.without_line_ends(), Form.NAMES),
    "RX and TX": (logs.both_directions("RX:", "TX:"), Form.NAMES),
    "arrows": (logs.both_directions("<-", "->"), Form.NAMES),
    "Analyzer and Host": (logs.both_directions("Analyzer:", "Host:"), Form.NAMES),
    "clock and direction in brackets": (
        logs.both_directions("RECV", "SENT", "[09:30:{second:02}] [{mark}] {text}"),
        Form.NAMES,
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_text_log_gives_the_bytes_of_the_wire(name: str) -> None:
    """Nobody has to convert a log by hand."""
    text, form = WRITTEN[name]
    recording = read_recording(text.encode())
    assert recording.form is form
    assert recording.data == logs.SESSION


def test_raw_bytes_stay_as_they_are() -> None:
    """What was recorded as bytes is not touched."""
    recording = read_recording(logs.SESSION)
    assert (recording.data, recording.form, recording.is_exact) == (logs.SESSION, Form.BYTES, True)


def test_a_capture_of_ours_gives_what_the_analyzer_sent() -> None:
    """Our own answers in it are not the analyzer's."""
    moments = [Moment(0.0, Way.CONNECTION, b"opened 192.0.2.1")]
    for number, step in enumerate(logs.STEPS):
        moments += [
            Moment(number, Way.FROM_ANALYZER, step),
            Moment(number + 0.1, Way.TO_ANALYZER, b"\x06"),
        ]
    text = heading({"line": "chem-1"}) + "".join(map(format_moment, moments))
    recording = read_recording(text.encode())
    assert (recording.data, recording.form) == (logs.SESSION, Form.CAPTURE)


def test_acknowledgements_between_the_frames_are_left_out() -> None:
    """A sniffer on the line hears both ends."""
    heard = b"\x06".join(logs.STEPS)
    assert read_recording(heard).data == logs.SESSION


def test_records_without_any_frame_are_left_alone() -> None:
    """An order record that begins with a letter is no direction mark, and `^` between fields no control character."""
    text = "\n".join(logs.RECORDS).encode()
    assert read_recording(text).data == text


def test_line_ends_that_were_put_back_are_told() -> None:
    """The person knows that the recording is not quite what was on the wire."""
    recording = read_recording(logs.without_line_ends().encode())
    assert not recording.is_exact
    assert any("line feeds" in note for note in recording.notes)


@pytest.mark.parametrize("nothing", [b"", b"\r\n \n"])
def test_an_empty_file_is_refused_with_what_to_do(nothing: bytes) -> None:
    """An empty log is a mistake of the logger, and said so."""
    with pytest.raises(NoRecording, match="empty"):
        read_recording(nothing)


@pytest.mark.slow
@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_no_bytes_break_the_reading(data: bytes) -> None:
    """Whatever somebody gives us, a sentence comes and no trace."""
    try:
        assert isinstance(read_recording(data).data, bytes)
    except MiddlewareError as error:
        assert str(error)
