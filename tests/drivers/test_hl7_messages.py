"""Whole messages and files of HL7: what may be tolerated, whose they are, what they are at a glance; hostile ones."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.hl7 import PROTOCOL
from middleware.driver.api import DecodeContext, IdentifyingDriver
from middleware.errors import DriverError
from middleware.model import MessageKind
from tests.kit.hl7_messages import HEADER, decode, driver, message, observation, profile_with

FILE = DecodeContext(is_file=True)
BODY = ("OBR|1||T-1", observation("NM", "5"))


def test_a_message_needs_a_header() -> None:
    """What has none cannot be read; the reason names the clause."""
    with pytest.raises(DriverError, match=r"does not begin with MSH \(HL7 2.5.1 2.5\)"):
        driver().decode(b"OBX|1|NM|A||5\r", DecodeContext())


@pytest.mark.parametrize(
    ("text", "quirk"),
    [
        (message(*BODY, end="\n"), "line_feed_separators"),
        (message(*BODY, end="\r\n"), "line_feed_separators"),
        (b"\xef\xbb\xbf" + message(*BODY), "byte_order_mark"),
        (b"\0" + message(*BODY) + b"\0\0", "nul_in_text"),
    ],
)
def test_a_tolerance_is_used_by_name_only(text: bytes, quirk: str) -> None:
    """The generic profile names it; without the name the message waits for a person."""
    assert driver().decode(text, DecodeContext()).quirks == (quirk,)
    strict = PROTOCOL.make_driver(profile_with("link", quirks=[]))
    with pytest.raises(DriverError, match=quirk):
        strict.decode(text, DecodeContext())


def test_damaged_delimiters_are_tolerated_by_name() -> None:
    """A font has replaced the escape character: the usual set is taken."""
    text = message(*BODY).replace(rb"^~\&", b"-&")
    with pytest.raises(DriverError, match="delimiters_damaged"):
        driver().decode(text, DecodeContext())
    tolerant = PROTOCOL.make_driver(profile_with("link", quirks=["delimiters_damaged"]))
    (result,) = tolerant.decode(text, DecodeContext()).results
    assert result.test_name == "Glucose"


def test_other_delimiters_are_read_from_the_message() -> None:
    """MSH-1 and MSH-2 declare them."""
    text = message(*BODY).translate(bytes.maketrans(b"|^", b"#*"))
    (result,) = driver().decode(text, DecodeContext()).results
    assert (result.test_code, result.specimen.sample_id) == ("GLU", "T-1")


@pytest.mark.parametrize(
    ("charset", "encoding", "line"),
    [
        ("UNICODE UTF-8", "utf-8", "latin-1"),
        ("UNICODE", "utf-8", "latin-1"),
        ("", "utf-8", "latin-1"),
        ("", "cp1252", "cp1252"),
        ("8859/1", "latin-1", "utf-8"),
        ("GB 18030-2000", "gb18030", "utf-8"),
    ],
)
def test_letters_beyond_ascii_are_read_by_msh_18_or_the_lines_encoding(
    charset: str, encoding: str, line: str
) -> None:
    """Names and units come through as they were written."""
    header = HEADER + "||||||" + charset
    text = "\r".join([header, "PID|1||P||MÜLLER^ZOË", *BODY, ""]).encode(encoding)
    envelope = driver().decode(text, DecodeContext(encoding=line))
    assert envelope.results[0].specimen.patient is not None
    assert envelope.results[0].specimen.patient.name == "MÜLLER^ZOË"
    assert not envelope.faults


def test_bytes_that_are_none_of_the_declared_letters_are_a_fault() -> None:
    """They stay visible, and the message is read."""
    text = message("PID|1||P||X", *BODY, header=HEADER + "||||||UNICODE UTF-8")
    (fault,) = driver().decode(text.replace(b"||X", b"||\xff"), DecodeContext()).faults
    assert fault.code == "undecodable_bytes"


@pytest.mark.parametrize(
    "line", [" OBX|1|NM|A||5||||||F", "obx|1|NM|A||5||||||F", "rest of a text"]
)
def test_a_line_that_is_no_segment_is_told(line: str) -> None:
    """Nothing is left out in silence."""
    (fault,) = decode(*BODY, line).faults
    assert (fault.code, fault.record) == ("no_segment", 4)


def test_the_header_gives_the_analyzers_names_and_number() -> None:
    """MSH-3, MSH-4, MSH-7, MSH-10."""
    envelope = decode(*BODY)
    assert (envelope.analyzer, envelope.analyzer_serial) == ("ANALYZER", "LAB")
    assert (envelope.message_control_id, envelope.sent_at_text) == ("M-1", "20260314100000")


def test_a_wrong_cable_is_told_before_and_when_reading() -> None:
    """`identify` of the profile names what MSH-3 must be."""
    other = driver("erba_h360")
    assert isinstance(other, IdentifyingDriver)
    found = other.identify(message(*BODY))
    assert (found.analyzer, found.complaint) == (
        "ANALYZER",
        "wrong analyzer on this line: MSH-3.1 is 'ANALYZER', erba_h360 expects 'H360'",
    )
    with pytest.raises(DriverError, match="wrong analyzer"):
        other.decode(message(*BODY), DecodeContext())
    assert other.identify(b"\xff\0garbage").complaint == ""


def test_a_second_header_on_a_connection_makes_the_message_unreadable() -> None:
    """Its results could be another patient's."""
    with pytest.raises(DriverError, match="a second header"):
        driver().decode(message(*BODY) * 2, DecodeContext())


def test_a_file_may_hold_several_messages_with_batch_segments_and_framing() -> None:
    """All their results, places counted in the whole file, runs over all messages."""
    one = message(*BODY)
    text = b"\x0b" + one + b"\x1c\r\x0b" + one.replace(b"T-1", b"T-2") + b"\x1c\r" + one
    envelope = driver().decode(text + b"BTS|3\rFTS|1\r", FILE)
    assert [(r.specimen.sample_id, r.run) for r in envelope.results] == [
        ("T-1", 1),
        ("T-2", 1),
        ("T-1", 2),
    ]
    assert [r.source.record for r in envelope.results] == [3, 6, 9]


def test_a_file_of_one_message_is_read_as_the_message() -> None:
    """Nothing depends on how it came."""
    assert driver().decode(message(*BODY), FILE) == driver().decode(message(*BODY), DecodeContext())


def test_a_file_that_begins_with_something_else_is_refused() -> None:
    """It may be the end of a message whose beginning is lost."""
    with pytest.raises(DriverError, match="does not begin with MSH"):
        driver().decode(b"OBX|1|NM|A||5\r" + message(*BODY), FILE)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (message(*BODY), MessageKind.RESULT),
        (message(*BODY, end="\n"), MessageKind.RESULT),
        (message("OBR|1||T-1"), MessageKind.RESULT),
        (message(*BODY, header=HEADER.replace("ORU^R01", "XYZ")), MessageKind.RESULT),
        (message(*BODY, header=HEADER.replace("|P|", "|Q|")), MessageKind.QC),
        (message("SPM|1||||||||||Q", *BODY), MessageKind.QC),
        (message("QPD|WOS", header=HEADER.replace("ORU^R01", "QBP^Q11")), MessageKind.QUERY),
        (message("QRD|1", header=HEADER.replace("ORU^R01", "QRY^Q02")), MessageKind.QUERY),
        (message("QID|1", header=HEADER.replace("ORU^R01", "QCN^J01")), MessageKind.QUERY),
        (message("ORC|RF||T-1", header=HEADER.replace("ORU^R01", "ORM^O01")), MessageKind.QUERY),
        (message("ORC|NW|1", "OBR|1", header=HEADER.replace("ORU^R01", "OML^O33")), MessageKind.ORDER),
        (message("EQU|1", header=HEADER.replace("ORU^R01", "ESU^U01")), MessageKind.OTHER),
        (message(header=r"MSH|^~\&|A"), MessageKind.OTHER),
        (b"", MessageKind.UNREADABLE),
        (b"MSH", MessageKind.UNREADABLE),
        (b"H|\\^&", MessageKind.UNREADABLE),
    ],
)  # fmt: skip
def test_a_glance_tells_what_a_message_is(text: bytes, kind: MessageKind) -> None:
    """Before anything is decoded."""
    assert driver().kind(text) is kind


def test_what_an_analyzer_says_of_itself_is_a_status() -> None:
    """Equipment messages are kept and not taken for results."""
    envelope = decode("EQU|1|20260314|OP", header=HEADER.replace("ORU^R01", "ESU^U01"))
    assert [one.text for one in envelope.statuses] == ["EQU|1|20260314|OP"]
    assert not envelope.results
    assert not envelope.unread


def test_too_many_observations_are_refused() -> None:
    """One message must not keep every other line waiting."""
    text = message("OBR|1||T-1", *["OBX|1"] * 10_001)
    with pytest.raises(DriverError, match="at most 10000"):
        driver().decode(text, DecodeContext())


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_reason(noise: bytes) -> None:
    """Nothing else is ever raised, whatever arrives."""
    for text in (noise, b"MSH|" + noise, message(*BODY) + noise):
        for context in (DecodeContext(), FILE):
            driver().kind(text)
            try:
                driver().decode(text, context)
            except DriverError as error:
                assert error.what_to_do


@pytest.mark.slow
@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "piece", ["NTE|1|L|x\r", "SPM|1|A\r", "SAC|||A\r", "ORC|RE\r", "PID|1\r", "ZZZ|1\r", "TCD|1\r"]
)
def test_floods_of_segments_take_linear_time(piece: str) -> None:
    """A hundred thousand segments of a kind are refused or read in seconds."""
    text = message("OBR|1||T-1", "OBX|1|NM|A||1||||||F") + piece.encode() * 20_000
    began = time.process_time()
    with contextlib.suppress(DriverError):
        driver().decode(text, DecodeContext())
    assert time.process_time() - began < 4
