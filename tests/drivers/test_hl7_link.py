"""The MLLP link that the HL7 driver makes: acknowledgements as asked or as the line says, names, times, tolerances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from drivers.protocols.hl7 import PROTOCOL
from middleware.driver.api import NO_CONTEXT, LinkContext
from middleware.errors import DriverError
from middleware.wire.events import MessageReceived
from middleware.wire.mllp import encode_block
from tests.kit.hl7_messages import HEADER, driver, message, observation, profile_with

NOON = datetime(2026, 7, 14, 10, 0, tzinfo=UTC)
BODY = ("OBR|1||T-1", observation("NM", "5"))


def _answer(
    text: bytes,
    options: Mapping[str, object] | None = None,
    context: LinkContext = NO_CONTEXT,
    *,
    is_stored: bool = True,
) -> list[str]:
    """The segments that the analyzer gets for one message."""
    link = driver().make_link(options or {}, context)
    link.connection_made(0.0)
    events = link.receive_bytes(encode_block(text), 0.0)
    (received,) = [event for event in events if isinstance(event, MessageReceived)]
    assert link.bytes_to_send() == b"", "nothing is answered before it is stored"
    if is_stored:
        link.commit(received.token, 0.1)
    else:
        link.refuse(received.token, 0.1)
    return link.bytes_to_send().decode("utf-8").strip("\x0b\x1c\r").split("\r")


def _asking(accept: str, application: str) -> bytes:
    return message(*BODY, header=f"{HEADER}|||{accept}|{application}")


def test_an_acknowledgement_has_the_lines_time_and_the_receivers_names() -> None:
    """MSH-7 with offset in the line's zone; MSH-3 is what the analyzer called us."""
    text = message(*BODY, header=HEADER.replace("|LAB|||", "|LAB|LIS|WARD|"))
    header, msa = _answer(text, context=LinkContext(lambda: NOON, "Europe/Berlin"))
    assert header == r"MSH|^~\&|LIS|WARD|ANALYZER|LAB|20260714120000+0200||ACK^R01^ACK|M-1|P|2.5.1"
    assert msa == "MSA|AA|M-1"


def test_an_old_version_gets_the_acknowledgement_of_its_version() -> None:
    """2.3.1: no structure in MSH-9."""
    header, _ = _answer(message(*BODY, header=HEADER.replace("2.5.1", "2.3.1")))
    assert "|ACK^R01|" in header
    assert header.endswith("|P|2.3.1")


def test_the_line_gives_us_names_of_our_own() -> None:
    """Some analyzers look at who answers."""
    header, _ = _answer(message(*BODY), {"application": "LABWIRE", "facility": "L&B"})
    assert header.startswith(r"MSH|^~\&|LABWIRE|L\T\B|ANALYZER|LAB|")


@pytest.mark.parametrize(
    ("accept", "application", "codes"),
    [("", "", "AA"), ("NE", "AL", "AA"), ("AL", "NE", "CA"), ("AL", "AL", "CA AA"), ("NE", "NE", "")],
)  # fmt: skip
def test_a_message_is_answered_as_it_asks(accept: str, application: str, codes: str) -> None:
    """MSH-15 and MSH-16, original mode where both are empty."""
    segments = _answer(_asking(accept, application))
    assert " ".join(one.split("|")[1] for one in segments if one.startswith("MSA")) == codes


@pytest.mark.parametrize(
    ("mode", "codes"), [("original", "AA"), ("enhanced", "CA"), ("none", ""), ("as_asked", "CA")]
)
def test_a_line_may_say_which_acknowledgement_its_analyzer_understands(
    mode: str, codes: str
) -> None:
    """Whatever the message asks for."""
    segments = _answer(_asking("AL", "NE"), {"acknowledge": mode})
    assert " ".join(one.split("|")[1] for one in segments if one.startswith("MSA")) == codes


def test_the_profile_may_say_it_too() -> None:
    """The manual of an analyzer model knows it."""
    made = PROTOCOL.make_driver(profile_with("protocol", acknowledge="enhanced"))
    link = made.make_link({})
    link.connection_made(0.0)
    (event,) = link.receive_bytes(encode_block(message(*BODY)), 0.0)
    assert isinstance(event, MessageReceived)
    link.commit(event.token, 0.1)
    assert b"MSA|CA|M-1" in link.bytes_to_send()


def test_a_message_that_could_not_be_stored_is_refused_for_another_try() -> None:
    """AE with 207: the analyzer keeps the result."""
    _, msa, err = _answer(message(*BODY), is_stored=False)
    assert msa == "MSA|AE|M-1"
    assert err == "ERR|||207^Application internal error^HL70357|E||||Application internal error"


def test_what_is_no_hl7_is_kept_and_rejected() -> None:
    """AR: sending it again cannot help."""
    assert _answer(b"H|\\^&|||x\r")[1].startswith("MSA|AR||")


def test_a_message_without_control_id_is_answered_without_one() -> None:
    """Nothing is invented."""
    assert _answer(message(*BODY, header=HEADER.replace("M-1", "")))[1] == "MSA|AA"


def test_results_with_an_msa_segment_that_answer_nothing_of_ours_are_a_message() -> None:
    """An analyzer that writes MSA into its results: none is thrown away as a stray reply."""
    assert _answer(message("MSA|AA|77", *BODY))[1] == "MSA|AA|M-1"


def test_a_stray_acknowledgement_is_never_answered() -> None:
    """Two systems that answer each other's answers never stop."""
    link = driver().make_link({})
    link.connection_made(0.0)
    header = HEADER.replace("ORU^R01", "ACK^R01")
    assert link.receive_bytes(encode_block(message("MSA|AA|77", header=header)), 0.0) == []
    assert link.bytes_to_send() == b""


def test_a_large_image_is_not_decoded_for_its_acknowledgement() -> None:
    """Only the header is read."""
    text = message(*BODY, "OBX|2|ED|I||^Image^BMP^Base64^" + "A" * 200_000)
    assert _answer(text)[1] == "MSA|AA|M-1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"acknowledge": "loud"}, "acknowledge"),
        ({"quirks": ["checksum_absent"]}, "checksum_absent cannot occur with HL7 over MLLP"),
        ({"quirks": ["line_feed_separators"]}, "is about the message's text"),
        ({"frame_number": 1}, "frame_number: unknown key"),
        ({"receive_s": 0}, "receive_s"),
        ({"aplication": "X"}, "did you mean 'application'"),
    ],
)
def test_link_options_that_do_not_fit_are_told(options: dict[str, object], words: str) -> None:
    """A key of another protocol, or a slip of the pen, is no silent default."""
    with pytest.raises(DriverError, match=words):
        driver().make_link(options)


@pytest.mark.parametrize(
    ("section", "keys", "words"),
    [
        ("link", {"quirks": ["checksum_absent"]}, "cannot occur with HL7"),
        ("protocol", {"suplements": []}, "did you mean 'supplements'"),
        ("protocol", {"supplements": [{"path": "OBX-3", "pattern": "("}]}, "no regular expression"),
        (
            "protocol",
            {"supplements": [{"path": "R-3", "pattern": "x"}]},
            "R-3 cannot be read there",
        ),
        ("result", {"value": "OBR-5"}, "OBR-5 cannot be read there"),
        ("result", {"test_code": "R-3.4"}, "R-3.4 cannot be read there"),
        ("specimen", {"sample_id": "OBX-3"}, "OBX-3 cannot be read there"),
        ("header", {"analyzer": "PID-3"}, "PID-3 cannot be read there"),
        ("identify", {"OBR-3": "x"}, "OBR-3 cannot be read there"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused_when_the_driver_is_made(
    section: str, keys: dict[str, object], words: str
) -> None:
    """Not at the first message."""
    with pytest.raises(DriverError, match=words):
        PROTOCOL.make_driver(profile_with(section, **keys))


def test_times_and_sizes_of_profile_and_line_reach_the_link() -> None:
    """The line's own go before the profile's."""
    made = PROTOCOL.make_driver(profile_with("link", reply_deadline_s=5, receive_s=7))
    link = made.make_link({"receive_s": 3, "max_message_bytes": 2048})
    link.connection_made(0.0)
    link.receive_bytes(b"\x0bMSH", 0.0)
    assert link.next_deadline() == 3.0
    (event,) = link.receive_bytes(b"|^~\\&\r\x1c\r", 1.0)
    assert isinstance(event, MessageReceived)
    assert link.next_deadline() == 6.0
