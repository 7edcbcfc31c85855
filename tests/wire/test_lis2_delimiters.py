"""Delimiters are read from each header, and escapes are decoded in one pass."""

from __future__ import annotations

import pytest

from middleware.wire.lis2 import Delimiters, FaultCode, escape, parse_message, unescape

USUAL = Delimiters()


def codes(text: bytes) -> list[FaultCode]:
    return [fault.code for fault in parse_message(text).faults]


def test_usual_delimiters_are_read_from_the_header() -> None:
    """The common analyzer: repeat, then component, then escape."""
    assert parse_message(b"H|\\^&\rL|1\r").delimiters == Delimiters("|", "\\", "^", "&")


def test_another_set_of_delimiters_is_obeyed() -> None:
    """A GeneXpert repeats with @ and escapes with a backslash; nothing is hard-coded."""
    text = (
        b"H|@^\\|MSG7||DEMO-PCR^Bench 2^4.8\rP|1\rO|1|26||^^^MTB@^^^RIF\r"
        b"R|1|^^^MTB^^MTB^|NOT DETECTED^|||||F||OP\\S\\7\rL|1|N\r"
    )
    message = parse_message(text)
    result = message.results[0]
    assert message.delimiters == Delimiters("|", "@", "^", "\\")
    assert result.get("R-11.1") == "OP^7"
    assert result.get("R-11.2") == ""
    assert result.get("O-5[2].4") == "RIF"
    assert message.faults == []


def test_a_second_header_brings_its_own_delimiters() -> None:
    """Some repeat H with other delimiters in one session: the records after it follow them."""
    message = parse_message(b"H|\\^&\rP|1|A^B\rH!@*$\rP!1!C*D\rL!1\r")
    assert [p.get("P-3.2") for p in message.patients] == ["B", "D"]
    assert FaultCode.HEADER_REPEATED in codes(b"H|\\^&\rP|1|A^B\rH!@*$\rP!1!C*D\rL!1\r")


@pytest.mark.parametrize(
    "header", ["H", "H|", "H||x", "H|\\|x", "H|\\\\\\|x", "H|abc|x", "H|\\^^|x", "H\x07\\^&"]
)
def test_a_broken_declaration_falls_back_and_says_so(header: str) -> None:
    """Fewer than three, alike, or letters: the line's own set is used and a fault tells it."""
    text = header.encode() + b"\rP|1|A^B\rL|1\r"
    message = parse_message(text)
    assert message.delimiters == USUAL
    assert message.faults[0].code is FaultCode.DELIMITERS_BROKEN
    assert message.faults[0].record == 1
    assert message.get("P-3.2") == "B"


def test_the_fallback_set_of_the_line_is_used_for_a_broken_header() -> None:
    """The profile of an analyzer may name its own set."""
    fallback = Delimiters("|", "`", "^", "&")
    message = parse_message(b"H|\rP|1|A`B\rL|1\r", fallback=fallback)
    assert message.patients[0].repeats(3) == ["A", "B"]


def test_a_header_without_an_escape_character_keeps_what_it_declares() -> None:
    """An Immulite sends `H|\\^|`: two delimiters are enough to read everything."""
    message = parse_message(b"H|@^|PASSWORD\rP|1|A@B\rL|1\r")
    assert message.delimiters == Delimiters("|", "@", "^", "&")
    assert message.patients[0].repeats(3) == ["A", "B"]
    assert message.faults[0].code is FaultCode.DELIMITERS_BROKEN


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a&F&b", "a|b"),
        ("a&S&b", "a^b"),
        ("a&R&b", "a\\b"),
        ("a&E&b", "a&b"),
        ("&E&F&E&", "&F&"),
        ("&E&E&E&", "&E&"),
        ("&X41&&X0D&&X0A&", "A\r\n"),
        ("&XC3A9&", "Ã©"),
        ("&H&bold&N&", "bold"),
        ("one&.br&two", "one\ntwo"),
        ("&Zown 1&", "&Zown 1&"),
        ("x&Q&y&LONG1&z", "xyz"),
        ("&X4&odd", "odd"),
        ("Smith & Jones", "Smith & Jones"),
        ("Smith & Jones & Co", "Smith & Jones & Co"),
        ("end&", "end&"),
        ("&&", "&&"),
        ("& &F& &", "& | &"),
    ],
)
def test_escape_sequences_are_decoded_once_from_left_to_right(written: str, meant: str) -> None:
    """Decoding never makes a new sequence, and a lone escape character is left alone."""
    assert unescape(written, USUAL, "iso8859-1") == meant


def test_hexadecimal_data_is_decoded_in_the_encoding_of_the_message() -> None:
    """The bytes are meant, not the characters."""
    assert unescape("&XC3A9&", USUAL, "utf-8") == "é"
    assert unescape("&XC3&", USUAL, "utf-8") == "<xC3>"


def test_escape_writes_delimiters_and_control_characters_only() -> None:
    """Everything else goes as it is, letters beyond ASCII too."""
    assert escape("Zoë 5 %") == "Zoë 5 %"
    assert escape("a|b^c\\d&e") == "a&F&b&S&c&R&d&E&e"
    assert escape("a\r\nb\x03") == "a&X0D&&X0A&b&X03&"


def test_without_an_escape_character_text_still_cannot_become_structure() -> None:
    """What cannot be escaped becomes a blank."""
    bare = Delimiters("|", "\\", "^", "")
    assert escape("a|b\rc", bare) == "a b c"
    assert unescape("a&F&b", bare, "ascii") == "a&F&b"
