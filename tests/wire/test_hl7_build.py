"""What is written is read back unchanged, and text never becomes structure (threat T8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.errors import LocalProtocolError
from middleware.wire.hl7 import (
    DEFAULT_DELIMITERS,
    Delimiters,
    Raw,
    components,
    compose,
    escape,
    escape_formatted,
    parse,
    repetitions,
    segment,
    subcomponents,
    unescape,
)

# Text that an attacker, or an unlucky name, would write.
HOSTILE = st.text(
    st.one_of(
        st.sampled_from("|^~\\&#\r\nMSHPID\x0b\x1c\x00\x7f\x85"), st.characters(codec="utf-8")
    ),
    max_size=40,
)
SETS = st.sampled_from(
    [DEFAULT_DELIMITERS, Delimiters("!", "@", "*", "$", "%"), Delimiters(truncation="#")]
)


def header(delimiters: Delimiters = DEFAULT_DELIMITERS) -> str:
    return segment("MSH", {3: "LABWIRE", 9: "ORU", 10: "1"}, delimiters)


@pytest.mark.slow
@given(SETS, HOSTILE)
def test_any_text_is_read_back_as_it_was_written(delimiters: Delimiters, text: str) -> None:
    """Escaping loses nothing."""
    assert unescape(escape(text, delimiters), delimiters) == text


@pytest.mark.slow
@given(HOSTILE, HOSTILE)
def test_a_name_can_never_make_a_new_segment_or_field(family: str, given_name: str) -> None:
    """CR, delimiters and control characters in a patient's name stay in the name."""
    name = components(family, given_name, "M")
    data = compose([header(), segment("PID", {1: "1", 5: name, 8: "F"})])
    message = parse(data)
    assert [found.name for found in message.segments_in_order] == ["MSH", "PID"]
    assert data.count(b"\r") == 2
    assert not {0x0B, 0x1C, 0x0A} & set(data)
    (pid,) = message.segments("PID")
    assert pid.components(5) == [family, given_name, "M"]
    assert pid.field(8) == "F"


@pytest.mark.slow
@given(HOSTILE)
def test_text_in_any_depth_is_read_back(text: str) -> None:
    """Sub-components within components within repetitions."""
    field = repetitions([components("a", subcomponents("b", text, "c")), "second"])
    message = parse(compose([header(), segment("OBX", {5: field})]))
    assert message.get("OBX-5[1].2.2") == text
    assert message.get("OBX-5[2]") == "second"


def test_a_segment_is_written_with_numbered_fields_and_no_trailing_separators() -> None:
    """The form that the rest of Labwire uses."""
    assert segment("OBX", {1: "1", 2: "NM", 5: "5.4", 9: "", 11: None}) == "OBX|1|NM|||5.4"
    assert segment("MSH", {3: "MW", 10: "7"}) == "MSH|^~\\&|MW|||||||7"
    assert segment("NTE", {}) == "NTE"
    assert components("a", None, "c", "", None) == "a^^c"
    assert components("a^b", subcomponents("c", "d&")) == "a\\S\\b^c&d\\T\\"


def test_formatted_text_gets_line_breaks() -> None:
    """NTE-3 is shown in lines."""
    assert escape_formatted("a|\r\nb\rc\nd") == "a\\F\\\\.br\\b\\.br\\c\\.br\\d"


@pytest.mark.parametrize("raw", ["a|b", "a\rPID|1", "a\nb", "a\x0bb", "a\x1cb"])
def test_raw_text_with_structure_in_it_is_refused(raw: str) -> None:
    """Even what is said to be written already cannot begin a field or a segment."""
    with pytest.raises(LocalProtocolError):
        segment("OBX", {5: Raw(raw)})


@pytest.mark.parametrize(
    ("name", "fields"),
    [("obx", {1: "1"}), ("OBXX", {}), ("O|X", {}), ("OBX", {0: "x"}), ("MSH", {2: "x"})],
)
def test_bad_names_and_numbers_are_refused(name: str, fields: dict[int, str]) -> None:
    """A mistake of ours is found where it is made."""
    with pytest.raises(LocalProtocolError):
        segment(name, fields)


def test_a_message_says_its_character_set() -> None:
    """MSH-18 is UNICODE UTF-8 unless something else is asked for or there already."""
    name = segment("PID", {5: "Zoë漢"})
    data = compose([header(), name])
    assert parse(data).get("MSH-18") == "UNICODE UTF-8"
    assert "Zoë漢".encode() in data
    latin = compose([header(), name], "8859/1")
    assert parse(latin).get("MSH-18") == "8859/1"
    assert parse(latin).get("PID-5") == "Zoë?"
    assert b"UNICODE" not in compose([header(), name], "")
    own = segment("MSH", {3: "A", 18: "UTF-8"})
    assert parse(compose([own])).header.field(18) == "UTF-8"


def test_a_message_that_is_none_is_refused() -> None:
    """Ready-made segments are checked too."""
    with pytest.raises(LocalProtocolError):
        compose([header(), "PID|1\rOBX|1"])
    with pytest.raises(LocalProtocolError):
        compose([header(), "PID|1\nOBX|1"])
    with pytest.raises(LocalProtocolError):
        compose(["PID|1"])
