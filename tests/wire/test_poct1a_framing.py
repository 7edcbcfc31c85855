"""Cutting a stream into POCT1-A documents: whatever the cuts, whatever stands between, nothing without bounds."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from middleware.wire.poct1a import DocumentCut, DocumentReader, Oversize, Skipped
from tests.kit.poct1a_texts import hello, observation, status

DECLARED = b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\r\n'
STREAM = (
    b"\0\r\n"
    + DECLARED
    + hello()
    + b"<!-- between --><KPA.R01/>\r\n"
    + b"<Session>"
    + status()
    + b"</Session> noise < 5 <a><1>"
    + b"<p:OBS.R01 a='</p:OBS.R01>' b=\">\">x</p:OBS.R01\r\n>"
    + observation()
)


def documents(events: list[object]) -> list[bytes]:
    return [one.data for one in events if isinstance(one, DocumentCut)]


def skipped(events: list[object]) -> int:
    return sum(one.count for one in events if isinstance(one, Skipped))


def test_each_document_is_cut_at_the_end_tag_of_its_root() -> None:
    """No length and no delimiter: the end tag is all there is, also behind attributes that look like it."""
    found = documents(DocumentReader().feed(STREAM))
    assert [one[:20] for one in found[:1]] == [b'<?xml version="1.0" ']
    assert found[1] == b"<!-- between --><KPA.R01/>"
    assert found[2] == status()
    assert found[3].startswith(b"<p:OBS.R01 a=")
    assert found[3].endswith(b"x</p:OBS.R01\r\n>")
    assert found[4] == observation()


@pytest.mark.slow
@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_cuts_of_the_reads_change_nothing(cuts: list[int]) -> None:
    """TCP cuts where it likes."""
    whole = DocumentReader().feed(STREAM)
    reader = DocumentReader()
    places = [0, *sorted(cuts), len(STREAM)]
    events = [
        event
        for start, end in itertools.pairwise(places)
        for event in reader.feed(STREAM[start:end])
    ]
    assert events == whole


def test_byte_by_byte_is_the_same_as_whole() -> None:
    """The slowest serial cradle gives the same messages."""
    reader = DocumentReader()
    events = [event for byte in STREAM for event in reader.feed(bytes([byte]))]
    assert events == DocumentReader().feed(STREAM)


@pytest.mark.slow
@given(noise=st.binary(max_size=400), cut=st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_random_bytes_never_raise_and_hold_little(noise: bytes, cut: int) -> None:
    """A wrong cable, another protocol, an attacker."""
    reader = DocumentReader(limit=128)
    reader.feed(noise[:cut])
    reader.feed(noise[cut:])
    assert len(reader._buffer) <= 400


def test_bytes_outside_documents_are_counted_and_told() -> None:
    """A person sees what a peer sends between its messages."""
    events = DocumentReader().feed(b"H|\\^&|||" + hello())
    assert events[0] == Skipped(8, b"H|\\^&|||")
    assert skipped(DocumentReader().feed(b"x" * 5000)) == 5000


def test_a_document_beyond_its_limit_is_dropped_up_to_its_end_tag() -> None:
    """What is inside it is not mistaken for messages, and the next one is read."""
    reader = DocumentReader(limit=1000)
    events = reader.feed(b"<OBS.R01>" + b"<OBS.value V='1'/>" * 400)
    assert events == [Oversize(1000)]
    for _ in range(20):
        assert reader.feed(b"<OBS.value V='1'/>" * 400) == []
    assert len(reader._buffer) < 100
    assert documents(reader.feed(b"</OBS.R01>" + hello())) == [hello()]


def test_an_endless_declaration_is_given_up() -> None:
    """`<?xml` and then nothing but bytes."""
    reader = DocumentReader(limit=1000)
    events = reader.feed(b"<?xml " + b"a" * 2000)
    assert events == [Oversize(1000)]
    assert documents(reader.feed(hello())) == [hello()]


def test_an_unfinished_document_is_given_back() -> None:
    """So that it can be kept as incomplete."""
    reader = DocumentReader()
    reader.feed(observation()[:-3])
    assert reader.is_inside
    assert reader.drop_partial() == observation()[:-3]
    assert not reader.is_inside


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        b"<",
        b"<a.",
        b"<a.b",
        b"<!",
        b"<!--",
        b"<?",
        b"</OBS.R01",
        b"<OBS.R01 ",
        b"<OBS.R01>",
        b"'",
        b"<a.b/>",
    ],
)
@pytest.mark.parametrize("begun", [b"", b"<OBS.R01>", b"<OBS.R01 x='"])
def test_hostile_repetition_costs_time_in_proportion(piece: bytes, begun: bytes) -> None:
    """No input makes the reader look at its bytes again and again."""
    data = begun + piece * (200_000 // len(piece))
    started = time.process_time()
    reader = DocumentReader()
    for at in range(0, len(data), 1000):
        reader.feed(data[at : at + 1000])
    assert time.process_time() - started < 2.0
