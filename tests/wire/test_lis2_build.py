"""What is written comes back unchanged when it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.wire.errors import LocalProtocolError, RemoteProtocolError
from middleware.wire.lis2 import (
    DEFAULT_DELIMITERS,
    Delimiters,
    MessageBuilder,
    Raw,
    build_record,
    parse_message,
)

TEXTS = st.text(st.characters(codec="iso8859-1"), max_size=12)
REPEATS = st.lists(st.lists(TEXTS, min_size=1, max_size=4), min_size=1, max_size=3)
SETS = st.sampled_from(
    [DEFAULT_DELIMITERS, Delimiters("|", "@", "^", "\\"), Delimiters("!", "`", "*", "$")]
)


def trimmed(repeats: list[list[str]]) -> list[list[str]]:
    """Trailing empty components are not written, and an empty repeat reads as none."""
    kept = []
    for components in repeats:
        written = len("".join(f"{'x' if text else ' '}" for text in components).rstrip())
        kept.append(components[:written])
    return kept


@pytest.mark.slow
@given(SETS, st.lists(REPEATS, min_size=1, max_size=5))
def test_whatever_text_is_written_into_a_field_is_read_back(
    delimiters: Delimiters, fields: list[list[list[str]]]
) -> None:
    """Delimiters, CR, LF and control characters in a name never become structure."""
    builder = MessageBuilder(delimiters).header({5: "LABWIRE"}).add("P").add("O")
    builder.add("R", dict(enumerate(fields, start=3))).terminator()
    message = parse_message(builder.encoded())
    (result,) = message.results
    for number, repeats in enumerate(fields, start=3):
        expected = trimmed(repeats)
        read = [result.components(number, repeat) for repeat in range(1, len(expected) + 1)]
        assert read == expected
    assert [record.letter for record in message.records] == ["H", "P", "O", "R", "L"]
    assert message.faults == []
    assert message.text() == builder.text()


@pytest.mark.slow
@given(st.binary(max_size=200))
def test_any_bytes_after_a_header_are_read_without_an_exception(data: bytes) -> None:
    """A parser that is fuzzed says what is wrong; it never falls over."""
    message = parse_message(b"H|\\^&\r" + data)
    for record in message.records:
        record.named_fields()
        record.get("R-3.4")


@pytest.mark.slow
@given(st.binary(max_size=80))
def test_any_bytes_at_all_are_read_or_refused_by_name(data: bytes) -> None:
    """The only exception is RemoteProtocolError."""
    try:
        parse_message(data, "utf-8")
    except RemoteProtocolError as error:
        assert error.reason == "header_missing"


def test_a_record_is_written_with_numbered_fields_and_no_trailing_delimiters() -> None:
    """The forms of a field: text, components, repeats of components, raw."""
    record = build_record(
        "O", {2: "1", 3: "26|1", 5: [["", "", "", "GLU"], ["", "", "", "K"]], 6: Raw("R\\S"), 9: ""}
    )
    assert record == "O|1|26&F&1||^^^GLU\\^^^K|R\\S"
    assert build_record("H", {}) == "H|\\^&"
    assert build_record("H", {5: ["LW", "1"]}) == "H|\\^&|||LW^1"
    assert build_record("L", {}) == "L"


def test_records_are_numbered_below_their_parents() -> None:
    """The builder counts as the standard asks, so a reader finds no gap."""
    builder = MessageBuilder().header()
    for sample in ("t1", "t2"):
        builder.add("P").add("O", {3: sample}).add("R").add("C").add("C").add("R").add("C")
    message = parse_message(builder.terminator("F").encoded())
    assert message.faults == []
    assert [record.field(2) for record in message.all("P")] == ["1", "2"]
    assert [record.field(2) for record in message.all("C")] == ["1", "2", "1"] * 2


def test_writing_mistakes_are_ours_and_are_refused() -> None:
    """A raw field with structure in it, a field number below 2, a letter that the encoding lacks."""
    with pytest.raises(LocalProtocolError):
        build_record("P", {3: Raw("a\rb")})
    with pytest.raises(LocalProtocolError):
        build_record("P", {1: "P"})
    with pytest.raises(LocalProtocolError) as error:
        MessageBuilder(encoding="ascii").header().add("P", {6: "Zoë"}).encoded()
    assert "Zo" not in str(error.value)
